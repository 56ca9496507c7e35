"""OCPP 2.0.1, a module for each functional block of the specification."""

from __future__ import annotations

from controller.ocpp.v2.dialect201 import PROTOCOL, dialect

__all__ = ["PROTOCOL", "dialect"]
