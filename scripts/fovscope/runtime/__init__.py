"""What surrounds a job: logging, locks, provenance, code digests, devices, plans and failures."""
