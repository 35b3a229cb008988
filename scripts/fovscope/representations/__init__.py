"""Numbers per image under a name, which everything downstream takes alike; one file each."""
