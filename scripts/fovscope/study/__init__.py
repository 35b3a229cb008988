"""The study as typed configuration, and the paths of all that it writes."""
