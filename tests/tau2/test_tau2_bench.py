"""`toolgym bench tau2`: its parts and figures, and a run on the small worlds; where the data is looked for."""

import pytest

from toolgym.agents.evaluation.bench_report import summarise_bench
from toolgym.agents.evaluation.benching import BenchOptions, run_benchmark
from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy
from toolgym.benchmark import Share, benchmark, benchmark_names
from toolgym.data import DATA
from toolgym.envs.tau2.data import load
from toolgym.errors import ConfigError


def test_parts_and_figures():
    assert {"tau", "tau2"} <= set(benchmark_names())
    tau2, tau = benchmark("tau2"), benchmark("tau")
    assert [part.name for part in tau2.parts(None)] == ["airline", "retail", "telecom"]
    assert [part.options["split"] for part in tau2.parts(["retail-test", "airline"])] == ["custom", "test"]
    assert tau2.parts(["telecom-solo"])[0].options["solo"]
    assert [part.env_id for part in tau.parts(None)] == ["ToolGym/TauAirline-v0", "ToolGym/TauRetail-v0"]
    with pytest.raises(ConfigError, match="Did you mean 'retail'"):
        tau2.parts(["retial"])
    shares = {"airline": Share(0.5, 50), "retail": Share(0.7, 114), "telecom": Share(0.3, 114)}
    # Each domain counts once: (0.5 + 0.7 + 0.3) / 3.
    assert tau2.figures(shares)["mean of domains"] == pytest.approx(0.5)
    assert tau2.figures({"airline": Share(0.5, 50)})["mean of domains"] is None
    assert tau.figures(shares)["mean of domains"] == pytest.approx(0.6)


def test_a_run(data, tmp_path):
    found = benchmark("tau2")
    options = BenchOptions("tau2", "oracle", tmp_path / "gold", k=2, settings={"data": str(data), "user": "scripted"})
    results = run_benchmark(OraclePolicy(), options)
    assert len(results) == 2 * 7  # 2 tasks of airline and retail, 3 of telecom, twice each
    report = summarise_bench(found, results, 2, options.kept())
    assert report.figures["mean of domains"] == 1.0
    assert report.overall.passes["pass^2"] == 1.0
    options = BenchOptions("tau2", "noop", tmp_path / "noop", settings={"data": str(data), "user": "none"}, limit=5,
                           categories=("airline", "retail"))  # fmt: skip
    results = run_benchmark(NoopPolicy(), options)
    # Of the airline's tasks one wants nothing done; what failed of the others is named.
    assert [result.right for result in results] == [False, True, False, False]
    assert results[0].fault == "DB, COMMUNICATE"


@pytest.mark.parametrize("name", ["tau", "tau2"])
def test_the_data_is_looked_for_where_it_is_brought(name, data, monkeypatch, tmp_path):
    monkeypatch.setenv("TOOLGYM_DATA", str(tmp_path))
    if name == "tau2":
        with pytest.raises(ConfigError, match="toolgym data get tau2"):
            load("retail")
        (tmp_path / "tau2").symlink_to(data)
        assert load("retail").tasks.keys() == {"return", "judged"}
    names = {file.name for file in DATA[name].files}
    wanted = {"tau": {"airline/wiki.md", "retail/tasks_train.py", "retail/data/orders.json"}}
    assert names >= wanted.get(name, {"airline/db.json", "retail/split_tasks.json", "telecom/tasks.json"})
    assert DATA[name].licence == "MIT"
