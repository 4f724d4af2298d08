"""The folder of a run: its options, its checkpoints, and what its final model was trained with.

config.json       the options
metrics.jsonl     a line a step
env_steps.json    the environment steps of a run that plays before its first step
evaluations.jsonl a line an evaluation
episodes.jsonl    the episodes that it learnt from
tokens.jsonl      their tokens, each with its log-probability and advantage
checkpoint-N/     from which the run can go on
best/             the model of the best evaluation so far: a link to best-a/ or best-b/
tensorboard/      TensorBoard's files
wandb/            the files of Weights & Biases
run_name          the run's name where it reports to
final/            the model, and environment.json: the environment's size and prompt that it is used to
.lock             who writes the folder, while a run does
"""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from safetensors import SafetensorError

from toolgym._files import WriteLock, write_whole
from toolgym.agents.policies.models import model_path
from toolgym.agents.training.differing import MAY_CHANGE
from toolgym.agents.training.sizing import unset
from toolgym.domain import Size
from toolgym.errors import ConfigError, ToolGymError
from toolgym.opening import takes
from toolgym.options import PROMPTS

__all__ = [
    "begin",
    "check_folder",
    "drop_later",
    "kept",
    "latest_checkpoint",
    "next_best",
    "one_writer",
    "point_to_best",
    "read_json",
    "read_number",
    "read_state",
    "save_settings",
    "settings_of",
    "step_of",
    "tell_settings",
    "writes",
]

C = TypeVar("C")
T = TypeVar("T")
_OPTIONS, _SETTINGS, _BEST = "config.json", "environment.json", "best"
_KEPT = {"size": get_args(Size), "prompt": PROMPTS}
"""What a model's folder keeps of the environment's options, and what each may be."""
TENSORBOARD, EPISODES, TOKENS = "tensorboard", "episodes.jsonl", "tokens.jsonl"
WANDB, RUN_NAME = "wandb", "run_name"
_SLOTS = ("best-a", "best-b")
"""Where the model that `best` is a link to lies: a new one is written into the other one."""


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file of a run or a model holds. Figures may be NaN.

    Raises:
        ConfigError: it is damaged; the message names the file.
        OSError: it cannot be read.
    """
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged: no JSON ({error})") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} is damaged: expected a JSON object, got {type(value).__name__}")
    return value


def read_number(path: Path, name: str) -> float:
    """The number of that name in a JSON file of a run; raises as `read_json`."""
    value = read_json(path).get(name)
    if not isinstance(value, int | float):
        raise ConfigError(f"{path} is damaged: {name} is {value!r:.50}, not a number")
    return value


def read_state(path: Path, learner: str, read: Callable[[dict[str, Any]], T]) -> T:
    """What `read` makes of a JSON file in which a learner keeps its own state, beside a checkpoint's weights.

    Raises:
        ConfigError: the file is not there, or damaged; the message names it.
    """
    if not path.is_file():
        raise ConfigError(f"{str(path.parent)!r} lacks {path.name}: it is no checkpoint of a {learner} run")
    held = read_json(path)
    try:
        return read(held)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} is damaged: {error!r:.100}") from error


@contextmanager
def one_writer(output: Path, resume: bool = False) -> Iterator[None]:
    """Keeps a run's folder for this run until it ends. Of several processes the first one does so, for all.

    Raises:
        LockedError: another run writes it; the message says which.
    """
    made = not output.is_dir()
    if int(os.environ.get("RANK", "0")) or (made and (resume or output.exists())):
        yield  # a share of another process's run; or `begin` is going to say what is wrong
        return
    output.mkdir(parents=True, exist_ok=True)
    try:
        with WriteLock(output):
            yield
    finally:
        if made:
            with suppress(OSError):  # it holds something
                output.rmdir()


def begin(config: Any, *made: Path) -> str | None:
    """Prepares the folder of a run; the checkpoint that it goes on from, None where it begins.

    Args:
        config: the run's options.
        made: the files of what it trains on, where it plays before its first step.

    Raises:
        ConfigError: the folder holds a run and neither `resume` nor `overwrite` is set, it is to resume and there is
            nothing that was kept, or the run there was begun with other options.
    """
    output = config.output
    check_folder(output)
    if config.resume:
        found = latest_checkpoint(output)
        if found is None and not any(file.is_file() for file in made):
            anew = "with --overwrite in its place" if output.is_dir() else "without --resume"
            raise ConfigError(f"nothing to resume: {str(output)!r} holds no checkpoint; begin anew, {anew}")
        _check_same(config)
    else:
        found = None
        model = Path(config.model)
        if config.overwrite and model.exists() and model.resolve().is_relative_to(output.resolve()):
            raise ConfigError(
                f"--overwrite would remove the model to begin from, {config.model!r}: give another --output"
            )
    if int(os.environ.get("RANK", "0")) == 0:
        if not config.resume:
            _clear(config, made)
        output.mkdir(parents=True, exist_ok=True)
        write_whole(output / _OPTIONS, json.dumps(_plain(config), indent=1) + "\n")
    return found


def check_folder(output: Path) -> None:
    """Raises where a run's folder cannot be made: before the model is loaded.

    Raises:
        ConfigError: it or one above it is a file, or may not be written to.
    """
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{str(output)!r} is a file; give a folder as --output")
    above = next((folder for folder in (output, *output.absolute().parents) if folder.exists()), Path())
    if not above.is_dir():
        raise ConfigError(f"cannot write to {str(output)!r}: {str(above)!r} is a file. Give another --output")
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(
            f"cannot write to {str(output)!r}: {str(above)!r} may not be written to. Give another --output"
        )


@contextmanager
def writes(output: Path) -> Iterator[None]:
    """Says in one error what goes wrong where a run writes into its folder.

    Raises:
        ConfigError: the folder cannot be made or written to, or the disk is full.
    """
    check_folder(output)
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if isinstance(error, ToolGymError) or not _of_writing(error, output):
            raise
        found = latest_checkpoint(output) if output.is_dir() else None
        rest = f"go on from {Path(found).name} with --resume" if found else "begin again, or give another --output"
        what = f"cannot write to {str(output)!r}: {_reason(error)}"
        raise ConfigError(f"{what}. Make room or allow it, and {rest}") from error


def _of_writing(error: Exception, output: Path) -> bool:
    """Whether an error is of writing a run's files: whatever wrote them, and in whichever language."""
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        if not isinstance(error.filename, str | Path) or (isinstance(error, FileNotFoundError) and output.is_dir()):
            return False  # a file that is not there was to be read
        named, folder = Path(error.filename).absolute(), output.absolute()
        return named.is_relative_to(folder) or folder.is_relative_to(named)
    text = str(error)
    return any(part in text for part in ("I/O error", "PytorchStreamWriter", "inline_container", "iostream error"))


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error).partition("\n")[0]


