"""The one registry of configuration: components and variables (Part 2 §C, device model), typed, bounded, with their source.

Text that names a variable: `Component.Variable`, `Component.Variable[instance]`, `EVSE@1.Power`, `Connector@1,1.Available`. A value comes
from, in this order: the overlay in the store (set by a CSMS or a technician), the configuration file, the default. Names compare without
regard to case (ComponentType, VariableType).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum, StrEnum

from controller.ocpp.exc import ConfigurationError
from controller.ocpp.storage import VariableStorage
from controller.store.exc import StorageFull

_log = logging.getLogger(__name__)

_KEY = re.compile(
    r"(?P<component>[^.@\[\]]+)(@(?P<evse>\d+)(,(?P<connector>\d+))?)?\.(?P<variable>[^.@\[\]]+)(\[(?P<instance>.+)\])?"
)
_MAX_VALUE = 1000  # SetVariableData.attributeValue


class DataType(StrEnum):
    """DataEnumType."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"  # one of `values`
    SEQUENCE_LIST = "SequenceList"  # several of `values`, order matters
    MEMBER_LIST = "MemberList"  # several of `values`


class Mutability(StrEnum):
    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of one component.

    default: its value when nobody sets one; None: it is read live (see `DeviceModel.bind`). minimum, maximum: bounds of a
    number, of a string's length. is_fixed: a fact of the product, not to be configured. may_be_empty: of a string or list.
    """

    component: str
    name: str
    data_type: DataType
    mutability: Mutability
    default: str | None
    help: str = ""
    instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    is_fixed: bool = False
    may_be_empty: bool = False
    needs_reboot: bool = False

    @property
    def key(self) -> str:
        place = "" if self.evse_id is None else f"@{self.evse_id}"
        place += "" if self.connector_id is None else f",{self.connector_id}"
        return f"{self.component}{place}.{self.name}" + ("" if self.instance is None else f"[{self.instance}]")

    @property
    def tier(self) -> tuple[str, int | None, int | None]:
        """What names its component, fit for comparison."""
        return (self.component.casefold(), self.evse_id, self.connector_id)

    def checked(self, value: str) -> str:
        """Return a value in its canonical text. Raises ValueError with the bound it breaks."""
        if len(value) > _MAX_VALUE:
            raise ValueError(f"is longer than {_MAX_VALUE} characters")
        return _CHECKS[self.data_type](self, value)


class Missing(Enum):
    """Why a variable was not found (B05.FR.04/05, B06.FR.06/07)."""

    COMPONENT = "component"
    VARIABLE = "variable"


class SetOutcome(Enum):
    ACCEPTED = "accepted"
    NEEDS_REBOOT = "needs reboot"  # stored; in force after the next start
    READ_ONLY = "read only"
    INVALID = "invalid"
    NO_ROOM = "no room"  # it could not be kept, and is not in force


@dataclass(frozen=True, slots=True)
class SetResult:
    """detail: what is wrong with a value, in words."""

    outcome: SetOutcome
    detail: str = ""


class DeviceModel:
    """All variables of this station. Raises ConfigurationError for initial values that do not fit, all of them at once.

    initial: key text to value, from the configuration file. storage: where overlays are kept.
    """

    def __init__(self, variables: Iterable[Variable], initial: Mapping[str, str], storage: VariableStorage) -> None:
        self._variables = {_folded(variable.key): variable for variable in variables}
        self._tiers = {variable.tier for variable in self._variables.values()}
        self._storage = storage
        self._live: dict[str, Callable[[], str]] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._base = {
            key: variable.default for key, variable in self._variables.items() if variable.default is not None
        }
        self._base.update(self._checked_initial(initial))
        self._overlay = self._checked_overlay()
        self._running = {key: self._overlay.get(key, value) for key, value in self._base.items()}

    def _checked_initial(self, initial: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        mistakes = []
        for key, value in initial.items():
            variable = self._variables.get(_folded(key))
            if variable is None:
                mistakes.append(f'"{key}": there is no such variable{self._hint(key)}')
            elif variable.is_fixed or variable.default is None:
                mistakes.append(f'"{key}": is a fact of the station and cannot be set')
            else:
                try:
                    found[_folded(key)] = variable.checked(value)
                except ValueError as error:
                    is_secret = variable.mutability is Mutability.WRITE_ONLY
                    mistakes.append(f'"{key}": {error}' if is_secret else f'"{key}" = "{value}": {error}')
        if mistakes:
            raise ConfigurationError(mistakes)
        return found

    def _hint(self, key: str) -> str:
        match = _KEY.fullmatch(key.strip())
        if match is None:
            return ' (written as "Component.Variable", "Component.Variable[instance]" or "EVSE@1.Variable")'
        name = match["variable"].casefold()
        close = sorted(v.key for v in self._variables.values() if v.name.casefold() == name)
        if not close:
            from difflib import get_close_matches  # only a mistake needs it

            keys = {each.casefold(): each for each in (v.key for v in self._variables.values())}
            close = [keys[each] for each in get_close_matches(key.strip().casefold(), keys, n=1, cutoff=0.8)]
        return f"; did you mean {', '.join(close[:3])}?" if close else ""

    def _checked_overlay(self) -> dict[str, str]:
        """What an older or newer release stored and does not fit any more is left out, and said."""
        found = {}
        for key, overlay in self._storage.variables().items():
            variable = self._variables.get(_folded(key))
            if variable is None and "." not in key:
                continue  # a 1.6 key without a variable
            if variable is None or variable.is_fixed or variable.default is None:
                _log.warning("a stored value of %s is ignored: there is no such setting", key)
                continue
            try:
                found[_folded(key)] = variable.checked(overlay.value)
            except ValueError as error:
                _log.warning("a stored value of %s is ignored: it %s", key, error)
        return found

    def bind(self, key: str, read: Callable[[], str]) -> None:
        """Give a live variable its source."""
        self._live[_folded(key)] = read

    def subscribe(self, watcher: Callable[[str], None]) -> None:
        """Call `watcher` with the key text after every change."""
        self._watchers.append(watcher)

    def unsubscribe(self, watcher: Callable[[str], None]) -> None:
        self._watchers.remove(watcher)

    def variables(self) -> tuple[Variable, ...]:
        return tuple(self._variables.values())

    def variable(self, key: str) -> Variable | None:
        return self._variables.get(_folded(key))

    def find(
        self, component: str, name: str, *, instance: str | None, evse_id: int | None, connector_id: int | None
    ) -> Variable | Missing:
        """Return the variable a CSMS addresses. An empty instance is none (B06.FR.15)."""
        if (component.casefold(), evse_id, connector_id) not in self._tiers:
            return Missing.COMPONENT
        wanted = Variable(
            component, name, DataType.STRING, Mutability.READ_ONLY, None, "", instance or None, evse_id, connector_id
        )
        return self._variables.get(_folded(wanted.key), Missing.VARIABLE)

    def value(self, variable: Variable) -> str:
        """Return the value as it is set or read now, as text; empty when it has none."""
        key = _folded(variable.key)
        if variable.default is None:
            read = self._live.get(key)
            return "" if read is None else read()
        return self._overlay.get(key, self._base[key])

    def set(self, key: str, value: str, source: str) -> SetResult:
        """Check, store and put in force. source: who wants it: `csms` or `technician`. Raises KeyError for an unknown key."""
        folded = _folded(key)
        variable = self._variables[folded]
        if variable.mutability is Mutability.READ_ONLY or variable.default is None:
            return SetResult(SetOutcome.READ_ONLY, f"{variable.key} is read-only")
        try:
            checked = variable.checked(value)
        except ValueError as error:
            return SetResult(SetOutcome.INVALID, f"{variable.key} {error}")
        try:
            self._storage.set_variable(variable.key, checked, source)
        except StorageFull:
            return SetResult(SetOutcome.NO_ROOM, f"{variable.key} could not be kept: the storage is full")
        self._overlay[folded] = checked
        if not variable.needs_reboot:
            self._running[folded] = checked
        for watcher in tuple(self._watchers):
            watcher(variable.key)
        return SetResult(SetOutcome.NEEDS_REBOOT if variable.needs_reboot else SetOutcome.ACCEPTED)

    # --- what the program itself asks; KeyError for a key that is not in the registry is a programming mistake ---

    def text(self, key: str) -> str:
        return self._running[_folded(key)]

    def bool(self, key: str) -> bool:
        return self.text(key) == "true"

    def int(self, key: str) -> int:
        return int(self.text(key))

    def float(self, key: str) -> float:
        return float(self.text(key))

    def members(self, key: str) -> tuple[str, ...]:
        """Return the members of a list, in order."""
        return tuple(member for member in self.text(key).split(",") if member)


def _folded(key: str) -> str:
    return key.strip().casefold()


def _check_string(variable: Variable, value: str) -> str:
    if not value and variable.may_be_empty:
        return value
    if variable.minimum is not None and len(value) < variable.minimum:
        raise ValueError(f"must have at least {variable.minimum:g} characters")
    if variable.maximum is not None and len(value) > variable.maximum:
        raise ValueError(f"must have at most {variable.maximum:g} characters")
    if not value:
        raise ValueError("must not be empty")
    return value


def _check_integer(variable: Variable, value: str) -> str:
    match = re.fullmatch(r"([+-]?)0*(\d+)", value.strip(), re.ASCII)
    if match is None:
        raise ValueError("must be an integer")
    if len(match[2]) > 10 or abs(number := int(value)) >= 2**31:
        raise ValueError("must fit in 32 bits")
    _check_bounds(variable, number)
    return str(number)


def _check_decimal(variable: Variable, value: str) -> str:
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        raise ValueError("must be a number") from None
    if not number.is_finite():
        raise ValueError("must be a number")
    _check_bounds(variable, number)
    return str(number)


def _check_bounds(variable: Variable, number: int | Decimal) -> None:
    if variable.minimum is not None and number < variable.minimum:
        raise ValueError(f"must be at least {variable.minimum:g}{_unit(variable)}")
    if variable.maximum is not None and number > variable.maximum:
        raise ValueError(f"must be at most {variable.maximum:g}{_unit(variable)}")


def _unit(variable: Variable) -> str:
    return f" {variable.unit}" if variable.unit else ""


def _check_boolean(variable: Variable, value: str) -> str:
    if value.strip().casefold() not in ("true", "false"):
        raise ValueError("must be true or false")
    return value.strip().casefold()


def _check_option(variable: Variable, value: str) -> str:
    return _member(variable, value)


def _check_list(variable: Variable, value: str) -> str:
    members = [_member(variable, member) for member in value.split(",")] if value.strip() else []
    if not members and not variable.may_be_empty:
        raise ValueError("must not be empty")
    if len(set(members)) != len(members):
        raise ValueError("must not name anything twice")
    return ",".join(members)


def _member(variable: Variable, value: str) -> str:
    for allowed in variable.values:
        if allowed.casefold() == value.strip().casefold():
            return allowed
    raise ValueError(f"must be of {', '.join(variable.values)}; not {value.strip()!r}")


_CHECKS: Mapping[DataType, Callable[[Variable, str], str]] = {
    DataType.STRING: _check_string,
    DataType.DATE_TIME: _check_string,
    DataType.INTEGER: _check_integer,
    DataType.DECIMAL: _check_decimal,
    DataType.BOOLEAN: _check_boolean,
    DataType.OPTION_LIST: _check_option,
    DataType.SEQUENCE_LIST: _check_list,
    DataType.MEMBER_LIST: _check_list,
}
