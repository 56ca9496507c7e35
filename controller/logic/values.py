"""Values that every layer speaks: identifiers, times, readings. Immutable, stdlib only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class ClockQuality(StrEnum):
    UNTRUSTED = "untrusted"  # nobody has vouched for the wall clock since this boot (a Pi without an RTC)
    TRUSTED = "trusted"  # the system is synchronised, a clock chip kept the time, or a CSMS has told it


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant, told both ways, so that durations survive a clock step and a wrong wall clock can be mended.

    boot_id: names the boot whose monotonic clock `monotonic_s` belongs to. wall: aware UTC, the best guess then.
    """

    boot_id: str
    monotonic_s: float
    wall: datetime
    quality: ClockQuality

    def corrected(self, reference: Stamp) -> datetime:
        """Return this instant's wall time, mended by a later, trusted stamp of the same boot where that is possible."""
        if self.quality is ClockQuality.TRUSTED or reference.quality is ClockQuality.UNTRUSTED:
            return self.wall
        if self.boot_id != reference.boot_id:
            return self.wall
        return reference.wall - timedelta(seconds=reference.monotonic_s - self.monotonic_s)


class IdTokenType(StrEnum):
    """IdTokenEnumType of OCPP 2.0.1; 1.6 carries the value alone."""

    CENTRAL = "Central"
    E_MAID = "eMAID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"


@dataclass(frozen=True, slots=True)
class IdToken:
    """Who asks to charge. value: case-insensitive (C01), kept as it came; compare with `same_as`."""

    value: str
    kind: IdTokenType = IdTokenType.ISO14443

    def same_as(self, other: IdToken | None) -> bool:
        return other is not None and self.value.casefold() == other.value.casefold()

    @property
    def redacted(self) -> str:
        """What people may see of it: the whole opens doors elsewhere, and a key code is never shown (C04.FR.04)."""
        is_told = len(self.value) >= 8 and self.kind is not IdTokenType.KEY_CODE
        return f"{self.kind}, {len(self.value)} characters" + (f", …{self.value[-4:]}" if is_told else "")


class AuthorizationStatus(StrEnum):
    """AuthorizationStatusEnumType of OCPP 2.0.1; 1.6's ConcurrentTx is CONCURRENT_TX."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What a CSMS (or a list of its) says of a token. group: parentIdTag / groupIdToken. expires: aware UTC.

    evses: where it may charge (C01.FR.20); empty means everywhere.
    """

    status: AuthorizationStatus
    group: str | None = None
    expires: datetime | None = None
    evses: tuple[int, ...] = ()


class Measurand(StrEnum):
    """The measurands this station can take, by their OCPP names (the same in 1.6 and 2.x)."""

    ENERGY_IMPORT = "Energy.Active.Import.Register"
    ENERGY_EXPORT = "Energy.Active.Export.Register"
    POWER_IMPORT = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"
    POWER_FACTOR = "Power.Factor"


class SampleContext(StrEnum):
    """ReadingContextEnumType."""

    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    SAMPLE_PERIODIC = "Sample.Periodic"
    SAMPLE_CLOCK = "Sample.Clock"
    TRIGGER = "Trigger"
    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class SignedReading:
    """A reading as the meter itself signed it: never decoded, changed or made by us.

    encoding: the data's format, such as `OCMF`. signing: the method, empty where the data names it. public_key: ASN.1, empty where the
    meter does not tell it.
    """

    data: bytes
    encoding: str
    signing: str = ""
    public_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled value. unit: `Wh`, `W`, `A`, `V`, `Hz` or empty; phase: `L1`, `L2`, `L3`, `L1-N`… or None for the whole.

    signed: the same moment's reading with the meter's signature, at the begin and end of a transaction.
    """

    measurand: Measurand
    value: float
    unit: str
    context: SampleContext
    phase: str | None = None
    signed: SignedReading | None = None


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One whole poll of an energy meter.

    taken_at_s: monotonic. Per phase lists have the meter's phases in order L1..L3 (length 1 or 3). Energy registers are
    integer Wh as the meter holds them (never reset by us). None: this meter does not measure it.
    """

    taken_at_s: float
    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    power_w: float
    energy_import_wh: int
    energy_export_wh: int | None = None
    phase_power_w: tuple[float, ...] = field(default=())
    frequency_hz: float | None = None
    power_factor: float | None = None
    signed: SignedReading | None = None
