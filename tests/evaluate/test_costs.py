"""What evaluations cost: what is written of each episode, what is read of files, the Pareto front and the picture."""

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from toolgym.agents.evaluation.costs import choose_costs, draw_costs, front, read_evaluations
from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
from toolgym.agents.evaluation.metrics import wilson
from toolgym.agents.policies.api import ApiOptions, ApiPolicy
from toolgym.agents.policies.policy import Completion
from toolgym.agents.policies.scripted import OraclePolicy, RandomPolicy
from toolgym.agents.search import parse_search
from toolgym.errors import ConfigError
from toolgym.trajectory import Trajectory, TrajectoryWriter, read_trajectories


def write(path: Path, *episodes: tuple[str, Any, dict[str, Any]]) -> Path:
    """A file of episodes: task, outcome, meta."""
    with TrajectoryWriter(path) as writer:
        for task, outcome, meta in episodes:
            writer.write(Trajectory("env", task, outcome=outcome, meta=meta))
    return path


def cost(played: int | None, made: int, seconds: float, **search: Any) -> dict[str, Any]:
    known = {"tokens": 0, "turns": 0, "steps": 0, "calls": 0, "searches": 1, "oracle": False}
    found = {"search": {**known, **search}} if search else {}
    return {"cost": {"tokens": played, "calls": made, "seconds": seconds}, **found}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Four evaluations of the tasks a and b.

    greedy: a is solved once of twice, b never: (1/2 + 0)/2 = 1/4. Tokens (20 + 40)/2 = 30 and 50: 40. Calls (1 + 3)/2
    and 4: 3. Seconds (1 + 3)/2 and 1: 1.5. One episode was lost, one has no end.
    search: both solved. Tokens as the search counts them: 600. Calls 2 and 30 in forks: 32. Seconds 4.
    worse: solves 1/4 of twice the tokens and calls, and takes as long.
    told: as search, by an oracle scorer, and cheaper.
    """
    folder = tmp_path / "evals"
    return [
        write(
            folder / "greedy.jsonl",
            ("a", "solved", cost(20, 1, 1.0)),
            ("a", "unsolved", cost(40, 3, 3.0)),
            ("b", "truncated", cost(50, 4, 1.0)),
            ("b", "infra_error", cost(9000, 900, 900.0)),
            ("b", None, {}),
        ),
        write(folder / "search.jsonl", *((task, "solved", cost(50, 2, 4.0, tokens=600, calls=30)) for task in "ab")),
        write(folder / "worse.jsonl", ("a", "solved", cost(80, 6, 1.5)), *[("a", "unsolved", cost(80, 6, 1.5))] * 1,
              ("b", "unsolved", cost(80, 6, 1.5))),
        write(folder / "told.jsonl", *((t, "solved", cost(50, 2, 1.0, tokens=10, calls=1, oracle=True)) for t in "ab")),
    ]  # fmt: skip


def test_files_are_read_as_tasks_with_trials(files: list[Path]) -> None:
    greedy, search, worse, told = read_evaluations([*files, files[0]])
    names = ["greedy", "search", "worse", "told (told the outcome)"]
    assert [each.name for each in (greedy, search, worse, told)] == names
    assert (greedy.tasks, greedy.episodes, greedy.lost) == (frozenset("ab"), 3, 2)
    assert (greedy.solved.value, search.solved.value, worse.solved.value) == (0.25, 1.0, 0.25)
    assert greedy.solved.interval == wilson(0.25, 2)
    assert [mean.value for mean in greedy.costs.values() if mean] == [40, 3, 1.5]
    assert [mean.value for mean in search.costs.values() if mean] == [600, 32, 4]
    assert search.costs["tokens"] is not None
    assert search.costs["tokens"].interval == (600, 600)
    # greedy is the cheapest; worse solves as much for more tokens and calls, and takes as long: then it is on a front.
    every = [greedy, search, worse, told]
    assert [[each.name for each in front(every, name)] for name in ("tokens", "calls", "seconds")] == [
        ["greedy", "search"],
        ["greedy", "search"],
        ["greedy", "worse", "search"],
    ]


def test_what_is_not_told_is_not_guessed(tmp_path: Path) -> None:
    old = write(tmp_path / "old.jsonl", ("a", "solved", {}), ("b", "solved", cost(10, 1, 1.0)))
    scripted = write(tmp_path / "oracle.jsonl", ("a", "solved", cost(None, 1, 1.0)))
    read = read_evaluations([old, scripted])
    assert list(read[0].costs.values()) == [None, None, None]
    assert (read[1].costs["tokens"], choose_costs(read)) == (None, ["calls", "seconds"])
    with pytest.raises(ConfigError, match="No episode tells its tokens"):
        choose_costs(read, ["tokens"])
    with pytest.raises(ConfigError, match="Did you mean 'tokens'"):
        choose_costs(read, ["token"])
    with pytest.raises(ConfigError, match="no episode that ended"):
        read_evaluations([write(tmp_path / "lost.jsonl", ("a", "infra_error", {}))])


def test_the_picture(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: drawn.append(self))
    read = read_evaluations(files)
    draw_costs(read, ["tokens", "calls", "seconds"], tmp_path / "new" / "costs.svg")
    (picture,) = drawn
    # 10 to 600 tokens, 3 to 32 calls (3 of told): more than tenfold; 1 to 4 seconds is not.
    assert [axes.get_xscale() for axes in picture.axes] == ["log", "log", "linear"]
    assert [axes.get_xlabel() for axes in picture.axes] == [
        "tokens written an episode",
        "tool calls an episode",
        "seconds an episode",
    ]
    lines = {line.get_label(): line for line in picture.axes[0].lines}
    assert list(zip(*lines["Pareto front"].get_data(), strict=True)) == [(40, 0.25), (600, 1.0)]
    points = [bars.lines[0] for bars in picture.axes[0].containers]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in points] == [
        *((40, 0.25), (600, 1.0), (80, 0.25), (10, 1.0)),
    ]
    filled = [line.get_markerfacecolor() != "white" for line in points]
    assert filled == [True, True, False, False]
    assert len({(str(line.get_color()), line.get_marker()) for line in points}) == 4
    names = [text.get_text() for text in picture.legends[0].get_texts()]
    assert sorted(names) == ["Pareto front", "greedy", "search", "told (told the outcome)", "worse"]
    draw_costs(read * 4, ["calls"], tmp_path / "many.png")
    assert len({str(bars.lines[0].get_color()) for bars in drawn[1].axes[0].containers}) == 16


def test_the_command(files: list[Path], tmp_path: Path, toolgym: Any) -> None:
    ended = toolgym("plot", *map(str, files))
    assert (ended.code, files[0].with_name("costs.png").read_bytes()[:4]) == (0, b"\x89PNG")
    rows = {line.split("│")[1].strip(): line for line in ended.out.splitlines() if line.startswith("│")}
    assert "40*" in rows["greedy"]
    assert "600*" in rows["search"]
    assert "*" not in rows["told (told the outcome)"]
    assert "2 episodes were lost" in ended.out
    picture = tmp_path / "one.svg"
    ended = toolgym("plot", *map(str, files[:2]), "--json", "--output", str(picture), "-f", "tokens")
    greedy, search = json.loads(ended.out)
    assert greedy["pass@1"] == {"mean": 0.25, "interval": list(wilson(0.25, 2))}
    assert (greedy["episodes"], greedy["lost"], search["calls"]["mean"]) == (3, 2, 32)
    assert search["front"] == ["tokens", "calls", "seconds"]
    assert "<svg" in picture.read_text()
    other = write(tmp_path / "other.jsonl", ("c", "solved", cost(1, 1, 1.0)))
    assert "of different tasks" in toolgym("plot", str(other), str(files[0]), "--json").err
    for words, what in (
        ([str(files[0]), str(tmp_path)], "runs and evaluations are drawn apart"),
        ([str(files[0]), "--over-seeds"], "--over-seeds is of runs"),
        ([str(files[0]), "--smoothing", "0.5"], "--smoothing is of runs"),
        ([str(files[0]), "--figures", "solved"], "Unknown cost 'solved'"),
        ([str(files[0]), "--output", str(tmp_path)], "is a folder"),
        ([str(files[0]), "--output", str(tmp_path / "a.jpgg")], "Did you mean 'jpg'"),
    ):
        ended = toolgym("plot", *words)
        assert (ended.code, ended.out, what in ended.err) == (2, "", True), ended.err
    text = tmp_path / "report.json"
    text.write_text("{}\n")
    assert toolgym("plot", str(text)).code == 2


class Counting:
    """Looks at the ticket, then answers: 3 and 2 tokens, as an endpoint would count them."""

    def start(self, slot: int, observation: str, info: dict, env: Any = None) -> list[int]:
        return []

    def observe(self, slot: int, observation: str, info: dict) -> list[int]:
        return []

    def generate(self, slots: Any) -> list[Completion]:
        return [Completion(*self._turn(slot)) for slot in slots]

    def _turn(self, slot: int) -> Any:
        self.said = getattr(self, "said", {})
        self.said[slot] = self.said.get(slot, 0) + 1
        if self.said[slot] == 1:
            return '<tool_call>{"name": "look", "arguments": {"ticket": "T1"}}</tool_call>', [1, 2, 3], [0.0] * 3
        return "<response>No.</response>", [1, 2], [0.0] * 2

    def end(self, slot: int) -> None:
        pass


def test_an_evaluation_writes_what_each_episode_took(cloakroom: str, tmp_path: Path) -> None:
    """5 tokens and a call; none that was over a budget. Agents that are no model write no tokens."""
    file = tmp_path / "counted.jsonl"
    for budget, calls in ((None, 1), ("turns=1,calls=1", 1)):
        options = {"budget": budget} if budget else {}
        evaluate(Counting(), EvalOptions(cloakroom, episodes=3, output=file, overwrite=True, env_options=options))
        kept = read_trajectories(file)
        assert [(each.meta["cost"]["tokens"], each.meta["cost"]["calls"]) for each in kept] == [(5, calls)] * 3
        assert all(each.meta["cost"]["seconds"] > 0 for each in kept)
    evaluate(OraclePolicy(), EvalOptions(cloakroom, episodes=3, output=file, overwrite=True))
    assert [each.meta["cost"]["tokens"] for each in read_trajectories(file)] == [None] * 3


def test_a_searched_episode_costs_what_its_forks_did(cloakroom: str, tmp_path: Path) -> None:
    file = tmp_path / "searched.jsonl"
    options = EvalOptions(cloakroom, episodes=4, output=file, search=parse_search("majority:n=3"))
    evaluate(RandomPolicy(0), options)
    kept = read_trajectories(file)
    assert all(each.meta["search"]["turns"] > len(each.steps) for each in kept)
    calls = [each.meta["cost"]["calls"] + each.meta["search"]["calls"] for each in kept]
    (read,) = read_evaluations([file])
    assert read.costs["calls"] is not None
    assert read.costs["calls"].value == pytest.approx(sum(calls) / 4)
    assert sum(calls) > sum(len(each.calls) for each in kept)


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 40, "completion_tokens": 7}])
def test_a_search_whose_tokens_nobody_counts_is_not_the_cheapest(
    cloakroom: str, tmp_path: Path, chat_server: Any, usage: Any
) -> None:
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": "Done."}}
    chat_server.default = (200, {}, json.dumps({"choices": [choice], **({"usage": usage} if usage else {})}))
    policy = ApiPolicy(ApiOptions("m", base_url=chat_server.url))
    file, search = tmp_path / "searched.jsonl", parse_search("majority:n=3")
    evaluate(policy, EvalOptions(cloakroom, episodes=2, output=file, search=search))
    policy.close()
    (read,) = read_evaluations([file])
    if usage is None:
        assert read.costs["tokens"] is None
        assert front([read], "tokens") == []
    else:
        assert read.costs["tokens"] is not None
        assert read.costs["tokens"].value == 3 * 7


def test_a_models_tokens_are_those_that_it_sampled(tmp_path: Path) -> None:
    file, options = tmp_path / "model.jsonl", {"size": "small", "prompt": "short", "depth": 1}
    agent = AgentOptions(threads=1, concurrency=2)
    evaluate(
        make_policy("builtin:imperfect", agent),
        EvalOptions(episodes=2, output=file, env_options=options, agent=agent),
    )
    for each in read_trajectories(file):
        assert each.meta["cost"]["tokens"] > len(each.steps)
        assert each.meta["cost"]["calls"] == len(each.calls)
