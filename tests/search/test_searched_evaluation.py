"""Searches in an evaluation: figures, files, the command line; and a language model whose tokens stay exact."""

import json

import pytest
from typer.testing import CliRunner

from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.search import SearchCost, SearchPolicy, parse_search
from toolgym.agents.search.astar import AStar
from toolgym.cli.app import app
from toolgym.errors import ConfigError
from toolgym.opening import open_env
from toolgym.trajectory import TrajectoryWriter, read_trajectories

SMALL = {"size": "small", "prompt": "short"}


def test_a_model_plays_what_it_sampled_token_for_token():
    """Greedy, a search of one turn after the other is the policy itself: the context that it is put into is exact."""
    env = open_env("ToolGym/Airline-v0", split="test", **SMALL)
    policy = LMPolicy.load("builtin:imperfect", SamplingOptions(temperature=0.0, context_tokens=None))
    starts = [Start(options={"task": 2})]
    plain = rollouts(policy, [env], starts)
    searching = SearchPolicy(policy, parse_search("beam:width=1,branch=1"))
    searched = rollouts(searching, [env], starts)
    env.close()
    for one, other in zip(plain, searched, strict=True):
        assert (one.prompt_ids, one.completion_ids) == (other.prompt_ids, other.completion_ids)
        assert (one.types, one.spans, one.outcome) == (other.types, other.spans, other.outcome)
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    cost = searching.take_cost(0)
    assert (cost.tokens, cost.turns) == (sum(searched[0].env_mask), len(searched[0].spans))


def test_a_context_that_goes_on_is_no_longer_than_its_openings_may_be():
    policy = LMPolicy.load("builtin:imperfect", SamplingOptions(context_tokens=None))
    policy.decoder.own_limit = 100_000
    assert policy.decoder.limit(10) == 8192 < policy.decoder.limit(8192)
    policy.start(0, "", {"context_ids": [5] * 8192, "opening_tokens": 10})
    assert policy.generate([0])[0].stop == "context"


@pytest.mark.slow
def test_an_evaluation_reports_and_writes_what_a_search_cost(tmp_path):
    def run(concurrency: int):
        output = tmp_path / f"{concurrency}.jsonl"
        agent = AgentOptions(temperature=1.0, concurrency=concurrency, threads=1)
        options = EvalOptions(
            episodes=2,
            env_options=SMALL,
            agent=agent,
            output=output,
            search=parse_search("mcts:simulations=2,branch=2,scorer=verified"),
        )
        report = evaluate(make_policy("builtin:imperfect", agent, seed=1), options)
        written = sorted(read_trajectories(output), key=lambda each: each.task_id)
        for each in written:
            assert each.meta["cost"].pop("seconds") > 0  # of the clock: the one thing that differs
        return report.to_json(), written

    (report, written), (other, again) = run(3), run(1)
    assert report == other
    assert written == again
    costs = [SearchCost.of_meta(each.meta) for each in written]
    assert all(cost is not None and cost.oracle and cost.turns >= 2 for cost in costs)
    assert report["search_turns"] == pytest.approx(sum(cost.turns for cost in costs if cost) / 2)
    assert report["intervals"]["search_tokens"] is not None
    assert report["search"] == "mcts:scorer=verified,simulations=2,branch=2 (oracle scorer: knows the outcome)"


def test_the_command_line_teaches_and_refuses():
    runner = CliRunner()
    assert "best_of:n=8" in runner.invoke(app, ["eval", "--help"], env={"COLUMNS": "120"}).output
    small = ["--set", "size=small", "--set", "prompt=short", "-n", "2", "--json"]
    words = ["eval", "--agent", "noop", "--search", "majority:n=2", *small]
    report = json.loads(runner.invoke(app, words).stdout)
    assert (report["search"], report["search_turns"], report["search_calls"]) == ("majority:n=2", 2.0, 0.0)
    for search, agent, said in (
        ("majorty", "noop", "Did you mean 'majority'"),
        ("majority:k=2", "noop", "Known: n"),
        ("majority", "oracle", "not the oracle"),
        ("best_of:scorer=value,critic=nowhere", "builtin:imperfect", "has no value_head.safetensors"),
    ):
        refused = runner.invoke(app, ["eval", "--agent", agent, "--search", search, *small])
        assert refused.exit_code != 0
        assert said in " ".join((refused.output + str(refused.exception)).split())


def test_a_memory_is_never_of_what_is_played(tmp_path):
    env = open_env("ToolGym/Airline-v0", split="train", **SMALL)
    (played,) = rollouts(make_policy("oracle"), [env], [Start(options={"task": 0})])
    empty, file = tmp_path / "empty.jsonl", tmp_path / "train.jsonl"
    for path, some in ((empty, []), (file, [played.trajectory])):
        with TrajectoryWriter(path) as writer:
            for each in some:
                writer.write(each)
    search = parse_search(f"astar:memory={file},branch=1,queries=3")
    assert isinstance(search, AStar)
    assert [split for _, split in search.plans] == ["train"]
    assert [plan for plan, _ in search.plans] == [tuple(call.name for call, _ in played.trajectory.calls)]
    with pytest.raises(ConfigError, match="holds episodes of the split 'train', which is being played"):
        rollouts(SearchPolicy(make_policy("noop"), search), [env], [Start(options={"task": 1})])
    env.close()
    with pytest.raises(ConfigError, match="there is nothing to remember"):
        parse_search(f"astar:memory={empty}").plans  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ConfigError, match="no file"):
        parse_search("astar:memory=nowhere").plans  # type: ignore[attr-defined]  # noqa: B018
