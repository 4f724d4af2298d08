"""`ToolGym/All-v0`: each episode is one of its task's own domain, whatever domains are mixed."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import gymnasium
import pytest
from gymnasium.envs import registration as gymnasium_registration
from gymnasium.vector import SyncVectorEnv
from hypothesis import given
from hypothesis import strategies as st

from toolgym import registration
from toolgym.checker import check_tool_env
from toolgym.custom import TaskList
from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, render
from toolgym.mixed import MixedDomain, MixedTasks
from toolgym.registration import make_domain, own_domains, register_domain, register_env
from toolgym.tasks import Task
from toolgym.vector import ToolVectorEnv

pytestmark = pytest.mark.slow

ALL = "ToolGym/All-v0"
TWO = ["airline", "library"]


def make(**options: Any) -> ToolEnv:
    env = gymnasium.make(ALL, **{"size": "small", "domains": TWO, **options})
    assert isinstance(env, ToolEnv)
    return env


def of_domain(env: ToolEnv, name: str) -> Iterator[Task]:
    return (task for task in env.tasks if task.domain == name)


def follow_gold(env: ToolEnv, task: Task) -> str:
    env.reset(options={"task": task})
    info: dict[str, Any] = {}
    for action in env.task.gold:
        turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
        *_, info = env.step(render(turn))
    return info["outcome"]


@pytest.fixture
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gymnasium_registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium_registration.registry)
    monkeypatch.setattr(registration, "_DOMAINS", dict(registration._DOMAINS))


@pytest.mark.parametrize("name", TWO)
def test_an_episode_is_that_of_its_own_domain(name: str) -> None:
    env, alone = make(), ToolEnv(name, size="small")
    env.reset(seed=1)
    for task in islice(of_domain(env, name), 4):
        told, info = env.reset(options={"task": task.id})
        expected, expected_info = alone.reset(options={"task": task.id})
        assert (told, info) == (expected, expected_info)
        assert env.task == alone.task == task
        assert env.tools == alone.tools == env.action_space.tools  # type: ignore[attr-defined]
        assert env.policy == alone.policy
        for action in env.task.gold:
            turn = render(Turn(action.plan, tuple(call.call() for call in action.calls), action.response))
            assert env.step(turn) == alone.step(turn)


def test_the_tools_before_the_first_reset_are_those_of_all() -> None:
    env = make()
    names = {tool.name for name in TWO for tool in make_domain(name).session().tools}
    assert {tool.name for tool in env.tools} == names
    env.reset(options={"task": next(of_domain(env, "library"))})
    assert {tool.name for tool in env.spawn().tools} == names
    assert env.spawn().policy == env.domain.policy()


def test_a_tool_of_another_domain_is_unknown() -> None:
    env = make()
    env.reset(options={"task": next(of_domain(env, "library"))})
    call = ToolCall("get_reservation_details", {"reservation_id": "ABC123"})
    *_, info = env.step(render(Turn(calls=(call,))))
    assert [made["outcome"] for made in info["calls"]] == ["unknown_tool"]


def test_of_any_round_of_tasks_each_domain_has_one() -> None:
    env = make()
    tasks = [env.tasks[index].domain for index in range(400)]
    pairs = [tuple(tasks[index : index + 2]) for index in range(0, 400, 2)]
    assert set(pairs) == {("airline", "library"), ("library", "airline")}
    assert len(env.tasks) == 40_000
    others = [make(domain_seed=1).tasks[index].domain for index in range(400)]
    assert others != tasks


def some_tasks(name: str, count: int) -> TaskList:
    return TaskList([Task(id=f"{index}", domain="custom", kind=(), request="x") for index in range(count)])


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 3))
def test_every_task_of_every_set_has_one_place(lengths: list[int], seed: int) -> None:
    sets = {f"d{number}": some_tasks(f"d{number}", length) for number, length in enumerate(lengths)}
    mixed = MixedTasks(sets, seed)
    places = [mixed.place(index) for index in range(len(mixed))]
    assert sorted(places) == [(name, index) for name in sorted(sets) for index in range(len(sets[name]))]
    for index in range(0, min(lengths) * len(lengths), len(lengths)):
        assert {name for name, _ in places[index : index + len(lengths)]} == set(sets)
    assert [mixed[index] for index in range(len(mixed))] == list(mixed)
    assert mixed[-1] == mixed[len(mixed) - 1]
    for task in mixed:
        assert task.id.startswith(f"{task.domain}-")
        assert mixed.by_id(task.id) == task
    for index in (len(mixed), -len(mixed) - 1):
        with pytest.raises(IndexError):
            mixed.place(index)


@pytest.mark.parametrize("task_id", ["", "d1", "d1-", "d1-7", "d1-1-1", "d10-1", "1", "d1-d1-1-", "airline-3"])
def test_an_id_that_is_none_is_an_error(task_id: str) -> None:
    mixed = MixedTasks({"d1": some_tasks("d1", 3), "d1-1": some_tasks("d1-1", 1)})
    with pytest.raises(ConfigError):
        mixed.by_id(task_id)
    assert mixed.by_id("d1-1").domain == "d1"
    assert mixed.by_id("d1-1-0").domain == "d1-1"


def test_what_is_left_out_is_not_played_and_can_be_scored() -> None:
    env = make(domains=None, held_out=["library"])
    assert isinstance(env.domain, MixedDomain)
    assert list(env.domain.parts) == [name for name in make(domains=None).domain.parts if name != "library"]  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="begins with its domain's name"):
        env.tasks.by_id("library-small-train-00001")
    assert make().tasks.by_id("library-small-train-00001") == make_domain("library", size="small").tasks("train")[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domains": ["libary"]}, "domains: .*Did you mean 'library'"),
        ({"held_out": ["libary"]}, "held_out: .*Did you mean 'library'"),
        ({"domain": ["library"]}, "Did you mean 'domains'"),
        ({"domains": ["library"], "held_out": "library"}, "No domain is left"),
        ({"domains": []}, "No domain is left"),
        ({"domains": 3}, "domains takes names of domains"),
        ({"domains": [3]}, "domains takes names of domains"),
        ({"size": "smal"}, "Did you mean 'small'"),
        ({"split": "tset"}, "Did you mean 'test'"),
        ({"kinds": ["renw"]}, "Did you mean 'renew'"),
        ({"depth": 99, "split": "validation"}, "depth"),
        ({"task": "library-small-train-99999"}, "No task 'library-small-train-99999'"),
        ({"distractors": -1}, "distractors"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**options)


@pytest.mark.parametrize("given_names", ["library,bank", " library , bank ", ["library", "bank"]])
def test_names_are_a_list_or_parted_by_commas(given_names: Any) -> None:
    for options in ({"domains": given_names}, {"domains": ["library", "home", "bank"], "held_out": "home,airline"}):
        assert list(make(**options).domain.parts) == ["library", "bank"]  # type: ignore[attr-defined]


def test_names_may_come_one_by_one_and_of_a_set_in_their_own_order() -> None:
    assert list(make(held_out=(name for name in ["library"])).domain.parts) == ["airline"]  # type: ignore[attr-defined]
    # A set has an order of its own in each process.
    both = [make(domains=names).domain.parts for names in ({"library", "bank"}, frozenset(["home", "bank", "library"]))]  # type: ignore[attr-defined]
    assert [list(parts) for parts in both] == [["bank", "library"], ["bank", "home", "library"]]


def test_depths_and_kinds_are_those_of_the_domains_that_have_them() -> None:
    env = make(kinds=["loan", "renew"], depth=2)
    assert {task.domain for task in islice(env.tasks, 20)} == {"library"}
    assert {task.composition for task in islice(env.tasks, 20)} <= {"loan;renew", "loan||loan"}


def test_a_task_of_no_domain_of_the_mixture_is_refused() -> None:
    env = make(domains="library")
    with pytest.raises(ConfigError, match="'airline'"):
        env.reset(options={"task": make_domain("airline", size="small").tasks("train")[0]})


def test_a_fork_goes_on_and_then_anywhere() -> None:
    env = make()
    here, there = next(of_domain(env, "library")), next(of_domain(env, "airline"))
    env.reset(options={"task": here})
    fork = env.fork()
    first = render(Turn(calls=tuple(call.call() for call in here.gold[0].calls)))
    assert fork.step(first) == env.step(first)
    assert follow_gold(fork, there) == "solved"
    assert {tool.name for tool in env.tools} == {tool.name for tool in make_domain("library").session().tools}
    assert env.trajectory.task_id == here.id
    assert follow_gold(env, here) == "solved"
    assert fork.trajectory.task_id == there.id


def test_a_vector_of_it_is_as_single_ones() -> None:
    options = {"size": "small", "domains": TWO}
    vector = gymnasium.make_vec(ALL, num_envs=4, **options)
    assert isinstance(vector, ToolVectorEnv)
    sync = SyncVectorEnv([lambda: gymnasium.make(ALL, **options)] * 4)
    assert vector.reset(seed=5)[0] == sync.reset(seed=5)[0]
    for _ in range(3):
        action = ["<response>Done.</response>"] * 4
        assert vector.step(action)[0] == sync.step(action)[0]
    assert len({env.task.domain for env in vector.envs}) == 2


@pytest.mark.parametrize("options", [{"rename": True}, {"distractors": 4}, {"flaky": 0.5}, {"reorder": True}])
def test_perturbations_are_those_of_the_tasks_domain(options: dict[str, Any]) -> None:
    env = make(**options)
    for task in islice(env.tasks, 6):
        _, info = env.reset(seed=3, options={"task": task})
        alone = ToolEnv(task.domain, size="small", **options)
        _, expected = alone.reset(seed=3, options={"task": task})
        assert info == expected
        assert env.action_space.tools == env.tools == alone.tools  # type: ignore[attr-defined]
        assert env.policy == alone.policy


@pytest.mark.usefixtures("_registries")
def test_a_domain_whose_tasks_need_a_user_is_left_out_without_one(
    fresh_bank: Callable[[], ToolEnv], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = fresh_bank().domain
    register_domain("talk", lambda **_: bank)
    register_env("Test/Talk-v0", "talk", user="scripted")
    monkeypatch.setattr(registration, "_OWN", (*own_domains(), "talk"))
    assert "talk" not in make(domains=None).domain.parts  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="add user='scripted'"):
        make(domains=["talk", "library"])
    env = make(domains=["talk", "library"], user="scripted")
    assert "talk" in make(domains=None, user="scripted").domain.parts  # type: ignore[attr-defined]
    task = next(of_domain(env, "talk"))
    assert task.id.startswith("talk-")
    env.reset(options={"task": task.id})
    assert env.tools == fresh_bank().tools


@pytest.mark.usefixtures("_registries")
def test_domains_of_your_own_are_mixed_with_ours(fresh_bank: Callable[[], ToolEnv]) -> None:
    domains: dict[str, Domain] = {name: fresh_bank().domain for name in ("one", "two")}
    for name, domain in domains.items():
        register_domain(name, lambda domain=domain, **_: domain)
    report = check_tool_env(
        lambda: make(domains=["one", "library", "two"]), episodes=4, only=["oracle", "fork", "any_string", "vector"]
    )
    assert report.passed


@pytest.mark.usefixtures("_registries")
def test_a_domain_of_your_own_need_not_tell_its_kinds(fresh_bank: Callable[[], ToolEnv]) -> None:
    domain = fresh_bank().domain
    register_domain("mine", lambda **_: domain)
    kind = domain.tasks("train")[0].kind[0]
    assert not hasattr(domain, "kinds")
    env = make(domains=["library", "mine"], kinds=[kind])
    assert {task.domain for task in islice(env.tasks, 4)} == {"mine"}
