"""The part of the store that the device model needs, so that a configuration can be checked without a database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Overlay(Protocol):
    """A value set at run time. source: who set it (`csms`, `technician`, …)."""

    @property
    def value(self) -> str: ...

    @property
    def source(self) -> str: ...


class VariableStorage(Protocol):
    def variables(self) -> Mapping[str, Overlay]: ...

    def set_variable(self, key: str, value: str, source: str) -> None: ...
