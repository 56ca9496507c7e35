"""Who may import whom. Pure: takes sources, gives breaches, so that the tests can show that it can fail."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Layer -> what of ours it may import besides itself. The longest prefix that fits a module is its layer.
LAYERS: Mapping[str, frozenset[str]] = {
    layer: _words(allowed)
    for layer, allowed in {
        "controller": "",
        "controller.__main__": "controller.cli controller.streams",
        "controller.streams": "controller.exits",
        "controller.logic": "",
        "controller.hal": "controller.logic",
        "controller.clock": "controller.logic",
        "controller.ipc": "controller.logic",
        "controller.notify": "",
        "controller.exits": "",
        "controller.signals": "",
        "controller.whole_file": "",
        "controller.diagnostics": "controller controller.logic",
        "controller.config": "controller controller.hal controller.logic drivers.registry",
        "controller.wiring_safety": (
            "controller.logic controller.hal controller.clock controller.config controller.safety "
            "drivers.registry drivers.bus"
        ),
        "controller.safety": (
            "controller.logic controller.hal controller.clock controller.ipc controller.config controller.notify "
            "controller.diagnostics controller.signals controller.wiring_safety"
        ),
        "controller.store": "controller.logic controller.clock",
        "controller.ocpp": "controller.logic controller.clock controller.store",
        "controller.local": "controller.logic",
        "controller.wiring_guard": "controller.hal controller.logic drivers.registry drivers.bus",
        "controller.wiring_station": (
            "controller.logic controller.hal controller.clock controller.config controller.wiring_guard drivers.registry "
            "drivers.bus"
        ),
        "controller.wiring_meter": "controller.wiring_guard controller.config controller.hal controller.logic drivers.registry drivers.bus drivers.meter",
        "controller.wiring_reader": "controller.wiring_guard controller.config controller.hal drivers.registry drivers.bus",
        "controller.station": (
            "controller.logic controller.hal controller.clock controller.ipc controller.config controller.notify "
            "controller.diagnostics controller.local controller.ocpp controller.signals controller.store "
            "controller.wiring_station"
        ),
        "controller.safe_outputs": "controller.config controller.hal drivers.registry drivers.bus",
        "controller.child": "controller.config controller.diagnostics controller.exits controller.hal controller.notify",
        "controller.run": (
            "controller.child controller.config controller.diagnostics controller.exits controller.notify "
            "controller.signals"
        ),
        "controller.bringup": (
            "controller controller.child controller.clock controller.config controller.exits controller.hal controller.local "
            "controller.logic controller.safety controller.store controller.whole_file controller.wiring_safety controller.wiring_station"
        ),
        "controller.provision": "controller.config controller.exits",
        "controller.cli": (
            "drivers.registry controller.provision controller controller.hal controller.wiring_meter controller.wiring_reader controller.bringup controller.child controller.config controller.diagnostics controller.exits controller.local "
            "controller.logic controller.ocpp controller.run controller.safe_outputs controller.store controller.streams controller.whole_file"
        ),
        "drivers": "controller.hal controller.logic",
        "hil": "controller drivers",
    }.items()
}

# Functions of these may start a program part of another layer by importing it when they are called.
LAUNCHERS: Mapping[str, frozenset[str]] = {
    "controller.cli": frozenset(
        {
            "controller.station.main",
            "controller.station.power",
            "hil.bench.layout",
            "hil.bringup",
            "hil.demo",
            "hil.csms.cli",
        }
    ),
}

# Machines are pure: they get the time, they do no input or output, they log nothing.
LOGIC_MAY_NOT = _words(
    "asyncio ctypes fcntl io logging multiprocessing os pathlib queue select selectors signal socket sqlite3 ssl "
    "subprocess sys tempfile threading time random secrets uuid urllib http"
)
SAFETY_MAY_NOT = _words(
    "asyncio msgspec websockets ocpp pymodbus serial sqlite3 ssl http urllib.request socketserver concurrent multiprocessing "
    "controller.ocpp controller.store controller.station controller.local controller.cli hil"
)
SHARED_DRIVER_PARTS = frozenset({"drivers.bus", "drivers.registry"})
LINK = "controller.ocpp.link"


@dataclass(frozen=True)
class Import:
    """One import statement's target. lazy: inside a function. for_types: only under TYPE_CHECKING."""

    target: str
    line: int
    lazy: bool
    for_types: bool


