"""`python -m benchmarks.planarena_learning`: what the learner reads, how it attends, and a run as small as can be."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import planarena_learning
from benchmarks.planarena_learning_data import (
    Exchanger,
    ListingChat,
    build_tokenizer,
    demonstrations,
    listing,
    short_chain,
    theme_words,
)
from benchmarks.planarena_learning_model import with_shifted_keys
from benchmarks.planarena_learning_train import Data, Progress, RunOptions, Trial, number_of_task, run
from toolgym.agents.builtin.policy import ModelOptions, new_model
from toolgym.agents.builtin.vocabulary import ROLES
from toolgym.agents.policies.lm import LMPolicy
from toolgym.envs.planarena.lexicon import split_of_theme
from toolgym.envs.planarena.scenario import scenario_of
from toolgym.tasks import GoldAction, Task

TINY = RunOptions(
    minutes=0.01, episodes=2, episodes_between=2, points=(0.0, 1.0), chunk=60, texts=6, tokens=300,
    model=ModelOptions(hidden_size=16, intermediate_size=16, layers=2, heads=2, kv_heads=2),
)  # fmt: skip
TOKENIZER = build_tokenizer(["the berth booking of a skipper, and berths"] * 20, 200)
"""One that has learnt a few words."""


@pytest.fixture(scope="module")
def trial() -> Any:
    made = Trial(TINY)
    yield made
    made.close()


# What is read ------------------------------------------------------------------------------------------------------


def test_what_is_foretold() -> None:
    """A model that holds the token before for the likeliest next one: two of three own tokens are foretold."""
    from types import SimpleNamespace

    from benchmarks.planarena_learning_train import foretold
    from toolgym.agents.rollouts.demonstrations import Example

    def model(input_ids: torch.Tensor, use_cache: bool) -> Any:
        return SimpleNamespace(logits=torch.nn.functional.one_hot(input_ids, 4).float() * 1000)

    same = cast(Any, model)
    same.device = torch.device("cpu")
    found = foretold(same, [Example([1, 1, 2, 2, 2], [0, 0, 1, 1, 1])] * 3, seed=0)
    # Own tokens: 2 (after 1: missed, by 1000 nats), 2 and 2 (foretold, by 0): 2 of 3, and 1000 / 3 nats a token.
    assert found["foretold"] == pytest.approx([2 / 3] * 3)
    assert found["loss"] == pytest.approx([1000 / 3] * 3)


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\u21e7")))
def test_every_text_comes_back(text: str) -> None:
    ids = cast(list[int], TOKENIZER(text, add_special_tokens=False)["input_ids"])
    assert TOKENIZER.decode(ids) == text


def test_a_word_has_one_spelling() -> None:
    def pieces(text: str) -> list[str]:
        ids = cast(list[int], TOKENIZER(text, add_special_tokens=False)["input_ids"])
        return [piece for piece in cast(list[str], TOKENIZER.convert_ids_to_tokens(ids)) if piece.isalpha()]

    assert pieces("berth booking") == ["berth", "booking"]
    assert pieces("BerthBooking") == ["berth", "booking"] == pieces("berth_booking")
    ids = cast(list[int], TOKENIZER("BB-104", add_special_tokens=False)["input_ids"])
    assert TOKENIZER.convert_ids_to_tokens(ids) == ["\u21e7", "b", "\u21e7", "b", "-", "1", "0", "4"]


def test_tools_are_listed() -> None:
    def tool(name: str, **properties: Any) -> dict[str, Any]:
        return {"type": "function", "function": {"name": name, "parameters": {"properties": properties}}}

    tools = [tool("berths.search", pier={"enum": ["north", "south"]}, day={"type": "string"}), tool("now")]
    assert listing(tools) == "berths.search(pier:north|south, day)\nnow()"


def test_plans_keep_choices_and_sums() -> None:
    plan = "look, draw. search_pumps diesel. fp_1 20 litres, fp_2 30 litres: fp_1. 20 + 30 = 50 litres."
    actions = (GoldAction(plan=plan), GoldAction(plan="look. get_berth b_1."), GoldAction(response="Done."))
    task = Task(id="t", domain="d", kind=(), request="?", gold=actions)
    made = [action.plan for action in short_chain(task, cast(Any, None))]
    assert made == ["fp_1 20 litres, fp_2 30 litres: fp_1. 20 + 30 = 50 litres.", None, None]


def test_words_are_exchanged_throughout(trial: Trial, tmp_path: Path) -> None:
    data = Data(trial, tmp_path)
    example = demonstrations(trial.envs["train"][0], data.tokenizer, trial.evaluated("seen", 1))[0]
    shared, words = theme_words((noun, f"the {noun}") for noun in ("berth", "crate", "tram", "loan", "kiln"))
    assert (shared, words) == ({"the"}, ["berth", "crate", "kiln", "loan", "tram"])
    everything = Exchanger(data.tokenizer, shared, ["zzxq"], 1.0)
    made = everything(example, np.random.default_rng(0))
    before, after = (cast(str, data.tokenizer.decode(one.ids)) for one in (example, made))
    assert len(made.ids) == len(made.mask)
    assert [after.count(role) for role in ROLES] == [before.count(role) for role in ROLES]
    # What the model says is what it said before, with other words: calls stay calls, and name a tool of the list.
    for tag in ('<tool_call>{"name": "', '", "arguments": {"', "</tool_call>", "<response>"):
        assert after.count(tag) == before.count(tag)
    tools, called = after.split("<|end|>")[0], after.split('{"name": "')[1].split('"')[0]
    assert f"{called}(" in tools
    assert called not in before
    own = [token for token, mask in zip(made.ids, made.mask, strict=True) if mask]
    assert cast(str, data.tokenizer.decode(own)).startswith('<tool_call>{"name": "' + called)
    nothing = Exchanger(data.tokenizer, shared, ["zzxq"], 0.0)
    assert nothing(example, np.random.default_rng(0)) is example


# The model ---------------------------------------------------------------------------------------------------------


def test_half_of_the_heads_look_one_back() -> None:
    torch.manual_seed(0)
    plain = new_model(TOKENIZER, TINY.model).eval()
    moved = with_shifted_keys(new_model(TOKENIZER, TINY.model)).eval()
    ids = torch.randint(10, 100, (2, 12))
    with torch.no_grad():
        one, other = plain(ids).logits, moved(ids).logits
        later = ids.clone()
        later[:, 7:] = 5
        assert torch.allclose(moved(later).logits[:, :7], other[:, :7], atol=1e-5)  # nothing looks ahead
    assert torch.allclose(one[:, 0], other[:, 0], atol=1e-5)  # the first token has none before it
    assert not torch.allclose(one[:, 4:], other[:, 4:], atol=1e-3)
    LMPolicy(moved, TOKENIZER)  # which tries that it samples as a full pass scores


def test_a_copy_is_found_by_what_stood_before() -> None:
    """Keys that say what a token is: with them moved on, "a" looks to what came after the first "a", in one layer."""
    from benchmarks.planarena_learning_model import _attend

    said = torch.tensor([0, 1, 2, 0])  # a b c a
    one_hot = 20.0 * torch.nn.functional.one_hot(said, 3).float()
    query = key = one_hot.expand(1, 2, 4, 3).contiguous()
    value = torch.nn.functional.one_hot(said, 3).float().expand(1, 2, 4, 3).contiguous()
    module = torch.nn.Module()
    module.num_key_value_groups, module.is_causal = 1, True  # type: ignore[assignment]
    made, _ = _attend(module, query, key, value, None, scaling=1.0)
    moved, still = made[0, 3, 0], made[0, 3, 1]
    # In the head that is moved, "a" attends where "a" stood before: at the first place (no place is before it, so it is
    # its own) and at "b". In the other one it attends to the places of "a".
    assert moved.tolist() == pytest.approx([0.5, 0.5, 0.0], abs=1e-4)
    assert still.tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-4)


# The run -----------------------------------------------------------------------------------------------------------


def test_what_is_tested_is_not_trained_on(trial: Trial) -> None:
    trained = [task for number in range(6) for task in trial.chunk(number)]
    sets = {name: trial.evaluated(name, 8) for name in ("seen", "new", "test")}
    assert len({task.id for task in trained}) == len(trained) > 8
    assert [task.id for task in sets["seen"]] == [task.id for task in trained[:8]]
    scenarios = {number_of_task(task) for task in trained}
    assert not scenarios & {number_of_task(task) for name in ("new", "test") for task in sets[name]}
    for name, split in (("seen", "train"), ("new", "train"), ("test", "test")):
        assert {split_of_theme(scenario_of(number_of_task(task)).shape.theme) for task in sets[name]} == {split}
    for task in [*trained, *sets["new"], *sets["test"]]:
        assert task.depth == 1
        assert not task.forbidden
        assert len(scenario_of(number_of_task(task)).tools) <= TINY.most_tools


def test_the_prompt_lists_the_episode_s_own_tools(trial: Trial) -> None:
    env = trial.envs["test"][0]
    observation, info = env.reset(options={"task": trial.evaluated("test", 1)[0]})
    text = cast(str, TOKENIZER.decode(ListingChat(TOKENIZER).opening(observation, info)))
    assert text.startswith("<|system|>" + env.tools[0].name + "(")
    assert text.endswith(env.task.request + "<|end|><|assistant|>")


@pytest.mark.slow
def test_a_run_goes_on_where_it_stopped(trial: Trial, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(at: Progress, done: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run(trial, tmp_path, stop)
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert [point["share"] for point in saved["curve"]] == [0.0]
    steps: list[int] = []
    curve, parameters = run(trial, tmp_path, lambda at, done: steps.append(at.step))
    assert [point["share"] for point in curve] == [0.0, 1.0]
    assert curve[0] == saved["curve"][0]
    assert steps == list(range(1, len(steps) + 1))
    assert curve[1]["tokens"] > 0 == curve[0]["tokens"]
    assert parameters > 0
    again, _ = run(trial, tmp_path, stop)  # nothing is left to do
    assert again == curve
    assert (tmp_path / "model" / "config.json").is_file()


@pytest.mark.slow
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks import planarena_learning_train

    monkeypatch.setattr(planarena_learning_train, "RunOptions", lambda: replace(TINY, minutes=48.0))
    monkeypatch.setattr(planarena_learning, "IMAGE", tmp_path / "img" / "curve.png")
    words = ["--minutes", "0.01", "--episodes", "2", "--output", str(tmp_path / "run")]
    assert planarena_learning.main([*words, "--json", "--publish", str(tmp_path / "published")]) == 0
    results = json.loads(capsys.readouterr().out)
    assert results == json.loads((tmp_path / "published" / "results.json").read_bytes())
    assert results["options"]["minutes"] == 0.01
    assert results["baselines"]["oracle"]["test"]["pass@1"][0] == 1.0
    assert results["baselines"]["noop"]["test"]["pass@1"][0] == 0.0
    assert (tmp_path / "img" / "curve.png").stat().st_size > 1000
    assert planarena_learning.main(words) == 0  # what is done is shown again
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2 + 3 * 2 + 2 * 3  # three agents on two sets, two points on three
    with pytest.raises(SystemExit, match="other options"):
        planarena_learning.main([*words, "--seed", "1"])


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--minutes", "-1"], ["--episodes", "0"]])
def test_bad_options_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        planarena_learning.main(words)
    assert "must be" in capsys.readouterr().err


def test_chunks_follow_from_their_number(trial: Trial, tmp_path: Path) -> None:
    data = Data(trial, tmp_path)
    first = data.chunk(1, 448)
    data.chunk(0, 448)
    assert data.chunk(1, 448) == first
    assert all(len(example.ids) <= 448 for example in first)
    assert not {task.id for task in trial.chunk(1)} & {task.id for task in trial.chunk(0)}
