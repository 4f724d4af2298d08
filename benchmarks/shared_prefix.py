"""What shared prefixes save in the loss: tokens a second of forward and backward, shared beside apart, on real batches.

    python -m benchmarks.shared_prefix                            # tree, vine and group batches of the built-in policy
    python -m benchmarks.shared_prefix --rounds 1 --json
    python -m benchmarks.shared_prefix --width 512 --layers 6     # a larger random model on the same episodes
    python -m benchmarks.shared_prefix --cpu-time                 # on a machine that others keep busy

`builtin:imperfect` plays episodes of each kind in the small airline: trees of several depths and branchings (how
many of a group begin at the opening; the others fork off), and groups, whose episodes are GRPO's and vine's alike:
vine's continuations give values and are not in the loss. The loss of a batch, of log-probabilities and entropies, is
computed with rows apart, sorted by length, and shared, by turns. Tokens are those of all rows, so the ratio of tokens a
second is that of the seconds. Memory is the most that the process grows by during a pass, over all micro-batches.
"""

import argparse
import gc
import json
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import torch
from rich.console import Console
from rich.table import Table
from transformers import PreTrainedModel
from trl.trainer.utils import add_fused_lm_head

from toolgym.agents.builtin import build_tokenizer, new_model
from toolgym.agents.builtin.policy import ModelOptions
from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.policies.machine import release_memory
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.rollouts import Rollout
from toolgym.agents.training.prefix_sharing import PrefixSharing, at_left
from toolgym.agents.training.running import RunConfig, prepare
from toolgym.agents.training.trainer import by_length
from toolgym.agents.tree import TreeOptions, TreeTrainer

ROWS = 16
"""Of a micro-batch."""
BATCHES: dict[str, tuple[type[RunConfig], Any, dict[str, Any]]] = {
    "tree, 4 of 8 roots": (TreeOptions, TreeTrainer, {"rollouts": 8}),
    "tree, 2 of 8 roots": (TreeOptions, TreeTrainer, {"rollouts": 8, "roots": 2}),
    "tree, 2 of 4 roots": (TreeOptions, TreeTrainer, {"rollouts": 4}),
    "vine, groups of 2": (RunConfig, None, {"rollouts": 2}),
    "vine or GRPO, groups of 8": (RunConfig, None, {"rollouts": 8}),
}


