"""`python -m hil.mutants --n 200 --seed 1`: plant mistakes in the safety machine and see whether the tests notice.

Exit code 1 when a mutant survives that `explained.toml` does not explain. The results are written every 25 mutants, and told with a
number: a run that was ended goes on with `--from` that number, and another `--json`.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import random
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hil.mutants.plant import Mutant, mutants_of
from hil.mutants.run import LIMIT_S, ROOT, Fate, Result, judge, path_of, preload

MODULES = tuple(
    f"controller.logic.{name}"
    for name in ("pilot", "plateau", "contactor", "lock", "proximity", "rcd", "protection", "duty", "faults")
)
# The quickest and most telling first: a child ends at the first failure.
TESTS = (
    "tests/logic_safety/test_pilot_table.py",
    "tests/logic_safety/test_duty.py",
    "tests/logic_safety/test_plateau.py",
    "tests/logic_safety/test_parts.py",
    "tests/logic_safety/test_parts_model.py",
    "tests/logic_safety/test_machine.py",
    "tests/logic_safety/test_search.py",
    "tests/safety/test_sequences.py",
    "tests/logic_safety/test_pilot_random.py",
    "tests/safety/test_supervisor.py",
    "tests/safety/test_random_plant.py",
)
EXPLAINED = Path(__file__).with_name("explained.toml")
EVERY = 25  # mutants between two lines of how it goes, and two writings of the results


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.skipped < 0:
        parser.error(f"--from {args.skipped}: must be 0 or more")
    sys.path.insert(0, str(ROOT))
    mutants = [mutant for module in args.module for mutant in mutants_of(module, path_of(module).read_text())]
    chosen = choose(mutants, args.n, args.seed, args.only)
    left = chosen[args.skipped :]
    preload()
    print(f"{len(mutants)} mutants in {len(args.module)} modules, {len(left)} of them now", flush=True)
    fate, seconds = judge(None, args.tests)
    if fate is not Fate.SURVIVED:
        print(f"the tests fail on the code as it is ({fate}, {seconds:.0f} s): nothing can be said of mutants")
        return 2
    print(f"the tests pass on the code as it is, in {seconds:.1f} s", flush=True)
    results = run(left, args.tests, max(args.limit, 3.0 * seconds), explained())
    return 1 if _told(keep(results, args.json, len(mutants), args.skipped, len(chosen))) else 0


def choose(mutants: list[Mutant], n: int, seed: int, only: str) -> list[Mutant]:
    """Return a sample (n = 0: all) of those whose id fits the pattern, in the order of the text."""
    fitting = [mutant for mutant in mutants if not only or fnmatch.fnmatchcase(mutant.id, _literal(only))]
    if not 0 < n < len(fitting):
        return fitting
    wanted = set(random.Random(seed).sample(range(len(fitting)), n))
    return [mutant for index, mutant in enumerate(fitting) if index in wanted]


def explained() -> list[tuple[str, str]]:
    """Return (pattern of ids, why such a mutant is no mistake)."""
    rows = tomllib.loads(EXPLAINED.read_text()).get("equivalent", [])
    return [(row["mutant"], row["why"]) for row in rows]


def why(mutant: Mutant, rows: Sequence[tuple[str, str]]) -> str:
    return next((text for pattern, text in rows if fnmatch.fnmatchcase(mutant.id, _literal(pattern))), "")


def _literal(pattern: str) -> str:
    """Only `*` is special: ids hold brackets."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def run(
    chosen: Sequence[Mutant], tests: Sequence[str], limit_s: float, rows: Sequence[tuple[str, str]]
) -> Iterator[tuple[Result, str]]:
    """Judge one after the other, and tell which no test failed on: one that timed out may have survived on a busy machine.

    Yields results, each with its explanation if it survived and has one.
    """
    for mutant in chosen:
        fate, seconds = judge(mutant, tests, limit_s)
        text = why(mutant, rows) if fate is Fate.SURVIVED else ""
        if fate is not Fate.KILLED:
            told = "explained" if text else fate.upper()
            print(f"{told:9} line {mutant.line}: {mutant.id}", flush=True)
        yield Result(mutant, fate, seconds), text


def keep(
    results: Iterable[tuple[Result, str]], path: Path, of: int, skipped: int, chosen: int
) -> list[tuple[Result, str]]:
    """Write the results as they come, and tell how it goes; return them all."""
    kept: list[tuple[Result, str]] = []
    began = time.monotonic()
    for result in results:
        kept.append(result)
        if len(kept) % EVERY == 0:
            _write(path, kept, of)
            seconds = time.monotonic() - began
            print(f"{skipped + len(kept)}/{chosen}: {_survived(kept)} survived, {seconds:.0f} s", flush=True)
    _write(path, kept, of)
    return kept


def _survived(results: Sequence[tuple[Result, str]]) -> int:
    return sum(result.fate is Fate.SURVIVED for result, _ in results)


def _told(results: Sequence[tuple[Result, str]]) -> int:
    """Print the figures; return how many survived without an explanation."""
    fates = [result.fate for result, _ in results]
    survived = _survived(results)
    known = sum(bool(text) for _, text in results)
    print(
        f"{len(fates)} mutants: {fates.count(Fate.KILLED)} killed, {fates.count(Fate.TIMED_OUT)} timed out, "
        f"{survived} survived, {known} of them explained in {EXPLAINED.name}"
    )
    return survived - known


def _write(path: Path, results: Sequence[tuple[Result, str]], of: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"id": r.mutant.id, "line": r.mutant.line, "fate": r.fate, "seconds": round(r.seconds, 2), "explained": text}
        for r, text in results
    ]
    counts = {fate.value: sum(r.fate is fate for r, _ in results) for fate in Fate}
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps({"mutants": of, "run": len(rows), **counts, "results": rows}, indent=1) + "\n")
    part.replace(path)  # whole, or not at all: the run may be ended while it writes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hil.mutants", description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="how many, by chance; 0: all (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="what the sample is drawn from (default 1)")
    parser.add_argument(
        "--from",
        dest="skipped",
        metavar="N",
        type=int,
        default=0,
        help="leave out the first N of the chosen (default 0)",
    )
    parser.add_argument("--only", default="", help="only ids that fit this pattern, * standing for anything")
    parser.add_argument("--module", nargs="+", default=MODULES, help="dotted names of the modules to plant mistakes in")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="what must notice them, in this order")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds before a run is given up")
    parser.add_argument("--json", type=Path, default=Path("build/mutants.json"), help="where the results go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
