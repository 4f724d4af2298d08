"""The single checks of `toolgym.checker`: each takes a `Setup` and says what it saw, or raises an AssertionError."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from toolgym.checker._transcripts import (
    GIBBERISH,
    UnsendableError,
    gold_actions,
    play,
    play_gold,
    same,
    transcript,
    transcripts_of_two_processes,
)
from toolgym.env import ToolEnv
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.session import ToolSession, ToolSpec, innermost
from toolgym.messages import ToolCall, Turn, render
from toolgym.sampling import sample_arguments
from toolgym.tasks import JudgedCheck, Task
from toolgym.vector import ToolVectorEnv
from toolgym.world import canonical

__all__ = ["CHECKS", "Setup"]

T = TypeVar("T")

_CLOSINGS = 3
"""Responses after the gold chain before a conversation that does not end counts as unsolved."""
_RANDOM_TURNS = 8
_TRANSCRIPT_EPISODES = 8
"""Enough to meet every sort of action; each fresh process builds its worlds anew."""
_REPLAYED_TASKS = 5
"""Tasks whose episodes are forked where each fork starts a server."""
_RANDOM_SOLVES_AT_MOST = 0.05
_SECRET_MIN_CHARS = 8
"""Shorter gold values (a cabin, a digit) occur anywhere by chance."""
_ABSENT = "no_such_tool_at_all"
"""A name that no tool has."""
_SECRET_KEYS = ("gold", "gold_diff", "assertions", "checklist")


def _untold(done: int, total: int) -> None:
    """Shows no progress."""


@dataclass
class Setup:
    """What the checks work on.

    Args:
        make: makes the environment; called often, also in other processes.
        episodes: how many tasks a check plays.
        seed: seeds every choice.
        tell: is told how much of a check is done, and of how much.
        opened: the environment that checks share, where it is open already; see `env`.
    """

    make: Callable[[], ToolEnv]
    episodes: int
    seed: int
    tell: Callable[[int, int], None] = _untold
    opened: ToolEnv | None = None

    def rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def task_indices(self, env: ToolEnv, at_most: int | None = None) -> list[int]:
        """Tasks spread evenly over the split."""
        count = min(self.episodes, len(env.tasks), at_most or self.episodes)
        return np.unique(np.linspace(0, len(env.tasks) - 1, count).astype(int)).tolist()

    def each(self, items: Sequence[T]) -> Iterator[T]:
        """The items; what is done of them is told."""
        for number, item in enumerate(items):
            self.tell(number, len(items))
            yield item

    @contextlib.contextmanager
    def env(self) -> Iterator[ToolEnv]:
        """The environment on which the checks act that need none of their own, so that its server is started once.

        Each begins with a reset, which has to do. After a check that failed the next one gets a new environment.
        """
        env, self.opened = self.opened or self.make(), None
        try:
            yield env
        except BaseException:
            env.close()
            raise
        self.opened = env

    def close(self) -> None:
        """Closes the environment that the checks shared."""
        if self.opened is not None:
            self.opened.close()
            self.opened = None


def check_gymnasium(setup: Setup) -> str:
    """Gymnasium's own `check_env`, without a single warning."""
    quiet = contextlib.redirect_stdout(io.StringIO())
    # An environment of its own, for `check_env` closes it; beside the shared one, whose server then serves both.
    with setup.env(), contextlib.closing(setup.make()) as env, warnings.catch_warnings(record=True) as caught, quiet:
        warnings.simplefilter("always")
        if env.spec is None:  # without one, check_env leaves out determinism and the render modes
            env.spec = EnvSpec(id="Checked-v0", entry_point=partial(_make_rendering, setup.make))
        check_env(env)
    assert not caught, "; ".join(str(warning.message) for warning in caught)
    return "no warning"


def check_determinism(setup: Setup) -> str:
    """Two processes with different PYTHONHASHSEED give the same bytes."""
    where, episodes = "of two processes", min(setup.episodes, _TRANSCRIPT_EPISODES)
    try:
        first, second = transcripts_of_two_processes(setup.make, episodes, setup.seed)
    except UnsendableError as error:
        where = f"of one process (give a function at the top of a file to check two; a closure failed with {error})"
        first, second = (list(transcript(setup.make(), episodes, setup.seed)) for _ in range(2))
    for number, (a, b) in enumerate(zip(first, second, strict=False)):
        assert a == b, f"line {number} of the transcripts differs:\n{a[:500]}\n{b[:500]}"
    assert len(first) == len(second), f"the transcripts have {len(first)} and {len(second)} lines"
    return f"{len(first)} identical lines {where}"


