"""Inputs of the whole station: mains present, e-stop (family input)."""
