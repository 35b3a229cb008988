"""The jobs of a study, a module per stage."""
