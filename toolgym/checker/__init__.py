"""The conformance suite that every ToolGym environment must pass: ours, and yours.

from toolgym.checker import check_tool_env

print(check_tool_env("ToolGym/Airline-v0", options={"size": "small"}))    # a registered environment

def test_my_environment():                                                # your own, in pytest
    check_tool_env(lambda: ToolEnv(CustomDomain(server.session, tasks)))
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium

from toolgym.checker._conformance import CHECKS, Setup
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, ConformanceError, did_you_mean
from toolgym.sharing import sharing

__all__ = ["CheckReport", "CheckResult", "check_tool_env"]


@dataclass(frozen=True)
class CheckResult:
    """One check: what it saw, or what is wrong."""

    name: str
    passed: bool
    detail: str
    seconds: float

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'} {self.name:<21} {self.detail} ({self.seconds:.1f} s)"


@dataclass(frozen=True)
class CheckReport:
    """What `check_tool_env` found."""

    env: str
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)

    @property
    def summary(self) -> str:
        """How many checks passed, in a line."""
        return f"{self.env}: {sum(result.passed for result in self.results)} of {len(self.results)} checks passed"

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  {result}" for result in self.results)])


def check_tool_env(
    env: str | Callable[[], ToolEnv],
    *,
    options: Mapping[str, Any] | None = None,
    episodes: int = 20,
    seed: int = 0,
    only: Sequence[str] | None = None,
    on_result: Callable[[CheckResult], None] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    opened: ToolEnv | None = None,
) -> CheckReport:
    """Checks an environment from every side.

    Args:
        env: a Gymnasium id, or a function that makes the environment: best one at the top of a file, which other
            processes can find. (A closure will do; its determinism is then checked in this process alone.)
        options: keywords for `gymnasium.make`, where `env` is an id.
        episodes: how many tasks each check plays, spread over the split.
        seed: seeds every choice.
        only: the names of the checks to run; all by default.
        on_result: is given each check's result as it comes.
        on_progress: is given a check's name, how much of it is done, and of how much.
        opened: one that was made already, made as `env` says; it is closed at the end.

    One environment serves the checks that need none of their own, so that a server is not started for each of them;
    those that are made of equal options share their servers and what the gold chains did (`toolgym.sharing`).

    Raises:
        ConformanceError: checks failed; the message is the whole report.
        ConfigError: an unknown check, or an environment that is no `ToolEnv`.
    """
    for name in only or ():
        if name not in CHECKS:
            raise ConfigError(did_you_mean(name, CHECKS, "check"))
    if isinstance(env, str):
        make, title = partial(_make, gymnasium.spec(env), dict(options or {})), env
    elif options:
        raise ConfigError("options go with an id; a function makes its environment with options of its own")
    else:
        make, title = env, getattr(env, "__qualname__", repr(env))
    setup = Setup(make, episodes, seed, opened=opened)
    results: list[CheckResult] = []
    with sharing(), closing(setup):
        for name in CHECKS:
            if only is None or name in only:
                if on_progress is not None:
                    setup.tell = partial(on_progress, name)
                    setup.tell(0, 1)
                results.append(_run(name, setup))
                if on_result is not None:
                    on_result(results[-1])
    report = CheckReport(title, tuple(results))
    if not report.passed:
        raise ConformanceError(str(report))
    return report


def _run(name: str, setup: Setup) -> CheckResult:
    start = time.perf_counter()
    try:
        detail, passed = CHECKS[name](setup), True
    except Exception as error:  # a check that crashes has failed; the others still run
        what = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        detail, passed = what or "an assertion failed", False
    return CheckResult(name, passed, detail, time.perf_counter() - start)


def _make(spec: Any, options: dict[str, Any]) -> ToolEnv:
    env = gymnasium.make(spec, **options).unwrapped
    if not isinstance(env, ToolEnv):
        raise ConfigError(f"{spec.id} is no ToolEnv but {type(env).__name__}; use gymnasium's check_env for it")
    return env
