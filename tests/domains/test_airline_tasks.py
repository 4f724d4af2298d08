"""Airline tasks: gold chains solve, their plans and calls say what was looked up, requests are distinct and short."""

import hashlib
import itertools
import re
from collections import Counter
from functools import lru_cache
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain
from toolgym.composing.names import SPLITS
from toolgym.composing.recipes import DEPTHS
from toolgym.domain import Size, Split
from toolgym.envs.airline import AIRLINE
from toolgym.envs.airline.tables import FREE_BAGS
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn
from toolgym.rewards.checklist import checklist_score
from toolgym.rewards.state import solved
from toolgym.tasks import GoldAction, GoldCall, SaidCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

SAMPLE = 240
IDS = re.compile(r"[a-z]+_[a-z]+_\d+|credit_card_\d+|gift_card_\d+|certificate_\d+|\b[A-Z0-9]{6}\b")
"""Ids of customers, payment methods and reservations."""


@lru_cache(maxsize=8)
def domain(size: Size = "small", seed: int = 0) -> DeclaredDomain:
    return DeclaredDomain(AIRLINE, size=size, seed=seed)


def sample(split: Split, count: int = SAMPLE, size: Size = "small") -> list[Task]:
    tasks = domain(size).tasks(split)
    return [tasks[index] for index in range(count)]


def play(task: Task, actions: tuple[GoldAction, ...], size: Size = "small") -> tuple[Trajectory, list[ToolResult]]:
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


def recipes_of(split: Split, count: int) -> list[Any]:
    maker = domain().new_maker(split)
    return [maker.recipe(index) for index in range(count)]


def single_calls(tasks: list[Task], *tools: str) -> list[tuple[GoldAction, GoldCall]]:
    """The actions of which a tool's call is the only one."""
    return [
        (action, action.calls[0])
        for task in tasks
        for action in task.gold
        if len(action.calls) == 1 and action.calls[0].name in tools
    ]


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
def test_the_gold_chain_solves_two_thousand_tasks(size: Size) -> None:
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
    tools = domain().kinds
    writing = {act.kind for act in AIRLINE.acts if not act.hands_over}
    for task in sample(split):
        assert task.depth == len(task.gold_calls) == len(task.kind)
        assert [tools[kind] for kind in task.kind] == [gold.name for gold in task.gold_calls]
        assert [kind in writing for kind in task.kind] == [gold.writes for gold in task.gold_calls]
        assert sorted(re.findall("[a-z_]+", task.composition)) == sorted(task.kind)
        assert [len(action.calls) > 0 for action in task.gold] == [True] * (len(task.gold) - 1) + [False]
        assert bool(task.gold_diff) == any(gold.writes for gold in task.gold_calls)


@pytest.mark.parametrize("split", SPLITS)
def test_silence_solves_nothing(split: Split) -> None:
    tasks = sample(split)
    assert not [task.id for task in tasks if solved(play(task, (GoldAction(response="Hello."),))[0], task)]
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


def test_splits_share_no_request_id_or_passenger() -> None:
    tasks = {split: sample(split, 300) for split in SPLITS}
    requests = {split: {task.request for task in tasks[split]} for split in SPLITS}
    ids = {split: {key for task in tasks[split] for key in IDS.findall(task.request)} for split in SPLITS}
    people = {
        split: {
            person[name]
            for task in tasks[split]
            for record in task.gold_diff.get("reservations", {}).values()
            for person in (record or {}).get("passengers", ())
            for name in ("first_name", "last_name")
        }
        for split in SPLITS
    }
    for values in (requests, ids, people):
        assert all(values.values())
        for one, two in itertools.combinations(SPLITS, 2):
            assert not values[one] & values[two]


def test_requests_are_distinct() -> None:
    tasks = [task for split in SPLITS for task in sample(split, 400)]
    assert len({task.request for task in tasks}) == len({task.id for task in tasks}) == len(tasks) == 1600


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_all_requests_are_distinct() -> None:
    seen = {task.request for split in SPLITS for task in domain().tasks(split)}
    assert len(seen) == sum(len(domain().tasks(split)) for split in SPLITS) == 26_000


def test_every_split_is_large_enough_and_all_kinds_occur() -> None:
    sizes = {split: len(domain().tasks(split)) for split in SPLITS}
    assert sizes == {"train": 20_000, "validation": 2_000, "test": 2_000, "test_unseen": 2_000}
    for split in SPLITS:
        kinds = Counter(kind for task in sample(split, 400) for kind in task.kind)
        assert set(kinds) == set(domain().kinds) - {"add_passenger"}  # which is always refused
    alone = {task.kind[0] for split in SPLITS for task in sample(split, 400) if task.depth == 1}
    looks = {"user", "reservation", "airports", "direct", "onestop"}
    assert alone == looks | {"book_flight", "goodwill", "transfer"}  # the other acts need a look first


