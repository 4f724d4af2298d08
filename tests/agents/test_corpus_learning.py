"""`--data`: what sft, rft, eto and dupo take from an executed corpus, and a step or two of each with a tiny model."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from toolgym.agents import dupo, eto, rft, sft
from toolgym.agents.dupo import DUPOOptions
from toolgym.agents.eto import ETOOptions, corpus_pairs
from toolgym.agents.rft import RFTOptions
from toolgym.agents.rollouts.corpus import Corpus
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.sft import SFTOptions
from toolgym.envs.planarena.corpus.building import BuildOptions, build
from toolgym.envs.planarena.corpus.errors import same
from toolgym.errors import ConfigError
from toolgym.messages import parse
from toolgym.opening import open_env
from toolgym.registration import make_domain

SMALL: dict[str, Any] = {
    "env": "ToolGym/Library-v0",
    "size": "small",
    "prompt": "short",
    "threads": 1,
    "progress": False,
}
FEW: dict[str, Any] = {**SMALL, "batch": 2, "episodes": 3, "steps": 1, "max_tokens": 1024}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pairs of the library."""
    folder = tmp_path_factory.mktemp("corpus") / "library"
    build(BuildOptions(folder, ["library"], 20, part_rows=10, alternatives=3, format="jsonl"))
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((folder / "data").iterdir()) for line in path.read_text().splitlines()]


def last_line(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])


def test_the_chain_is_the_positive_rows_own(folder: Path, rows: list[dict[str, Any]]) -> None:
    corpus, tasks = Corpus(folder, "train"), make_domain("library", size="small").tasks("train")
    assert corpus.ids == [row["task"] for row in rows if row["label"] == "positive"]
    assert [task.id for task in corpus.tasks(tasks)] == corpus.ids
    for task in corpus.tasks(tasks):
        chain = corpus.chain(task, cast(Any, None))
        assert all(map(same, chain, task.gold))
        assert len(chain) == len(task.gold)


def test_preferences_keep_the_task_solvable(folder: Path) -> None:
    """The chosen continuation, then the gold chain's rest, solves; an answer that is rejected does not."""
    corpus, tasks = Corpus(folder, "train"), make_domain("library", size="small").tasks("train")
    env = open_env("ToolGym/Library-v0", size="small", prompt="short")
    count = 0
    for task in corpus.tasks(tasks):
        for preference in corpus.preferences(task):
            count += 1
            assert preference.chosen not in preference.rejected
            for action in preference.rejected:
                if action.response is not None and not action.calls:
                    env.reset(options={"task": task})
                    for done in (*preference.before, action):
                        *_, info = env.step(_text(done))
                    assert info["outcome"] != "solved"
    assert count > len(corpus.ids)


def _text(action: Any) -> str:
    from toolgym.envs.planarena.corpus.playing import turn_of
    from toolgym.messages import render

    return render(turn_of(action))


