"""A unit of the learning benchmark: one training and its evaluation, each made once and kept in files.

A unit's folder holds what `toolgym train` writes there, `train.log`, `trained.json` (what the training cost) and
`evaluation.json`. A file appears whole or not at all, so that others may read while units are made.
"""

import gc
import json
import os
import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from toolgym.agents.evaluation import AgentOptions, EpisodeScore, EvalOptions, evaluate
from toolgym.agents.training import registry

__all__ = ["drop_checkpoints", "measure", "publish", "train", "write_json"]

_PUBLISHED = ("step", "env_steps", "solved", "reward", "turns", "loss", "eval_loss", "grad_norm", "entropy", "kl")
_PUBLISHED_GROUPS = ("awpo/", "clip_ratio/", "dupo/", "dynamic/", "expert/", "toolupt/", "tree/", "value/", "vine/")
_PUBLISHED_TOO = ("clip_share", "kl_coefficient", "unscored")
"""What is kept of a line of metrics: by name, or by its group: whether an algorithm's mechanism acted."""


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def train(algo: str, words: Sequence[str], folder: Path) -> None:
    """Trains in this process where that is not done, from the last checkpoint where there is one.

    Raises:
        RuntimeError: the training failed; its last words.
    """
    done = folder / "trained.json"
    if done.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    resumed = any(folder.glob("checkpoint-*"))
    started, computed = time.monotonic(), time.process_time()
    with (folder / "train.log").open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        words = [*words, "--resume" if resumed else "--overwrite"]
        print(f"toolgym train --algo {algo}", *words, flush=True)
        try:
            registry.main(algo, words)
        except (Exception, SystemExit) as error:
            if not isinstance(error, SystemExit):  # argparse has said why before it exits
                traceback.print_exc()
            log.flush()
            last = (folder / "train.log").read_text(encoding="utf-8").strip().splitlines()[-5:]
            raise RuntimeError(f"{folder}\n" + "\n".join(last)) from None
    gc.collect()
    cost = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - computed}
    # What an interrupted attempt had cost is not known.
    known = dict.fromkeys(cost) if resumed else {name: round(value, 1) for name, value in cost.items()}
    write_json(done, {"algo": algo, "bf16": "--bf16" in words, **known})


def drop_checkpoints(folder: Path) -> None:
    """Removes what only an interrupted training needs."""
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)


def measure(
    model: str,
    path: Path,
    *,
    env: str,
    env_options: Mapping[str, Any],
    split: str,
    episodes: int,
    k: int,
    max_new_tokens: int,
    threads: int | None,
) -> dict[str, Any]:
    """The evaluation of a model, made once and kept at `path`: the report, and each trial's success by task."""
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    from toolgym.agents.policies import LMPolicy, SamplingOptions
    from toolgym.agents.policies.machine import set_threads

    set_threads(threads)
    scores: list[EpisodeScore] = []
    started, computed = time.monotonic(), time.process_time()
    policy = LMPolicy.load(model, SamplingOptions(max_new_tokens=max_new_tokens, context_tokens=1536), seed=0)
    report = evaluate(
        policy,
        EvalOptions(
            env_id=env,
            split=split,
            episodes=episodes,
            k=k,
            env_options=env_options,
            agent=AgentOptions(concurrency=64),
        ),
        agent=model,
        on_episode=lambda score, total: scores.append(score),
    )
    solved: dict[str, list[bool]] = {}
    for score in sorted(scores, key=lambda score: (score.task_id, score.trial)):
        solved.setdefault(score.task_id, [])
        if score.counts:
            solved[score.task_id].append(score.solved)
    cost = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - computed}
    out = {
        "report": report.to_json(),
        "solved": solved,
        "cost": {name: round(value, 1) for name, value in cost.items()},
    }
    write_json(path, out)
    return out


def publish(source: Path, target: Path) -> None:
    """Copies what a report is made of, without models, logs and the figures that it does not read: 8 kB a unit."""
    shutil.copy(source / "options.json", _made(target) / "options.json")
    for unit in (source / "start", *sorted(source.glob("*/rate-*")), *sorted(source.glob("*/seed-*"))):
        if not (unit / "evaluation.json").is_file():
            continue
        to = _made(target / unit.relative_to(source))
        out = json.loads((unit / "evaluation.json").read_text(encoding="utf-8"))
        report = {name: value for name, value in out["report"].items() if name not in ("by_kind", "intervals")}
        report["agent"] = Path(report["agent"]).name
        report["by_depth"] = {depth: {"pass@1": of["pass@1"]} for depth, of in report["by_depth"].items()}
        text = json.dumps({**out, "report": report}, separators=(",", ":"))
        (to / "evaluation.json").write_text(text + "\n", encoding="utf-8")
        if (unit / "trained.json").is_file():
            shutil.copy(unit / "trained.json", to / "trained.json")
        if unit.name.startswith("seed-") and (unit / "metrics.jsonl").is_file():
            lines = [json.loads(line) for line in (unit / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
            (to / "metrics.jsonl").write_text("".join(map(_published_line, lines)), encoding="utf-8")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _published_line(line: Mapping[str, Any]) -> str:
    told = [name for name in line if name in _PUBLISHED_TOO or name.startswith(_PUBLISHED_GROUPS)]
    kept = {name: line[name] for name in (*_PUBLISHED, *told) if name in line}
    rounded = {name: round(value, 6) if isinstance(value, float) else value for name, value in kept.items()}
    return json.dumps(rounded, separators=(",", ":")) + "\n"