def test_depths_are_mixed_as_documented() -> None:
    for split in ("train", "test", "test_unseen"):
        counts = Counter(recipe.depth for recipe in recipes_of(split, 1000))
        assert set(counts) == set(DEPTHS)
        for depth, share in DEPTHS.items():
            # 1000 draws: four standard deviations are at most 0.06.
            assert counts[depth] / 1000 == pytest.approx(share, abs=0.06)


def test_what_is_held_out_does_not_occur_in_training() -> None:
    kitchen: Any = domain().new_maker("train").composer
    held_out = {outline.name for outline in kitchen.kitchen.outlines if kitchen.kitchen.is_held_out(outline)}
    seen = [recipe for split in SPLITS[:3] for recipe in recipes_of(split, 1500)]
    unseen = recipes_of("test_unseen", 1000)
    assert not any(recipe.held_out for recipe in seen)
    assert not {outline.name for recipe in seen for outline in recipe.outlines} & held_out
    assert not {recipe.name for recipe in seen} & {recipe.name for recipe in unseen if recipe.held_out}
    assert 0.1 < sum(recipe.held_out for recipe in unseen) / 1000 < 0.95
    assert {len(recipe.outlines) > 1 for recipe in unseen if recipe.held_out} == {True, False}


def test_short_tasks_have_short_requests_and_plans() -> None:
    tasks = sample("train")
    lengths = sorted(len(task.request) for task in tasks if task.depth <= 3)
    assert lengths[len(lengths) * 9 // 10] <= 240
    plans = sorted(len(action.plan or "") for task in tasks if "||" not in task.meta["recipe"] for action in task.gold)
    assert plans[len(plans) * 95 // 100] <= 160
    assert plans[len(plans) // 2] <= 48


# Plans -------------------------------------------------------------------------------------------------------------

FLIGHT = r"\w{5}(?: \w{5})? \d{4}-\d\d-\d\d \w+"
"""A flight or a connection on a day, in a cabin."""
COMPARED = re.compile(rf"((?:{FLIGHT} \$\d+(?:, )?){{2,}}): ({FLIGHT})\.")


def test_a_plan_shows_what_a_choice_compares() -> None:
    seen = Counter()
    for task in sample("train", 400):
        wanted = [word for word in ("cheapest", "most expensive") if word in task.request]
        plans = [action.plan or "" for action in task.gold]
        found = [match.groups() for plan in plans for match in COMPARED.finditer(plan)]
        searches = [gold for gold in task.gold_calls if gold.name.startswith("search")]
        if len(wanted) != 1 or len(found) != 1 or len(searches) != 1:
            continue
        fares = {one: int(fare) for one, fare in re.findall(rf"({FLIGHT}) \$(\d+)", found[0][0])}
        best = (min if wanted == ["cheapest"] else max)(fares.values())
        assert [one for one, fare in fares.items() if fare == best] == [found[0][1]], task.id
        # What is compared is what the search shows in the cabin, all of it.
        cabin = found[0][1].split()[-1]
        assert {one.split()[-1] for one in fares} == {cabin}
        assert sorted(fares.values()) == sorted(fares_of(task, searches[0], cabin)), task.id
        seen[wanted[0]] += 1
    assert min(seen["cheapest"], seen["most expensive"]) > 5


def fares_of(task: Task, search: GoldCall, cabin: str) -> list[int]:
    """The fares that a search shows: of each flight, or of both flights of each connection."""
    session = domain().session()
    session.reset(task.world_seed)
    shown: Any = session.call(search.call()).structured
    ways = [way if isinstance(way, list) else [way] for way in shown["result"]]
    return [sum(flight["prices"][cabin] for flight in way) for way in ways]


def test_a_plan_says_what_bags_there_are() -> None:
    plan_of = re.compile(r"(\w+), (\d+) bags, (\d+) paid: bags (\w{6}) ")
    seen = 0
    for task in sample("train", 600):
        for action, gold in single_calls([task], "update_reservation_baggages"):
            ((cabin, before, paid, key),) = plan_of.findall(action.plan)
            tables = domain().server.base(task.world_seed).tables
            trip: Any = tables["reservations"].get(key)
            if trip is None or trip["cabin"] != cabin or task.kind.count("bags") > 1:
                continue  # another call made or changed it
            assert (int(before), int(paid)) == (trip["total_baggages"], trip["nonfree_baggages"])
            (more,) = re.findall(r"(\d) checked bags? more", task.request)
            total = int(before) + int(more)
            free = FREE_BAGS[tables["users"][trip["user_id"]]["membership"]][cabin] * len(trip["passengers"])
            assert gold.arguments["reservation_id"] == key
            assert gold.arguments["total_baggages"] == total
            assert gold.arguments["nonfree_baggages"] == max(0, total - free)
            seen += 1
    assert seen > 10


def test_a_plan_restates_the_ids_of_its_call() -> None:
    for task in sample("train"):
        for action in task.gold:
            for gold in action.calls:
                for name in ("reservation_id", "user_id"):
                    if name in gold.arguments:
                        assert gold.arguments[name] in (action.plan or ""), task.id


def test_gold_uses_nothing_that_was_not_said_or_seen() -> None:
    """Ids in a call come from the request or from earlier results: no gold value leaks in."""
    for task in sample("validation", 300):
        session = domain().session()
        session.reset(task.world_seed)
        known = task.request
        for action in task.gold:
            answers = []
            for gold in action.calls:
                for value in IDS.findall(str(gold.arguments)):
                    assert value in known, (task.id, value)
                answers.append(session.call(ToolCall(gold.name, gold.arguments)).text)
            known += " ".join(answers)


# Choosing tasks ----------------------------------------------------------------------------------------------------


def test_filters() -> None:
    tasks = domain().tasks("validation", depth=[2, 3], kinds=["reservation", "cancel", "user"])
    assert len(tasks) > 20
    for index in range(20):
        assert tasks[index].depth in (2, 3)
        assert set(tasks[index].kind) <= {"reservation", "cancel", "user"}
    assert {task.depth for task, _ in zip(domain().tasks("test", depth=1), range(10), strict=False)} == {1}
    with pytest.raises(ConfigError, match="No task of 'train' has depth 8"):
        domain().tasks("train", depth=8)
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


def test_another_seed_gives_other_tasks() -> None:
    one, two = domain().tasks("test"), domain(seed=1).tasks("test")
    assert not {one[i].request for i in range(50)} & {two[i].request for i in range(50)}
    assert {one[i].world_seed for i in range(50)}.isdisjoint(two[i].world_seed for i in range(50))


def test_a_scripted_user_can_be_asked_for_everything() -> None:
    topics = domain().new_maker("test").composer.topic_words
    for task in sample("test", 200):
        assert task.user.opening
        assert task.user.facts["details"]
        assert set(task.user.facts) == set(task.user.keywords) <= set(topics)
        told = " ".join(task.user.facts.values())
        assert set(IDS.findall(task.request)) <= set(IDS.findall(told)), task.id


def test_a_golden_cancellation() -> None:
    """Worked by hand from the record: a trip in business that is cancelled because the customer is ill.

    The gold is two calls (look, cancel); the diff sets `status`, repeats the payment with its sign turned, and gives
    the seats of each flight back.
    """
    task = next(
        task
        for task in domain().tasks("validation")
        if task.composition == "reservation;cancel" and not task.forbidden and len(task.gold_diff) == 2
    )
    rid = task.gold_calls[0].arguments["reservation_id"]
    tables = domain().server.base(task.world_seed).tables
    before = tables["reservations"][rid]
    assert rid in task.request
    assert [gold.name for gold in task.gold_calls] == ["get_reservation_details", "cancel_reservation"]
    after = task.gold_diff["reservations"][rid]
    assert after is not None
    assert after["status"] == "cancelled"
    (paid,) = before["payment_history"]
    assert after["payment_history"] == [paid, {**paid, "amount": -paid["amount"]}]
    (leg,) = before["flights"]
    ((number, flight),) = task.gold_diff["flights"].items()
    assert number == leg["flight_number"]
    seats: Any = flight
    original = tables["flights"][number]["dates"][leg["date"]]["available_seats"][before["cabin"]]
    assert seats["dates"][leg["date"]]["available_seats"][before["cabin"]] == original + len(before["passengers"])
    assert task.gold[-1].response.startswith(f"{rid} is cancelled, and ${paid['amount']} are refunded.")  # type: ignore[union-attr]
    # The flight's dates, and of the reservation the payments and the status.
    ids = ["call-1", "call-2", "state-1", "state-2", "state-3", "said-1", "no-other-change"]
    assert [item.id for item in task.checklist] == ids
    # Weights 1, 1, three times 2/3, 2, 1 over their sum of 7.
    assert [item.weight * 7 for item in task.checklist] == pytest.approx([1, 1, 2 / 3, 2 / 3, 2 / 3, 2, 1])


def test_tasks_stay_as_they_are() -> None:
    # What the built-in policy is trained on and the published figures are measured on.
    digest = hashlib.sha256()
    for size in ("small", "standard"):
        for split in SPLITS:
            tasks = domain(size).tasks(split)
            for index in (0, 7, 97, 911):
                digest.update(tasks[index].model_dump_json(exclude_defaults=True).encode())
    assert digest.hexdigest() == "4e938b2c9b7fd9d03936c42ee5c261a48714f71e968c38a397849ade15650530"
