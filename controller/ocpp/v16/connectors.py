"""The numbers by which 1.6 names connectors: 1 to n without a gap, 0 is the station itself (§3.8)."""

from __future__ import annotations

from collections.abc import Sequence

from controller.ocpp.ports import EvseInfo

STATION = 0


class Connectors:
    """Maps (evse_id, connector_id) to 1.6's numbers and back."""

    def __init__(self, evses: Sequence[EvseInfo]) -> None:
        self._places = tuple((evse.id, connector) for evse in evses for connector in range(1, evse.connectors + 1))

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Every (evse_id, connector_id), in the order of its numbers."""
        return self._places

    @property
    def numbers(self) -> range:
        return range(1, len(self._places) + 1)

    def number(self, evse_id: int | None, connector_id: int | None = None) -> int:
        """Return the 1.6 number; of an EVSE's first connector when none is named; 0 when no EVSE is known.

        What happened on an EVSE that the board file has lost since keeps its number.
        """
        if evse_id is None or evse_id == STATION:
            return STATION
        place = (evse_id, connector_id or 1)
        return self._places.index(place) + 1 if place in self._places else evse_id

    def place(self, number: int) -> tuple[int, int] | None:
        """Return (evse_id, connector_id) of a connector number; None for 0 and for numbers there are not."""
        return self._places[number - 1] if 1 <= number <= len(self._places) else None
