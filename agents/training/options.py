"""Command-line options from a frozen dataclass: one definition for Python, the shell and the help text."""

import argparse
import atexit
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from rich.console import Console
from rich.text import Text

from toolgym.errors import ConfigError, did_you_mean

__all__ = ["Groups", "check_choices", "check_idle", "check_ranges", "learner_main", "parse_options"]

T = TypeVar("T")
Groups = Mapping[str, tuple[tuple[str, ...], str]]
"""A group's title -> its fields and an example; the group without fields has those that no other has."""
_METAVARS = {int: "N", float: "X", str: "TEXT", Path: "PATH"}
_TOO_LARGE, _MOST_THREADS = 2**31, 1024


def parse_options(
    config: type[T],
    argv: Sequence[str] | None,
    *,
    prog: str,
    description: str,
    defaults: Mapping[str, Any] | None = None,
) -> T:
    """Reads a dataclass whose fields are `name: Annotated[type, "help"] = default` from command-line arguments.

    Other fields keep their defaults. `max_new_tokens` is `--max-new-tokens`, a bool `--x` or `--no-x`, a tuple takes
    several values. `defaults` are field values to use instead of the dataclass's own; one whose switch (`SWITCHES` of
    the dataclass) is turned off goes with it. Where the dataclass has `GROUPS` (see `Groups`), the help has them.
    """
    usage = f"{prog} [OPTION ...]"
    parser = _Parser(prog=prog, usage=usage, description=description, formatter_class=_Formatter, allow_abbrev=False)
    hints = get_type_hints(config, include_extras=True)
    options = [item for item in fields(config) if get_origin(hints[item.name]) is Annotated]  # pyright: ignore[reportArgumentType]
    for title, chosen, example in _grouped(getattr(config, "GROUPS", {}), options, defaults or {}):
        group = parser.add_argument_group(title, f"e.g. {example}" if example else None) if title else parser
        for item in chosen:
            _add(group, item, *_kind_and_help(hints[item.name]))
    parser.set_defaults(**(defaults or {}))
    parsed, unknown = parser.parse_known_args(argv)
    if len(unknown) == 1 and not unknown[0].startswith("-") and "env" in vars(parsed):
        # `--env` as an argument, as the other commands take it.
        if parsed.env not in (parser.get_default("env"), unknown[0]):
            parser.error(f"{unknown[0]!r} and --env {parsed.env!r} are two: give one of them")
        parsed.env, unknown = unknown[0], []
    if unknown:
        known = [name for action in parser._actions for name in action.option_strings]
        parser.error(did_you_mean(unknown[0], known, "option").partition(" Known:")[0].rstrip("."))
    given = vars(parsed)
    for name, switch in getattr(config, "SWITCHES", {}).items():
        if not given[switch] and given[name] == (defaults or {}).get(name):  # nobody's own, but the preset's
            given[name] = next(item.default for item in options if item.name == name)
    return config(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def _grouped(
    groups: Groups, options: Sequence[Field[Any]], defaults: Mapping[str, Any]
) -> Iterator[tuple[str, list[Field[Any]], str]]:
    """The options group by group, in the order of the groups, with an example of each."""
    by_name = {item.name: item for item in options}
    named = {name for names, _ in groups.values() for name in names}
    for title, (names, example) in (groups or {"": ((), "")}).items():
        chosen = [by_name[name] for name in names if name in by_name] if names else []
        if not names:
            chosen = [item for item in options if item.name not in named]
        if chosen:
            yield title, chosen, example or (_example(chosen, defaults) if title else "")


def _example(options: Sequence[Field[Any]], defaults: Mapping[str, Any]) -> str:
    """The first of the options with its default."""
    for item in options:
        value = defaults.get(item.name, item.default)
        if isinstance(value, bool):
            return f"--{'no-' if value else ''}{_name(item)}"
        if isinstance(value, str | int | float):
            return f"--{_name(item)} {value}"
    return ""


def _name(item: Field[Any]) -> str:
    return item.name.replace("_", "-")


def _add(group: argparse._ActionsContainer, item: Field[Any], kind: Any, help: str) -> None:
    """Adds the option of a field."""
    name = f"--{_name(item)}"
    if kind is bool:
        group.add_argument(name, action=argparse.BooleanOptionalAction, default=item.default, help=help)
        return
    if get_origin(kind) is Literal:
        group.add_argument(name, choices=get_args(kind), default=item.default, help=help)
        return
    several = get_origin(kind) is tuple
    kind = get_args(kind)[0] if several else kind
    more: dict[str, Any] = {"type": kind, "metavar": _METAVARS.get(kind), "help": help}
    if several:
        group.add_argument(name, nargs="+", action=_Collect, default=item.default, **more)
    elif item.default is MISSING:
        group.add_argument(name, required=True, **more)
    else:
        group.add_argument(name, default=item.default, **more)


def check_choices(config: Any) -> None:
    """Raises where a field that is one of some words is another: from Python as from the command line.

    Raises:
        ConfigError: it names the field and the nearest word.
    """
    hints = get_type_hints(type(config), include_extras=True)
    for item in fields(config):
        kind, _ = _kind_and_help(hints[item.name])
        given = getattr(config, item.name)
        if get_origin(kind) is Literal and given not in get_args(kind):
            raise ConfigError(f"{item.name}: {did_you_mean(str(given), get_args(kind), 'choice')}")


def check_ranges(config: Any, *, above_0: Sequence[str] = (), least_0: Sequence[str] = ()) -> None:
    """Raises where a number is out of range; fields that the options do not have, or that are None, are left out.

    A number of any field must be finite, and a whole one, but the seed, below 2^31.

    Raises:
        ConfigError: it names the option, its value and the range.
    """
    for item in fields(config):
        given = getattr(config, item.name)
        for value in given if isinstance(given, tuple) else (given,):
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{item.name} must be a finite number, got {value}")
            if isinstance(value, int | float) and abs(value) >= _TOO_LARGE and item.name != "seed":
                raise ConfigError(f"{item.name} must be below 2^31, got {value}")
    for names, least, fits in ((above_0, "above 0", lambda x: x > 0), (least_0, "at least 0", lambda x: x >= 0)):
        for name in names:
            value = getattr(config, name, None)
            if value is not None and not fits(value):
                raise ConfigError(f"{name} must be {least}, got {value}")
    if (threads := getattr(config, "threads", None)) is not None and not 1 <= threads <= _MOST_THREADS:
        raise ConfigError(f"threads must be at least 1 and at most {_MOST_THREADS}, got {threads}")
    if not 0 <= (seed := getattr(config, "seed", 0)) < 2**32:  # what NumPy's global generator takes
        raise ConfigError(f"seed must be at least 0 and below 2^32, got {seed}")


def check_idle(config: Any, names: Sequence[str], why: str) -> None:
    """Raises where an option that would have no effect is not its default.

    Raises:
        ConfigError: it names the option, and says why.
    """
    for item in fields(config):
        if item.name in names and getattr(config, item.name) != item.default:
            raise ConfigError(
                f"{item.name}={getattr(config, item.name)!r} would have no effect {why}; leave it at {item.default!r}"
            )


class _Collect(argparse.Action):
    """Adds up the values of an option that is given more than once, in place of its default."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*(before if isinstance(before, list) else ()), *values])


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one red line, and where to read more, as the other commands do."""

    def error(self, message: str) -> NoReturn:
        told = f"{message}{'' if message.endswith('?') else '.'} `{self.prog} --help` lists the options."
        line = Text.assemble(("Error: ", "bold red"), (told, "red"))
        Console(stderr=True).print(line, soft_wrap=True)
        raise SystemExit(2)


class _Formatter(argparse.HelpFormatter):
    """Shows defaults as one types them, but for those that are nothing or that the text tells."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=26)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        default, help = action.default, action.help or ""
        if default in (None, (), argparse.SUPPRESS) or "default:" in help:
            return help
        if isinstance(default, bool):
            shown = "on" if default else "off"
        else:
            shown = " ".join(map(str, default)) if isinstance(default, tuple | list) else str(default)
        return f"{help} (default: {shown.replace('%', '%%')})"


def learner_main(
    algo: str,
    config: type[T],
    train: Callable[[T], Path] | str,
    argv: Sequence[str] | None,
    *,
    defaults: Mapping[str, Any] | None = None,
    about: str | None = None,
) -> int:
    """A learner's command line: reads its options, trains, and prints the folder of the final model.

    Args:
        algo: its name.
        config: its options.
        train: what trains, or its name as `module:NAME`: that is imported once the options were read, so that `--help`
            and a mistyped option answer at once.
        argv: the words; None: those of the program.
        defaults: see `parse_options`.
        about: what `--help` says of it, if not the first line of the file that the options are in.
    """
    description = about or (sys.modules[config.__module__].__doc__ or "").partition("\n")[0]
    prog = f"toolgym train --algo {algo}"
    options: Any = parse_options(config, argv, prog=prog, description=description, defaults=defaults)
    from toolgym.hub import check_reach

    check_reach(getattr(options, "model", ""))
    from toolgym.agents.training.run_folder import writes
    from toolgym.opening import bring_env

    bring_env(getattr(options, "env", ""))
    with writes(Path(getattr(options, "output", "."))):
        print((_imported(train) if isinstance(train, str) else train)(options), flush=True)
    return 0


def _leave_the_others() -> None:
    """Ends this process's part in a launch of several, where there is one."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


atexit.register(_leave_the_others)  # left to the interpreter's end it may abort the process


def _imported(name: str) -> Callable[[Any], Path]:
    """What has the name `module:NAME`."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def _kind_and_help(hint: Any) -> tuple[Any, str]:
    """The type to convert to (`X` of `X | None`) and the help of an annotated field."""
    help = ""
    if get_origin(hint) is Annotated:
        hint, help = get_args(hint)[:2]
    if get_origin(hint) in (Union, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not NoneType)
    return hint, help.replace("%", "%%")
