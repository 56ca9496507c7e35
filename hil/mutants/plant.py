"""Which small mistakes can be made in a module, and the module with one of them in it.

A mutant is named by where it is and what it does, never by a line number, so that its explanation outlives edits elsewhere:
`pilot:PilotMachine._enter:constant:6.0->9.0#2` is the second such place in that function.

Not planted, because nothing could tell: boundaries of comparisons that carry `TOLERANCE_S` (two sums of floats are never equal to
the last bit), the tolerance itself, texts. Nor what would fail by itself with a NameError: a local or module name never bound.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# What replaces a comparison: its neighbour (a boundary) and its contrary.
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
_CALLS = {"max": "min", "min": "max", "any": "all", "all": "any"}
# Told and documented, but nothing that the machine does depends on them.
_UNTOUCHED_NAMES = frozenset({"__slots__", "__all__", "TOLERANCE_S"})
_TOLERANCE = "TOLERANCE_S"
_BOUNDARIES = frozenset({(ast.Lt, ast.LtE), (ast.LtE, ast.Lt), (ast.Gt, ast.GtE), (ast.GtE, ast.Gt)})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake. id: stable name. index: its place in `mutants_of` of the same source. line: for a reader."""

    id: str
    module: str
    kind: str
    line: int
    before: str
    after: str
    index: int


