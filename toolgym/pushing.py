"""`toolgym push`: episodes, corpora and models to the Hugging Face hub, each with a card that says what it is."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from toolgym.errors import ConfigError, ToolGymError
from toolgym.hub_files import Address

__all__ = ["CARD", "Parcel", "pack", "push"]

CARD = "README.md"
Kind = Literal["model", "dataset"]
_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_MODEL_FILES = ("config.json", "adapter_config.json")
_WEIGHTS = (".safetensors", ".bin", ".gguf")
_EPISODES = (".jsonl", ".parquet")
_LEFT_OUT = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth")
"""Pickles and states of optimizers: nothing that a reader of a model needs, and what nobody should load."""
_RUN_FILES = ("metrics.jsonl", "evaluations.jsonl", "trained.json")
_OWN_PATHS = ("output", "data", "resume", "vllm", "vllm_weights")
"""Options of a run that tell of the machine on which it was."""


@dataclass
class Parcel:
    """What would be pushed: files by their place in the repository, and texts that are made for it."""

    kind: Kind
    files: dict[str, Path] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """The card, where the folder has none, and what is told of a run."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(path.stat().st_size for path in self.files.values()) + sum(
            len(text.encode()) for text in self.texts.values()
        )


def pack(path: Path, repo: str, licence: str | None = None) -> Parcel:
    """Finds out what a file or folder is, and what of it is pushed.

    Args:
        path: a run's folder (its final model, options and figures), a model's folder, a corpus, or episodes.
        repo: where to: `USER/NAME`.
        licence: the licence that the card names, as the hub writes it (`apache-2.0`).

    Raises:
        ConfigError: there is nothing that can be pushed, or no such repository can be.
    """
    if not _REPO.fullmatch(repo):
        raise ConfigError(f"a repository is USER/NAME, not {repo!r:.100}")
    if path.is_file():
        parcel = Parcel("dataset", {path.name: path})
    elif not path.is_dir():
        raise ConfigError(f"{str(path)!r} is neither a file nor a folder")
    elif (path / "final").is_dir() and (path / "metrics.jsonl").is_file():
        parcel = Parcel("model", dict(_files(path / "final")))
        for name in _RUN_FILES:
            if (path / name).is_file():
                parcel.files[f"run/{name}"] = path / name
        parcel.texts["run/config.json"] = json.dumps(_options(path), indent=1) + "\n"
    else:
        files = dict(_files(path))
        is_model = any(name in files for name in _MODEL_FILES) and any(name.endswith(_WEIGHTS) for name in files)
        parcel = Parcel("model" if is_model else "dataset", files)
    if parcel.kind == "dataset" and not any(name.endswith(_EPISODES) for name in parcel.files):
        raise ConfigError(
            f"{str(path)!r} holds neither a model (config.json and weights) nor episodes (.jsonl, .parquet)"
        )
    if CARD not in parcel.files:
        name = repo.partition("/")[2]
        made = _model_card if parcel.kind == "model" else _dataset_card
        parcel.texts[CARD] = made(path, name, parcel, licence)
    elif licence is not None:
        raise ConfigError(f"{str(path)!r} has a card of its own ({CARD}): write the licence there")
    return parcel


