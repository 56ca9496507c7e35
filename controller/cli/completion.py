"""`pilotline completion`: shell completion, made from the parser itself so that it cannot fall behind."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from controller.cli.options import Commands, command
from controller.exits import ExitCode

_EPILOG = """\
examples:
  source <(pilotline completion bash)      for this shell
  d=~/.local/share/bash-completion/completions; mkdir -p $d
  pilotline completion bash > $d/pilotline
  pilotline completion zsh > ~/.zfunc/_pilotline      (~/.zfunc in $fpath)
  pilotline completion fish > ~/.config/fish/completions/pilotline.fish
"""


@dataclass(frozen=True)
class Level:
    """What may follow a chain of sub-commands. words: sub-commands and choices. options: with their help.

    values: option that takes a value -> the ones there are to choose from, none where it is free text.
    """

    path: tuple[str, ...]
    words: dict[str, str]
    options: dict[str, str]
    values: dict[str, tuple[str, ...]]


def add(commands: Commands) -> None:
    parser = command(commands, "completion", "print the shell completion for bash, zsh or fish", _EPILOG, _completion)
    parser.add_argument("shell", choices=sorted(_WRITERS))


def _completion(args: argparse.Namespace) -> int:
    from controller.cli import csms

    found = list(levels(_whole_parser()))
    for level in found:
        if level.path == ("csms", "send"):
            level.words.update(csms.aliases())
    print(_WRITERS[args.shell](found), end="")
    return ExitCode.OK


def _whole_parser() -> argparse.ArgumentParser:
    from controller.cli import csms
    from controller.cli.main import build_parser

    parser = build_parser()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            csms.fill(action.choices["csms"])
    return parser


def levels(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[Level]:
    """Walk the parser and its sub-parsers."""
    words: dict[str, str] = {}
    options: dict[str, str] = {}
    values: dict[str, tuple[str, ...]] = {}
    below: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = dict(action.choices)
            words |= {choice.dest: choice.help or "" for choice in action._choices_actions}
        elif action.help != argparse.SUPPRESS and action.option_strings:
            options[action.option_strings[-1]] = (action.help or "").replace("%(default)s", str(action.default))
            if action.nargs is None:
                values[action.option_strings[-1]] = tuple(str(choice) for choice in action.choices or ())
        elif not action.option_strings and action.choices is not None:
            words |= {str(choice): "" for choice in action.choices}
    yield Level(path, words, options, values)
    for name, each in below.items():
        yield from levels(each, (*path, name))


def _case(level: Level) -> str:
    return "'" + " ".join(level.path) + "'"


def bash(found: list[Level]) -> str:
    cases = "".join(f"    {_case(level)}) words='{' '.join([*level.words, *level.options])}' ;;\n" for level in found)
    values = "".join(
        f"    '{' '.join([*level.path, option])}') COMPREPLY=($(compgen -W '{' '.join(each)}' -- \"$current\")); return ;;\n"
        for level in found
        for option, each in level.values.items()
        if option != "--config"
    )
    known = " ".join(sorted({word for level in found for word in level.path}))
    return f"""\
# bash completion of pilotline
_pilotline() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" path="" word words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    [[ " {known} " == *" $word "* ]] && path="${{path:+$path }}$word"
  done
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    --config) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$path ${{COMP_WORDS[COMP_CWORD-1]}}" in
{values}  esac
  case "$path" in
{cases}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _pilotline pilotline
"""


def _plain(text: str) -> str:
    return text.replace("'", "").replace(":", " -").replace("[", "(").replace("]", ")")


def zsh(found: list[Level]) -> str:
    cases = ""
    for level in found:
        entries = {**level.words, **level.options}
        listed = " ".join(f"'{name}:{_plain(help)}'" for name, help in entries.items())
        cases += f"    {_case(level)}) entries=({listed}) ;;\n"
    known = " ".join(sorted({word for level in found for word in level.path}))
    return f"""\
#compdef pilotline
# zsh completion of pilotline
_pilotline() {{
  local chain="" word
  local -a entries
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    [[ " {known} " == *" $word "* ]] && chain="${{chain:+$chain }}$word"
  done
  if [[ "${{words[CURRENT-1]}}" == --config ]]; then _files; return; fi
  case "$chain" in
{cases}  esac
  _describe 'pilotline' entries
}}
compdef _pilotline pilotline
"""


def fish(found: list[Level]) -> str:
    lines = ["# fish completion of pilotline", "complete -c pilotline -f"]
    for level in found:
        seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in level.path)
        words = " ".join(level.words)
        for name, help in level.words.items():
            condition = f"not __fish_seen_subcommand_from {words}"
            condition = f"{seen}; and {condition}" if seen else condition
            lines.append(f"complete -c pilotline -n '{condition}' -a '{name}' -d '{_plain(help)}'")
        for name, help in level.options.items():
            rest = " -r -F" if name == "--config" else ""
            if level.values.get(name):
                rest = f" -x -a '{' '.join(level.values[name])}'"
            condition = f" -n '{seen}'" if seen else " -n __fish_use_subcommand"
            option = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            lines.append(f"complete -c pilotline{condition} {option} -d '{_plain(help)}'{rest}")
    return "\n".join(lines) + "\n"


_WRITERS = {"bash": bash, "zsh": zsh, "fish": fish}
