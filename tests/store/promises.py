"""What a writer to a store was promised, line by line, and whether a store keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controller.store.rows import Frozen
from controller.store.store import Store
from tests.store.facts import CSMS, V201, HandClock, started


@dataclass
class Promises:
    """settled: positions that the CSMS acknowledged and that must not wait again. acked: acknowledged, but noted lazily: each may be
    sent once more, unchanged, until the next durable commit (`settles`)."""

    begun: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    registers: set[int] = field(default_factory=set)
    frozen: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    acked: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)
    wire_ids: dict[str, int] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def take(self, line: dict[str, Any]) -> None:
        if "begun" in line:
            assert line["begun"] not in self.begun, "a transaction id was used twice"
            self.begun.add(line["begun"])
        elif "ended" in line:
            self.ended.add(line["ended"])
        elif "register" in line:
            self.registers.add(line["register"])
        elif "frozen" in line:
            assert self.frozen.setdefault(line["frozen"], (line["payload"], line["seq_no"])) == (
                line["payload"],
                line["seq_no"],
            ), "frozen twice, differently"
        elif "acked" in line:
            self.acked.add(line["acked"])
        elif "wire_id" in line:
            self.wire_ids[line["transaction"]] = line["wire_id"]
        elif "variable" in line:
            self.variables[line["variable"]] = line["value"]
        if line.get("settles", False):
            self.settled |= self.acked

    def check(self, store: Store) -> None:
        found = {each.transaction.id: each for each in store.archive()}
        over = {each.transaction.id for each in found.values() if each.ended is not None}
        assert self.begun <= set(found), "a transaction is lost"
        assert self.ended <= over, "an end is lost"
        assert {each.id for each in store.open_transactions()} == set(found) - over, "open and ended at once"
        messages = {each.position: each for one in found.values() for each in one.messages}
        registers = {getattr(each.event, "register_wh", None) for each in messages.values()}
        assert self.registers <= registers, "an update that may not be dropped is lost"
        for position, (payload, seq_no) in self.frozen.items():
            assert position in messages, f"what was frozen at {position} is lost"
            assert messages[position].frozen == Frozen(V201, "TransactionEvent", payload, seq_no), (
                f"{position} is another"
            )
        for one in found.values():
            numbers = [each.frozen.seq_no for each in one.messages if each.frozen is not None]
            assert numbers == list(range(len(numbers))), "seqNo has a gap or comes twice"
        assert not self.settled & {each.position for each in store.waiting(999)}, (
            "what was acknowledged would be sent again"
        )
        for transaction_id, wire_id in self.wire_ids.items():
            assert found[transaction_id].transaction.wire_id == wire_id, "the CSMS's transaction id is lost"
        kept = {key: each.value for key, each in store.variables().items()}
        assert self.variables.items() <= kept.items(), "a variable is lost"

    def check_that_it_goes_on(self, store: Store) -> None:
        """The store takes new facts, under ids and positions that nobody has been told of."""
        transaction_id = store.new_transaction_id()
        assert transaction_id not in self.begun
        told = max(self.frozen, default=0)
        store.begin_transaction(started(transaction_id, HandClock().now()), protocol=V201, csms=CSMS)
        assert store.last_position() > told
        assert store.next_seq_no(transaction_id) == 0
