"""Writes to a store until it is killed, and says on stdout what it was promised, after each promise.

usage: python crash_writer.py PATH SEED
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

from controller.clock import SystemClock
from controller.store.database import StoreLimits
from controller.store.rows import Frozen
from controller.store.store import Store
from tests.store.facts import CSMS, V201, ended, started, updated


def promise(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(path: Path, seed: int) -> None:
    random, clock = Random(seed), SystemClock(lambda: True)
    store = Store.open(path, clock, StoreLimits(flush_every_s=0.02))
    store.begin_boot("test")
    promise(opened=True)
    register = max((each.last_register_wh or 0 for each in store.open_transactions()), default=1000)
    while True:
        open_ids = [each.id for each in store.open_transactions()]
        step = random.random()
        if step < 0.2 and len(open_ids) < 3:
            transaction_id = store.new_transaction_id()
            store.begin_transaction(started(transaction_id, clock.now()), protocol=V201, csms=CSMS)
            promise(begun=transaction_id)
        elif step < 0.5 and open_ids:
            register += 1
            is_lazy = random.random() < 0.5
            store.add_event(updated(open_ids[0], clock.now(), register_wh=register, may_drop=is_lazy))
            if not is_lazy:
                promise(register=register, transaction=open_ids[0])
        elif step < 0.6 and open_ids:
            store.add_event(ended(open_ids[0], clock.now(), register_wh=register))
            promise(ended=open_ids[0])
        elif step < 0.8 and (records := [each for each in store.waiting(3) if each.frozen is None]):
            record = records[0]
            assert record.transaction_id is not None
            seq_no = store.next_seq_no(record.transaction_id)
            payload = json.dumps({"n": random.random()})
            store.freeze(record.position, Frozen(V201, "TransactionEvent", payload, seq_no))
            promise(frozen=record.position, payload=payload, seq_no=seq_no)
        elif records := [each for each in store.waiting(1) if each.frozen is not None]:
            store.delivered(records[0].position)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
