"""Hazard: where an episode loses its task, told on the real airline; advantages by hand; a stop changes no figure."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolgym.agents.hazard import HazardOptions, Hazards, events, hazard_advantages, make_trainer
from toolgym.agents.policies.scripted import gold_turn
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.survival import SurvivalRecorder, SurvivalRollout, after_step, with_survival
from toolgym.agents.training import registry
from toolgym.errors import ConfigError, ForkUnsupportedError
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.tasks import GoldAction, GoldCall
from toolgym.trajectory import Step, ToolResult


def episode(left: list[tuple[str, ...]], lost: int | None = None, **more: Any) -> SurvivalRollout:
    """An episode of one token a step; it is solved where nothing is left."""
    count = len(left) - 1
    return SurvivalRollout(
        [1],
        completion_ids=[5] * count,
        env_mask=[1] * count,
        logprobs=[-1.0] * count,
        types=["resp"] * count,
        spans=[(step, step + 1) for step in range(count)],
        rewards=[0.0] * count,
        components=[{}] * count,
        **{"outcome": "unsolved" if left[-1] else "solved", "lost": lost, "left": left} | more,
    )


def advantages_of(rows: list[SurvivalRollout], group_size: int, **options: Any) -> list[Any]:
    config = HazardOptions(**{"prior": 1.0, "own": 1.0} | options)
    hazards = Hazards(config.prior, config.memory)
    hazards.add([list(events(row)) for row in rows])
    return hazard_advantages(EpisodeBatch.of(rows, group_size), rows, hazards, config).tolist()


# The estimator ---------------------------------------------------------------------------------------------------

SOLVED = [("a", ""), ("",), ()]
PAIR = [episode(SOLVED), episode([("a", ""), ("a", "")], lost=0)]


def test_advantages_by_hand() -> None:
    """An episode that did a and told the result, and one that lost at a.

    The first is judged by the other's one event, a loss: the mean rate is (1 + 1) / (1 + 2) = 2/3, a's (1 + 2/3) / 2 =
    5/6 over all tasks and (1 + 5/6) / 2 = 11/12 in the group, that of "" 2/3. V is 1/12 * 1/3 = 1/36, then 1/3, then 1:
    gains of 11/36 and 2/3. The second by two events without a loss: 1/4, then 1/8 each, then 1/16 each in the group; V
    is (15/16)^2 and lost.
    """
    gains = [11 / 36, 2 / 3, -((15 / 16) ** 2)]
    root = math.sqrt(sum(gain**2 for gain in gains) / 3)
    first, second = advantages_of(PAIR, 2)
    assert first == pytest.approx([gains[0] / root, gains[1] / root])
    assert second == pytest.approx([gains[2] / root, 0.0])


def test_the_logarithm_divides_by_the_value_of_the_state() -> None:
    root = math.sqrt((11**2 + 2**2 + 1) / 3)
    first, second = advantages_of(PAIR, 2, weight="log")
    assert first == pytest.approx([11 / root, 2 / root])
    assert second == pytest.approx([-1 / root, 0.0])


def test_blame_weighs_the_step_that_lost() -> None:
    gains = [11 / 36, 2 / 3, -0.2 * (15 / 16) ** 2]
    root = math.sqrt(sum(gain**2 for gain in gains) / 3)
    first, second = advantages_of(PAIR, 2, blame=0.2)
    assert [*first, *second] == pytest.approx([gain / root for gain in gains] + [0.0])
    assert not any(advantages_of(PAIR[1:], 1, blame=0.0)[0])


def test_steps_behind_the_loss_and_steps_that_do_nothing_have_no_advantage() -> None:
    late = episode([("a", ""), ("a", ""), ("a", ""), ("",)], lost=1)  # reads; loses; goes on
    (row,) = advantages_of([late], 1)
    assert [value != 0 for value in row] == [False, True, False]
    assert row[1] < 0


def test_an_episode_that_was_cut_short_lost_at_its_last_step() -> None:
    (row,) = advantages_of([episode([("a", ""), ("",), ("",)], outcome="truncated")], 1)
    assert row[0] > 0 > row[1]


def test_what_the_infrastructure_broke_teaches_nothing_and_counts_in_no_rate() -> None:
    broken = episode([("a",), ("a",)], lost=0, outcome="infra_error")
    broken.left = []
    alone, beside = advantages_of([PAIR[0]], 1), advantages_of([PAIR[0], broken], 1)
    assert beside[0] == pytest.approx(alone[0])
    assert not any(beside[1])


def test_older_batches_count_less() -> None:
    hazards = Hazards(prior=1.0, memory=0.5)
    hazards.add([[("a", True)]])
    hazards.add([[("a", False)]])
    assert (hazards.met, hazards.lost) == ({"a": 1.5}, {"a": 0.5})


lives = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), min_size=2, max_size=6)


@given(lives, st.integers(1, 2))
def test_signs_whatever_the_lives(found: list[tuple[str, int]], group_size: int) -> None:
    """Each step that does something gains, the one that loses costs, and no episode is judged by itself."""
    rows = []
    for name, until in found[: len(found) // group_size * group_size]:
        whole = [(name,) * (3 - done) for done in range(4)]
        rows.append(
            episode(whole if until == 3 else [*whole[: until + 1], whole[until]], None if until == 3 else until)
        )
    for row, values in zip(rows, advantages_of(rows, group_size), strict=True):
        for step in range(len(row.rewards)):
            assert (values[step] < 0) if step == row.lost else (values[step] > 0)


# Where a task is lost --------------------------------------------------------------------------------------------


def gold(*calls: tuple[str, int], response: str | None = None) -> GoldAction:
    return GoldAction(calls=tuple(GoldCall(name=name, arguments={"n": n}) for name, n in calls), response=response)


def did(*calls: tuple[str, int], response: str | None = None, errors: bool = False) -> Step:
    made = tuple(ToolCall(name, {"n": n}) for name, n in calls)
    return Step(Turn(calls=made, response=response), tuple(ToolResult("", is_error=errors) for _ in made))


CHAIN = (gold(("read", 1)), gold(("write", 2)), gold(response="Which?"), gold(("write", 3)), gold(response="Done"))


@pytest.mark.parametrize(
    ("step", "left", "doubtful"),
    [
        pytest.param(did(("read", 1)), [CHAIN[1:]], False, id="the next action"),
        pytest.param(did(("read", 9)), [CHAIN], False, id="another reading call"),
        pytest.param(did(("write", 9)), [CHAIN], True, id="another writing call"),
        pytest.param(did(("write", 9), errors=True), [CHAIN], False, id="a refused one"),
        pytest.param(did(("write", 2)), [(CHAIN[0], *CHAIN[2:])], True, id="a later action"),
        pytest.param(did(("read", 1), ("write", 2)), [CHAIN[2:]], False, id="two at once"),
        pytest.param(did(response="Hello"), [CHAIN], True, id="words where a call was next"),
    ],
)
def test_what_a_step_leaves(step: Step, left: list[Any], doubtful: bool) -> None:
    assert after_step(CHAIN, step, {"read"}) == (left, doubtful)


def test_words_may_be_the_next_action_or_nothing() -> None:
    assert after_step(CHAIN[2:], did(response="Hm"), {"read"}) == ([CHAIN[3:], CHAIN[2:]], True)


def test_parallel_calls_are_struck_out_one_by_one() -> None:
    (left,), doubtful = after_step((gold(("read", 1), ("read", 2)), CHAIN[4]), did(("read", 2)), {"read"})
    assert left == (gold(("read", 1)), CHAIN[4])
    assert not doubtful


def small(**options: Any) -> Any:
    return open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short", **options)


def writing_task(env: Any) -> int:
    """A task whose chain sends one certificate."""
    for number in range(100):
        env.reset(options={"task": number})
        names = [call.name for action in env.unwrapped.task.gold for call in action.calls]
        if names.count("send_certificate") == 1:
            return number
    raise AssertionError("no task sends one certificate")


def wrong(recorder: SurvivalRecorder) -> Turn:
    """The chain's certificate, over another amount."""
    calls = [call for action in recorder.unwrapped.task.gold for call in action.calls]
    (call,) = (call for call in calls if call.name == "send_certificate")
    return Turn(calls=(ToolCall(call.name, call.arguments | {"amount": call.arguments["amount"] + 25}),))


