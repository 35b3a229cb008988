"""Interventions on real images: one property of the object set to a value, the rest left alone."""
