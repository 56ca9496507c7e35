"""Bring-up: a technician walks a new charger from its wires to its CSMS, each step measured, judged and written down."""
