"""The kinds of first errors against episodes worked by hand, and against what the corpus's chains were made to do."""

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.evaluation.evaluation import _writing_tools
from toolgym.agents.evaluation.first_error import FIRST_ERRORS, FirstError, first_error
from toolgym.agents.evaluation.metrics import score_episode
from toolgym.agents.evaluation.report import report_table, summarise
from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy, RandomPolicy
from toolgym.envs.planarena.corpus.building import BuildOptions, build
from toolgym.envs.planarena.corpus.episodes import iterate_episodes
from toolgym.envs.planarena.corpus.errors import ERROR_KINDS
from toolgym.envs.planarena.corpus.format import part_files, read_manifest, read_rows
from toolgym.envs.planarena.numbers import tier_of_task
from toolgym.messages import ToolCall, Turn
from toolgym.opening import open_env
from toolgym.registration import make_domain
from toolgym.tasks import ChecklistItem, GoldAction, GoldCall, RefusedCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

WRITING = {"renew", "give_back"}
FOUND = ToolResult('{"member_id":"ann_1"}')
LOANS = ToolResult('[{"loan_id":"L-1"},{"loan_id":"L-2"}]')
OK, REFUSED = ToolResult('{"due":"2026-07-01"}'), ToolResult("no", is_error=True, outcome="tool_error")
INVALID = ToolResult("no", is_error=True, outcome="invalid_arguments")
UNKNOWN = ToolResult("no", is_error=True, outcome="unknown_tool")
OVER = ToolResult("no", is_error=True, outcome="over_budget")
AWAY = ToolResult("Try again.", is_error=True, outcome="unavailable")


def gold(name: str, **arguments: Any) -> GoldCall:
    return GoldCall(name=name, arguments=arguments, writes=name in WRITING)


TASK = Task(
    id="t", domain="d", kind=(), request="My e-mail is ann@x.org. Renew my first loan for 7 days.",
    gold=(
        GoldAction(calls=(gold("find", email="ann@x.org"),)),
        GoldAction(calls=(gold("loans", member_id="ann_1"),)),
        GoldAction(calls=(gold("renew", loan_id="L-1", days=7),)),
        GoldAction(response="L-1 is renewed."),
    ),
)  # fmt: skip
FIND = (("find", {"email": "ann@x.org"}, FOUND),)
LIST = (("loans", {"member_id": "ann_1"}, LOANS),)
RENEW = (("renew", {"loan_id": "L-1", "days": 7}, OK),)
MISTAKEN = "All is done."


def episode(*turns: Any, outcome: Any = "unsolved") -> Trajectory:
    """Turns: calls as (name, arguments, result), or a response."""
    steps = []
    for turn in turns:
        if isinstance(turn, str):
            steps.append(Step(Turn(response=turn)))
        else:
            calls = tuple(ToolCall(name, arguments) for name, arguments, _ in turn)
            steps.append(Step(Turn(calls=calls), tuple(result for _, _, result in turn)))
    return Trajectory("env", "t", steps=steps, outcome=outcome)


def one(name: str, result: ToolResult = OK, **arguments: Any) -> Any:
    return ((name, arguments, result),)