def say(action: GoldAction | Turn) -> str:
    return render(gold_turn(action) if isinstance(action, GoldAction) else action, "toolgym")


@pytest.mark.parametrize("name", ["ToolGym/Airline-v0", "ToolGym/Telecom-v0", "ToolGym/Retail-v0"])
def test_the_gold_chain_is_alive_to_its_end(name: str) -> None:
    for user in ("scripted",) if "Telecom" in name else ("none", "scripted"):
        recorder = SurvivalRecorder(open_env(name, split="train", size="small", user=user))
        for number in range(16):
            recorder.reset(options={"task": number})
            chain = recorder.unwrapped.task.gold
            for action in chain:
                recorder.step(say(action))
                assert recorder.lost is None
            assert [len(left) for left in recorder.left] == list(range(len(chain), -1, -1))


def test_a_wrong_write_loses_the_task_where_it_is_made() -> None:
    env = small()
    task = writing_task(env)
    recorder = SurvivalRecorder(env)
    recorder.reset(options={"task": task})
    chain = recorder.unwrapped.task.gold
    at = next(at for at, action in enumerate(chain) if any(call.writes for call in action.calls))
    for action in (*chain[:at], wrong(recorder), *chain[at:]):
        _, _, terminated, _, info = recorder.step(say(action))
    assert terminated
    assert info["outcome"] == "unsolved"
    assert recorder.lost == at
    assert recorder.left[at] == recorder.left[at + 1]


