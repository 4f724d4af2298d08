"""The folder of a run: its options, its checkpoints, and what its final model was trained with.

config.json       the options
metrics.jsonl     a line a step
evaluations.jsonl a line an evaluation
episodes.jsonl    the episodes that it learnt from
checkpoint-N/     from which the run can go on
best/             the model of the best evaluation so far: a link to best-a/ or best-b/
tensorboard/      TensorBoard's files
final/            the model, and environment.json: the environment's options that it is used to
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from transformers.trainer import TRAINER_STATE_NAME

from toolgym.agents.policies.models import model_path
from toolgym.agents.training.sizing import unset
from toolgym.errors import ConfigError, ToolGymError
from toolgym.opening import takes

__all__ = [
    "begin",
    "drop_later",
    "kept",
    "latest_checkpoint",
    "next_best",
    "point_to_best",
    "save_settings",
    "settings_of",
    "step_of",
    "writes",
]

C = TypeVar("C")
_OPTIONS, _SETTINGS, _BEST = "config.json", "environment.json", "best"
TENSORBOARD, EPISODES = "tensorboard", "episodes.jsonl"
_SLOTS = ("best-a", "best-b")
"""Where the model that `best` is a link to lies: a new one is written into the other one."""
_MAY_DIFFER = (
    "concurrency",
    "derived",
    "env_steps",
    "env_workers",
    "eval_episodes",
    "eval_split",
    "eval_steps",
    "eval_temperature",
    "gradient_checkpointing",
    "micro_batch",
    "output",
    "overwrite",
    "progress",
    "record",
    "report_to",
    "resume",
    "save_steps",
    "steps",
    "threads",
    "vllm",
    "vllm_weights",
)
"""What a resumed run may have other than it began with."""


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
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{str(output)!r} is a file; give a folder as --output")
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
        (output / _OPTIONS).write_text(json.dumps(_plain(config), indent=1) + "\n", encoding="utf-8")
    return found


@contextmanager
def writes(output: Path) -> Iterator[None]:
    """Says in one error what goes wrong where a run writes into its folder.

    Raises:
        ConfigError: the folder cannot be made or written to, or the disk is full.
    """
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
    for folder in sorted(output.glob("checkpoint-*"), key=_number, reverse=True):
        try:
            json.loads((folder / TRAINER_STATE_NAME).read_text(encoding="utf-8"))  # what is written last
        except (OSError, ValueError):
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
    text = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(config).items()}
    return json.loads(json.dumps(text))


def _begun_with(output: Path) -> dict[str, Any] | None:
    """The options that the run in a folder was begun with; None where there is none that can be read."""
    try:
        return json.loads((output / _OPTIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


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
    if given.keys() != there.keys():
        raise ConfigError(f"{str(config.output)!r} holds a run of another algorithm, or of another version of it")
    free = {*_MAY_DIFFER, *(name for name in given["derived"] if name in there["derived"])}
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


def _same_folder(one: Any, other: Any) -> bool:
    """Whether both name one folder or file, each in its way."""
    texts = isinstance(one, str) and isinstance(other, str)
    return texts and Path(one).exists() and Path(one).resolve() == Path(other).resolve()


def _clear(config: Any, made: Sequence[Path]) -> None:
    """Removes what an earlier run left, where that is wanted."""
    output = config.output
    files = ["final", "metrics.jsonl", "evaluations.jsonl", EPISODES, _BEST, *_SLOTS]
    found = [*output.glob("checkpoint-*"), *(output / name for name in files), *made]
    found = [path for path in found if path.is_symlink() or path.is_dir() or (path.is_file() and path.stat().st_size)]
    if found and not config.overwrite:
        raise ConfigError(
            f"{str(output)!r} holds a run ({found[0].name}): go on with it (--resume), begin anew (--overwrite), or "
            "give another --output"
        )
    for path in [*found, *([output / TENSORBOARD] if config.overwrite else [])]:
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
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= last]
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".part")
    whole.write_text("".join(kept), encoding="utf-8")
    whole.replace(path)


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
    kept = {name: settings[name] for name in ("size", "prompt") if name in settings}
    (folder / _SETTINGS).write_text(json.dumps({"env": env, **kept}, indent=1) + "\n", encoding="utf-8")


def settings_of(model: str, env: str) -> dict[str, Any]:
    """The options of an environment that a model was trained with, as far as the environment has them.

    Those of the built-in policy, whose context holds neither policy text nor schemas, are the small world and the short
    prompt. Empty for a model that says nothing.
    """
    folder = Path(model_path(model))
    settings: dict[str, Any] = {}
    if (folder / _SETTINGS).is_file():
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    elif (folder / "training.json").is_file():
        settings = {"size": "small", "prompt": "short"}
    return {name: value for name, value in settings.items() if name != "env" and takes(env, name)}
