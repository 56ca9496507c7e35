"""Simulated devices: they speak the bytes, pages and files that the real drivers meet."""