@dataclass(frozen=True, slots=True)
class _Change:
    """`make` turns a deep copy of the node at `path` into the mistake."""

    kind: str
    where: str
    line: int
    before: str
    after: str
    path: tuple[tuple[str, int | None], ...]
    make: Callable[[ast.AST], ast.AST | None]  # None: remove the statement


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return every mistake that can be planted in the source of `module` (a dotted name), in the order of the text."""
    seen: Counter[str] = Counter()
    found = []
    short = module.rpartition(".")[2]
    for index, change in enumerate(_changes(ast.parse(source))):
        name = f"{short}:{change.where}:{change.kind}:{change.before}->{change.after}"
        seen[name] += 1
        found.append(
            Mutant(f"{name}#{seen[name]}", module, change.kind, change.line, change.before, change.after, index)
        )
    return found


def planted(source: str, index: int) -> ast.Module:
    """Return the tree of `source` with the mutant of that index in it."""
    tree = ast.parse(source)
    change = list(_changes(tree))[index]
    return _replaced(tree, change)


def _replaced(tree: ast.Module, change: _Change) -> ast.Module:
    parent: ast.AST = tree
    for field, position in change.path[:-1]:
        child = getattr(parent, field)
        parent = child if position is None else child[position]
    field, position = change.path[-1]
    old = getattr(parent, field) if position is None else getattr(parent, field)[position]
    new = change.make(copy.deepcopy(old))
    if new is None:
        new = ast.Pass()
    ast.copy_location(new, old)
    if position is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[position] = new
    return ast.fix_missing_locations(tree)


# --- what can be changed ------------------------------------------------------------------------------------------------


def _changes(tree: ast.Module) -> Iterator[_Change]:
    names = _enum_members(tree)
    for node, path, where in _walk(tree, (), ""):
        for kind, before, after, make in _of_node(node, names):
            yield _Change(kind, where or "module", getattr(node, "lineno", 0), before, after, path, make)


_Found = tuple[str, str, str, Callable[[ast.AST], ast.AST | None]]


def _of_node(node: ast.AST, names: dict[str, list[str]]) -> Iterator[_Found]:
    if isinstance(node, ast.Compare):
        yield from _of_compare(node)
    elif isinstance(node, ast.BoolOp):
        yield from _of_bool(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "negation", _text(node), _text(node.operand), lambda old: old.operand  # type: ignore[attr-defined]
    elif isinstance(node, (ast.BinOp, ast.AugAssign)):
        yield from _of_arithmetic(node)
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        for value in (True, False):
            yield "condition", _text(node.test), str(value), _setting("test", ast.Constant(value))
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        other = _CALLS[node.func.id]
        yield "call", node.func.id, other, _setting("func", ast.Name(other, ast.Load()))
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield from _of_member(node, node.value.id, names)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _of_short_name(node, names)
    if isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise)) or _is_bare_return(node):
        yield from _of_statement(node)


def _of_compare(node: ast.Compare) -> Iterator[_Found]:
    for at, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            if (type(op), other) in _BOUNDARIES and _TOLERANCE in _text(node):
                continue

            def make(old: ast.AST, at: int = at, other: type[ast.cmpop] = other) -> ast.AST:
                assert isinstance(old, ast.Compare)
                old.ops[at] = other()
                return old

            yield "comparison", _text(node), _text(make(copy.deepcopy(node))), make


def _of_bool(node: ast.BoolOp) -> Iterator[_Found]:
    contrary = ast.Or if isinstance(node.op, ast.And) else ast.And
    word = "or" if contrary is ast.Or else "and"
    yield "junction", _text(node), word, _setting("op", contrary())
    for at, value in enumerate(node.values):

        def make(old: ast.AST, at: int = at) -> ast.AST:
            assert isinstance(old, ast.BoolOp)
            del old.values[at]
            return old if len(old.values) > 1 else old.values[0]

        yield "operand", _text(node), f"without {_text(value)}", make


def _of_arithmetic(node: ast.BinOp | ast.AugAssign) -> Iterator[_Found]:
    other = _ARITHMETIC.get(type(node.op))
    if _TOLERANCE in _text(node.right if isinstance(node, ast.BinOp) else node.value):
        return
    if other is not None:
        yield "arithmetic", _text(node), other.__name__, _setting("op", other())


def _of_constant(node: ast.Constant) -> Iterator[_Found]:
    value = node.value
    others: tuple[object, ...] = ()
    if isinstance(value, bool):
        others = (not value,)
    elif isinstance(value, int):
        others = (value + 1, value - 1)
    elif isinstance(value, float):
        others = (value * 1.5, value * 0.5) if value else (1.0,)
    for other in others:
        yield "constant", repr(value), repr(other), lambda _, other=other: ast.Constant(other)  # type: ignore[misc]


def _of_member(node: ast.Attribute, owner: str, names: dict[str, list[str]]) -> Iterator[_Found]:
    members = names.get(owner, [])
    if len(members) > 1 and node.attr in members:
        other = members[(members.index(node.attr) + 1) % len(members)]
        yield "member", f"{owner}.{node.attr}", f"{owner}.{other}", _setting("attr", other)


def _of_short_name(node: ast.Name, names: dict[str, list[str]]) -> Iterator[_Found]:
    """Module constants that stand for members (`_U`, `A`, `_OPEN`): each becomes the next of its kind."""
    for owner, members in names.items():
        if owner.startswith("=") and node.id in members and len(members) > 1:
            other = members[(members.index(node.id) + 1) % len(members)]
            yield "member", node.id, other, lambda _, other=other: ast.Name(other, ast.Load())  # type: ignore[misc]


def _of_statement(node: ast.AST) -> Iterator[_Found]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Assign) and not any(isinstance(target, ast.Attribute) for target in node.targets):
        return
    yield "statement", _text(node).partition("\n")[0], "", lambda _: None


def _is_bare_return(node: ast.AST) -> bool:
    return isinstance(node, ast.Return) and node.value is None


def _setting(field: str, value: object) -> Callable[[ast.AST], ast.AST]:
    def make(old: ast.AST) -> ast.AST:
        setattr(old, field, value)
        return old

    return make


def _text(node: ast.AST) -> str:
    return ast.unparse(node)


# --- where ---------------------------------------------------------------------------------------------------------------

Route = tuple[tuple[str, int | None], ...]


def _walk(node: ast.AST, path: Route, where: str) -> Iterator[tuple[ast.AST, Route, str]]:
    """Yield every node that may be changed, with the path to it and the function it is in."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases", "keywords") and not isinstance(node, ast.Call):
            continue
        children = value if isinstance(value, list) else [value]
        for at, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_untouched(child):
                continue
            here = (*path, (field, at if isinstance(value, list) else None))
            inside = where
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                inside = f"{where}.{child.name}" if where else child.name
            elif isinstance(child, (ast.Assign, ast.AnnAssign)) and not where:
                inside = _target(child)
            if not isinstance(child, (ast.FunctionDef, ast.ClassDef, ast.AnnAssign)):
                yield child, here, inside
            yield from _walk(child, here, inside)


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    return _text(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def _is_untouched(node: ast.AST) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return _target(node) in _UNTOUCHED_NAMES
    return isinstance(node, ast.ClassDef) and any(_text(base) in ("Enum", "StrEnum") for base in node.bases)


def _enum_members(tree: ast.Module) -> dict[str, list[str]]:
    """Return owner -> members, as this module uses them; under "=Owner", the short names it gives to them."""
    used: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, member = node.value.id, node.attr
            if owner[:1].isupper() and member.isupper() and member not in used.setdefault(owner, []):
                used[owner].append(member)
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Tuple)
            and isinstance(node.value, ast.Tuple)
        ):
            for target, value in zip(node.targets[0].elts, node.value.elts, strict=False):
                if isinstance(target, ast.Name) and isinstance(value, ast.Attribute):
                    used.setdefault(f"={_text(value.value)}", []).append(target.id)
    return used
