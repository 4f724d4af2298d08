"""The episodes that a run learnt from, in a file that `toolgym show` reads, with their tokens for `toolgym view`.

A line of tokens.jsonl has the step, the episode's number among those of the step, and of each token after the opening
(T): `ids`, `texts`, `mask` (1: sampled by the policy, and trained on), `logprobs`, `types` and `advantages`; `spans`
are the tokens of each step's action.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from toolgym._files import append_line, is_whole
from toolgym.agents.policies.tokenizer import token_ends
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.errors import TrajectoryError
from toolgym.opening import WORLD_OPTIONS
from toolgym.trajectory import TrajectoryWriter
from toolgym.trajectory._lines import load_line

__all__ = ["RecordEpisodes"]


class RecordEpisodes(TrainerCallback):
    """Appends the episodes of every batch to a trajectory file; `meta["step"]` is the step that first learnt from them,
    `meta["update"]` the number of the update whose weights sampled them.

    Their tokens go to `tokens.jsonl` beside it.

    Those in which nothing was played, because the infrastructure failed, are left out.

    Args:
        trainer: a `ToolTrainer`.
        path: the file.
        env_options: of the environment; those that choose the world are kept with each episode.
    """

    def __init__(self, trainer: Any, path: Path, env_options: Mapping[str, Any] | None = None):
        self.trainer, self.path = trainer, path
        self._world = {name: value for name, value in (env_options or {}).items() if name in WORLD_OPTIONS}
        self._tokens = path.with_name("tokens.jsonl")
        self._pieces: dict[int, str] = {}
        self._written: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Cuts off the episodes of steps that the run is going to take again."""
        if state.is_world_process_zero:
            cut_later(self.path, state.global_step)
            _cut_tokens(self._tokens, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Writes the step's episodes, where they are new."""
        latest = self.trainer.latest
        if latest is self._written or not state.is_world_process_zero:
            return
        self._written = latest
        with TrajectoryWriter(self.path) as writer:
            for episode in latest:
                if episode.trajectory is not None and episode.spans:
                    meta = {**episode.trajectory.meta, "step": state.global_step, "update": episode.update}
                    if self._world:
                        meta["world"] = self._world
                    # The policy's side may have ended it: a full context.
                    ended = {"outcome": episode.outcome, "truncation": episode.truncation}
                    writer.write(replace(episode.trajectory, **ended, meta=meta))
        lines = list(self._lines(latest, state.global_step))
        if lines:
            append_line(self._tokens, "\n".join(lines))

    def _lines(self, latest: list[Rollout], step: int) -> Iterator[str]:
        """The lines of tokens.jsonl of the episodes that were written."""
        advantages = self.trainer.latest_advantages
        number = 0
        for row, episode in enumerate(latest):
            if episode.trajectory is None or not episode.spans:
                continue
            count = len(episode.completion_ids)
            own = [] if advantages is None else advantages[row].float().reshape(-1).tolist()
            own = own * count if len(own) == 1 else own
            yield json.dumps(
                {
                    "step": step,
                    "episode": number,
                    "ids": episode.completion_ids,
                    "texts": self._texts(episode.completion_ids),
                    "mask": episode.env_mask,
                    "logprobs": [round(value, 5) for value in episode.logprobs],
                    "types": episode.types,
                    "advantages": [float(f"{value:.5g}") for value in own[:count]],
                    "spans": episode.spans,
                },
                separators=(",", ":"),
            )
            number += 1

    def _texts(self, ids: list[int]) -> list[str]:
        """The text of each token: that of the token alone, where these make up the whole."""
        tokenizer = self.trainer.processing_class
        for id in set(ids) - self._pieces.keys():
            self._pieces[id] = tokenizer.decode([id], skip_special_tokens=False)
        texts = [self._pieces[id] for id in ids]
        whole = tokenizer.decode(ids, skip_special_tokens=False)
        if "".join(texts) == whole:
            return texts
        whole, ends = token_ends(tokenizer, ids)
        return [whole[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _cut_tokens(path: Path, last: int) -> None:
    """Shortens a file of tokens to the lines of steps up to `last`, and by a torn last line."""
    if not path.is_file():
        return
    keep = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                if json.loads(line)["step"] > last:
                    break
            except (ValueError, TypeError, KeyError) as error:
                raise TrajectoryError(f"{path}, line {number}: no line of tokens ({error!r})") from error
            keep += len(line)
    os.truncate(path, keep)


def cut_later(path: Path, last: int) -> None:
    """Shortens a file of `RecordEpisodes` to the episodes of steps up to `last`, and by a torn last line."""
    if not path.is_file():
        return
    keep = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n") and not is_whole(line):
                break
            try:
                record = load_line(line)
                later = record["type"] == "episode" and record["meta"]["step"] > last
            except (ValueError, TypeError, KeyError) as error:
                raise TrajectoryError(f"{path}, line {number}: no record of a run's episodes ({error!r})") from error
            if later:
                break
            keep += len(line)
    os.truncate(path, keep)