def test_an_episode_can_end_where_its_task_is_lost() -> None:
    env = small()
    recorder = SurvivalRecorder(env, cut=True)
    recorder.reset(options={"task": writing_task(env)})
    answer = recorder.step(say(wrong(recorder)))
    assert answer[2:4] == (True, False)
    assert answer[4]["outcome"] == "unsolved"
    assert recorder.lost == 0
    assert recorder.fork_steps >= 1


def test_reading_and_refused_calls_cost_no_fork() -> None:
    recorder = SurvivalRecorder(small())
    recorder.reset(options={"task": 0})
    recorder.step(say(Turn(calls=(ToolCall("get_user_details", {"user_id": "nobody"}),))))
    recorder.step(say(Turn(calls=(ToolCall("list_all_airports", {}),))))
    assert recorder.fork_steps == 0
    assert recorder.lost is None


def test_an_answer_without_the_facts_is_the_loss() -> None:
    recorder = SurvivalRecorder(small())
    recorder.reset(options={"task": writing_task(recorder.env)})
    recorder.step(say(Turn(response="I have done nothing.")))
    assert recorder.lost == 0


def test_without_forks_or_gold_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    env = small()
    env.reset(options={"task": 0})
    monkeypatch.setattr(type(env.unwrapped.session), "fork_kind", "none")
    with pytest.raises(ForkUnsupportedError, match="cannot fork"):
        SurvivalRecorder(env).reset(options={"task": 0})
    monkeypatch.undo()
    task = env.unwrapped.task.model_copy(update={"gold": ()})
    with pytest.raises(ConfigError, match="no gold chain"):
        SurvivalRecorder(small()).reset(options={"task": task})


def test_broken_episodes_have_no_survival() -> None:
    recorder = SurvivalRecorder(small())
    recorder.reset(options={"task": 0})
    (row,) = with_survival([episode([("a",), ()], outcome="infra_error")], [recorder])
    assert row.left == []


# Runs --------------------------------------------------------------------------------------------------------------


