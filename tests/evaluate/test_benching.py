"""Public benchmarks from the command line: what a run keeps, how it goes on, and two runs paired."""

import json
from dataclasses import replace

import pytest

from toolgym.agents.evaluation import bench_report
from toolgym.agents.evaluation.bench_cost import Cost, estimate
from toolgym.agents.evaluation.bench_report import compare, summarise_bench
from toolgym.agents.evaluation.benching import BenchOptions, CaseResult, read_results, run_benchmark, settings_of
from toolgym.agents.evaluation.evaluation import AgentOptions, make_policy
from toolgym.agents.policies import OraclePolicy
from toolgym.agents.policies.policy import Completion
from toolgym.benchmark import Benchmark, Part, Share, benchmark
from toolgym.errors import ConfigError, OpeningError
from toolgym.trajectory import read_trajectories


def mean_of_parts(shares):
    """The figure of the benchmarks below: the mean of parts a and b."""
    if not {"a", "b"} <= shares.keys():
        return {"mean of a and b": None}
    return {"mean of a and b": (shares["a"].value + shares["b"].value) / 2}


TWO = Benchmark("two", "Two parts", lambda categories: (Part("a", "A"), Part("b", "B")), mean_of_parts)


def result(part, task, right=True, trial=0, outcome=None, fault="wrong", error=""):
    outcome = outcome or ("solved" if right else "unsolved")
    return CaseResult(part, task, trial, outcome, None if outcome == "solved" else fault, 1, 1, error)


class TestSummary:
    def test_by_hand(self):
        results = [
            *(result("a", f"a{number}", number < 3) for number in range(4)),  # 3 of 4
            result("a", "lost", outcome="infra_error", fault=None, error="the server died"),
            result("b", "b0", True),
            result("b", "b1", False, fault="another"),  # 1 of 2
        ]
        report = summarise_bench(TWO, results, 1, {"benchmark": "two"})
        assert [(part.name, part.tasks, part.right, part.infra_errors) for part in report.parts] == [
            ("a", 5, 0.75, 1),
            ("b", 2, 0.5, 0),
        ]
        assert report.figures == {"mean of a and b": 0.625}
        assert report.overall.right == pytest.approx(4 / 6)
        assert report.faults == {"wrong": 1, "another": 1}
        assert report.lost == {"the server died": 1}
        # Wilson's interval of 1 in 2: centre (0.5 + z^2/4) / (1 + z^2/2) = 0.5, half z/(1 + z^2/2) *
        # sqrt(0.25/2 + z^2/16) with z = 1.96: 1.96 / 2.9208 * sqrt(0.3651) = 0.4055.
        assert report.parts[1].interval == pytest.approx((0.0945, 0.9055), abs=1e-3)

    def test_several_trials(self):
        # Of 2 trials task x is right once, y twice: shares 1/2 and 1; pass@2 1 and 1; pass^2 0 and 1.
        results = [result("a", "x", trial == 0, trial) for trial in (0, 1)]
        results += [result("a", "y", True, trial) for trial in (0, 1)]
        report = summarise_bench(TWO, results, 2, {})
        assert report.parts[0].right == 0.75
        assert report.parts[0].passes == {"pass@2": 1.0, "pass^2": 0.5}
        assert report.figures == {"mean of a and b": None}


class TestComparison:
    def test_tasks_are_paired(self):
        first = [result("a", f"t{n}", n < 5) for n in range(10)] + [result("b", "only here"), result("b", "both")]
        second = [result("a", f"t{n}", n < 7) for n in range(10)] + [result("b", "both", outcome="infra_error")]
        second += [result("b", "both", False)]  # tried again
        made = compare(TWO, ("x", first), ("y", second))
        rows = {name: (one, two) for name, one, two, _ in made.rows}
        # a: 5 and 7 of 10; b: the one task that both have, right and wrong; all: 6 and 7 of 11.
        assert rows["a"] == (0.5, 0.7)
        assert rows["b"] == (1.0, 0.0)
        assert rows["mean of a and b"] == (0.75, 0.35)
        assert rows["all tasks"] == pytest.approx((6 / 11, 7 / 11))
        assert (made.tasks, made.left_out, made.better, made.worse) == (11, 1, 2, 1)

    def test_an_interval_holds_the_difference_and_shrinks_with_the_tasks(self):
        def interval(count):
            first = [result("a", f"t{n}", n % 2 == 0) for n in range(count)]
            second = [result("a", f"t{n}", n % 4 != 1) for n in range(count)]  # a quarter more is right
            (row,) = [row for row in compare(TWO, ("x", first), ("y", second)).rows if row[0] == "a"]
            assert row[2] - row[1] == pytest.approx(0.25)
            return row[3]

        small, large = interval(40), interval(400)
        for low, high in (small, large):
            assert low < 0.25 < high
        assert large[1] - large[0] < small[1] - small[0]
        # The difference of a task is 1 for a quarter of the tasks and else 0: its deviation is sqrt(0.25 * 0.75), which
        # is 0.433, so of 400 tasks the interval is 2 * 1.96 * 0.433 / 20 = 0.085 wide.
        assert large[1] - large[0] == pytest.approx(0.085, abs=0.01)

    def test_runs_with_nothing_in_common(self):
        with pytest.raises(ConfigError, match="no task in common"):
            compare(TWO, ("x", [result("a", "s")]), ("y", [result("a", "t")]))


