"""Whether the books agree: what the station's store, the CSMS and the plant each know of the same transactions."""

from __future__ import annotations

from collections import defaultdict

from controller.logic.records import EventKind, TransactionEvent
from controller.store.rows import ArchivedMessage, ArchivedTransaction, Fate
from hil.csms.schemas import parse
from hil.csms.transactions import Transaction
from hil.sim.world import IDENTITY, SimWorld
from hil.virtual import true_wall

RESOLUTION_WH = 1.0
CLOCK_S = 1.5  # the station takes its clock from the CSMS where they differ by more than a second
_METER_AROUND_S = 15.0  # the register of a beginning or an end may be that old
_FINE = (Fate.DELIVERED, Fate.SKIPPED)


class Books:
    """`problems` grows with each thing that does not agree. Ask when everything is delivered.

    counts_all_energy: no energy flows outside transactions by configuration.
    """

    def __init__(self, world: SimWorld, *, counts_all_energy: bool = True) -> None:
        self._world = world
        self._counts_all_energy = counts_all_energy
        self.problems: list[str] = []
        self.transactions = 0
        self.messages = 0
        self.energy_wh = 0.0
        self.compared = 0  # transactions whose energy could be held to the plant's to the Wh

    def close(self) -> list[str]:
        """Check everything and return all problems."""
        store, csms = self._world.store_or_fail, self._world.csms
        if (waiting := store.queued_count()) != 0:
            self._wrong(f"{waiting} messages still wait in the queue")
        theirs = {transaction.id: transaction for transaction in csms.transactions if transaction.station == IDENTITY}
        billed: dict[int, list[Transaction]] = defaultdict(list)
        for ours in store.archive():
            wire_id = ours.transaction.id if self._world.version != "1.6" else str(ours.transaction.wire_id)
            their = theirs.pop(wire_id, None)
            if their is None:
                self._wrong(f"transaction {ours.transaction.id} is not known to the CSMS as {wire_id}")
                continue
            self._compare(ours, their)
            if their.evse is not None:
                billed[their.evse].append(their)
        for stranger in theirs.values():
            self._wrong(f"the CSMS knows transaction {stranger.id}, which the station does not")
        for evse in self._world.plant.evses:
            self._compare_all(evse, billed[evse])
        self.problems += [str(violation) for violation in csms.violations]
        return self.problems

    def _wrong(self, what: str) -> None:
        self.problems.append(what)

    # --- one transaction

    def _compare(self, ours: ArchivedTransaction, their: Transaction) -> None:
        self.transactions += 1
        name = f"transaction {their.id} on EVSE {their.evse}"
        if ours.ended is None or their.is_open:
            self._wrong(f"{name} is open: ended here {ours.ended}, at the CSMS {their.stopped_at}")
            return
        if their.gaps:
            self._wrong(f"{name}: seqNos {their.gaps} never came")
        for message in ours.messages:
            if message.fate not in _FINE:
                self._wrong(f"{name}: message {message.position}: {message.fate} {message.why}")
        sent = [parse(m.frozen.payload) for m in ours.messages if m.frozen is not None and m.fate is Fate.DELIVERED]
        self.messages += len(sent)
        if sent != their.messages:
            self._wrong(f"{name}: {len(sent)} messages sent, {len(their.messages)} taken in, not the same")
        self._compare_times(name, ours.messages[0], their.started_at.timestamp())
        self._compare_times(name, ours.messages[-1], their.stopped_at.timestamp() if their.stopped_at else 0.0)
        self._compare_energy(name, ours, their)

    def _compare_times(self, name: str, message: ArchivedMessage, told_s: float) -> None:
        """What a boot dated that came to know the time is right; another's cannot be."""
        if message.event is None:
            return
        stamp = message.event.stamp
        learned = {boot.boot_id for boot in self._world.store_or_fail.boots() if boot.learned is not None}
        true_s = true_wall(stamp.monotonic_s).timestamp()
        if stamp.boot_id in learned and abs(told_s - true_s) > CLOCK_S:
            self._wrong(f"{name}: what happened at {true_s:.1f} is dated {told_s:.1f}")

    def _compare_energy(self, name: str, ours: ArchivedTransaction, their: Transaction) -> None:
        events = [m.event for m in ours.messages if isinstance(m.event, TransactionEvent)]
        evse = their.evse
        if [events[0].kind, events[-1].kind] != [EventKind.STARTED, EventKind.ENDED]:
            self._wrong(f"{name}: begins with {events[0].kind}, ends with {events[-1].kind}")
        self.energy_wh += their.energy_wh
        if evse is None:  # authorised, and no EV ever came
            if their.energy_wh:
                self._wrong(f"{name}: billed {their.energy_wh} Wh on no EVSE")
            return
        begin_s = next(event.stamp.monotonic_s for event in events if event.evse_id == evse)
        end_s = events[-1].stamp.monotonic_s
        record = self._world.witness.energy[evse]
        plant_wh = record.at(end_s) - record.at(begin_s)
        if their.energy_wh > plant_wh + RESOLUTION_WH:
            self._wrong(f"{name}: billed {their.energy_wh} Wh, {plant_wh:.2f} Wh flowed")
        if self._world.witness.meter_failed_within(evse, begin_s - _METER_AROUND_S, end_s + _METER_AROUND_S):
            return
        self.compared += 1
        if their.energy_wh < plant_wh - RESOLUTION_WH:
            self._wrong(f"{name}: billed only {their.energy_wh} Wh, {plant_wh:.2f} Wh flowed")

    # --- one EVSE

    def _compare_all(self, evse: int, billed: list[Transaction]) -> None:
        """No energy goes past all transactions."""
        witness = self._world.witness
        if witness.meter_failed[evse] or evse in witness.ever_welded or not self._counts_all_energy:
            return
        plant_wh = witness.energy[evse].at(self._world.now)
        billed_wh = sum(transaction.energy_wh for transaction in billed)
        if abs(plant_wh - billed_wh) > RESOLUTION_WH * max(1, len(billed)):
            self._wrong(f"EVSE {evse}: {plant_wh:.2f} Wh flowed, {billed_wh} Wh are billed")
