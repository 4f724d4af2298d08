"""Airline tasks: gold chains execute and solve, splits are disjoint, requests distinct, and the same in any process."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from functools import lru_cache
from typing import Any

import pytest

from toolgym.composing.making import Source, TaskMaker
from toolgym.composing.names import SPLITS
from toolgym.domain import Split
from toolgym.envs.airline import AirlineDomain
from toolgym.envs.airline.composer import AirlineComposer
from toolgym.envs.airline.compositions import DEPTHS, HELD_OUT, Recipe
from toolgym.envs.airline.domain import airline_server
from toolgym.envs.airline.phrases_other import OTHER_PHRASES
from toolgym.envs.airline.phrases_trip import TRIP_PHRASES
from toolgym.envs.airline.requests import TOPIC_WORDS
from toolgym.envs.airline.rules import FREE_BAGS
from toolgym.envs.airline.stories_lookup import weigh_onestop
from toolgym.envs.airline.story import TOOL_OF, WRITING_KINDS, weigh
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn
from toolgym.rewards.checklist import checklist_score
from toolgym.rewards.state import solved
from toolgym.tasks import GoldAction, SaidCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

SAMPLE = 240
WEIGHED = re.compile(
    r"((?:cheapest|earliest|latest) \w+: (?:\w+ (?:full|\$\d+|\d\d:\d\d)(?:, |: ))+"
    r"|(?:[A-Z]{3} [A-Z]{3} \w{6}(?:, |: ))+)"
)
"""The part of a plan that compares offers or trips."""


@lru_cache(maxsize=4)
def domain(size: str = "small", seed: int = 0) -> AirlineDomain:
    return AirlineDomain(size=size, seed=seed)  # type: ignore[arg-type]


def sample(split: Split, count: int = SAMPLE, size: str = "small") -> list[Task]:
    tasks = domain(size).tasks(split)
    return [tasks[index] for index in range(count)]


def play(task: Task, actions: tuple[GoldAction, ...], size: str = "small") -> tuple[Trajectory, list[ToolResult]]:
    session = domain(size).session()
    session.reset(task.world_seed)
    trajectory, all_results = Trajectory("airline", task.id), []
    for action in actions:
        calls = tuple(gold.call() for gold in action.calls)
        results = tuple(session.call(call) for call in calls)
        all_results += results
        turn = Turn(plan=action.plan, calls=calls, response=action.response)
        trajectory.steps.append(Step(turn, results, diff=session.diff()))
    trajectory.outcome = "unsolved"  # the episode ended by itself; what it was worth is what is asked here
    return trajectory, all_results


def recipes_of(split: Split, count: int) -> list[Recipe]:
    maker = TaskMaker(
        Source(split, "small", "standard", 0), AirlineComposer(), airline_server("small", "standard").session
    )
    return [maker.recipe(index) for index in range(count)]


def noop(task: Task) -> bool:
    return solved(play(task, (GoldAction(response="Hello."),))[0], task)


@pytest.mark.parametrize("split", SPLITS)
def test_the_gold_chain_executes_and_solves(split: Split) -> None:
    for task in sample(split):
        trajectory, results = play(task, task.gold)
        assert not any(result.is_error for result in results), task.id
        assert trajectory.diff == task.gold_diff
        assert solved(trajectory, task), task.id
        assert checklist_score(trajectory, task) == pytest.approx(1.0), task.id


@pytest.mark.slow
@pytest.mark.parametrize("size", ["small", "standard", "large"])
def test_the_gold_chain_solves_two_thousand_tasks(size: str) -> None:
    depths = Counter()
    for split in SPLITS:
        for task in sample(split, 500, size):
            trajectory, results = play(task, task.gold, size)
            assert not any(result.is_error for result in results), task.id
            assert solved(trajectory, task), task.id
            depths[task.depth] += 1
    assert sorted(depths) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("split", SPLITS)
def test_depth_and_kinds_are_those_of_the_gold_calls(split: Split) -> None:
    for task in sample(split):
        assert task.depth == len(task.gold_calls) == len(task.kind)
        assert [TOOL_OF[kind] for kind in task.kind] == [gold.name for gold in task.gold_calls]
        assert [kind in WRITING_KINDS for kind in task.kind] == [gold.writes for gold in task.gold_calls]
        assert sorted(re.findall("[a-z]+", task.composition)) == sorted(task.kind)
        assert [len(action.calls) > 0 for action in task.gold] == [True] * (len(task.gold) - 1) + [False]
        assert bool(task.gold_diff) == any(gold.writes for gold in task.gold_calls)


@pytest.mark.parametrize("split", SPLITS)
def test_silence_solves_nothing(split: Split) -> None:
    tasks = sample(split)
    assert not [task.id for task in tasks if noop(task)]
    assert 0.02 < sum(task.forbidden for task in tasks) / len(tasks) <= 0.12


@pytest.mark.parametrize("split", SPLITS)
def test_checklists_are_weighted_and_ordered(split: Split) -> None:
    for task in sample(split, 200):
        ids = [item.id for item in task.checklist]
        assert len(set(ids)) == len(ids)
        assert sum(item.weight for item in task.checklist) == pytest.approx(1.0)
        for place, item in enumerate(task.checklist):
            assert set(item.depends_on) <= set(ids[:place])
        assert all(item.required for item in task.checklist if isinstance(item.check, SaidCheck))
        transfers = [item for item in task.checklist if item.focus == "transfer"]
        assert len(transfers) == task.kind.count("transfer")
        assert all(item.required for item in transfers)


def values_in(text: str) -> set[str]:
    """Names, ids and the like in a text: what must not be shared between splits."""
    return set(re.findall(r"[a-z]+_[a-z]+_\d+|credit_card_\d+|gift_card_\d+|\b[A-Z0-9]{6}\b", text))


def test_splits_share_no_request_user_name_or_reservation() -> None:
    requests: dict[Split, set[str]] = {}
    values: dict[Split, set[str]] = {}
    people: dict[Split, set[str]] = {}
    for split in SPLITS:
        tasks = sample(split, 300)
        requests[split] = {task.request for task in tasks}
        values[split] = set().union(*(values_in(task.request) for task in tasks))
        people[split] = set()
        for task in tasks:
            for table in task.gold_diff.values():
                for record in table.values():
                    for person in (record or {}).get("passengers", ()):
                        people[split] |= {person["first_name"], person["last_name"]}
    for i, one in enumerate(SPLITS):
        assert values[one]
        assert people[one]
        for two in SPLITS[i + 1 :]:
            assert not requests[one] & requests[two]
            assert not values[one] & values[two]
            assert not people[one] & people[two]


def test_requests_are_distinct() -> None:
    tasks = [task for split in SPLITS for task in sample(split, 400)]
    assert len({task.request for task in tasks}) == len({task.id for task in tasks}) == len(tasks) == 1600


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_requests_are_distinct() -> None:
    seen = {task.request for split in SPLITS for task in domain().tasks(split)}
    assert len(seen) == sum(len(domain().tasks(split)) for split in SPLITS) == 26_000


def test_every_split_is_large_enough_and_all_kinds_occur() -> None:
    sizes = {split: len(domain().tasks(split)) for split in SPLITS}
    assert sizes == {"train": 20_000, "validation": 2_000, "test": 2_000, "test_unseen": 2_000}
    for split in SPLITS:
        kinds = Counter(kind for task in sample(split, 400) for kind in task.kind)
        assert set(kinds) == set(TOOL_OF)
    alone = {task.kind[0] for task in sample("train", 400) if task.depth == 1}
    assert len(alone) >= 9


def test_depths_are_mixed_as_documented() -> None:
    for split, which in (("train", "seen"), ("test", "seen"), ("test_unseen", "unseen")):
        counts = Counter(recipe.depth for recipe in recipes_of(split, 1000))  # type: ignore[arg-type]
        assert set(counts) == set(DEPTHS[which])
        for depth, share in DEPTHS[which].items():
            # 1000 draws: four standard deviations are at most 0.06.
            assert counts[depth] / 1000 == pytest.approx(share, abs=0.06)


def both_halves_write(recipe: Recipe) -> bool:
    names = recipe.name.split(" || ")
    writing = ("cancel", "cabin", "flights", "bags", "passengers", "compensation", "book", "goodwill")
    return len(names) == 2 and all("!" not in name and any(word in name for word in writing) for name in names)


def test_unseen_compositions_and_depths_do_not_occur_in_training() -> None:
    train, unseen = recipes_of("train", 5000), recipes_of("test_unseen", 1000)

    def stories(recipe: Recipe) -> set[str]:
        return {name.partition(":")[2] or name for name in recipe.name.split(" || ")}

    assert not any(stories(recipe) & HELD_OUT for recipe in train)
    assert not any(both_halves_write(recipe) for recipe in train)
    assert max(recipe.depth for recipe in train) == 5
    assert set().union(*(stories(recipe) for recipe in unseen)) >= HELD_OUT
    assert any(both_halves_write(recipe) for recipe in unseen)
    assert {6, 7} <= {recipe.depth for recipe in unseen}
    assert 0.4 < sum(recipe.held_out for recipe in unseen) / 1000 < 0.95


def test_phrasings() -> None:
    for topic, (seen, unseen) in {**TRIP_PHRASES, **OTHER_PHRASES}.items():
        assert len(seen) >= 6 or (topic == "rebook" and not seen), topic
        assert len(unseen) >= 2, topic
        assert not set(seen) & set(unseen), topic
        placeholders = {frozenset(re.findall(r"{(\w+)}", text)) for text in (*seen, *unseen)}
        assert len(placeholders) == 1, topic


def test_short_tasks_have_short_requests_and_plans() -> None:
    tasks = sample("train")
    lengths = sorted(len(task.request) for task in tasks if task.depth <= 3)
    assert lengths[len(lengths) * 9 // 10] <= 200
    plans = sorted(len(action.plan or "") for task in tasks if "||" not in task.meta["recipe"] for action in task.gold)
    assert plans[len(plans) * 95 // 100] <= 96
    # Where nothing is worked out (bags, passengers), and without what a choice compares, they only announce.
    worked_out = {"update_reservation_baggages", "update_reservation_passengers"}
    bare = sorted(
        len(WEIGHED.sub("", action.plan or ""))
        for task in tasks
        if "||" not in task.meta["recipe"]
        for action in task.gold
        if not worked_out & {gold.name for gold in action.calls}
    )
    assert bare[len(bare) * 95 // 100] <= 64


def test_a_plan_shows_what_a_choice_compares() -> None:
    def offer(number: str, fare: int, leaves: str, seats: int) -> dict[str, Any]:
        return {
            "flight_number": number,
            "scheduled_departure_time_est": leaves,
            "available_seats": {"economy": seats},
            "prices": {"economy": fare},
        }

    offers = [offer("AB123", 120, "06:30:00", 2), offer("CD456", 99, "18:05:00", 1)]
    assert weigh(offers, "cheapest", "economy") == "cheapest economy: AB123 $120, CD456 $99: $99 CD456"
    assert weigh(offers, "latest", "economy", 2) == "latest economy: AB123 06:30, CD456 full: 06:30 AB123"
    offers[1]["scheduled_arrival_time_est"] = "20:00:00"
    pairs = [[offers[0], offers[1]], [offers[1], {**offers[0], "scheduled_arrival_time_est": "11:15:00"}]]
    shown = "first there: AB123 CD456 20:00, CD456 AB123 11:15: 11:15 CD456 AB123"
    assert weigh_onestop(pairs, "economy") == shown


def test_a_plan_works_out_the_bags() -> None:
    sums = re.compile(r"(\w+) (\w+): (\d) x (\d) = (\d+) free\. (\d+) \+ (\d) = (\d+) in all: (\w{6}), (\d+) paid\.")
    seen = 0
    for task in sample("train", 400):
        for action in task.gold:
            for level, cabin, people, each, free, before, more, total, rid, paid in sums.findall(action.plan or ""):
                (gold,) = [call for call in action.calls if call.name == "update_reservation_baggages"]
                assert gold.arguments["reservation_id"] == rid
                assert gold.arguments["total_baggages"] == int(total) == int(before) + int(more)
                assert FREE_BAGS[level][cabin] == int(each)
                assert int(people) * int(each) == int(free)
                assert gold.arguments["nonfree_baggages"] == int(paid) == max(0, int(total) - int(free))
                seen += 1
    assert seen > 10


def test_a_plan_restates_the_values_of_its_call() -> None:
    for task in sample("train"):
        for action in task.gold:
            for gold in action.calls:
                for name in ("reservation_id", "user_id"):
                    if name in gold.arguments and gold.name not in ("book_reservation", "update_reservation_baggages"):
                        assert gold.arguments[name] in f"{action.plan} {task.request}"


def test_gold_uses_nothing_that_was_not_said_or_seen() -> None:
    """Ids and names in a call come from the request or from earlier results: no gold value leaks in."""
    for task in sample("validation", 300):
        session = domain().session()
        session.reset(task.world_seed)
        known = task.request
        for action in task.gold:
            answers = []
            for gold in action.calls:
                for value in values_in(str(gold.arguments)):
                    assert value in known, (task.id, value)
                answers.append(session.call(ToolCall(gold.name, gold.arguments)).text)
            known += " ".join(answers)


def test_filters() -> None:
    tasks = domain().tasks("validation", depth=[2, 3], kinds=["reservation", "cancel", "user"])
    assert len(tasks) > 20
    for index in range(20):
        assert tasks[index].depth in (2, 3)
        assert set(tasks[index].kind) <= {"reservation", "cancel", "user"}
    assert {task.depth for task, _ in zip(domain().tasks("test", depth=1), range(10), strict=False)} == {1}
    with pytest.raises(ConfigError, match="No task of 'train' has depth 7"):
        domain().tasks("train", depth=7)
    with pytest.raises(ConfigError, match="Did you mean 'cancel'"):
        domain().tasks("train", kinds=["cancell"])
    with pytest.raises(ConfigError, match="Did you mean 'test'"):
        domain().tasks("tset")  # type: ignore[arg-type]


def test_tasks_are_found_by_id_and_by_place() -> None:
    tasks = domain().tasks("test")
    assert tasks.by_id(tasks[7].id) == tasks[7] == tasks[7 - len(tasks)]
    for wrong in ("airline-small-test-99999", "airline-small-train-00007", "x", "airline-small-test-7"):
        with pytest.raises(ConfigError, match="No task"):
            tasks.by_id(wrong)
    with pytest.raises(IndexError):
        tasks[len(tasks)]
    with pytest.raises(ConfigError, match="No task"):
        domain().tasks("test", depth=1).by_id(next(task.id for task in tasks if task.depth == 2))


def test_order_of_access_does_not_matter() -> None:
    source = Source("train", "small", "standard", 0)
    forward, backward = (
        TaskMaker(source, AirlineComposer(), airline_server("small", "standard").session) for _ in range(2)
    )
    places = range(3480, 3500)  # a world with relatives that would otherwise ask for the same
    ahead = [forward.make(place) for place in places]
    back = [backward.make(place) for place in reversed(places)]
    assert ahead == back[::-1]


def test_another_seed_gives_other_tasks() -> None:
    one, two = domain().tasks("test"), domain(seed=1).tasks("test")
    assert not {one[i].request for i in range(50)} & {two[i].request for i in range(50)}
    assert {one[i].world_seed for i in range(50)}.isdisjoint(two[i].world_seed for i in range(50))


def test_a_scripted_user_can_be_asked_for_everything() -> None:
    for task in sample("test", 200):
        assert task.user.opening
        assert task.user.facts["details"]
        assert set(task.user.facts) == set(task.user.keywords) <= set(TOPIC_WORDS)
        told = " ".join(task.user.facts.values())
        assert values_in(task.request) <= values_in(told), task.id


def test_a_golden_cancellation() -> None:
    """Worked by hand from the record: an insured or business trip that is cancelled for a good reason.

    The gold is two calls (look, cancel); the diff sets `status`, repeats every payment with its sign turned, and
    gives the seats of each flight back.
    """
    task = next(task for task in domain().tasks("validation") if task.composition == "reservation;cancel")
    rid = task.gold_calls[0].arguments["reservation_id"]
    base = domain().session()
    base.reset(task.world_seed)
    before = base.world.get("reservations", rid)  # type: ignore[attr-defined]
    assert rid in task.request
    assert [gold.name for gold in task.gold_calls] == ["get_reservation_details", "cancel_reservation"]
    after = task.gold_diff["reservations"][rid]
    assert after is not None
    assert after["status"] == "cancelled"
    refunds = [{**payment, "amount": -payment["amount"]} for payment in before["payment_history"]]
    assert after["payment_history"] == before["payment_history"] + refunds
    for number, flight in task.gold_diff.get("flights", {}).items():
        assert flight is not None
        leg = next(leg for leg in before["flights"] if leg["flight_number"] == number)
        seats = flight["dates"][leg["date"]]["available_seats"][before["cabin"]]
        original = base.world.get("flights", number)["dates"][leg["date"]]["available_seats"]  # type: ignore[attr-defined]
        assert seats == original[before["cabin"]] + len(before["passengers"])
    assert task.gold[-1].response == f"{rid} is cancelled."
    assert [item.id for item in task.checklist] == ["call-1", "call-2", "state-1", "no-other-change"]
    # Weights 1, 1, 2, 1 over their sum of 5.
    assert [item.weight for item in task.checklist] == pytest.approx([0.2, 0.2, 0.4, 0.2])


_FINGERPRINT = """
import hashlib
from toolgym.envs.airline import AirlineDomain
from toolgym.composing.worlds import world_key
from toolgym.envs.airline.world import build_base, user_id_at
from toolgym.world import canonical
CASES = ("small", "train", (0, 19, 555)), ("small", "test_unseen", (3, 30)), ("standard", "test", (0, 9))
parts = []
for size, split, places in CASES:
    tasks = AirlineDomain(size=size).tasks(split)
    parts += [tasks[place].model_dump_json().encode() for place in places]
for base in (build_base(world_key("test", 3), "small"), build_base(world_key("test", 0), "standard")):
    parts.append(canonical({name: dict(table) for name, table in base.tables.items()}))
large = build_base(0, "large")
parts += [canonical(large.tables["users"][user_id_at(large, index)]) for index in range(0, 250000, 50000)]
print(hashlib.sha256(b"".join(parts)).hexdigest())
"""


@pytest.mark.slow
def test_worlds_and_tasks_are_the_same_in_any_process() -> None:
    prints = {
        subprocess.run(
            [sys.executable, "-c", _FINGERPRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1
    assert re.fullmatch(r"[0-9a-f]{64}\n", prints.pop())


def test_v0_stays_as_it_is() -> None:
    # What the built-in policy was trained on and the published figures were measured on: taken before the tasks were
    # made by `toolgym.composing`.
    digest = hashlib.sha256()
    for size in ("small", "standard"):
        for split in SPLITS:
            tasks = domain(size).tasks(split)
            for index in (0, 7, 97, 911):
                digest.update(tasks[index].model_dump_json(exclude_defaults=True).encode())
    assert digest.hexdigest() == "cdfe63783aefab7240a4307ca65bdb0808c433c56f40a8a4bd9439cf252e7d0a"