def check_oracle(setup: Setup) -> str:
    """Following the gold chain solves every task."""
    with setup.env() as env:
        indices = setup.task_indices(env)
        for index in setup.each(indices):
            outcome = _follow_gold(env, index)
            assert outcome == "solved", f"the gold chain of task {env.task.id!r} ends {outcome!r}"
    return f"{len(indices)} of {len(indices)} tasks solved"


def check_random(setup: Setup) -> str:
    """Random valid calls solve next to none of the tasks that need a call."""
    solved, played = 0, 0
    with setup.env() as env:
        env.action_space.seed(setup.seed)
        for index in setup.each(setup.task_indices(env)):
            env.reset(options={"task": index})
            if not any(call.writes for call in env.task.gold_calls):
                continue
            played += 1
            actions = [env.action_space.sample() for _ in range(_RANDOM_TURNS)]
            outcome = play(env, [*actions, _respond("Done.")] * 2)
            solved += outcome == "solved"
    assert solved <= _RANDOM_SOLVES_AT_MOST * played, f"random calls solve {solved} of {played} tasks"
    return f"{solved} of {played} tasks solved"


def check_gold_is_hidden(setup: Setup) -> str:
    """Nothing of the gold chain, the assertions or the checklist is in an observation or info."""
    with setup.env() as env:
        assert not env.options.reveal_gold, "check the environment without reveal_gold=True"
        for index in setup.each(setup.task_indices(env)):
            observation, info = env.reset(options={"task": index})
            rules = f"{env.domain.policy()} {env.tools}"
            task, public = env.task, f"{rules} {env.task.request} {env.task.user.model_dump_json()}"
            said = {name: value for name, value in info.items() if name != "tools"}
            told = f"{canonical(said).decode()} {observation}"
            _assert_hidden(told, info, _texts(task), public, task)
            # What a task is looked up by must not carry what has to be found out.
            labels = canonical({name: value for name, value in said.items() if name != "messages"}).decode()
            _assert_hidden(labels, info, _gold_values(task), public, task)
            for action in ("", _respond("Hello.")):
                observation, _, terminated, truncated, info = env.step(action)
                _assert_hidden(f"{canonical(info).decode()} {observation}", info, _texts(task), public, task)
                if terminated or truncated:
                    break
        return f"{len(setup.task_indices(env))} tasks"


def check_fork(setup: Setup) -> str:
    """A fork goes on as its parent would, and what either does leaves the other as it was."""
    with setup.env() as env:
        kind = env.session.fork_kind
        if kind == "none":
            return "not applicable: the session cannot fork"
        indices = setup.task_indices(env, _REPLAYED_TASKS if kind == "replay" else None)
        for index, part in setup.each([(index, part) for index in indices for part in (0, 2)]):
            _assert_fork(env, setup.seed, index, part)
        every = len(setup.task_indices(env))
    fewer = f" of {every} tasks: each fork starts a server of its own" if len(indices) < every else " tasks"
    return f"by {kind}, in {len(indices)}{fewer}"


def check_any_string(setup: Setup) -> str:
    """Any string may be stepped, and the episode goes on or ends as it should."""
    with setup.env() as env:
        for number, text in setup.each([*enumerate(GIBBERISH)]):
            env.reset(seed=setup.seed + number)
            try:
                observation, reward, terminated, truncated, info = env.step(text)
            except Exception as error:
                raise AssertionError(f"step({text[:80]!r}) raised {error!r}") from error
            assert isinstance(observation, str), f"step({text[:80]!r}) gave {type(observation).__name__}, not str"
            assert np.isfinite(reward) or "unscored" in info, f"step({text[:80]!r}) gave reward {reward}"
            over = terminated or truncated
            assert over == ("outcome" in info), (
                f"step({text[:80]!r}): over is {over}, the outcome {info.get('outcome')!r}"
            )
            assert info.get("outcome") != "infra_error", f"step({text[:80]!r}): {info.get('error')}"
    return f"{len(GIBBERISH)} strings"


