"""Takes the meter values that are kept for the last message of a transaction (1.6 StopTxn…Data, 2.x TxEnded… variables)."""

from __future__ import annotations

from collections.abc import Callable

from controller.clock import Clock
from controller.logic.records import Kept
from controller.logic.values import Measurand, Sample, SampleContext
from controller.station.settings import KeptRules, Settings
from controller.station.supply import Feed
from controller.store.exc import StorageFull
from controller.store.store import Store

Samples = Callable[[Feed, tuple[Measurand, ...], SampleContext], tuple[Sample, ...]]


class Keeper:
    """protocol: spoken with the CSMS. samples: what an EVSE's meter says now."""

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, protocol: Callable[[], str], samples: Samples
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._protocol = protocol
        self._samples = samples

    @property
    def rules(self) -> KeptRules:
        return self._settings.kept(self._protocol())

    def began(self, transaction_id: str, feed: Feed) -> None:
        """1.6 tells the begin in the last message (errata §3.14); 2.x has told it in the first."""
        if self.rules.keeps_begin:
            self._keep(transaction_id, feed, self.rules.all, SampleContext.TRANSACTION_BEGIN)

    def periodic(self, transaction_id: str, feed: Feed) -> None:
        self._keep(transaction_id, feed, self.rules.sampled, SampleContext.SAMPLE_PERIODIC)

    def aligned(self, transaction_id: str, feed: Feed) -> None:
        self._keep(transaction_id, feed, self.rules.aligned, SampleContext.SAMPLE_CLOCK)

    def taken(self, transaction_id: str) -> tuple[Kept, ...]:
        """Return what was kept, for the end that is about to be recorded."""
        return self._store.kept(transaction_id)

    def forget(self, transaction_id: str) -> None:
        self._store.forget_kept(transaction_id)

    def _keep(self, transaction_id: str, feed: Feed, measurands: tuple[Measurand, ...], context: SampleContext) -> None:
        samples = self._samples(feed, measurands, context)
        if samples and self._store.has_space():
            try:
                self._store.keep(transaction_id, Kept(self._clock.now(), samples))
            except StorageFull:
                return  # what belongs in between may be missing; what begins and ends may not
