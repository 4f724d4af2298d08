"""CM2: advantages worked by hand, the public JSON shape, and episodes turned into verdicts."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError, TaskError
from toolgym.messages import ToolCall, Turn
from toolgym.rewards import cm2
from toolgym.rewards.cm2_items import from_items, read_checklist, sample_of, to_items, write_checklist
from toolgym.tasks import CallCheck, ChecklistItem, JudgedCheck, SaidCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

TWO = cm2.TurnChecklist((0.75, 0.25), ((), ()))
CHAIN = cm2.TurnChecklist((0.5, 0.5), ((), (0,)))


def sample(items: cm2.TurnChecklist, *steps: list[bool], group: str = "g", valid: bool = True) -> cm2.Sample:
    return cm2.Sample(group, [[items]], [[list(steps)]], valid)


def options(level: cm2.Level, **more: Any) -> cm2.Options:
    return cm2.Options(level, **{"min_group": 0, **more})


def test_turn_rewards_by_hand() -> None:
    # Two sets of two turns. Turn 0: set A meets both (1.0), set B one of CHAIN (0.5): 1.5 / (2 sets * 2 turns) = 0.375.
    # Turn 1: set A none, set B its second although the first is unmet (turns ignore dependences): 0.5 / 4 = 0.125.
    both = cm2.Sample(
        "g",
        [[TWO, TWO], [CHAIN, CHAIN]],
        [[[[True, False], [False, True]], [[True, False], [False, False]]], [[[False, False]], [[False, True]]]],
    )
    assert cm2.turn_rewards(both) == pytest.approx([0.375, 0.125])


@pytest.mark.parametrize("min_group", [0, 2, 4, 5, 100])
def test_the_published_turn_level_has_a_threshold_of_its_own(min_group: int) -> None:
    # Five samples, rewards 1, 0, 0, 0, 0: mean 0.2. More than 4 samples are trusted, whatever `min_group` says.
    def turn(count: int, source: cm2.Source) -> list[float]:
        samples = [sample(TWO, [b == 0, b == 0]) for b in range(count)]
        got = cm2.advantages(samples, options("turn", min_group=min_group, source=source))
        return [float(values[0]) for values in got]

    assert turn(5, "reference_code") == pytest.approx([0.8] + [-0.2] * 4)
    assert turn(4, "reference_code") == [0.0] * 4
    assert any(turn(5, "paper")) == (min_group < 5)
    # At step level the published code has the given one.
    steps = [sample(TWO, [b == 0, b == 0]) for b in range(5)]
    got = cm2.advantages(steps, options("step", min_group=min_group, source="reference_code"))
    assert bool(got[0].any()) == (min_group < 5)


def test_step_level_by_hand() -> None:
    # A meets item 0 at step 0 (score 1) and item 1 at step 1 (one step late: eta = 0.5). B meets nothing (0, 0).
    # Means: 0.5 and 0.25. A, step 0: 0.75 * (1 - 0.5) + 0.25 * (0.5 - 0.25) = 0.4375; step 1: item 1 alone is open:
    # 0.25 * 0.25 = 0.0625. B: -0.75 * 0.5 - 0.25 * 0.25 = -0.4375 at its one step.
    a, b = sample(TWO, [True, False], [False, True]), sample(TWO, [False, False])
    got = cm2.advantages([a, b], options("step", eta=0.5))
    assert got[0] == pytest.approx([0.4375, 0.0625])
    assert got[1] == pytest.approx([-0.4375])
    # Divided by the open weight: 1 and 0.25.
    got = cm2.advantages([a, b], options("step", eta=0.5, normalise=True))
    assert got[0] == pytest.approx([0.4375, 0.25])


def test_dependences_open_items_and_start_their_delay() -> None:
    # A: item 0 at step 0, item 1 (needs 0) at step 2: open since step 1, so one step late: eta. B: item 0 only.
    # Item 0: both 1, mean 1. Item 1: eta and 0, mean eta / 2. A: step 0 nothing gained, steps 1 and 2: 0.5 * eta / 2.
    a, b = sample(CHAIN, [True, False], [False, False], [False, True]), sample(CHAIN, [True, False], [False, False])
    got = cm2.advantages([a, b], options("step", eta=0.8))
    assert got[0] == pytest.approx([0.0, 0.2, 0.2])
    assert got[1] == pytest.approx([0.0, -0.2])


def test_an_item_met_with_its_dependence_is_credited_there_but_not_in_the_published_code() -> None:
    a, b = sample(CHAIN, [True, True]), sample(CHAIN, [True, False])
    # Ours: item 1 scores 1 for A and 0 for B: 0.5 * 0.5 each way; B is charged where it could have met it...
    ours = cm2.advantages([a, b], options("step", eta=0.5))
    assert ours[0] == pytest.approx([0.25])
    # ...but for B the item opened only after its one step, so that there is no step to charge.
    assert ours[1] == pytest.approx([0.0])
    published = cm2.advantages([a, b], options("step", eta=0.5, source="reference_code"))
    assert published[0] == pytest.approx([0.0])


def test_the_published_delay_is_that_of_the_last_satisfying_step() -> None:
    a, b = sample(TWO, [True, True], [True, False]), sample(TWO, [False, False])
    # Ours: item 0 scores 1. Published: its last satisfying step is 1, so 0.5 against a mean still of 0.5: no advantage.
    assert cm2.advantages([a, b], options("step", eta=0.5))[0][0] == pytest.approx(0.75 * 0.5 + 0.25 * 0.5)
    published = cm2.advantages([a, b], options("step", eta=0.5, source="reference_code"))[0][0]
    assert published == pytest.approx(0.75 * 0.0 + 0.25 * 0.5)


def test_turn_and_trajectory_level_by_hand() -> None:
    a, b = sample(TWO, [True, False], [False, False]), sample(TWO, [False, True])
    # Turn: 0.75 and 0.25, mean 0.5: +-0.25 on every step of the turn; the deviation is 0.25 * sqrt(2).
    assert [list(x) for x in cm2.advantages([a, b], options("turn"))] == [[0.25, 0.25], [-0.25]]
    scaled = cm2.advantages([a, b], options("trajectory", normalise=True))
    assert scaled[0] == pytest.approx([1 / math.sqrt(2)] * 2, abs=1e-5)


@pytest.mark.parametrize("level", ["step", "turn"])
def test_small_groups_give_no_advantage(level: cm2.Level) -> None:
    group = [sample(TWO, [i % 2 == 0, True]) for i in range(4)]
    assert all(not a.any() for a in cm2.advantages(group, cm2.Options(level)))
    assert any(a.any() for a in cm2.advantages([*group, sample(TWO, [True, False])], cm2.Options(level)))


def test_invalid_samples_take_no_part() -> None:
    a, b, broken = sample(TWO, [True, True]), sample(TWO, [False, False]), sample(TWO, [True, True], valid=False)
    for level in ("step", "turn", "trajectory"):
        got = cm2.advantages([a, b, broken], options(level))
        assert not got[2].any()
        assert got[0] == pytest.approx(cm2.advantages([a, b], options(level))[0])


def test_eta_is_checked_and_unknown_dependences_are_told() -> None:
    with pytest.raises(ConfigError, match="eta is 0"):
        cm2.advantages([], cm2.Options(eta=0))
    with pytest.raises(ConfigError, match="'C9'"):
        cm2.TurnChecklist.of([{"id": "C0", "weight": 1, "dependence": ["C9"]}])


def test_a_required_item_that_fails_ends_the_conversation() -> None:
    assert cm2.goes_on([True, False], [True, False])
    assert not cm2.goes_on([True, False], [False, True])


def test_step_values_spread_over_tokens() -> None:
    assert list(cm2.to_tokens(np.array([1.0, 2.0]), [2, 1])) == [1, 1, 0, 2, 0]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_advantages_are_finite_and_vanish_in_a_group_of_equals(data: Any) -> None:
    count = data.draw(st.integers(1, 4))
    needs = tuple(tuple(data.draw(st.sets(st.integers(0, i - 1)))) if i else () for i in range(count))
    items = cm2.TurnChecklist(tuple(data.draw(st.floats(0, 1)) for _ in range(count)), needs)
    steps = data.draw(st.lists(st.lists(st.booleans(), min_size=count, max_size=count), min_size=1, max_size=4))
    others = data.draw(st.lists(st.lists(st.booleans(), min_size=count, max_size=count), min_size=1, max_size=4))
    for level in ("step", "turn", "trajectory"):
        for source in ("paper", "reference_code"):
            for normalise in (False, True):
                chosen = options(level, eta=0.7, source=source, normalise=normalise)
                mixed = cm2.advantages([sample(items, *steps), sample(items, *others)], chosen)
                assert all(np.isfinite(a).all() for a in mixed)
                if source == "paper":
                    same = cm2.advantages([sample(items, *steps)] * 3, chosen)
                    assert np.abs(np.concatenate(same)).max() < 1e-6


def made(name: str, **arguments: Any) -> Step:
    return Step(Turn(calls=(ToolCall(name, arguments),)), (ToolResult("ok"),))


TASK = Task(
    id="t",
    domain="d",
    kind=("k",),
    request="",
    checklist=(
        ChecklistItem(id="a", question="?", check=CallCheck(name="f"), weight=3),
        ChecklistItem(id="b", question="?", check=CallCheck(name="g"), depends_on=("a",)),
        ChecklistItem(id="c", question="?", check=SaidCheck(facts=("7",)), turn=1, weight=4),
    ),
)
STEPS = [
    made("f"), made("x"), made("g"), Step(Turn(response="done"), user="and?"), Step(Turn(response="7")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        # Weights 3, 1, 4 of 8. f at once: 3/8; g two steps after a, one of them lost: 1/8 * 0.5; "7" at once: 4/8.
        ("step", [3 / 8, 0, 1 / 16, 0, 4 / 8]),
        ("turn", [0, 0, 0, 4 / 8, 4 / 8]),
        ("trajectory", [0, 0, 0, 0, 1]),
    ],
)
def test_the_term_by_hand(level: cm2.Level, expected: list[float], prefix_sums: Any) -> None:
    whole = Trajectory("", "t", steps=STEPS, outcome="solved")
    assert prefix_sums(cm2.CM2Term(level, eta=0.5), whole, TASK) == pytest.approx(expected)


def test_an_episode_as_a_sample() -> None:
    got = sample_of(Trajectory("", "t", steps=STEPS, outcome="solved"), TASK, group=1)
    assert got.valid
    assert got.steps_per_turn == [4, 1]
    assert got.verdicts[0][0] == [[True, False], [True, False], [True, True], [True, True]]
    assert cm2.turn_rewards(got) == pytest.approx([4 / 2, 4 / 2])


def test_judged_items_are_put_to_the_judge_and_missing_verdicts_invalidate() -> None:
    judged = ChecklistItem(id="j", question="?", check=JudgedCheck(pass_condition="polite"))
    task = TASK.model_copy(update={"checklist": (*TASK.checklist, judged)})
    whole = Trajectory("", "t", steps=STEPS, outcome="solved")
    assert not sample_of(whole, task).valid
    seen = []
    verdict = sample_of(whole, task, judge=lambda prefix, _, item: seen.append((len(prefix.steps), item.id)) or True)
    assert verdict.valid
    assert verdict.verdicts[0][0][0] == [True, False, True]
    assert seen == [(1, "j"), (2, "j"), (3, "j"), (4, "j")]


PUBLIC = [
    {
        "turn": 0,
        "checklist": [
            {
                "id": name,
                "evidence": [{"turn": 0, "step": 1, "from": "assistant.tool_calls", "snippet": "book(…)"}],
                "focus_on": "assistant.tool_calls",
                "question": "Was it booked?",
                "pass_condition": "A booking call succeeds.",
                "failure_examples": ["It only promises to."],
                "required_for_next_turn": name == "C0",
            }
            for name in ("C0", "C1")
        ],
        "dependence": {"C0": [], "C1": ["C0"]},
        "weight": {"C0": 0.75, "C1": 0.25},
    }
]


def test_the_public_shape_comes_back_as_it_was() -> None:
    turns = read_checklist(json.dumps(PUBLIC))
    assert json.loads(write_checklist(turns)) == PUBLIC
    items = to_items(turns)
    assert [i.required_for_next_turn for i in items] == [True, False]
    assert items[1].depends_on == ("C0",)
    assert json.loads(write_checklist(from_items(items))) == PUBLIC
    assert turns[0].scored() == cm2.TurnChecklist((0.75, 0.25), ((), (0,)))


def test_programmatic_items_survive_the_public_shape(vault_task: Task) -> None:
    back = to_items(read_checklist(write_checklist(from_items(vault_task.checklist))))
    assert [i.check for i in back] == [i.check for i in vault_task.checklist]
    assert [i.depends_on for i in back] == [i.depends_on for i in vault_task.checklist]
    assert [i.weight for i in back] == pytest.approx([0.2] * 5)


def test_ids_that_turns_share_are_told_apart() -> None:
    second = {**PUBLIC[0], "turn": 1}
    items = to_items(read_checklist([*PUBLIC, second]))
    assert [i.id for i in items] == ["t0.C0", "t0.C1", "t1.C0", "t1.C1"]
    assert items[3].depends_on == ("t1.C0",)
    assert json.loads(write_checklist(from_items(items))) == [*PUBLIC, second]


def test_another_shape_is_refused() -> None:
    with pytest.raises(TaskError, match="no CM2 checklist"):
        read_checklist('[{"turn": 0}]')
