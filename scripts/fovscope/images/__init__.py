"""Image files and arrays: reading, and the one canvas that a network sees."""
