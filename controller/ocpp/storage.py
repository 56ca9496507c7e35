"""What the OCPP side keeps between runs: the part of the store it uses itself."""

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


class Storage(VariableStorage, Protocol):
    def reported_status(self) -> Mapping[tuple[int, int], str]: ...

    def set_reported_status(self, evse_id: int, connector_id: int, status: str) -> None: ...

    def cache_clear(self) -> None: ...

    def queued_count(self, transaction_id: str | None = None) -> int: ...
