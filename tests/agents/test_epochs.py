"""Orders: a run on made data that was interrupted in any epoch goes on with the sequences that it had not seen."""

import shutil
from collections.abc import Callable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainerCallback
from trl.trainer.utils import RepeatSampler

from toolgym.agents import eto, sft
from toolgym.agents.eto import ETOOptions, Pair
from toolgym.agents.rollouts.demonstrations import Example
from toolgym.agents.sft import SFTOptions
from toolgym.agents.training import registry
from toolgym.agents.training.orders import EpochSampler, GroupSampler, task_order
from toolgym.agents.training.run_folder import latest_checkpoint
from toolgym.agents.training.running import train_and_save

SHAPE = {"batch": 4, "micro_batch": 2, "epochs": 3.0, "save_steps": 1, "threads": 1, "progress": False}
COUNT, AN_EPOCH = 6, 2
"""Sequences, and optimizer steps an epoch: batches of 4 and 2."""


def ids(number: int) -> list[int]:
    """A sequence that its first token names; lengths differ."""
    return [100 + number] + [20 + (number * place) % 50 for place in range(3 + number % 4)]


def sft_trainer(config: Any, model: Any, tokenizer: Any) -> Any:
    data = [Example(ids(number), [0] + [1] * (len(ids(number)) - 1)) for number in range(COUNT)]
    return sft.make_trainer(config, model, tokenizer, data)


def eto_trainer(config: Any, model: Any, tokenizer: Any) -> Any:
    pairs = [Pair([100 + n], ids(n)[1:], [60 + n, 61], [1] * len(ids(n)[1:]), [1, 1]) for n in range(COUNT)]
    return eto.make_trainer(config, model, tokenizer, pairs)


KINDS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "sft": (SFTOptions, sft_trainer),  # RFT trains by the same function
    "eto": (ETOOptions, eto_trainer),
}


class Copies(TrainerCallback):
    """Keeps the run's folder as it was behind each step."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        shutil.copytree(args.output_dir, f"{args.output_dir}-{state.global_step}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_goes_on_sees_what_it_had_not_seen(
    kind: str, fresh: Any, tokenizer: Any, metrics: Any, tmp_path: Path
) -> None:
    options, make = KINDS[kind]

    def trained(output: Path, checkpoint: str | None = None) -> list[list[int]]:
        """Trains, from a checkpoint on; the sequences of each step, by number."""
        config = options(output=output, **SHAPE)
        seen: dict[int, list[int]] = {}

        def trainer() -> Any:
            made = make(config, fresh(), tokenizer)
            plain = made.training_step

            def training_step(model: Any, inputs: Any, *rest: Any) -> Any:
                firsts = [int(row[0]) - 100 for row in inputs["input_ids"]]
                firsts = firsts[: len(firsts) // 2] if kind == "eto" else firsts  # the chosen of each pair
                seen.setdefault(made.state.global_step, []).extend(firsts)
                return plain(model, inputs, *rest)

            made.training_step = training_step
            if checkpoint is None:
                made.add_callback(Copies())
            return made

        train_and_save(trainer, tokenizer, config, checkpoint)
        return [seen[step] for step in sorted(seen)]

    whole = trained(tmp_path / "whole")
    epochs = [[*chain(*whole[at : at + AN_EPOCH])] for at in range(0, len(whole), AN_EPOCH)]
    assert len(epochs) == 3
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3  # each has an order of its own
    for stop in range(1, 3 * AN_EPOCH):  # at every place of every epoch
        output = tmp_path / f"whole-{stop}"
        assert trained(output, latest_checkpoint(output)) == whole[stop:]
        for left, right in zip(metrics(output), metrics(tmp_path / "whole"), strict=True):
            assert left == pytest.approx(right, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("algo", ["sft", "rft", "eto"])
def test_resumed_in_a_second_epoch_from_the_command_line(algo: str, start: str, metrics: Any, tmp_path: Path) -> None:
    words = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress"]
    words += ["--episodes", "5", "--batch", "2", "--micro-batch", "1", "--schedule", "constant"]
    words += ["--samples", "1", "--max-new-tokens", "5", "--concurrency", "2"] if algo != "sft" else []
    whole, half = tmp_path / "whole", tmp_path / "half"
    assert registry.main(algo, [*words, "--steps", "7", "--output", str(whole)]) == 0
    assert registry.main(algo, [*words, "--steps", "4", "--output", str(half)]) == 0
    assert registry.main(algo, [*words, "--steps", "7", "--output", str(half), "--resume"]) == 0
    one, other = ([line["loss"] for line in metrics(output)] for output in (whole, half))
    assert other == pytest.approx(one, abs=1e-6)
    assert len(one) == 7


def test_an_epochs_order_is_the_seeds_alone() -> None:
    lengths = [3, 50, 4, 49, 5, 48, 6, 47] * 8

    def order(epoch: int, seed: int = 0, of: Sequence[int] | None = lengths) -> list[int]:
        return list(EpochSampler(of, len(lengths), 4, seed, lambda: epoch))

    assert order(1) == order(1)
    assert len({tuple(order(epoch, seed)) for epoch in range(3) for seed in range(3)}) == 9
    # Those of a batch are about as long.
    batches = np.array(lengths)[order(1)].reshape(-1, 4)
    mixed = np.array(lengths)[order(1, of=None)].reshape(-1, 4)
    assert np.ptp(batches, axis=1).mean() < np.ptp(mixed, axis=1).mean() / 2
    assert sorted(order(2, of=None)) == sorted(order(2)) == list(range(64))


@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
def test_groups_are_trls(count: int, rollouts: int, batch: int, repeats: int) -> None:
    ours = GroupSampler(range(count), rollouts=rollouts, batch=batch, repeats=repeats)
    theirs = RepeatSampler(range(count), rollouts, batch, repeats, shuffle=False)
    assert list(ours) == list(theirs)
    assert len(ours) == len(theirs)


def test_an_order_of_any_length_is_made_as_it_is_met() -> None:
    order = task_order(7, 10**15, seed=3)
    sampler = GroupSampler(order, rollouts=2, batch=3, repeats=1)
    assert len(sampler) == 10**15 // 3 * 3 * 2
    assert list(islice(sampler, 6)) == [task for task in task_order(7, 3, seed=3) for _ in range(2)]
    first = list(islice(order, 21))
    assert [sorted(first[at : at + 7]) for at in (0, 7, 14)] == [list(range(7))] * 3
    assert first[:7] != first[7:14]
    # What was met before may be met again, and a part is the same part.
    assert [order[place] for place in (20, 3, 11, 3)] == [first[place] for place in (20, 3, 11, 3)]
    assert list(order[5:19]) == first[5:19]
    assert order[5:19][2:4] == order[7:9]