class Sometimes(OraclePolicy):
    """The oracle, but its server is down for the first few turns."""

    def __init__(self, failures):
        super().__init__()
        self.failures = failures

    def generate(self, slots):
        turns = super().generate(slots)
        for place in range(len(turns)):
            if self.failures > 0:
                self.failures -= 1
                turns[place] = Completion("the endpoint is down", stop="error")
        return turns


@pytest.fixture(name="options")
def on_the_made_up_benchmark(made_up_bfcl, tmp_path):
    """`options(**fields)` -> a run of the made-up BFCL in one folder."""

    def make(**fields):
        given = {"agent": "oracle", "categories": ("live_simple", "multi_turn_base"), **fields}
        sampling = AgentOptions(concurrency=2)
        settings = {"data": str(made_up_bfcl)}
        return BenchOptions(benchmark="bfcl", output=tmp_path / "run", settings=settings, sampling=sampling, **given)

    return make


class Short(OraclePolicy):
    """The oracle, with a context that some openings fill."""

    def start(self, slot, observation, info, env=None):
        if info["task_id"] == "multi_turn_base_0":
            raise OpeningError("the opening is too long")
        return super().start(slot, observation, info, env)


class Full(OraclePolicy):
    """The oracle at an endpoint that says of every conversation that it is too long."""

    def generate(self, slots):
        return [Completion("", stop="context") for _ in slots]


class TestRuns:
    def test_a_task_that_fills_the_context_is_wrong_and_the_others_are_played(self, options):
        results = run_benchmark(Short(), options())
        assert {each.task_id: (each.outcome, each.fault) for each in results if not each.right} == {
            "multi_turn_base_0": ("truncated", "multi_turn:force_terminated")
        }
        assert len(results) == 4
        assert all(each.counts for each in results)

    def test_an_endpoint_that_says_so_is_believed(self, options):
        results = run_benchmark(Full(), options(categories=("live_simple",)))
        assert [(each.outcome, each.fault) for each in results] == [("truncated", "ast_decoder:decoder_failed")] * 2

    def test_it_is_played_once_and_goes_on(self, options):
        played, plans = [], []

        def run(**fields):
            return run_benchmark(
                OraclePolicy(),
                options(**fields),
                on_plan=lambda total, done, left: plans.append((total, done, sum(len(ids) for _, ids in left))),
                on_case=played.append,
            )

        first = run(categories=("live_simple",))
        assert [(each.part, each.task_id, each.right) for each in first] == [
            ("live_simple", "live_simple_0", True),
            ("live_simple", "live_simple_1", True),
        ]
        assert [each.part for each in run()] == ["live_simple"] * 2 + ["multi_turn_base"] * 2
        assert len(run(k=2)) == 8
        assert plans == [(2, 0, 2), (4, 2, 2), (8, 4, 4)]
        assert len(played) == 8
        assert len({each.key for each in played}) == 8

    def test_a_trial_that_is_added_is_no_copy_of_the_first(self, options):
        for k in (1, 2, 3):
            run_benchmark(make_policy("random"), options(agent="random", categories=("multi_turn_base",), k=k))
        said = {}
        for each in read_trajectories(options().output / "results.jsonl"):
            said.setdefault(each.task_id, set()).add(tuple(step.turn.text for step in each.steps))
        assert [len(trials) for trials in said.values()] == [3, 3]

    def test_a_run_that_never_began_holds_no_folder(self, options, tmp_path):
        """The mended command runs where the one before had an error in an option, or was killed before it played."""
        wrong = replace(options(), settings={"data": str(tmp_path / "nowhere")})
        with pytest.raises(ConfigError, match="nowhere"):
            run_benchmark(OraclePolicy(), wrong)
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / "bench.json").write_text(json.dumps(wrong.kept()))
        (tmp_path / "run" / "results.jsonl").touch()
        assert len(run_benchmark(OraclePolicy(), options())) == 4
        assert settings_of(tmp_path / "run") == options().kept()
        with pytest.raises(ConfigError, match="holds a run with agent 'oracle'"):
            run_benchmark(make_policy("noop"), options(agent="noop"))

    def test_what_the_infrastructure_broke_counts_apart_and_is_tried_again(self, options):
        results = run_benchmark(Sometimes(failures=2), options())
        assert sorted(each.counts for each in results) == [False, False, True, True]
        report = summarise_bench(benchmark("bfcl"), results, 1, {})
        assert (report.overall.right, report.overall.infra_errors) == (1.0, 2)
        assert report.lost == {"the endpoint is down": 2}
        again = run_benchmark(OraclePolicy(), options())
        assert [each.right for each in again] == [True] * 4
        assert len(list(read_results(options().output))) == 6

    def test_its_episodes_are_a_trajectory_file_with_the_verdicts(self, options):
        run_benchmark(make_policy("noop"), options())
        kept = read_trajectories(options().output / "results.jsonl")
        assert {each.task_id: each.meta["bench"]["fault"] for each in kept} == {
            "live_simple_0": "ast_decoder:decoder_failed",
            "live_simple_1": "ast_decoder:decoder_failed",
            "multi_turn_base_0": "multi_turn:empty_turn_model_response",
            "multi_turn_base_1": "multi_turn:empty_turn_model_response",
        }
        assert {each.meta["world"]["category"] for each in kept} == {"live_simple", "multi_turn_base"}

    def test_a_limit_draws_the_same_tasks_and_more_of_them(self, options, tmp_path):
        one = run_benchmark(OraclePolicy(), options(limit=1))
        two = run_benchmark(OraclePolicy(), options(limit=2))
        assert {each.key for each in one} < {each.key for each in two}
        assert {each.of for each in one} == {2}
        assert len(one) == 2

    @pytest.mark.parametrize("change", [{"agent": "noop"}, {"seed": 1}])
    def test_another_run_does_not_go_there(self, options, change):
        run_benchmark(OraclePolicy(), options(limit=1))
        with pytest.raises(ConfigError, match="holds a run with"):
            run_benchmark(OraclePolicy(), options(**change))

    def test_a_folder_of_something_else(self, options):
        folder = options().output
        folder.mkdir()
        (folder / "results.jsonl").write_text("")
        with pytest.raises(ConfigError, match=r"no bench\.json"):
            run_benchmark(OraclePolicy(), options())

    def test_what_cannot_be(self, options):
        with pytest.raises(ConfigError, match=r"Unknown BFCL category 'lives'\. Did you mean 'live'"):
            run_benchmark(OraclePolicy(), options(categories=("lives",)))
        with pytest.raises(ConfigError, match=r"Unknown benchmark 'bfc'\. Did you mean 'bfcl'"):
            benchmark("bfc")