@pytest.mark.parametrize(
    ("turns", "kind", "turn"),
    [
        # What each does, in the order of the module's table. `L-2` was shown by the list, `L-9` by nobody.
        ((FIND, RENEW, MISTAKEN), "step_left_out", 1),
        ((FIND, one("renew", REFUSED, loan_id="L-1", days=7), MISTAKEN), "step_left_out", 1),
        ((FIND, one("loans", OVER, member_id="ann_1"), MISTAKEN), "over_budget", 1),
        ((FIND, RENEW, LIST, MISTAKEN), "wrong_order", 1),
        ((LIST, FIND, RENEW, MISTAKEN), "wrong_order", 0),  # nobody had told "ann_1" by then
        ((FIND, one("renew", REFUSED, loan_id="L-1", days=7), LIST, RENEW, MISTAKEN), "wrong_order", 1),
        ((one("transfer_to_human_agents", summary="renew"), MISTAKEN), "handed_over", 0),
        ((FIND, LIST, one("renew", INVALID, loan_id="L-1"), MISTAKEN), "missing_argument", 2),
        ((FIND, LIST, one("renew", OK, loan_id="L-1"), MISTAKEN), "missing_argument", 2),
        ((FIND, LIST, one("renew", REFUSED, loan_id="L-9", days=7), MISTAKEN), "invented_value", 2),
        ((one("loans", REFUSED, member_id="somebody"), MISTAKEN), "invented_value", 0),
        ((FIND, one("reserve", UNKNOWN, member_id="ann_1"), MISTAKEN), "wrong_tool", 1),
        ((FIND, one("shelve", INVALID, member_id="ann_1"), MISTAKEN), "wrong_tool", 1),
        ((FIND, LIST, one("renew", INVALID, loan_id="L-1", days=-2), MISTAKEN), "wrong_argument", 2),
        ((FIND, LIST, one("renew", REFUSED, loan_id="L-2", days=7), RENEW, MISTAKEN), "refused_call", 2),
        ((FIND, LIST, RENEW, one("renew", REFUSED, loan_id="L-1", days=7), MISTAKEN), "refused_call", 3),
        ((one("loans", OK, member_id="bob_8"), MISTAKEN), "other_request", 0),
        ((FIND, LIST, one("give_back", OK, loan_id="L-9"), MISTAKEN), "other_request", 2),
        ((FIND, LIST, one("renew", OK, loan_id="L-2", days=7), MISTAKEN), "wrong_argument", 2),
        ((FIND, LIST, one("renew", OK, loan_id="L-2", days=7), RENEW, MISTAKEN), "wrong_argument", 2),
        ((FIND, one("loans", OK, member_id="ann@x.org"), MISTAKEN), "wrong_argument", 1),
        ((FIND, LIST, one("give_back", OK, loan_id="L-1"), MISTAKEN), "wrong_tool", 2),
        ((FIND, one("fines", OK, member_id="ann_1"), MISTAKEN), "wrong_tool", 1),
        ((FIND, LIST, "Sorry, that is not allowed."), "refused_permitted", 2),
        ((FIND, LIST, MISTAKEN), "premature_answer", 2),
        ((MISTAKEN,), "premature_answer", 0),
        ((FIND, LIST, RENEW, MISTAKEN), "wrong_answer", 3),
        # Detours: another look, and one more that is mended.
        ((FIND, LIST, LIST, RENEW, MISTAKEN), "wrong_answer", 4),
        ((FIND, one("fines", OK, member_id="ann_1"), LIST, RENEW, MISTAKEN), "wrong_answer", 4),
        ((one("find", OK, email="ann@x.org", days=7), FIND, LIST, RENEW, MISTAKEN), "wrong_answer", 4),
        # A tool that was unavailable is nobody's error; that the call is not made again is one.
        ((one("find", AWAY, email="ann@x.org"), FIND, LIST, RENEW, MISTAKEN), "wrong_answer", 4),
        ((one("renew", AWAY, loan_id="L-9"), FIND, LIST, RENEW, MISTAKEN), "wrong_answer", 4),
        ((FIND, one("loans", AWAY, member_id="ann_1"), RENEW, MISTAKEN), "step_left_out", 2),
        ((FIND, one("loans", AWAY, member_id="ann_1"), MISTAKEN), "premature_answer", 2),
    ],
)  # fmt: skip
def test_each_kind(turns: tuple[Any, ...], kind: str, turn: int) -> None:
    assert first_error(episode(*turns), TASK, WRITING) == FirstError(kind, turn)


def test_what_is_forbidden() -> None:
    item = ChecklistItem(id="r", question="?", check=RefusedCheck(about=("give",), subject="L-2"))
    partly = TASK.model_copy(update={"checklist": (item,)})
    turns = (FIND, LIST, one("give_back", OK, loan_id="L-2"), MISTAKEN)
    assert first_error(episode(*turns), partly, WRITING) == FirstError("forbidden_act", 2)
    assert first_error(episode(*turns), TASK, WRITING) == FirstError("wrong_tool", 2)
    wholly = TASK.model_copy(update={"gold": (*TASK.gold[:2], TASK.gold[3]), "forbidden": True})
    assert first_error(episode(FIND, LIST, RENEW, MISTAKEN), wholly, WRITING) == FirstError("forbidden_act", 2)
    unnamed = ChecklistItem(id="r", question="?", check=RefusedCheck(about=("give back",)))
    words = TASK.model_copy(update={"checklist": (unnamed,)})
    assert first_error(episode(*turns), words, WRITING) == FirstError("forbidden_act", 2)


def test_ends_without_an_answer() -> None:
    nothing = Trajectory("env", "t", steps=[Step(Turn())], outcome="unsolved")
    assert first_error(nothing, TASK, WRITING) == FirstError("malformed", 0)
    assert first_error(episode(FIND, LIST, outcome="truncated"), TASK, WRITING) == FirstError("no_answer", 2)
    assert first_error(episode(outcome="truncated"), TASK, WRITING) == FirstError("no_answer", 0)
    calls_alone = TASK.model_copy(update={"gold": TASK.gold[:2]})
    assert first_error(episode(FIND), calls_alone, WRITING) == FirstError("step_left_out", 0)