def play(kind: tuple[type[RunConfig], Any, dict[str, Any]], episodes: int, seed: int) -> list[Rollout]:
    """A batch of episodes, as a run's first step would have it."""
    options, trainer, shape = kind
    more = {**shape, "groups": episodes // shape["rollouts"]}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        quiet()
        config = options(output=Path(folder), threads=1, progress=False, steps=1, save_steps=1, seed=seed, **more)
        made = prepare(config, grpo_advantages, trainer=trainer and partial(trainer, options=config))
        made._begin_batch(config.groups * config.rollouts)
        return made.play([task for task in made.order for _ in range(config.rollouts)])


def micro_batches(episodes: Sequence[Rollout]) -> list[dict[str, Any]]:
    """The batch as TRL hands it to the loss: prompts padded on the left, completions on the right."""
    prompt, completion = (max(len(getattr(one, name)) for one in episodes) for name in ("prompt_ids", "completion_ids"))

    def padded(values: Sequence[int], width: int, left: bool) -> list[int]:
        fill = [0] * (width - len(values))
        return fill + list(values) if left else list(values) + fill

    columns = {
        "prompt_ids": [padded(one.prompt_ids, prompt, True) for one in episodes],
        "prompt_mask": [padded([1] * len(one.prompt_ids), prompt, True) for one in episodes],
        "completion_ids": [padded(one.completion_ids, completion, False) for one in episodes],
        "completion_mask": [padded([1] * len(one.completion_ids), completion, False) for one in episodes],
        "advantages": [padded(one.env_mask, completion, False) for one in episodes],
    }
    whole = {name: torch.tensor(rows) for name, rows in columns.items()}
    return [{name: rows[at : at + ROWS] for name, rows in whole.items()} for at in range(0, len(episodes), ROWS)]


def loss_of(model: PreTrainedModel, sharing: PrefixSharing, batch: dict[str, Any]) -> tuple[torch.Tensor, float]:
    """The mean log-probability and entropy of the sampled tokens of a micro-batch, and the share of tokens saved."""
    ids, lengths, labels = rows_of(batch)
    trie = sharing.trie(model, ids, lengths)
    out: Any = (
        model(input_ids=ids, labels=labels, fused_lm_head=True)
        if trie is None
        else sharing.scores(model, trie, ids, labels)
    )
    return (out.log_probs + out.entropy).mean(), 0.0 if trie is None else trie.saved


def rows_of(batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids at the left edge, lengths, and labels: the completions."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    moved, lengths, _ = at_left(ids, mask)
    moved = moved[:, : int(lengths.max())]
    columns = torch.arange(moved.shape[1])
    scored = (columns >= batch["prompt_mask"].sum(1)[:, None]) & (columns < lengths[:, None])
    return moved, lengths, moved.masked_fill(~scored, -100)


class Peak:
    """The most that the process's memory grows by, looked at every 10 ms."""

    def __enter__(self) -> "Peak":
        gc.collect()
        release_memory()
        self._process, self._over = psutil.Process(), threading.Event()
        self._began = self._most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self._most = max(self._most, self._process.memory_info().rss)

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._thread.join()

    @property
    def mib(self) -> float:
        """In MiB."""
        return (self._most - self._began) / 2**20


def run(
    model: PreTrainedModel, mode: Any, batches: list[dict[str, Any]], now: Callable[[], float]
) -> tuple[float, float, float]:
    """Seconds of all micro-batches, the share of tokens saved, and the peak of memory in MiB."""
    sharing = PrefixSharing(mode)
    sharing.trie(model, *rows_of(batches[0])[:2])  # what is tried once is not counted
    saved, tokens = 0.0, 0
    with Peak() as peak:
        began = now()
        for batch in sharing.in_order(model, batches, by_length(batches)):
            model.zero_grad()
            loss, share = loss_of(model, sharing, batch)
            loss.backward()
            count = int(batch["prompt_mask"].sum() + batch["completion_mask"].sum())
            saved, tokens = saved + share * count, tokens + count
            del loss
        seconds = now() - began
    return seconds, saved / tokens, peak.mib


def measure(
    models: dict[str, PreTrainedModel],
    kinds: Sequence[str],
    count: int,
    rounds: int,
    now: Callable[[], float],
    seed: int,
) -> list[dict[str, Any]]:
    """A row for each batch and model: medians over the rounds, with quarter points of the ratio."""
    out = []
    for kind in kinds:
        episodes = play(BATCHES[kind], count, seed)
        batches = micro_batches(episodes)
        tokens = sum(len(one.prompt_ids) + len(one.completion_ids) for one in episodes)
        for name, model in models.items():
            found: dict[str, list[tuple[float, float, float]]] = {"off": [], "auto": []}
            for _ in range(rounds):
                for mode, kept in found.items():
                    kept.append(run(model, mode, batches, now))
            apart, shared = (np.array(kept) for kept in found.values())
            ratios = apart[:, 0] / shared[:, 0]
            out.append(
                {
                    "batch": kind,
                    "model": name,
                    "tokens": tokens,
                    "shared_tokens": float(shared[0, 1]),
                    "tokens_per_s": tokens / statistics.median(shared[:, 0]),
                    "tokens_per_s_apart": tokens / statistics.median(apart[:, 0]),
                    "ratio": statistics.median(ratios),
                    "ratio_from": float(np.quantile(ratios, 0.25)),
                    "ratio_to": float(np.quantile(ratios, 0.75)),
                    "peak_mib": float(np.median(shared[:, 2])),
                    "peak_mib_apart": float(np.median(apart[:, 2])),
                }
            )
    return out


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Bars of tokens a second, shared beside apart, with the ratio; of the first model."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in rows if row["model"] == rows[0]["model"]]
    figure, axes = pyplot.subplots(figsize=(7.4, 3.2), layout="constrained")
    at = np.arange(len(rows))
    axes.bar(at - 0.2, [row["tokens_per_s_apart"] for row in rows], 0.38, label="each row apart")
    bars = axes.bar(at + 0.2, [row["tokens_per_s"] for row in rows], 0.38, label="prefixes shared")
    axes.bar_label(bars, [f"{row['ratio']:.1f}x" for row in rows], fontsize=8)
    axes.set_xticks(at, [row["batch"].replace(", ", "\n") for row in rows], fontsize=8)
    axes.set_ylabel("tokens/s of the loss")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def models_of(width: int, layers: int) -> dict[str, PreTrainedModel]:
    """The built-in policy and, where asked for, a larger random model of its kind."""
    policy, _ = load_model("builtin:imperfect")
    models = {"builtin:imperfect": policy}
    if width:
        shape = ModelOptions(width, 3 * width, layers, heads=width // 64, kv_heads=width // 128)
        models[f"{layers} layers of {width}"] = new_model(build_tokenizer(), shape)
    for model in models.values():
        add_fused_lm_head(model, outputs=("log_probs", "entropy"))
        model.train()
    return models


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often both are measured, by turns")
    parser.add_argument("--episodes", type=int, default=32, help="of a batch")
    parser.add_argument("--only", nargs="+", choices=BATCHES, default=list(BATCHES), metavar="BATCH", help="which")
    parser.add_argument("--width", type=int, default=0, help="hidden size of a larger random model; 0: none")
    parser.add_argument("--layers", type=int, default=6, help="of the larger model")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--seed", type=int, default=0, help="of the episodes")
    parser.add_argument("--cpu-time", action="store_true", help="without what other processes take of the machine")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the table to this PNG")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    now = time.process_time if chosen.cpu_time else time.perf_counter
    models = models_of(chosen.width, chosen.layers)
    rows = measure(models, chosen.only, chosen.episodes, chosen.rounds, now, chosen.seed)
    if chosen.plot is not None:
        plot(rows, chosen.plot)
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(title=f"The loss of {chosen.episodes} episodes, {ROWS} a micro-batch", title_justify="left")
    for name in ("batch", "model", "tokens", "saved", "tokens/s", "apart", "ratio", "peak, MiB", "apart"):
        table.add_column(name, justify="left" if name in ("batch", "model") else "right")
    for row in rows:
        table.add_row(
            row["batch"],
            row["model"],
            f"{row['tokens']:,}",
            f"{row['shared_tokens']:.0%}",
            f"{row['tokens_per_s']:,.0f}",
            f"{row['tokens_per_s_apart']:,.0f}",
            f"{row['ratio']:.2f} ({row['ratio_from']:.2f} to {row['ratio_to']:.2f})",
            f"{row['peak_mib']:,.0f}",
            f"{row['peak_mib_apart']:,.0f}",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