def push(
    parcel: Parcel,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str = "Pushed by toolgym",
) -> str:
    """Makes the repository where it is not there, and commits all files at once; returns where they are.

    Args:
        parcel: see `pack`.
        repo: `USER/NAME`.
        private: whether a new repository is seen by its owner alone.
        revision: a branch, made where it is not there.
        message: of the commit.

    Raises:
        ConfigError: nobody is logged in, it is not allowed, or the hub cannot be reached.
    """
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
    except ImportError as error:
        raise ConfigError(f"a push needs the hub's library: pip install huggingface_hub ({error})") from error
    api = HfApi(library_name="toolgym")
    operations = [CommitOperationAdd(name, path) for name, path in sorted(parcel.files.items())]
    operations += [CommitOperationAdd(name, text.encode()) for name, text in sorted(parcel.texts.items())]
    try:
        api.create_repo(repo, repo_type=parcel.kind, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo, branch=revision, repo_type=parcel.kind, exist_ok=True)
        api.create_commit(repo, operations, commit_message=message, repo_type=parcel.kind, revision=revision)
    except LocalTokenNotFoundError as error:
        raise ConfigError("nobody is logged in to the hub: run `hf auth login`, or set HF_TOKEN") from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        hint = ": log in (`hf auth login`, or HF_TOKEN) as somebody who may write there" if status in (401, 403) else ""
        raise ConfigError(f"cannot push to {repo}: {' '.join(str(error).split())[:300]}{hint}") from error
    return str(Address(parcel.kind, repo, revision, ""))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """What of a folder is pushed, by its place in it: nothing hidden, no locks, no checkpoints to go on from."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") or part.startswith("checkpoint-") for part in inside.parts)
        if path.is_symlink() or not path.is_file() or hidden or path.suffix == ".lock" or path.name in _LEFT_OUT:
            continue
        yield inside.as_posix(), path


def _options(run: Path) -> dict[str, Any]:
    """The options of a run, without what tells of the machine."""
    try:
        options = json.loads((run / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"the options of the run {str(run)!r} cannot be read: {error}") from error
    kept = {name: value for name, value in options.items() if name not in _OWN_PATHS}
    if isinstance(kept.get("model"), str) and Path(kept["model"]).is_absolute():
        kept["model"] = Path(kept["model"]).name
    return kept


def _front(fields: dict[str, Any]) -> str:
    return f"---\n{yaml.safe_dump({k: v for k, v in fields.items() if v}, sort_keys=False, allow_unicode=True)}---\n"


def _dataset_card(path: Path, name: str, parcel: Parcel, licence: str | None) -> str:
    """What is in files of episodes: how many of which environment, and how they ended."""
    from toolgym.trajectory.files import iterate_trajectories

    rows, outcomes = Counter(), Counter()
    for inside, file in sorted(parcel.files.items()):
        if not inside.endswith(".jsonl"):
            continue
        try:
            for _, episode in iterate_trajectories(file):
                rows[inside, episode.env_id, str(episode.meta.get("split", ""))] += 1
                outcomes[inside, episode.env_id, str(episode.outcome or "unfinished")] += 1
        except ToolGymError:
            continue  # lines of another kind: nothing is said of them
    formats = {"jsonl": "*.jsonl", "parquet": "**/*.parquet"}
    data = [glob for ending, glob in formats.items() if any(file.endswith(ending) for file in parcel.files)]
    front = _front(
        {
            "license": licence,
            "pretty_name": name,
            "task_categories": ["text-generation"],
            "tags": ["toolgym", "tool-use", "function-calling", "mcp", "trajectories"],
            "configs": [{"config_name": "default", "data_files": data}],
        }
    )
    lines = [front, f"# {name}\n", "Episodes of tool use in [ToolGym](https://pypi.org/project/toolgym/).\n"]
    if rows:
        lines.append("| file | environment | split | episodes | solved |\n|---|---|---|---|---|")
        for (file, env, split), count in sorted(rows.items()):
            solved = outcomes[file, env, "solved"]
            lines.append(f"| {_cell(file)} | {_cell(env)} | {_cell(split)} | {count} | {solved} |")
        first = next(iter(sorted(rows)))[0]
        lines.append(f"\n```bash\ntoolgym show hf://datasets/USER/{name}/{first}\n```")
    return "\n".join(lines) + "\n"


def _model_card(path: Path, name: str, parcel: Parcel, licence: str | None) -> str:
    """What a model was trained from and in, and how it was evaluated, as far as its folder tells."""
    options = json.loads(parcel.texts["run/config.json"]) if "run/config.json" in parcel.texts else {}
    base = options.get("model")
    on_hub = isinstance(base, str) and "/" in base and not Path(base).exists()
    front = _front(
        {
            "license": licence,
            "library_name": "peft" if "adapter_config.json" in parcel.files else "transformers",
            "base_model": base if on_hub else None,
            "pipeline_tag": "text-generation",
            "tags": ["toolgym", "tool-use", "function-calling", "mcp"],
        }
    )
    lines = [front, f"# {name}\n"]
    if options:
        told = [("begun from", base), ("environment", options.get("env")), ("reward", options.get("reward"))]
        told += [(label, options.get(key)) for label, key in (("steps", "steps"), ("seed", "seed"))]
        lines.append("Trained to use tools in [ToolGym](https://pypi.org/project/toolgym/).\n")
        lines.append("| | |\n|---|---|")
        lines += [f"| {label} | {_cell(value)} |" for label, value in told if value is not None]
    lines += _evaluations(path / "evaluations.jsonl")
    lines.append(
        f"\n```bash\ntoolgym eval --agent hf:USER/{name} --env {options.get('env', 'ToolGym/Airline-v0')}\n```"
    )
    return "\n".join(lines) + "\n"


def _evaluations(path: Path) -> list[str]:
    """The latest evaluation of a run, as a table."""
    try:
        found = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return []
    figures = {name: value for name, value in found.items() if isinstance(value, int | float)}
    if not figures:
        return []
    rows = [f"| {_cell(label)} | {value:.4g} |" for label, value in figures.items()]
    return ["\nThe latest evaluation of the run:\n", "| | |\n|---|---|", *rows]


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
