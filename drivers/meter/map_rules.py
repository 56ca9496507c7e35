"""What a register map's keys must be to each other. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from drivers.meter.register_map import Block, MeterModel

PER_PHASE = ("voltage_v", "current_a", "phase_power_w")
MOST_REGISTERS = 125  # of any request, by the protocol (MODBUS Application Protocol V1.1b3, 6.3 and 6.4)
MOST_SIGNED_WORDS = 937  # 2500 characters of base64, as much as OCPP carries
_LAST_REGISTER = 0xFFFF
_SHARED = {"power_w", "phase_power_w"}  # the power of a meter with one phase is that of L1


def broken_rules(model: MeterModel) -> list[str]:
    """Return one line for every rule that is broken between several keys."""
    return [*_of_blocks(model), *_of_quantities(model), *_of_overlaps(model), *_of_labels(model)]


def _of_blocks(model: MeterModel) -> Iterator[str]:
    for block in model.blocks:
        named = f"blocks: [{block.start:#06x}, {block.count}]"
        if block.count > model.max_registers:
            yield f"{named} has {block.count} registers, but max_registers = {model.max_registers}"
        if block.start + block.count - 1 > _LAST_REGISTER:
            yield f"{named} ends beyond register {_LAST_REGISTER:#06x}"
        if model.quantities and not any(_uses(model, name, block) for name in model.quantities):
            yield f"{named} holds no quantity of the map: it is read for nothing"
    for one, other in itertools.combinations(sorted(model.blocks, key=lambda each: each.start), 2):
        if one.start + one.count > other.start:
            yield f"blocks: [{one.start:#06x}, {one.count}] and [{other.start:#06x}, {other.count}] overlap"


def _uses(model: MeterModel, name: str, block: Block) -> bool:
    quantity = model.quantities[name]
    return any(block.holds(register, quantity.words) for register in quantity.registers)


def _of_quantities(model: MeterModel) -> Iterator[str]:
    for name, quantity in model.quantities.items():
        expected = model.phases if name in PER_PHASE else 1
        if len(quantity.registers) != expected:
            yield (
                f"{name}.registers has {len(quantity.registers)} entries; "
                + (f"phases = {model.phases} needs {expected}" if name in PER_PHASE else "it is one value")
            )
        for register in quantity.registers:
            if register + quantity.words - 1 > _LAST_REGISTER:
                yield f"{name}: register {register:#06x} ({quantity.type}) ends beyond {_LAST_REGISTER:#06x}"
            elif model.blocks and not any(block.holds(register, quantity.words) for block in model.blocks):
                yield (
                    f"{name}: register {register:#06x} ({quantity.type}) lies in no block, "
                    f"or only half in one: it takes {quantity.words} registers"
                )


def _of_overlaps(model: MeterModel) -> Iterator[str]:
    places = sorted(
        (register, quantity.words, name)
        for name, quantity in model.quantities.items()
        for register in quantity.registers
    )
    for (first, words, name), (second, _, other) in itertools.pairwise(places):
        is_same = first == second and {name, other} == _SHARED and model.phases == 1
        if first + words > second and not is_same:
            yield f"{name}: register {first:#06x} ({words} registers) overlaps {second:#06x} of {other}"


def _of_labels(model: MeterModel) -> Iterator[str]:
    signed = model.signed
    parts = {**model.labels}
    if signed is not None:
        parts |= {"signed_data": signed.data, **({"public_key": signed.public_key} if signed.public_key else {})}
    for name, label in parts.items():
        if label.register + label.words - 1 > _LAST_REGISTER:
            yield f"{name}: {label.words} registers from {label.register:#06x} end beyond {_LAST_REGISTER:#06x}"
        if name in model.labels and label.words > model.max_registers:
            yield f"{name}.words = {label.words} is more than max_registers = {model.max_registers}"
        if name not in model.labels and label.words > MOST_SIGNED_WORDS:
            yield f"{name}.words = {label.words} is more than OCPP carries: {MOST_SIGNED_WORDS}"
