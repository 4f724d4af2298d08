"""What the commands share: consoles, JSON output, common options and the reading of JSON Lines."""

import codecs
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from toolgym import _strict_json
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.trajectory import Trajectory

__all__ = [
    "DEFAULT_ENV",
    "EPISODES",
    "OUTPUT",
    "BaseUrl",
    "ContextTokens",
    "Device",
    "Dtype",
    "EnvArgument",
    "EnvId",
    "JsonFlag",
    "MaxNewTokens",
    "Seed",
    "Settings",
    "Split",
    "Task",
    "Threads",
    "VLLMUrls",
    "as_trained",
    "either",
    "episodes_of",
    "is_corpus",
    "one_file",
    "out",
    "panel",
    "parse_settings",
    "print_json",
    "print_json_list",
    "progress_console",
    "read_jsonl",
]

DEFAULT_ENV = "ToolGym/Airline-v0"
EPISODES, OUTPUT = "Which episodes", "Output"
"""Panels of `--help` that several commands have."""


def panel(title: str) -> Any:
    """`typer.Option` of an option that stands in a panel of `--help`."""
    return partial(typer.Option, rich_help_panel=title)


_episodes, _output = panel(EPISODES), panel(OUTPUT)

EnvArgument = Annotated[str | None, typer.Argument(metavar="ENV", help="The environment, as --env names it.")]
EnvId = Annotated[
    str | None,
    _episodes(
        "--env", "-e", metavar="ENV", help=f"A Gymnasium id, or FILE.py:NAME of your own (default: {DEFAULT_ENV})."
    ),
]
Split = Annotated[str, _episodes("--split", metavar="NAME", help="train, validation, test or test_unseen.")]
Task = Annotated[
    list[str] | None,
    _episodes("--task", metavar="ID", help="Only the task of this id, or of this index from 0; may be repeated."),
]
Seed = Annotated[int, _episodes("--seed", metavar="N", min=0, help="Seeds every choice.")]
JsonFlag = Annotated[bool, _output("--json", help="Print JSON for a script to read.")]
Settings = Annotated[
    list[str] | None,
    _episodes(
        "--set",
        metavar="NAME=VALUE",
        help="An option of the environment, as in gymnasium.make; may be repeated. The value is JSON or plain text.",
    ),
]

_agent, _sampling, _speed = panel("The agent"), panel("Sampling"), panel("Speed")

BaseUrl = Annotated[
    str | None,
    _agent(metavar="URL", help="The endpoint of an api: agent (default: $OPENAI_BASE_URL)."),
]
VLLMUrls = Annotated[
    list[str] | None,
    _agent(
        metavar="URL",
        help="A running vLLM server that serves the hf:, builtin: or data: agent's model and samples in its place; "
        "may be repeated: one that stops is left out.",
    ),
]
Dtype = Annotated[
    str,
    _agent(
        metavar="NAME",
        help="A local model's weights: float32, bfloat16 or float16; auto: float32, but bfloat16 from 50M "
        "parameters on where that is fast.",
    ),
]
Device = Annotated[str | None, _agent(metavar="NAME", help="Where a local model runs (default: CUDA, else CPU).")]
MaxNewTokens = Annotated[
    int | None,
    _sampling(
        metavar="N",
        min=1,
        help="The longest turn of a model (default: 256; from 50M parameters on 1024, which a model that thinks "
        "needs; an API's own limit).",
    ),
]
ContextTokens = Annotated[
    int | None,
    _sampling(
        metavar="N",
        min=2,
        help="The longest episode of a local model (default: 8192, or what its opening needs).",
    ),
]
Threads = Annotated[
    int | None,
    _speed(
        metavar="N",
        min=1,
        help="Torch threads of a local model (default: of a small one 1, unless more are clearly faster now).",
    ),
]

out = Console()
"""Where results go."""

progress_console = Console(stderr=True)
"""Where progress and errors go, so that the output of `--json` stays clean."""


_MAX_DEPTH = 1000
"""Levels of nesting of what is printed: what was read is bounded already."""


