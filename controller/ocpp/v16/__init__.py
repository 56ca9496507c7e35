"""OCPP 1.6 (edition 2 with its errata), JSON."""

from __future__ import annotations

from collections.abc import Mapping

from controller.ocpp.dialect import Context, Dialect
from controller.ocpp.v16.dialect import Dialect16

__all__ = ["dialect"]


def dialect(context: Context, own_keys: Mapping[str, str] | None = None) -> Dialect:
    """Make the dialect. own_keys: initial values of keys without a variable (`keys.initial_values`)."""
    return Dialect16(context, own_keys or {})