def check_reads(setup: Setup) -> str:
    """Tools that say they only read change nothing, and neither does a call that fails."""
    rng, calls = setup.rng(1), 0
    with setup.env() as env:
        env.reset(options={"task": 0})
        # What earlier tries wrote is as good a state as any, where a reset would start a server anew.
        stays = env.session.fork_kind == "replay" and env.perturbation is None
        for index in setup.each(setup.task_indices(env)):
            if not (stays and env.tasks[index].meta.get("world") == env.task.meta.get("world")):
                env.reset(options={"task": index})
            task = env.tasks[index] if stays else env.task
            gold = {call.name: call.arguments for call in task.gold_calls}
            for tool in env.tools:
                tries = [sample_arguments(tool.input_schema, rng), {}]
                for arguments in [*tries, gold[tool.name]] if tool.name in gold else tries:
                    before = env.session.diff()
                    result = env.session.call(ToolCall(tool.name, arguments))
                    if tool.writes is False or result.is_error:
                        kind = "reading" if tool.writes is False else "failed"
                        assert env.session.diff() == before, (
                            f"a {kind} call of {tool.name!r} changed the world: {arguments}"
                        )
                        calls += 1
    return f"{calls} calls"


def check_user_tools_are_hidden(setup: Setup) -> str:
    """The agent can neither list nor call the user's tools, on the environment's session and on its server's wires."""
    with setup.env() as env:
        hidden: tuple[ToolSpec, ...] = ()
        info: dict[str, Any] = {}
        for index in setup.task_indices(env):  # of several domains only some may have users with tools
            _, info = env.reset(options={"task": index})
            hidden = env.session.user_tools
            if hidden:
                break
        if not hidden:
            return "the user has no tools"
        shown = {tool["function"]["name"] for tool in info["tools"]} | {tool.name for tool in env.tools}
        assert not shown & {tool.name for tool in hidden}, f"the agent is shown tools of the user's: {sorted(shown)}"
        for tool in hidden:
            answers = [_answer_of_fork(env, _call(name)) for name in (tool.name, _ABSENT)]
            told = answers[0].replace(tool.name, _ABSENT)
            assert told == answers[1], f"a call of the user's {tool.name!r} is told as {answers[0]!r}"
        _assert_unknown(env.session, setup, "the environment's session")
        inner = innermost(env.session)
        also = _wires(inner.server) if isinstance(inner, InProcessSession) else ()
        places = ["the environment"]
        for where, session in also:
            _assert_unknown(session, setup, where)
            places.append(where)
        return f"{len(hidden)} tools, in {', '.join(places)}"


def _answer_of_fork(env: ToolEnv, action: str) -> str:
    fork = env.fork()
    try:
        return fork.step(action)[0]
    finally:
        fork.close()


def _wires(server: Any) -> Iterator[tuple[str, ToolSession]]:
    """The server behind the whole protocol, without a transport and over HTTP."""
    from toolgym.mcp.connect import connect  # what speaks to servers takes its time
    from toolgym.mcp.serve import serving

    with connect(server.fastmcp) as handle:
        yield "memory", handle.session()
    with serving(server) as url, connect(url) as handle:
        yield "HTTP", handle.session()


def _assert_unknown(session: ToolSession, setup: Setup, where: str) -> None:
    rng, before = setup.rng(2), session.diff()
    listed = {tool.name for tool in session.tools} | {tool.name for tool in session.listed_tools}
    assert session.user_tools, f"the user has no tools over {where}"
    for tool in session.user_tools:
        assert tool.name not in listed, f"{where} lists the user's {tool.name!r} to the agent"
        for arguments in (sample_arguments(tool.input_schema, rng), {}):
            result = session.call(ToolCall(tool.name, arguments))
            absent = session.call(ToolCall(_ABSENT, arguments))
            told = (result.text.replace(tool.name, _ABSENT), result.outcome)
            assert told == (absent.text, absent.outcome), f"over {where} the agent may call the user's {tool.name!r}"
    assert session.diff() == before, f"over {where} the agent changed the world with the user's tools"


def check_vectors(setup: Setup) -> str:
    """Gymnasium's sync and async vector environments and ToolGym's own give the same, in every autoreset mode."""
    with setup.env() as env:
        suspends = env.suspends
        for mode in setup.each([*AutoresetMode]):
            others: list[VectorEnv] = [ToolVectorEnv(2, env, autoreset_mode=mode)]
            if not suspends:  # a server's connections do not survive the fork of a process
                others.append(AsyncVectorEnv([setup.make] * 2, shared_memory=False, autoreset_mode=mode))
            _assert_same(SyncVectorEnv([setup.make] * 2, autoreset_mode=mode), others, setup, mode)
    return "sync, own" if suspends else "sync, async, own"