def test_an_action_is_the_same_where_tools_have_other_names_each_episode() -> None:
    renamed, plain = SurvivalRecorder(small(rename=True)), SurvivalRecorder(small())
    chains = set()
    for number in (1, 2):
        for recorder in (renamed, plain):
            recorder.reset(options={"task": 3, "perturbation": number} if recorder is renamed else {"task": 3})
        chain = renamed.unwrapped.task.gold
        chains.add(tuple(call.name for action in chain for call in action.calls))
        for action, usual in zip(chain, plain.unwrapped.task.gold, strict=True):
            renamed.step(say(action))
            plain.step(say(usual))
        assert renamed.lost is None
        assert renamed.left == plain.left  # so that rates are of what tools do
    assert len(chains) == 2


def test_counts_that_are_not_there_or_damaged_are_named(tmp_path: Path) -> None:
    hazards, path = Hazards(1.0, 0.5), tmp_path / "hazards.json"
    with pytest.raises(ConfigError, match=r"lacks hazards\.json: it is no checkpoint of a Hazard run"):
        hazards.load(path)
    hazards.add([[("a", False), ("", True)]])
    hazards.save(path)
    again = Hazards(1.0, 0.5)
    again.load(path)
    assert (again.met, again.lost) == ({"a": 1.0, "": 1.0}, {"a": 0.0, "": 1.0})
    for damaged in ("{", "[]", '{"met": {}}', '{"met": {"a": []}, "lost": {}}'):
        path.write_text(damaged)
        with pytest.raises(ConfigError, match=r"hazards\.json is damaged"):
            again.load(path)


@pytest.mark.slow
def test_interrupted_and_resumed_equals_uninterrupted(
    fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path, resumes: Any
) -> None:
    more = {"size": "small", "prompt": "short", "context_tokens": 1024}
    config = HazardOptions(output=tmp_path, **shape | more)
    lines, resumed = resumes(
        config,
        lambda some, callbacks=(): make_trainer(some, model=fresh(), tokenizer=tokenizer, callbacks=[*callbacks]),
        stop=2,
    )
    assert any(line["hazard/rate"] > 0 for line in lines)
    assert resumed.hazards.met["get_user_details"] > 0 if "get_user_details" in resumed.hazards.met else True
    assert resumed.hazards.met


@pytest.mark.slow
def test_a_step_makes_a_loss_less_likely(fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path) -> None:
    from toolgym.agents.training.running import run

    more = {"size": "small", "prompt": "short", "context_tokens": 1024, "steps": 1, "save_steps": 1}
    config = HazardOptions(output=tmp_path, **shape | more | {"groups": 4, "micro_batch": 16, "learning_rate": 5e-3})
    trainer: Any = make_trainer(config, model=fresh(), tokenizer=tokenizer)
    run(trainer, config)
    moved = []
    for row, played in enumerate(trainer.latest):
        ids = torch.tensor([played.prompt_ids + played.completion_ids])
        with torch.no_grad():
            logits = trainer.model(input_ids=ids).logits[0, len(played.prompt_ids) - 1 : -1]
        now = torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(played.completion_ids)[:, None])[:, 0]
        advantages = trainer.latest_advantages[row, : len(played.completion_ids)].tolist()
        moved += [float(now[at]) - played.logprobs[at] for at, value in enumerate(advantages) if value < 0]
    assert moved
    assert sum(moved) / len(moved) < -0.001


@pytest.mark.slow
def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert registry.main("hazard", [*airline_arguments, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["infra_errors"] == 0.0
    assert line["hazard/rate"] == 1.0  # random weights solve nothing


def test_impossible_options_raise() -> None:
    with pytest.raises(ConfigError, match="memory must be between 0 and 1"):
        HazardOptions(memory=1.5)
    with pytest.raises(ConfigError, match="own must be above 0"):
        HazardOptions(own=0.0)
    with pytest.raises(ConfigError, match="blame must be at least 0"):
        HazardOptions(blame=-1.0)
