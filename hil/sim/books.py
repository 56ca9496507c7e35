"""Whether the books agree: what the station's store, the CSMS and the plant each know of the same transactions; and the store with itself."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from controller.logic.records import EventKind, TransactionEvent
from controller.store.rows import ArchivedMessage, ArchivedTransaction, Fate
from controller.store.store import Store
from controller.store.verify import Verifier
from hil.csms.schemas import parse
from hil.csms.transactions import Transaction
from hil.sim.world import IDENTITY, SimWorld
from hil.virtual import true_wall

RESOLUTION_WH = 1.0
_NOTHING_WH = 0.01
CLOCK_S = 1.5  # the station takes its clock from the CSMS where they differ by more than a second
_SETTLED_AFTER_S = 86400.0
_METER_AROUND_S = 15.0  # the register of a beginning or an end may be that old
_FINE = (Fate.DELIVERED, Fate.SKIPPED)


class Books:
    """`problems` grows with each thing that does not agree. The other figures say what was checked.

    compared: transactions whose energy could be held to the plant's to the Wh.
    """

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._settled: set[str] = set()  # ids in our store
        self._billed_times: dict[int, list[tuple[float, float]]] = defaultdict(list)  # by EVSE, not yet looked at
        self._covered_until_s = dict.fromkeys(world.plant.evses, world.now)
        self.problems: list[str] = []
        self.transactions = 0
        self.messages = 0
        self.energy_wh = 0.0
        self.compared = 0

    def settle(self) -> None:
        """Check what is long over and forget it, so that a run can go on for years."""
        world = self._world
        if world.store is None or world.store.queued_count():
            return
        before = world.clock.true_wall() - timedelta(seconds=_SETTLED_AFTER_S)
        for their in self._theirs():
            if their.stopped_at is not None and their.stopped_at < before:
                ours = self._ours(world.store, their)
                if ours is not None and ours.ended is not None:
                    self._settled.add(ours.transaction.id)
                    self._compare(ours, their)
                    world.csms.forget(their)
        self._look_between()
        world.witness.forget_before(world.now - max(2 * _SETTLED_AFTER_S, self._longest_open_s(world.store) + CLOCK_S))
        facts = world.csms.station(IDENTITY).facts
        facts.meter_values.clear()
        facts.seen.clear()

    def _longest_open_s(self, store: Store) -> float:
        """Return how long ago the oldest of those began that are still to be compared; what only the CSMS has open is a doubled start."""
        known = [their.started_at for their in self._theirs() if self._ours(store, their) is not None]
        return (self._world.clock.true_wall() - min(known)).total_seconds() if known else 0.0

    def close(self) -> list[str]:
        """Check everything that is not settled and return all problems. Ask when all is delivered."""
        store = self._world.store_or_fail
        if (waiting := store.queued_count()) != 0:
            self._wrong(f"{waiting} messages still wait in the queue")
        theirs = {transaction.id: transaction for transaction in self._theirs()}
        for ours in store.archive():
            if ours.transaction.id in self._settled:
                continue
            wire_id = ours.transaction.id if self._world.version != "1.6" else str(ours.transaction.wire_id)
            their = theirs.pop(wire_id, None)
            if their is None:
                self._wrong(f"transaction {ours.transaction.id} is not known to the CSMS as {wire_id}")
            else:
                self._compare(ours, their)
        for stranger in theirs.values():
            self._wrong(f"the CSMS knows transaction {stranger.id}, which the station does not")
        self._look_between()
        for evse in self._world.plant.evses:
            self._look_at_gap(evse, self._world.now)
        self.problems += [str(violation) for violation in self._world.csms.violations]
        self.problems += Verifier(self._world.database).violations()
        return self.problems

    def _theirs(self) -> list[Transaction]:
        return [transaction for transaction in self._world.csms.transactions if transaction.station == IDENTITY]

    def _ours(self, store: Store, their: Transaction) -> ArchivedTransaction | None:
        if self._world.version != "1.6":
            return store.archived_transaction(their.id)
        found = store.transaction_by_wire_id(int(their.id))
        return store.archived_transaction(found.id) if found is not None else None

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
        self._billed_times[evse].append((begin_s, end_s))
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

    def _look_between(self) -> None:
        """No energy goes past all transactions."""
        for evse, times in self._billed_times.items():
            for begin_s, end_s in sorted(times):
                self._look_at_gap(evse, begin_s)
                self._covered_until_s[evse] = max(end_s, self._covered_until_s[evse])
            times.clear()

    def _look_at_gap(self, evse: int, until_s: float) -> None:
        since_s, witness = self._covered_until_s[evse], self._world.witness
        if until_s <= since_s or witness.welded_within(evse, since_s, until_s):
            return
        wh = witness.energy[evse].at(until_s) - witness.energy[evse].at(since_s)
        if wh > _NOTHING_WH:
            self._wrong(
                f"EVSE {evse}: {wh:.2f} Wh flowed between {since_s:.1f} s and {until_s:.1f} s, in no transaction"
            )