def latest_checkpoint(output: Path) -> str | None:
    """The folder of the latest whole checkpoint: one that a kill left half written is not. None where there is none."""
    from transformers.trainer import (
        TRAINER_STATE_NAME,  # here: it takes a second, and evaluation asks for no checkpoint
    )

    for folder in sorted(output.glob("checkpoint-*"), key=_number, reverse=True):
        try:
            read_json(folder / TRAINER_STATE_NAME)  # what is written last
        except (OSError, ConfigError):
            continue
        return str(folder)
    return None


def step_of(checkpoint: str | None) -> int:
    """The steps that a checkpoint has behind it; 0 where there is none."""
    return _number(Path(checkpoint)) if checkpoint else 0


def _number(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def _plain(config: Any) -> dict[str, Any]:
    """The options as they are in a file."""
    return _as_in_a_file(asdict(config))


def _as_in_a_file(options: Mapping[str, Any]) -> dict[str, Any]:
    text = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    return json.loads(json.dumps(text))


def _begun_with(output: Path) -> dict[str, Any] | None:
    """The options that the run in a folder was begun with; None where there is none."""
    return read_json(output / _OPTIONS) if (output / _OPTIONS).is_file() else None


def kept(config: C) -> C:
    """The options of a run that goes on: what was not given is what it began with, where that was not given either.

    So that a run means the same on another device and with other processes. How many episodes an on-policy run plays
    at once follows from what is there now.
    """
    options: Any = config
    there = (_begun_with(options.output) or {}) if options.resume else {}
    anew = ("concurrency",) if options.BY_SIZE.at_once is None else ()
    names = [name for name in unset(options) if name in there.get("derived", ()) and name not in anew]
    return replace(options, **{name: there[name] for name in names}, derived=(*options.derived, *names))


def _check_same(config: Any) -> None:
    there = _begun_with(config.output)
    if there is None:
        return
    given = _plain(config)
    there = _with_new_options(config, there)
    free = {*MAY_CHANGE, *(name for name in given["derived"] if name in there["derived"])}
    other = [
        f"{name}={there[name]!r}, not {given[name]!r}"
        for name in given
        if name not in free and there[name] != given[name] and not _same_folder(there[name], given[name])
    ]
    if other:
        raise ConfigError(
            f"{str(config.output)!r} holds a run with {'; '.join(other)}. Resume it with the same options, or give "
            "another --output"
        )


def _with_new_options(config: Any, there: dict[str, Any]) -> dict[str, Any]:
    """The options that a run was begun with, and those that this version has more: they were at their defaults then.

    A run of another algorithm has options that this one lacks, or none of those that are its own.

    Raises:
        ConfigError: so it is.
    """
    usual = {item.name: item.default for item in fields(config)}
    own = usual.keys() - {item.name for base in type(config).__bases__ if is_dataclass(base) for item in fields(base)}
    if there.keys() - usual.keys() or (own and not own & there.keys()):
        raise ConfigError(f"{str(config.output)!r} holds a run of another algorithm, or of another version of it")
    new = {name: value for name, value in usual.items() if name not in there}
    return {**_as_in_a_file(new), **there, "derived": [*there.get("derived", ()), *new]}


def _same_folder(one: Any, other: Any) -> bool:
    """Whether both name one folder or file, each in its way."""
    texts = isinstance(one, str) and isinstance(other, str)
    return texts and Path(one).exists() and Path(one).resolve() == Path(other).resolve()


def _clear(config: Any, made: Sequence[Path]) -> None:
    """Removes what an earlier run left, where that is wanted."""
    output = config.output
    files = ["final", "metrics.jsonl", "evaluations.jsonl", EPISODES, TOKENS, _BEST, *_SLOTS]
    found = [*output.glob("checkpoint-*"), *(output / name for name in files), *made]
    found = [path for path in found if path.is_symlink() or path.is_dir() or (path.is_file() and path.stat().st_size)]
    if found and not config.overwrite:
        raise ConfigError(
            f"{str(output)!r} holds a run ({found[0].name}): go on with it (--resume), begin anew (--overwrite), or "
            "give another --output"
        )
    reports = [output / name for name in (TENSORBOARD, WANDB, RUN_NAME)]
    for path in [*found, *(reports if config.overwrite else [])]:
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def drop_later(path: Path, last: int) -> None:
    """Leaves the lines of a run's JSON Lines file up to step `last`: the run is going to take the later ones again.

    A torn last line (its writer was killed) is dropped too. The file is there afterwards, whole at any moment.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        path.touch()
        return
    write_whole(path, (line for step, line in _steps(path) if step <= last))


def _steps(path: Path) -> Iterator[tuple[int, str]]:
    """(step, line) of a run's JSON Lines file, without a torn last line.

    Raises:
        ConfigError: a line is none of such a file.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                step = json.loads(line)["step"]  # not strict: figures may be NaN
                if type(step) is not int:
                    raise ValueError(f"its step is {step!r:.50}")
                yield step, line.decode()
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ConfigError(f"{path}, line {number}: no line of figures with a step ({error!r})") from error


def next_best(output: Path) -> Path:
    """An empty place for a model that is to become a run's `best`: beside the one that `best` is now."""
    best = output / _BEST
    now = best.readlink().name if best.is_symlink() else None
    free = output / next(slot for slot in _SLOTS if slot != now)
    _remove(free)
    return free


def point_to_best(folder: Path) -> None:
    """Makes a whole folder that `next_best` gave the run's `best`, in one step, and removes the one before."""
    best, link = folder.parent / _BEST, folder.parent / f"{_BEST}.part"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    if best.is_dir() and not best.is_symlink():  # a copy of the run, in which the link became a folder
        shutil.rmtree(best)
    link.replace(best)
    for slot in _SLOTS:
        if slot != folder.name:
            _remove(folder.parent / slot)


def save_settings(folder: Path, env: str, settings: Mapping[str, Any]) -> None:
    """Writes beside a model how the world looked that it was trained in."""
    kept = {name: settings[name] for name in _KEPT if name in settings}
    write_whole(folder / _SETTINGS, json.dumps({"env": env, **kept}, indent=1) + "\n")


def settings_of(model: str, env: str) -> dict[str, Any]:
    """The size and the prompt of an environment that a model was trained with, as far as the environment has them.

    Those of the built-in policy, whose context holds neither policy text nor schemas, are the small world and the short
    prompt. Empty for a model that says nothing. Nothing else is taken from a model's folder, which may be a stranger's.

    Raises:
        ConfigError: the folder's environment.json is damaged, or holds a size or a prompt that there is not.
    """
    said = _said(model)
    for name, value in said.items():
        if name in _KEPT and value not in _KEPT[name]:
            raise ConfigError(
                f"{_folder(model) / _SETTINGS}: {name} is {value!r:.50}; expected {' or '.join(map(repr, _KEPT[name]))}"
            )
    return {name: said[name] for name in _KEPT if name in said and takes(env, name)}


def tell_settings(model: str, env: str, given: Collection[str] = ()) -> None:
    """Prints what `settings_of` gives that was not given otherwise, and what was left alone, to stderr."""
    if int(os.environ.get("RANK", "0")):
        return
    taken = [f"{name}={value}" for name, value in settings_of(model, env).items() if name not in given]
    if taken:
        print(f"As {model} was trained: {', '.join(taken)}", file=sys.stderr)
    others = sorted(_said(model).keys() - _KEPT.keys() - {"env"})
    if others:
        file = _folder(model) / _SETTINGS
        print(
            f"{file} holds more than size and prompt, which is not taken: {', '.join(others)!r:.200}", file=sys.stderr
        )


def _folder(model: str) -> Path:
    return Path(model_path(model))


def _said(model: str) -> dict[str, Any]:
    """What a model's folder says of the environment."""
    folder = _folder(model)
    if (folder / _SETTINGS).is_file():
        return read_json(folder / _SETTINGS)
    return {"size": "small", "prompt": "short"} if (folder / "training.json").is_file() else {}