def _assert_fork(env: ToolEnv, seed: int, index: int, part: int) -> None:
    """Forks the episode after the first `1/part` of the gold actions (0: at once); parent and fork then go on."""
    env.reset(seed=seed, options={"task": index})
    actions = gold_actions(env.task)
    cut = len(actions) // part if part else 0
    for action in actions[:cut]:
        env.step(action)
    before, name = _state(env), env.task.id
    fork, second = env.fork(), env.fork()
    assert _state(fork) == before, f"the fork of task {name!r} is not in its parent's state"
    transcript = [fork.step(action) for action in actions[cut:]]
    assert _state(env) == before, f"what a fork did changed its parent (task {name!r})"
    assert [env.step(action) for action in actions[cut:]] == transcript, f"parent and fork differ (task {name!r})"
    assert _state(second) == before, f"what a parent did changed its fork (task {name!r})"
    fork.close()
    second.close()


def _assert_same(sync: VectorEnv, others: list[VectorEnv], setup: Setup, mode: AutoresetMode) -> None:
    expected = sync.reset(seed=setup.seed)
    for other in others:
        assert same(other.reset(seed=setup.seed), expected), f"{type(other).__name__} resets otherwise ({mode.value})"
    sync.action_space.seed(setup.seed)
    for number in range(6):
        actions = sync.action_space.sample() if number % 3 else (_respond("Done."), "<tool_call>{")
        out = sync.step(actions)
        for other in others:
            assert same(other.step(actions), out), f"{type(other).__name__} steps otherwise ({mode.value})"
        over = out[2] | out[3]
        if mode is AutoresetMode.DISABLED and over.any():
            expected = sync.reset(options={"reset_mask": over})
            for other in others:
                again = other.reset(options={"reset_mask": over.copy()})
                assert same(again, expected), f"{type(other).__name__} resets otherwise ({mode.value})"
    for vector in (sync, *others):
        vector.close()


CHECKS: dict[str, Callable[[Setup], str]] = {
    "gymnasium": check_gymnasium,
    "any_string": check_any_string,
    "oracle": check_oracle,
    "random": check_random,
    "gold_is_hidden": check_gold_is_hidden,
    "fork": check_fork,
    "reads_change_nothing": check_reads,
    "user_tools_are_hidden": check_user_tools_are_hidden,
    "determinism": check_determinism,
    "vector": check_vectors,
}


def _make_rendering(make: Callable[[], ToolEnv], **made_with: Any) -> ToolEnv:
    env = make()
    env.render_mode = made_with.get("render_mode")
    return env


def _call(name: str) -> str:
    return render(Turn(calls=(ToolCall(name, {}),)))


def _respond(text: str) -> str:
    return render(Turn(response=text))


def _follow_gold(env: ToolEnv, index: int) -> str | None:
    env.reset(options={"task": index})
    return play_gold(env, [Turn(response="Done.")] * _CLOSINGS)


def _state(env: ToolEnv) -> tuple[Any, ...]:
    """Everything of an episode that must not change behind its back."""
    trajectory = env.trajectory
    steps = [(step.turn.text, step.observation, step.reward, step.diff) for step in trajectory.steps]
    generator = cast(dict, env.np_random.bit_generator.state)
    return env.session.diff(), steps, trajectory.outcome, trajectory.truncation, repr(generator), env.task.id


def _texts(task: Task) -> list[str]:
    """Sentences that only the gold side knows."""
    texts = [text for action in task.gold for text in (action.plan, action.response) if text]
    for item in task.checklist:
        judged = [item.check.pass_condition] if isinstance(item.check, JudgedCheck) else []
        texts += [item.question, item.evidence, *judged]
    return texts


def _gold_values(task: Task) -> list[str]:
    """Strings among the gold calls' arguments."""
    out: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            out.append(value)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list | tuple):
            for item in value:
                walk(item)

    for call in task.gold_calls:
        walk(call.arguments)
    return out


def _assert_hidden(told: str, info: dict[str, Any], secrets: list[str], public: str, task: Task) -> None:
    for key in _SECRET_KEYS:
        assert key not in info, f"info has a key {key!r} (task {task.id!r})"
    for secret in secrets:
        leaked = len(secret) >= _SECRET_MIN_CHARS and secret in told and secret not in public
        assert not leaked, f"gold of task {task.id!r} is told: {secret[:120]!r}"