def test_the_cost_is_that_of_all_requests(made_up_bfcl):
    settings = {"data": str(made_up_bfcl)}
    (one,) = benchmark("bfcl").parts(["live_simple"])
    few, many = (estimate([(one, ["live_simple_0"] * count)], settings) for count in (1, 10))
    assert (many.read, many.written) == (pytest.approx(10 * few.read, rel=0.01), 10 * few.written)
    assert few.written == 80  # one turn
    assert Cost(2_000_000, 500_000).dollars((0.15, 0.6)) == pytest.approx(0.6)  # 2 * 0.15 + 0.5 * 0.6


def test_shares_are_told_to_the_figures():
    told = []
    spy = Benchmark("spy", "", TWO.parts, lambda shares: told.append(shares) or {})
    summarise_bench(spy, [result("a", "x"), result("a", "y", False)], 1, {})
    assert told == [{"a": Share(0.5, 2)}]


def pooled(shares):
    """The share of all tasks that the parts have."""
    return {"pooled": sum(each.value * each.tasks for each in shares.values()) / sum(x.tasks for x in shares.values())}


def test_parts_of_which_some_tasks_were_drawn_count_by_all_that_they_have():
    # Part a has 30 tasks and b has 10, of each two were drawn: 1 of 2 and 2 of 2 are right, of all 0.5 * 30 + 10 of 40.
    found = Benchmark("pooled", "", TWO.parts, pooled)
    drawn = [result("a", "x"), result("a", "y", False), result("b", "x"), result("b", "y")]
    drawn = [replace(each, of=30 if each.part == "a" else 10) for each in drawn]
    report = summarise_bench(found, drawn, 1, {})
    assert report.figures == {"pooled": 0.625}
    assert report.overall.right == 0.75  # of what was played
    rows = {name: (one, two) for name, one, two, _ in compare(found, ("x", drawn), ("y", drawn)).rows}
    assert rows == {"pooled": (0.625, 0.625), "a": (0.5, 0.5), "b": (1.0, 1.0), "all tasks": (0.75, 0.75)}


def test_a_report_is_json(options):
    report = summarise_bench(benchmark("bfcl"), run_benchmark(OraclePolicy(), options()), 1, {"benchmark": "bfcl"})
    assert json.loads(json.dumps(report.to_json()))["parts"]["live_simple"]["right"] == 1.0
    assert bench_report.bench_table(report, "oracle") is not None
