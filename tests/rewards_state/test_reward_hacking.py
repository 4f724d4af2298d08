"""Degenerate policies must earn less than honest partial work, under every preset, on real airline tasks."""

import importlib.util
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from toolgym.domain import Domain, Split
from toolgym.messages import Turn, render
from toolgym.registration import make_domain
from toolgym.rewards import make_reward, preset_names
from toolgym.saying.facts import says
from toolgym.tasks import Task

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
WORDS = {
    "cancel": "cancel this trip", "cabin": "change the cabin", "flights": "change the flight of this trip",
    "bags": "remove bags", "add_passenger": "add a passenger", "compensate": "give any compensation",
    "book": "book this flight", "book_seat": "book this flight", "book_connection": "book this connection",
    "book_again": "book this flight", "goodwill": "send this certificate",
}  # fmt: skip
DEGENERATE = [
    "repeat the call", "call everything", "copy the schema", "empty plan", "spam tags", "answer at once",
    "names, wrong values",
]  # fmt: skip


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[dict[str, ModuleType]]:
    """The modules of benchmarks/ that are needed, which are in no package."""
    made: dict[str, ModuleType] = {}
    package = ModuleType("benchmarks")
    package.__path__ = [str(BENCHMARKS)]  # type: ignore[attr-defined]
    before = sys.modules.get("benchmarks")
    sys.modules["benchmarks"] = package
    for name in ("reward_examples", "reward_attacks", "honest_answers"):
        spec = importlib.util.spec_from_file_location(f"benchmarks.{name}", BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        made[name] = sys.modules[f"benchmarks.{name}"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made[name])
    yield made
    for name in made:
        del sys.modules[f"benchmarks.{name}"]
    del sys.modules["benchmarks"]
    if before is not None:
        sys.modules["benchmarks"] = before


@pytest.fixture(scope="module")
def examples(benchmarks: dict[str, ModuleType]) -> ModuleType:
    return benchmarks["reward_examples"]


@pytest.fixture(scope="module")
def attacks(benchmarks: dict[str, ModuleType]) -> ModuleType:
    return benchmarks["reward_attacks"]


@pytest.fixture(scope="module")
def domain() -> Domain:
    return make_domain("airline", size="small", dialect=None, seed=None)


@pytest.fixture(scope="module")
def tasks(domain: Domain, examples: ModuleType) -> list[Task]:
    return examples.example_tasks(domain, 6)


@pytest.mark.parametrize("preset", preset_names())
def test_honest_work_earns_more(preset: str, domain: Domain, tasks: list[Task], examples: ModuleType) -> None:
    def mean(name: str) -> float:
        example = next(e for e in examples.EXAMPLES if e.name == name)
        return statistics.fmean(examples.total(examples.play(domain, task, example, preset)) for task in tasks)

    gold, flawed, half = mean("gold"), mean("one wrong value"), mean("half of it")
    assert gold > flawed
    assert gold > half
    for name in DEGENERATE:
        # Where nothing but success is paid, half of the work earns nothing, and the hack must not either.
        assert mean(name) <= 0.0 if half == 0.0 else mean(name) < half, (name, mean(name), half)


def test_the_gold_episode_is_solved_and_the_degenerate_ones_are_not(
    domain: Domain, tasks: list[Task], examples: ModuleType
) -> None:
    for example in examples.EXAMPLES:
        outcomes = {examples.play(domain, task, example).outcome for task in tasks}
        assert (outcomes == {"solved"}) if example.name == "gold" else ("solved" not in outcomes)


@pytest.fixture(scope="module")
def mixed(domain: Domain) -> list[Task]:
    """Test tasks as they come, some to be answered, most to be done, and some that are forbidden."""
    tasks = [domain.tasks("test")[index] for index in range(250)]
    picked = [*tasks[:48], *[task for task in tasks[48:] if task.forbidden][:12]]
    assert sum(task.forbidden for task in picked) >= 12
    assert any(not task.gold_diff and not task.forbidden for task in picked)
    return picked


def test_answers_that_are_none_solve_nothing_and_earn_less_than_half_the_work(
    domain: Domain, mixed: list[Task], examples: ModuleType, attacks: ModuleType
) -> None:
    half = next(e for e in examples.EXAMPLES if e.name == "half of it")
    limit = statistics.fmean(examples.total(examples.play(domain, task, half)) for task in mixed)
    for attack in (*attacks.ATTACKS, *attacks.random_policies(12, seed=7)):
        episodes = [examples.play(domain, task, attack) for task in mixed]
        assert statistics.fmean(map(examples.total, episodes)) < limit, attack.name
        if attack in attacks.ATTACKS:
            assert not [e.task_id for e in episodes if e.outcome == "solved"], attack.name


@pytest.mark.parametrize("preset", preset_names())
def test_the_same_calls_in_other_turns_earn_no_more(
    preset: str, domain: Domain, mixed: list[Task], examples: ModuleType, attacks: ModuleType
) -> None:
    gold = next(e for e in examples.EXAMPLES if e.name == "gold")
    for task in mixed[:25]:
        limit = examples.total(examples.play(domain, task, gold, preset)) + 1e-9
        for other in attacks.REARRANGED:
            assert examples.total(examples.play(domain, task, other, preset)) <= limit, (other.name, task.id)


@pytest.mark.parametrize(
    ("preset", "options", "other"),
    [("steptool", {"unit": "turn"}, "gold, split"), ("cm2", {"eta": 0.9}, "gold, merged")],
)
def test_the_papers_forms_pay_for_rearranging(
    preset: str, options: dict, other: str, domain: Domain, mixed: list[Task], examples: ModuleType, attacks: ModuleType
) -> None:
    """What the switches are for: the documented weakness is there under them."""
    gold = next(e for e in examples.EXAMPLES if e.name == "gold")
    way = next(e for e in attacks.REARRANGED if e.name == other)
    reward = make_reward(preset, **options)
    more = [
        task.id
        for task in mixed[:25]
        if examples.total(examples.play(domain, task, way, reward))
        > examples.total(examples.play(domain, task, gold, reward)) + 1e-9
    ]
    assert more


@pytest.mark.parametrize("split", ["test", "test_unseen"])
def test_honest_answers_in_full_sentences_solve(
    split: Split, domain: Domain, benchmarks: dict[str, ModuleType], examples: ModuleType
) -> None:
    honest, tasks = benchmarks["honest_answers"], domain.tasks(split, depth=(1, 3))
    assert sum(map(len, honest.ANSWERS.values())) >= 100
    kinds = set()
    for index in range(220):
        task = tasks[index]
        for kind, answer in honest.answers_to(domain, task):
            kinds.add(kind)
            messages = [*examples.gold_messages(task, ())[:-1], render(Turn(response=answer))]
            way = examples.Example("", True, lambda task, tools, said=messages: said)
            assert examples.play(domain, task, way).outcome == "solved", (kind, answer)
    assert len(kinds) >= 12


def _is_told(task: Task) -> bool:
    """Whether the request alone shows that a rule is broken: another number of passengers, a goodwill of any amount."""
    return re.search(r"goodwill!|!number_stays", task.meta["recipe"]) is not None


def test_every_item_knows_wrong_answers_and_every_refusal_a_look(domain: Domain) -> None:
    for split in ("train", "test_unseen"):
        tasks = domain.tasks(split)
        for index in range(200):
            task = tasks[index]
            right = task.gold[-1].response or ""
            calls = {f"call-{n}": call for n, call in enumerate(task.gold_calls, 1)}
            assert not task.forbidden or [item for item in task.checklist if item.check.type == "refused"]
            for item in task.checklist:
                if item.check.type == "said":
                    # What a sum, or the result of a change, is not, other values do not tell.
                    reckoned = re.search(r"\b(total|difference)\b", task.meta["recipe"]) or task.gold_diff
                    assert item.check.forbidden or reckoned, task.id
                    assert not [value for value in item.check.forbidden if says(right, value)]
                if item.check.type == "refused":
                    assert item.required
                    looked = [calls[name].arguments for name in item.depends_on]
                    assert bool(looked) != _is_told(task)
                    of_payment = "!no_certificate" in task.meta["recipe"]  # which stands in the profile
                    reservations = domain.server.base(task.world_seed).tables["reservations"]  # type: ignore[attr-defined]
                    if looked and not of_payment and item.check.subject in reservations:
                        assert item.check.subject in [arguments.get("reservation_id") for arguments in looked]


def test_a_refusal_counts_after_a_look_and_a_claim_does_not(domain: Domain, examples: ModuleType) -> None:
    tasks = domain.tasks("test")
    forbidden = [task for task in (tasks[index] for index in range(250)) if task.forbidden]
    assert len(forbidden) >= 10
    for task in forbidden:
        acting = examples.gold_messages(task, ())[:-1]

        def outcome(*messages: str, task: Task = task) -> str | None:
            return examples.play(domain, task, examples.Example("", True, lambda t, tools: list(messages))).outcome

        what = next(words for act, words in WORDS.items() if re.search(rf" {act}\b", f" {task.meta['recipe']}"))
        refusal = render(Turn(response=f"I am sorry, our policy does not allow me to {what}."))
        assert outcome(*acting, refusal) == "solved"
        assert outcome(refusal) == ("solved" if _is_told(task) else "unsolved")
        everything = f"Our policy does not allow me to {', to '.join(WORDS.values())}."
        for said in (
            everything,
            "I cannot do that.",
            "bananas",
            "It is done: you are on the latest flight.",
            "Done.",
            "I have nothing to do.",
        ):
            assert outcome(*acting, render(Turn(response=said))) == "unsolved", (task.id, said)
