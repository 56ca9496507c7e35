"""Pilotline: charger-controller software for a Raspberry Pi."""

__version__ = "0.1.0"
