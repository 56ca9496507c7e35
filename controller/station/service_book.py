"""What a technician looks up: the faults there were, and how much each contactor has been used."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from controller.config.board import EvseBoard
from controller.logic.evse import EvseFacts
from controller.logic.wear import Wear
from controller.store.exc import StorageFull
from controller.store.history import PastFault
from controller.store.store import Store

_log = logging.getLogger(__name__)


class ServiceBook:
    """Keeps it in the store. A full card costs entries, and nothing else."""

    def __init__(self, store: Store, boards: Iterable[EvseBoard]) -> None:
        self._store = store
        self._boards = {board.id: board for board in boards}
        self._wear = {evse_id: store.wear(evse_id) for evse_id in self._boards}
        self._standing: dict[int | None, frozenset[str]] = {}

    def stands(self, evse_id: int | None, faults: Collection[str]) -> None:
        """Tell every fault that stands at an EVSE now (None: at the station's own devices)."""
        standing = frozenset(faults)
        if self._standing.get(evse_id) == standing:
            return
        try:
            self._store.note_faults(evse_id, standing)
        except StorageFull as error:
            _log.error("the fault history misses something: %s", error)
        self._standing[evse_id] = standing

    def counts(self, facts: EvseFacts) -> None:
        """Add what the safety process has counted."""
        self._set_wear(facts.evse_id, self._wear[facts.evse_id].counted(facts))

    def contactor_replaced(self, evse_id: int) -> None:
        self._set_wear(evse_id, self._wear[evse_id].replaced())

    def _set_wear(self, evse_id: int, wear: Wear) -> None:
        if wear == self._wear[evse_id]:
            return
        self._wear[evse_id] = wear
        try:
            self._store.set_wear(evse_id, wear)
        except StorageFull as error:
            _log.error("the contactor's use is not kept: %s", error)

    def wear(self, evse_id: int) -> Wear:
        return self._wear[evse_id]

    def is_worn(self, evse_id: int) -> bool:
        board = self._boards[evse_id]
        return self._wear[evse_id].is_worn(board.contactor_cycles, board.contactor_breaks)

    def faults(self) -> list[PastFault]:
        """Return what was noted, newest first."""
        return self._store.faults()
