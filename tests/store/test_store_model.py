"""Random lives of a store against a model: begin, update, end, send, acknowledge, give up, crash, restart."""

from __future__ import annotations

import json
import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.logic.records import MeterSampled, TransactionEvent
from controller.store.rows import Frozen, QueuedRecord
from controller.store.store import Store
from controller.store.verify import Verifier
from tests.store.facts import CSMS, V201, HandClock, ended, metered, open_store, started, updated


@dataclass
class Entry:
    event: TransactionEvent | MeterSampled
    frozen: Frozen | None = None

    @property
    def transaction_id(self) -> str | None:
        return self.event.transaction_id if isinstance(self.event, TransactionEvent) else None


@dataclass
class Model:
    """What the store must hold. waiting: in chronological order."""

    open_ids: list[str] = field(default_factory=list)
    registers: dict[str, int | None] = field(default_factory=dict)
    waiting: list[Entry] = field(default_factory=list)
    next_seq: dict[str, int] = field(default_factory=dict)


class StoreLife(RuleBasedStateMachine):
    """A crash is a copy of the files as they lie: what was lazy since the last durable commit is gone, nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.crashes = 0
        self.clock = HandClock()
        self.path = self.root / "0" / "store.sqlite"
        self.store: Store = open_store(self.path, self.clock, durable=False)
        self.model = Model()
        self.durable = Model()
        self.used_ids: set[str] = set()
        self.at_csms: dict[tuple[str | None, int | None, str], str] = {}

    def teardown(self) -> None:
        self.drain()
        self.store.close()
        # The registers are drawn at random; everything else must hold, whatever the order.
        assert [line for line in Verifier(self.path).violations() if "register" not in line] == []
        shutil.rmtree(self.root)

    def commit(self) -> None:
        self.durable = deepcopy(self.model)

    def add(self, event: TransactionEvent | MeterSampled) -> None:
        self.store.add_event(event)
        self.model.waiting.append(Entry(event))

    @rule()
    def begin(self) -> None:
        transaction_id = self.store.new_transaction_id()
        assert transaction_id not in self.used_ids
        self.used_ids.add(transaction_id)
        self.clock.advance(0.001)
        event = started(transaction_id, self.clock.now())
        self.store.begin_transaction(event, protocol=V201, csms=CSMS)
        self.model.open_ids.append(transaction_id)
        self.model.registers[transaction_id] = event.register_wh
        self.model.next_seq[transaction_id] = 0
        self.model.waiting.append(Entry(event))
        self.commit()

    @precondition(lambda self: self.model.open_ids)
    @rule(data=st.data(), register=st.integers(1000, 9000), may_drop=st.booleans())
    def update(self, data: st.DataObject, register: int, may_drop: bool) -> None:
        transaction_id = data.draw(st.sampled_from(self.model.open_ids))
        self.clock.advance(0.001)
        self.add(updated(transaction_id, self.clock.now(), register_wh=register, may_drop=may_drop))
        self.model.registers[transaction_id] = register
        if not may_drop:
            self.commit()

    @precondition(lambda self: self.model.open_ids)
    @rule(data=st.data(), register=st.integers(1000, 9000))
    def note_register(self, data: st.DataObject, register: int) -> None:
        transaction_id = data.draw(st.sampled_from(self.model.open_ids))
        self.store.note_register(transaction_id, register, self.clock.now())
        self.model.registers[transaction_id] = register

    @rule()
    def sample(self) -> None:
        self.clock.advance(0.001)
        self.add(metered(self.clock.now()))

    @precondition(lambda self: self.model.open_ids)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        transaction_id = data.draw(st.sampled_from(self.model.open_ids))
        self.clock.advance(0.001)
        event = ended(transaction_id, self.clock.now(), register_wh=9999)
        self.add(event)
        self.model.open_ids.remove(transaction_id)
        self.model.registers[transaction_id] = 9999
        self.commit()

    def head(self, data: st.DataObject) -> Entry:
        """Choose the oldest entry of some stream."""
        streams = list(dict.fromkeys(entry.transaction_id for entry in self.model.waiting))
        chosen = data.draw(st.sampled_from(streams))
        return next(entry for entry in self.model.waiting if entry.transaction_id == chosen)

    def position_of(self, entry: Entry) -> int:
        return self.store.waiting(999)[self.model.waiting.index(entry)].position

    def freeze(self, entry: Entry, text: str) -> None:
        seq_no = None
        if entry.transaction_id is not None:
            seq_no = self.store.next_seq_no(entry.transaction_id)
            assert seq_no == self.model.next_seq[entry.transaction_id]
            self.model.next_seq[entry.transaction_id] += 1
        frozen = Frozen(V201, "A", json.dumps({"t": text}), seq_no)
        self.store.freeze(self.position_of(entry), frozen)
        self.model.waiting[self.model.waiting.index(entry)] = replace(entry, frozen=frozen)
        self.commit()

    def send(self, entry: Entry) -> None:
        """The CSMS gets what is frozen in the store: always the same for the same event."""
        frozen = self.store.waiting(999)[self.model.waiting.index(entry)].frozen
        assert frozen is not None
        key = (entry.transaction_id, frozen.seq_no, repr(entry.event))
        assert self.at_csms.setdefault(key, frozen.payload) == frozen.payload

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data(), text=st.text(max_size=5), outcome=st.sampled_from(["sent", "failed", "acked", "gave up"]))
    def deliver(self, data: st.DataObject, text: str, outcome: str) -> None:
        entry = self.head(data)
        if entry.frozen is None:
            index = self.model.waiting.index(entry)
            self.freeze(entry, text)
            entry = self.model.waiting[index]
        self.send(entry)
        position = self.position_of(entry)
        if outcome == "failed":
            self.store.attempted(position, "InternalError")
            self.commit()
        elif outcome == "acked":
            self.store.delivered(position)
            self.model.waiting.remove(entry)
            if isinstance(entry.event, TransactionEvent) and entry.event.kind != "Updated":
                self.commit()
        elif outcome == "gave up":
            self.store.gave_up(position, "too often")
            self.model.waiting.remove(entry)
            self.commit()

    @precondition(lambda self: self.model.waiting)
    @rule(data=st.data(), count=st.integers(1, 4))
    def deliver_several(self, data: st.DataObject, count: int) -> None:
        """Made together, committed together, noted together."""
        transaction_id = self.head(data).transaction_id
        chosen = [
            (index, record)
            for index, record in enumerate(self.store.waiting(999))
            if record.transaction_id == transaction_id
        ][:count]
        made: list[QueuedRecord] = []
        for index, record in chosen:
            if record.frozen is not None:
                continue
            seq_no = None
            if transaction_id is not None:
                seq_no = self.store.next_seq_no(transaction_id, record.position) + len(made)
                assert seq_no == self.model.next_seq[transaction_id]
                self.model.next_seq[transaction_id] += 1
            made.append(replace(record, frozen=Frozen(V201, "A", "{}", seq_no)))
            self.model.waiting[index] = replace(self.model.waiting[index], frozen=made[-1].frozen)
        self.store.freeze_all(made)
        self.store.flush()
        self.commit()
        entries = [self.model.waiting[index] for index, _ in chosen]
        for entry in entries:
            self.send(entry)
        self.store.delivered(*(record.position for _, record in chosen))
        for entry in entries:
            self.model.waiting.remove(entry)
        if any(not record.is_update for _, record in chosen):
            self.commit()

    @rule()
    def flush(self) -> None:
        self.store.flush()
        self.commit()

    @rule()
    def crash(self) -> None:
        self.crashes += 1
        target = self.root / str(self.crashes) / "store.sqlite"
        target.parent.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(self.path.with_name(self.path.name + suffix), target.with_name(target.name + suffix))
        self.store.close()
        self.path = target
        self.store = open_store(self.path, self.clock, durable=False)
        self.model = deepcopy(self.durable)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.path, self.clock, durable=False)
        self.commit()

    @invariant()
    def queue_is_as_the_model_says(self) -> None:
        waiting = self.store.waiting(999)
        assert [(each.event, each.frozen) for each in waiting] == [
            (entry.event, entry.frozen) for entry in self.model.waiting
        ]
        assert self.store.queued_count() == len(waiting)

    @invariant()
    def open_transactions_are_as_the_model_says(self) -> None:
        found = {each.id: each.last_register_wh for each in self.store.open_transactions()}
        assert found == {each: self.model.registers[each] for each in self.model.open_ids}

    def drain(self) -> None:
        """Deliver the rest: each transaction's seqNo at the CSMS has no gap, whatever happened on the way."""
        while self.model.waiting:
            if self.model.waiting[0].frozen is None:
                self.freeze(self.model.waiting[0], "last")
            self.send(self.model.waiting[0])
            self.store.delivered(self.position_of(self.model.waiting[0]))
            self.model.waiting.pop(0)
        numbers: dict[str | None, set[int | None]] = {}
        for transaction_id, seq_no, _ in self.at_csms:
            numbers.setdefault(transaction_id, set()).add(seq_no)
        for transaction_id, found in numbers.items():
            if transaction_id is not None:
                assert found == set(range(len(found)))


TestStoreLife = StoreLife.TestCase
TestStoreLife.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
