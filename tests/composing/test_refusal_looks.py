"""A refusal counts from a look at what its rule reads: the record, what was picked, who speaks; and at no more."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.declaration import Declaration, Seen
from toolgym.composing.reading import read_by
from toolgym.env import ToolEnv
from toolgym.messages import Turn, render
from toolgym.tasks import Task

SEEN = Seen({"id": "J1", "cost": 5}, {"day": "2026-06-01"}, {"room": {"free": 0}}, {"tier": "basic"}, "2026-06-15")


@pytest.mark.parametrize(
    ("broken", "read"),
    [
        (lambda seen: seen.subject["cost"] > 3, {("subject", "")}),
        (lambda seen: seen.wishes["day"] < seen.today, {("wishes", "day")}),
        (lambda seen: not seen.picked["room"]["free"], {("picked", "room")}),
        (lambda seen: seen.speaker.get("tier") == "basic", {("speaker", "")}),
        (
            lambda seen: "cost" in seen.subject and not seen.picked["room"]["free"],
            {("subject", ""), ("picked", "room")},
        ),
        (lambda seen: seen.subject["cost"] > 9 and seen.picked["room"]["free"] > 0, {("subject", "")}),
        (lambda seen: bool(seen.subject) and seen.speaker is not None and "room" in seen.picked, set()),
        (lambda seen: any(value == 5 for value in seen.subject.values()), {("subject", "")}),
        (lambda seen: bool({**seen.subject}) and {**seen.wishes}, {("subject", ""), ("wishes", "day")}),
        (lambda seen: True, set()),
    ],
)
def test_what_a_rule_reads(broken: Callable[[Seen], bool], read: set[tuple[str, str]]) -> None:
    assert read_by(broken, SEEN) == read


def test_what_was_not_shown_is_not_looked_at() -> None:
    class Left:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    seen = Seen({"cost": 5}, {}, {"room": Left()}, None, "")  # type: ignore[dict-item]
    assert read_by(lambda seen: seen.subject["cost"] > 3, seen) == {("subject", "")}


def refusal(domain: Declaration, rule: str) -> Task:
    """A task in which nothing is asked for but what the rule forbids."""
    tasks = DeclaredDomain(domain, "small").tasks("train")
    made = (tasks[index] for index in range(60))
    return next(task for task in made if task.forbidden and f"!{rule}" in task.meta["recipe"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rule", "needed"),
    [
        ("clinic", "referral_over", ["list_referrals", "get_slot"]),  # the day of the slot that is picked
        ("people", "waiting_list", ["get_training"]),  # whose team has the money for it is another rule's
        ("clinic", "urgent", []),  # the request says it
        ("home", "quiet", []),
        ("home", "child_lock", ["get_appliance", "get_resident"]),
    ],
)
def test_a_refusal_counts_from_a_look_at_what_its_rule_reads(name: str, rule: str, needed: list[str]) -> None:
    domain: Declaration = getattr(import_module(f"toolgym.envs.{name}"), name.upper())
    task = refusal(domain, rule)
    (item,) = [item for item in task.checklist if item.check.type == "refused"]
    calls = {f"call-{number}": call for number, call in enumerate(task.gold_calls, 1)}
    assert [calls[one].name for one in item.depends_on] == needed
    env = ToolEnv(domain, size="small", split="train")

    def outcome(names: list[str]) -> str:
        env.reset(options={"task": task})
        info: dict[str, Any] = {}
        looks = [Turn(calls=(call.call(),)) for call in task.gold_calls if call.name in names]
        for turn in (*looks, Turn(response=task.gold[-1].response)):
            *_, info = env.step(render(turn))
        return info["outcome"]

    assert outcome(needed) == "solved"
    for one in needed:
        assert outcome([call.name for call in task.gold_calls if call.name != one]) == "unsolved"