def test_pairs_answer_the_same_context(folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    config = ETOOptions(output=tmp_path, data=folder, model="builtin:clean", **FEW)
    assert config.pairs == "step"
    pairs = corpus_pairs(config, tokenizer)
    env = open_env("ToolGym/Library-v0", size="small", prompt="short")
    openings = [one.prompt_ids for one in demonstrate(env, tokenizer, Corpus(folder, "train").tasks(env.tasks))]
    assert pairs
    for pair in pairs:
        assert any(pair.prompt_ids[: len(opening)] == opening for opening in openings)
        assert pair.chosen_ids != pair.rejected_ids
        assert pair.chosen_mask == [1] * len(pair.chosen_ids)
    whole = corpus_pairs(ETOOptions(output=tmp_path, data=folder, pairs="episode", **FEW), tokenizer)
    assert len(whole) == 3  # each of the three tasks has a row of either label


def test_candidates_are_all_different_and_the_positive_is_first(folder: Path) -> None:
    corpus, tasks = Corpus(folder, "train"), make_domain("library", size="small").tasks("train")
    for task in corpus.tasks(tasks):
        made = corpus.candidates(task)
        assert list(made[0]) == list(corpus.chain(task, cast(Any, None)))
        assert len(made) > 2
        assert len({repr(chain) for chain in made}) == len(made)


def test_sft_learns_the_positives(folder: Path, start: str, tmp_path: Path, tokenizer: Any) -> None:
    config = SFTOptions(output=tmp_path / "run", model=start, data=folder, **{**FEW, "episodes": 1000})
    data = sft.expert_examples(config, tokenizer)
    env = open_env("ToolGym/Library-v0", size="small", prompt="short")
    corpus = Corpus(folder, "train")
    gold = demonstrate(env, tokenizer, corpus.tasks(env.tasks))
    assert sorted(example.ids for example in data) == sorted(one.prompt_ids + one.completion_ids for one in gold)
    sft.train(config)
    assert last_line(tmp_path / "run")["step"] == 1


def test_rft_plays_the_corpus_tasks(folder: Path, start: str, tmp_path: Path) -> None:
    config = RFTOptions(
        output=tmp_path / "run", model=start, data=folder, samples=1, concurrency=2, max_new_tokens=4, **FEW
    )
    rft.train(config)
    assert last_line(tmp_path / "run")["step"] == 1


@pytest.mark.parametrize("pairs", ["step", "episode"])
def test_eto_learns_from_the_alternatives(folder: Path, start: str, tmp_path: Path, pairs: Any) -> None:
    eto.train(ETOOptions(output=tmp_path / "run", model=start, data=folder, pairs=pairs, **FEW))
    assert last_line(tmp_path / "run")["loss"] == pytest.approx(np.log(2), abs=1e-3)  # nothing has moved yet


@pytest.mark.parametrize("candidates", ["rollout", "token"])
def test_dupo_compares_the_candidates(folder: Path, start: str, tmp_path: Path, candidates: Any) -> None:
    config = DUPOOptions(
        output=tmp_path / "run", model=start, data=folder, candidates=candidates, steps=2, groups=2, rollouts=3,
        context_tokens=1024, concurrency=2, max_new_tokens=4, **SMALL,
    )  # fmt: skip
    trainer = dupo.make_trainer(config)
    seen: list[Any] = []
    play = trainer.play

    def watched(tasks: Any, attempt: int = 0) -> Any:
        played = play(tasks, attempt)
        seen.append((list(tasks), played))
        return played

    trainer.play = watched  # type: ignore[method-assign]
    dupo.run(trainer, config)
    tasks, played = seen[0]
    if candidates == "rollout":
        assert [tasks[0]] * 3 == tasks[:3]
        assert played[0].solved  # the positive
        assert played[3].solved
        assert len({tuple(one.completion_ids) for one in played[:3]}) == 3
    assert last_line(tmp_path / "run")["step"] == 2


def of_the_corpus(folder: Path, output: Path, fresh: Any, tokenizer: Any, **options: Any) -> Any:
    """DUPO's trainer on the corpus, before its first batch."""
    usual: dict[str, Any] = {
        "steps": 2,
        "groups": 1,
        "rollouts": 8,
        "context_tokens": 1536,
        "concurrency": 2,
        "max_new_tokens": 4,
    }
    trainer = dupo.make_trainer(DUPOOptions(output=output, data=folder, **SMALL, **usual | options), fresh(), tokenizer)
    trainer._played, trainer._drawn = [0] * 8, (0, 0)
    return trainer


@pytest.mark.parametrize("candidates", ["rollout", "token"])
def test_without_plans_the_corpus_teaches_none(
    folder: Path, tmp_path: Path, fresh: Any, tokenizer: Any, candidates: Any
) -> None:
    """Neither its positive rows, which SFT learns, nor its candidates; what they do is the same."""
    made = {
        plan: of_the_corpus(folder, tmp_path, fresh, tokenizer, candidates=candidates, plan=plan)
        for plan in (True, False)
    }
    said = {plan: [trainer.expert(0), *trainer.play([0] * 8)] for plan, trainer in made.items()}
    for plan, episodes in said.items():
        assert all(({"plan", "tag_plan"} & set(one.types) != set()) == plan for one in episodes)
    assert said[True][0].solved
    assert said[False][0].solved
    assert len(said[True][0].spans) == len(said[False][0].spans)


def test_somebodys_own_words_without_their_plan() -> None:
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    for text, wanted in (
        (f"<plan>First f.</plan>\n{call}", call),
        (f"<think>Hm.</think>Let me look.\n{call}", call),
        ("<plan>Say so.</plan><response>It is 3.</response>", "<response>It is 3.</response>"),
        (call, call),
    ):
        assert dupo._without_plan(parse(text)) == parse(wanted)


@pytest.mark.parametrize("candidates", ["rollout", "token"])
def test_a_candidate_that_is_too_long_counts_for_nothing(
    folder: Path, tmp_path: Path, fresh: Any, tokenizer: Any, candidates: Any
) -> None:
    """It is compared with no other, and its return of 0 is in no mean."""
    options = {"candidates": candidates, "credit": "episode" if candidates == "rollout" else "step"}
    trainer = of_the_corpus(folder, tmp_path, fresh, tokenizer, **options)
    whole = trainer.play([0] * 8)
    lengths = sorted(len(one.prompt_ids) + len(one.completion_ids) for one in whole)
    limit = lengths[4] if candidates == "rollout" else lengths[0] - 1
    trainer = of_the_corpus(folder, tmp_path, fresh, tokenizer, **options)
    trainer.sampling = replace(trainer.sampling, context_tokens=limit)
    batch = EpisodeBatch.of(played := trainer.play([0] * 8), 8)
    kept = [bool(one.completion_ids) for one in played]
    assert batch.usable_B.tolist() == kept
    assert not all(kept)
    left = [one for one in played if one.completion_ids]
    if left:
        assert of_rows(batch) == of_rows(EpisodeBatch.of(left, len(left)))


def of_rows(batch: EpisodeBatch) -> list[float]:
    """Eq. 11 on returns, of each episode that has tokens."""
    advantages_BT = dupo.step_advantages(batch, 0.1, episode=True)
    return [row[own][0].item() for row, own in zip(advantages_BT, batch.sampled_BT, strict=True) if own.any()]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda folder, **more: SFTOptions(data=folder, demonstrations="imperfect", **more),
            "demonstrations='imperfect'",
        ),
        (
            lambda folder, **more: ETOOptions(data=folder, expert=False, **more),
            "expert=False would have no effect with data",
        ),
        (
            lambda folder, **more: DUPOOptions(data=folder, vllm="http://x", **more),
            "vllm='http://x' would have no effect",
        ),
    ],
)
def test_options_that_would_have_no_effect(folder: Path, make: Callable[..., Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(folder, **SMALL)


def test_what_is_no_corpus_or_not_the_environments(folder: Path, tmp_path: Path, tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="holds no corpus"):
        sft.expert_examples(SFTOptions(data=tmp_path, **FEW), tokenizer)
    with pytest.raises(ConfigError, match="has no positive row of the split 'test'"):
        sft.expert_examples(SFTOptions(data=folder, split="test", **FEW), tokenizer)
    elsewhere = {**FEW, "env": "ToolGym/Bank-v0"}
    with pytest.raises(ConfigError, match="The corpus has the task 'library-small-train-0000"):
        sft.expert_examples(SFTOptions(data=folder, **elsewhere), tokenizer)