def test_nothing_is_told_where_there_is_none() -> None:
    assert first_error(episode(FIND, LIST, RENEW, MISTAKEN, outcome="solved"), TASK, WRITING) is None
    assert first_error(episode(FIND, outcome="infra_error"), TASK, WRITING) is None
    assert first_error(episode(MISTAKEN), TASK.model_copy(update={"gold": ()}), WRITING) is None
    bad = (("find", {"email": float("nan")}, REFUSED),)
    assert first_error(episode(bad, MISTAKEN), TASK, WRITING) == FirstError("refused_call", 0)


def test_it_agrees_with_what_the_corpus_did(tmp_path: Path) -> None:
    """Chains whose error is known: told from what they did, nine in ten get the kind that they were made with.

    Left apart is what cannot be told: a chain without its last action answers too early, and a reading call that is
    mended is a detour, so that the error is the next one.
    """
    names = ["library", "bank", "planarena:3", "planarena:18"]
    build(BuildOptions(tmp_path, names, trajectories=120, alternatives=0, format="jsonl"))
    rows = {row["id"]: row for path in part_files(tmp_path, read_manifest(tmp_path)) for row in read_rows(path)}
    told: Counter[bool] = Counter()
    for _, episode in iterate_episodes(tmp_path):
        row = rows[episode.meta["row"]]
        domain = make_domain(row["scenario"], size=row["size"])
        task = domain.tasks(row["split"]).by_id(row["task"])
        session = domain.session()
        found = first_error(episode, task, {tool.name for tool in session.tools if tool.writes is not False})
        session.close()
        if row["label"] == "positive":
            assert found is None
            continue
        assert found is not None
        error, last = row["error"], len(task.gold) - 2
        if error["then"] or (error["kind"] == "step_left_out" and error["turn"] == last):
            continue
        told[(found.kind, found.turn) == (error["kind"], error["turn"])] += 1
    assert told[True] >= 0.9 * told.total() > 25


def test_the_kinds_are_the_corpus_s_and_three_more() -> None:
    assert set(FIRST_ERRORS) - set(ERROR_KINDS) == {"malformed", "over_budget", "no_answer"}


def test_an_evaluation_tells_tiers_and_first_errors() -> None:
    options = EvalOptions("ToolGym/PlanArena-v0", "test", episodes=12, env_options={"prompt": "short"})
    env = open_env(options.env_id, split="test", prompt="short")
    report = evaluate(NoopPolicy(), options)
    assert set(report.by_tier) <= {"easy", "medium", "hard"}
    assert sum(group.tasks for group in report.by_tier.values()) == 12
    shares = report.overall.first_errors
    unsolved = 1 - (report.overall.estimates["pass@1"].value or 0)
    assert sum(estimate.value or 0 for estimate in shares.values()) == pytest.approx(unsolved)
    assert set(shares) <= {"premature_answer", "wrong_answer", "refused_permitted"}
    found = report.to_json()
    assert found["by_tier"].keys() == report.by_tier.keys()
    assert found["by_first_error"]["premature_answer"]["step_recall"] == 0
    assert found["first_errors"].keys() == found["intervals"]["first_errors"].keys() == shares.keys()
    assert not evaluate(OraclePolicy(), options).overall.first_errors
    # Each episode's own tools say what writes: those of one scenario say nothing of another's.
    writing = _writing_tools(env)
    for index in range(6):
        task = env.tasks[index]
        env.reset(options={"task": task})
        assert writing(task) >= {tool.name for tool in env.tools if tool.writes}
        assert not writing(task) & {tool.name for tool in env.tools if tool.writes is False}
    env.close()


def test_tiers_are_of_scenarios_alone() -> None:
    scenario = make_domain("planarena:3")
    task = scenario.tasks("train")[0]
    assert tier_of_task(task) in ("easy", "medium", "hard")
    for name in ("library", "planarena", "planarena_x", "planarena_\u0663", "my_planarena_3"):
        assert tier_of_task(task.model_copy(update={"domain": name})) is None
    report = evaluate(RandomPolicy(0), EvalOptions("ToolGym/Library-v0", "test", episodes=4))
    assert not report.by_tier


@pytest.mark.parametrize(("kinds", "shown"), [(60, True), (61, False)])
def test_the_table_shows_kinds_where_they_are_few(kinds: int, shown: bool) -> None:
    score = score_episode(episode(FIND, MISTAKEN), TASK, writing_tools=WRITING, tier="hard")
    scores = [replace(score, task_id=f"t{number}", kind=(f"kind_{number}",)) for number in range(kinds)]
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(report_table(summarise(scores, 1, {})))
    text = console.export_text()
    assert ("kind kind_7" in text) == shown
    assert ("61 kinds: --json has them" in text) != shown
    assert "tier hard" in text
    # Found, and answered while two calls were left: one of four steps, in all episodes.
    lines = [line.split("\u2502") for line in text.splitlines()]
    rows = {cells[1].strip(): cells[2].strip() for cells in lines if cells[2:]}
    assert (rows["first error: premature_answer"], rows["step_recall"]) == ("100.0%", "25.0%")
