"""Replays a corpus: every row once more in its environment, and all that is said of it compared with what comes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from toolgym.domain import Size, Split
from toolgym.env import ToolEnv
from toolgym.envs.planarena.corpus.alternatives import Alternative
from toolgym.envs.planarena.corpus.annotating import action_of, actions_of, annotate, json_text
from toolgym.envs.planarena.corpus.errors import first_difference, recovered
from toolgym.envs.planarena.corpus.format import Manifest, PartRecord, digest, read_manifest, read_part, read_rows
from toolgym.envs.planarena.corpus.parts import parts_of
from toolgym.envs.planarena.corpus.playing import SearchLimitError, State, new_env, start
from toolgym.envs.planarena.corpus.workers import each
from toolgym.errors import ToolGymError, TrajectoryError
from toolgym.observations import openai_tools
from toolgym.registration import make_domain
from toolgym.tasks import GoldAction, Task

__all__ = ["CheckReport", "Difference", "check_corpus", "check_row"]

_TASK: Final = ("request", "composition", "depth", "forbidden")
_MOST_TOLD: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs in a row or a file."""

    file: str
    row: str
    """The row's id; "" where the whole file is meant."""
    what: str


@dataclass(frozen=True)
class CheckReport:
    """What a check found."""

    rows: int
    """Rows that were replayed."""
    files: int
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


def check_corpus(folder: Path, jobs: int = 1, on_file: Callable[[int, int], None] | None = None) -> CheckReport:
    """Replays the rows of a corpus.

    Args:
        folder: the corpus.
        jobs: processes.
        on_file: called with the rows that were replayed and those there should be, after each file.

    Raises:
        ConfigError: it is no corpus, or one of another version.
    """
    manifest = read_manifest(folder)
    files = [f"{part.name}.{manifest.format}" for part in parts_of(manifest)]
    rows, found = 0, list(_files_amiss(folder, manifest, files))
    there = [name for name in files if (folder / "data" / name).is_file()]
    for count, differences in each(check_file, [(folder, name) for name in there], jobs):
        rows, found = rows + count, found + differences
        if on_file is not None:
            on_file(rows, manifest.trajectories)
    return CheckReport(rows, len(there), tuple(sorted(found, key=lambda each: (each.file, each.row))))


def _files_amiss(folder: Path, manifest: Manifest, files: Sequence[str]) -> Iterator[Difference]:
    """Files that are missing, and those that the manifest knows nothing of."""
    for name in files:
        if not (folder / "data" / name).is_file():
            yield Difference(name, "", "missing: the build was not finished (run it again)")
    for path in sorted((folder / "data").glob("*")):
        if path.name not in files:
            yield Difference(path.name, "", "no file of this corpus")


def check_file(folder: Path, name: str) -> tuple[int, list[Difference]]:
    """How many rows of a file were replayed, and what differs."""
    path, found, count = folder / "data" / name, list(_bytes_amiss(folder, name)), 0
    replayer = _Replayer()
    try:
        for row in read_rows(path):
            count += 1
            found += [Difference(name, str(row["id"]), what) for what in replayer.differences(row)]
    except TrajectoryError as error:
        found.append(Difference(name, "", str(error)))
    finally:
        replayer.close()
    return count, found[:_MOST_TOLD]


def _bytes_amiss(folder: Path, name: str) -> Iterator[Difference]:
    """Whether the file is not as it was written."""
    record: PartRecord | None = read_part(folder / "parts" / f"{Path(name).stem}.json")
    data = (folder / "data" / name).read_bytes()
    if record is None:
        yield Difference(name, "", "nothing is known of it: its record in parts/ is missing or damaged")
    elif len(data) < record.bytes:
        yield Difference(name, "", f"truncated: it has {len(data)} of the {record.bytes} bytes that were written")
    elif digest(data) != record.sha256:
        yield Difference(name, "", "it was changed since it was written (SHA-256)")


class _Replayer:
    """Replays rows, one scenario after another."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._env: ToolEnv | None = None
        self._given = ("", "")

    def differences(self, row: dict[str, Any]) -> list[str]:
        """What of a row is otherwise when it is played again."""
        try:
            env = self._env_of(row)
            task = env.domain.tasks(cast(Split, row["split"])).by_id(row["task"])
        except ToolGymError as error:
            return [f"its task cannot be made: {error}"]
        try:
            out = [
                f"{name}: not what the scenario has"
                for name, mine in zip(("policy", "tools"), self._given, strict=True)
                if row[name] != mine
            ]
            return out + check_row(env, task, row)
        except (ToolGymError, SearchLimitError, ValueError, TypeError, KeyError) as error:
            return [f"it cannot be replayed: {type(error).__name__}: {error}"]

    def _env_of(self, row: dict[str, Any]) -> ToolEnv:
        key = row["scenario"], row["size"]
        if key != self._key or self._env is None:
            self.close()
            domain = make_domain(row["scenario"], size=cast(Size, row["size"]))
            self._env, self._key = new_env(domain), key
            self._given = domain.policy(), json_text(openai_tools(self._env.tools))
        return self._env

    def close(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = None


def check_row(env: ToolEnv, task: Task, row: dict[str, Any]) -> list[str]:
    """What of a row differs from what its actions and alternatives do now, a sentence each.

    Args:
        env: of the row's scenario; it is reset.
        task: the row's.
        row: as it was read.

    Raises:
        ValueError: a field that cannot be understood.
    """
    actions = actions_of(row["messages"])
    stored = {decision["turn"]: decision["alternatives"] for decision in row["decisions"]}

    def choose(state: State, own: GoldAction, turn: int) -> list[Alternative]:
        return [
            Alternative(made["kind"], action_of(made["plan"], made["calls"], made["response"]))
            for made in stored.get(turn, ())
        ]

    body = annotate(start(env, task), actions, choose)
    out = [
        f"{name}: {row[name]!r:.80}, now {getattr(task, name)!r:.80}"
        for name in _TASK
        if row[name] != getattr(task, name)
    ]
    if row["plan"] != list(task.kind):
        out.append(f"plan: {row['plan']}, now {list(task.kind)}")
    if row["difficulty"] != len(task.gold_calls):
        out.append(f"difficulty: {row['difficulty']}, now {len(task.gold_calls)}")
    label = "positive" if body["outcome"] == "solved" else "negative"
    out += _differ("label", row["label"], label)
    for name in ("outcome", "messages", "steps", "decisions"):
        out += _differ(name, row[name], body[name])
    error = None if label == "positive" else _error_now(env, task, actions, body["steps"], row["error"])
    return out + _differ("error", row["error"], error)


def _error_now(
    env: ToolEnv, task: Task, actions: Sequence[GoldAction], steps: Iterable[dict[str, Any]], told: Any
) -> dict[str, Any]:
    """What can be said of a negative's first error by playing it; its kinds are the row's."""
    kind, then = (told["kind"], told["then"]) if told else ("", "")
    turn = first_difference(actions, task.gold)
    return {
        "kind": kind,
        "turn": turn,
        "place": round(turn / len(task.gold), 4),
        "lost": next((step["turn"] for step in steps if not step["solvable"]), -1),
        "recovers": recovered(start(env, task), actions, turn, kind),
        "then": then,
    }


def _differ(path: str, old: Any, new: Any) -> list[str]:
    """Where two JSON values differ, the first place alone."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return next(found for name in old if (found := _differ(f"{path}.{name}", old[name], new[name])))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return next(
            found for at, pair in enumerate(zip(old, new, strict=True)) if (found := _differ(f"{path}[{at}]", *pair))
        )
    return [f"{path}: {old!r:.80}, now {new!r:.80}"]