def parse_settings(settings: Sequence[str] | None, **own: Any) -> dict[str, Any]:
    """`toolgym.options.parse_settings`; what options are made of is imported only now: `--help` does without.

    Args:
        settings: the words of `--set`.
        own: what the command has options of its own for; those that were given (None: not) are added. What a list
            holds is JSON or plain text.

    Raises:
        ConfigError: a setting that is no NAME=VALUE, or one that has an option of its own.
    """
    from toolgym.options import parse_settings as parsed
    from toolgym.options import parse_value

    chosen = parsed(settings)
    given = {name: value for name, value in own.items() if value is not None}
    given |= {name: [parse_value(each) for each in value] for name, value in given.items() if isinstance(value, list)}
    for name in given.keys() & chosen.keys():
        raise ConfigError(f"The {name} is an option of its own: --{name}.")
    return chosen | given


def as_trained(agent: str, env: str, env_options: Mapping[str, Any]) -> dict[str, Any]:
    """The environment's options, with those that a local model was trained with where they are not given; what differs
    is told."""
    kind, _, name = agent.partition(":")
    if kind not in ("builtin", "hf"):
        return dict(env_options)
    from toolgym.agents.training.run_folder import settings_of, tell_settings

    model = name if kind == "hf" else agent
    tell_settings(model, env, env_options)
    return {**settings_of(model, env), **env_options}


def either(argument: str | None, option: str | None, name: str) -> str | None:
    """What may be given as an argument or by the option `name`: whichever was.

    Raises:
        ConfigError: both were, and they differ.
    """
    if argument is not None and option is not None and argument != option:
        raise ConfigError(f"{argument!r} and --{name} {option!r} are two: give one of them")
    return option if argument is None else argument


def one_file(command: str, argument: str | None) -> None:
    """Raises where a second file stands in the place of the environment.

    Raises:
        ConfigError: it does.
    """
    if argument is not None and Path(argument).is_file():
        raise ConfigError(f"{argument} is a file, and no environment: toolgym {command} takes one file at a time")


def print_json(value: Any) -> None:
    """Writes a value as indented JSON, with a newline, to stdout."""
    sys.stdout.write(_json_text(value) + "\n")
    sys.stdout.flush()


def print_json_list(values: Iterable[Any]) -> None:
    """Writes what `print_json` writes of a list, a value at a time."""
    before = "["
    for value in values:
        lines = _json_text(value).replace("\n", "\n  ")
        sys.stdout.write(f"{before}\n  {lines}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")
    sys.stdout.flush()


def _json_text(value: Any) -> str:
    """Indented JSON; for a stdout that is not UTF-8 in ASCII alone, which says the same."""
    text = _strict_json.dumps(value, indent=True, depth=_MAX_DEPTH).decode()
    if codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8":
        return text
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], text)


def is_corpus(path: Path) -> bool:
    """Whether a path is the folder of an executed corpus (`toolgym planarena build`)."""
    return (path / "corpus.json").is_file()


def episodes_of(path: Path) -> "Iterator[tuple[int, Trajectory]]":
    """The episodes of a trajectory file, or of a corpus, whose rows are played again.

    Raises:
        TrajectoryError: it cannot be read.
        ConfigError: a corpus has a task that cannot be made.
    """
    from toolgym.trajectory import iterate_trajectories

    if is_corpus(path):  # imported by name: the library knows no domain
        return import_module("toolgym.envs.planarena.corpus.episodes").iterate_episodes(path)
    return iterate_trajectories(path)


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file, a line at a time; `-` is stdin; blank lines are left out.

    Raises:
        ConfigError: no such file, or a line that is no JSON object.
    """
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as lines:
            for number, value in _strict_json.each_line(lines, half_characters=True):
                if not isinstance(value, dict):
                    raise ConfigError(f"{path}, line {number}: expected a JSON object, got {type(value).__name__}.")
                yield number, value
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}.") from error
    except _strict_json.JsonError as error:
        raise ConfigError(f"{path}, line {error.line}: {error}.") from error