def sources(root: Path) -> dict[str, str]:
    """Return module name -> source of everything we ship."""
    found = {}
    for package in ("controller", "drivers", "hil"):
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def imports_of(module: str, source: str, modules: Iterable[str]) -> list[Import]:
    known = set(modules)
    is_package = any(name.startswith(f"{module}.") for name in known)
    found: list[Import] = []

    def add(target: str, line: int, lazy: bool, for_types: bool) -> None:
        found.append(Import(target, line, lazy, for_types))

    def walk(node: ast.AST, lazy: bool, for_types: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    add(alias.name, child.lineno, lazy, for_types)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parents = module.split(".")[
                        : None if is_package and child.level == 1 else -child.level + is_package
                    ]
                    base = ".".join([*parents, base] if base else parents)
                for alias in child.names:
                    whole = f"{base}.{alias.name}"
                    add(whole if whole in known else base, child.lineno, lazy, for_types)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for each in child.body:
                    walk(ast.Module([each], []), lazy, True)
                for each in child.orelse:
                    walk(ast.Module([each], []), lazy, for_types)
            else:
                is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                walk(child, lazy or is_function, for_types)

    walk(ast.parse(source), False, False)
    return found


def breaches(modules: Mapping[str, str]) -> list[str]:
    """Return one line for every import that breaks a rule."""
    imports = {name: imports_of(name, source, modules) for name, source in modules.items()}
    lines = []
    for name, found in imports.items():
        for each in found:
            if problem := _problem(name, each, modules):
                lines.append(f"{name}:{each.line} imports {each.target}: {problem}")
    lines += _safety_breaches(imports)
    return lines


def layer_of(module: str) -> str:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        candidate = ".".join(parts[:length])
        if candidate in LAYERS:
            return candidate
    return parts[0]


def is_within(module: str, prefixes: Iterable[str]) -> bool:
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def _problem(name: str, each: Import, modules: Mapping[str, str]) -> str:
    target_root = each.target.partition(".")[0]
    layer = layer_of(name)
    if layer == "controller" and name != "controller":
        return "this module has no rule: give its layer one in tests/project/import_rules.py"
    if target_root not in ("controller", "drivers", "hil"):
        return _foreign_problem(name, layer, target_root)
    if each.lazy and is_within(each.target, LAUNCHERS.get(layer, ())):
        return ""
    if name.startswith("drivers."):
        return _driver_problem(name, each)
    if each.target == layer or is_within(each.target, {layer}):
        return ""
    allowed = LAYERS[layer]
    if layer != "hil" and "controller" in allowed:
        allowed = allowed - {"controller"}
        if each.target == "controller":
            return ""
    return (
        "" if is_within(each.target, allowed) else f"{layer} may import only {', '.join(sorted(allowed)) or 'itself'}"
    )


def _foreign_problem(name: str, layer: str, target: str) -> str:
    if layer == "controller.logic":
        if target not in sys.stdlib_module_names:
            return "logic is standard library only"
        if target in LOGIC_MAY_NOT:
            return "logic is pure: no clocks, files, sockets, tasks or logs"
    if target == "websockets" and name.startswith("controller.") and name != LINK:
        return f"only {LINK} opens a connection to the CSMS"
    if layer == "controller.config" and target not in sys.stdlib_module_names:
        return "the safety process reads the configuration too: standard library only"
    return ""


def _driver_problem(name: str, each: Import) -> str:
    family = ".".join(name.split(".")[:2])
    if each.for_types or is_within(each.target, {family, *SHARED_DRIVER_PARTS, *LAYERS["drivers"]}):
        return ""
    return "a driver imports its own family, drivers.bus, controller.hal and values"


def _safety_breaches(imports: Mapping[str, list[Import]]) -> Iterator[str]:
    """Walk everything that importing or running `controller.safety` pulls in by name."""
    reached: dict[str, str] = {name: name for name in imports if is_within(name, {"controller.safety"})}
    waiting = list(reached)
    while waiting:
        name = waiting.pop()
        for each in imports[name]:
            if each.for_types:
                continue
            if is_within(each.target, SAFETY_MAY_NOT):
                yield f"{name}:{each.line} imports {each.target}: the safety process reaches it ({reached[name]})"
            elif each.target in imports and each.target not in reached:
                reached[each.target] = f"{reached[name]} > {each.target}"
                waiting.append(each.target)
