"""Command-line options from a frozen dataclass: one definition for Python, the shell and the help text."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from toolgym.errors import ConfigError, did_you_mean

__all__ = ["check_choices", "check_idle", "learner_main", "parse_options"]

T = TypeVar("T")


def parse_options(
    config: type[T],
    argv: Sequence[str] | None,
    *,
    prog: str,
    description: str,
    defaults: Mapping[str, Any] | None = None,
) -> T:
    """Reads a dataclass whose fields are `name: Annotated[type, "help"] = default` from command-line arguments.

    `max_new_tokens` is `--max-new-tokens`, a bool `--x` or `--no-x`, a tuple takes several values. `defaults` are field
    values to use instead of the dataclass's own.
    """
    parser = argparse.ArgumentParser(
        prog=prog, description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    hints = get_type_hints(config, include_extras=True)
    for item in fields(config):  # pyright: ignore[reportArgumentType]
        name = "--" + item.name.replace("_", "-")
        kind, help = _kind_and_help(hints[item.name])
        if kind is bool:
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=item.default, help=help)
        elif get_origin(kind) is Literal:
            parser.add_argument(name, choices=get_args(kind), default=item.default, help=help)
        elif get_origin(kind) is tuple:
            parser.add_argument(name, nargs="+", type=get_args(kind)[0], default=item.default, help=help)
        elif item.default is MISSING:
            parser.add_argument(name, type=kind, required=True, help=help)
        else:
            parser.add_argument(name, type=kind, default=item.default, help=help)
    parser.set_defaults(**(defaults or {}))
    given = vars(parser.parse_args(argv))
    return config(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


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


def learner_main(
    algo: str,
    config: type[T],
    train: Callable[[T], Path],
    argv: Sequence[str] | None,
    *,
    defaults: Mapping[str, Any] | None = None,
) -> int:
    """A learner's command line: reads its options, trains, and prints the folder of the final model.

    What `--help` says of it is the first line of the file that `train` is in.
    """
    description = (sys.modules[train.__module__].__doc__ or "").partition("\n")[0]
    prog = f"toolgym train --algo {algo}"
    print(train(parse_options(config, argv, prog=prog, description=description, defaults=defaults)))
    return 0


def _kind_and_help(hint: Any) -> tuple[Any, str]:
    """The type to convert to (`X` of `X | None`) and the help of an annotated field."""
    help = ""
    if get_origin(hint) is Annotated:
        hint, help = get_args(hint)[:2]
    if get_origin(hint) in (Union, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not NoneType)
    return hint, help.replace("%", "%%")
