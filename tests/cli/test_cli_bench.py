"""`toolgym bench`: a run, its folder, and a comparison."""

import json

import pytest


@pytest.fixture(name="bench")
def on_the_made_up_benchmark(toolgym, made_up_bfcl, tmp_path):
    """`bench(agent, *more)` -> the command's end, in a folder by the agent's name."""

    def run(agent, *more):
        data = f"data={made_up_bfcl}"
        folder = tmp_path / agent
        return toolgym("bench", "bfcl", "--agent", agent, "--set", data, "--output", folder, *more), folder

    return run


def test_a_run_and_its_folder(bench, toolgym):
    done, folder = bench("oracle", "--category", "live", "--category", "irrelevance", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["overall"]["right"] == 1.0
    assert told["figures"]["irrelevance"] == 1.0
    assert told["figures"]["overall v3"] is None
    assert next(iter(told["parts"])) == "irrelevance"
    again, _ = bench("oracle", "--category", "live")
    assert "12 of 12 episodes are there already" in again.err
    more, _ = bench("oracle", "--category", "live", "--k", "2")
    assert "12 of 24 episodes are there already" in more.err
    assert "100.00" in again.out
    shown = toolgym("show", folder / "results.jsonl")
    assert "live_simple_0" in shown.out


def test_two_runs_are_paired(bench, toolgym):
    _, first = bench("noop", "--category", "non_live")
    _, second = bench("oracle", "--category", "non_live")
    done = toolgym("bench", "compare", first, second, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    # Doing nothing is right for the two cases of irrelevance alone; of the 14 cases the oracle has all.
    assert (told["tasks"], told["better"], told["worse"]) == (14, 12, 0)
    assert told["differences"]["irrelevance"]["difference"] == 0.0
    assert "non-live AST" in toolgym("bench", "compare", first, second).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bfcl", "--category", "lives"), "Did you mean 'live'"),
        (("bfcl", "--price", "cheap", "--agent", "api:m"), "--price takes two numbers"),
        (("bfcl", "--agent", "orcle"), "Did you mean 'oracle'"),
        (("compare", "nowhere", "there"), "no folder of `toolgym bench`"),
    ],
)
def test_what_cannot_be_is_one_red_line(toolgym, made_up_bfcl, words, said):
    more = ("--set", f"data={made_up_bfcl}") if words[0] == "bfcl" else ()
    done = toolgym("bench", *words, *more)
    assert done.code == 2
    assert said in done.err


def test_an_endpoints_cost_is_told_before(toolgym, made_up_bfcl, chat_server, tmp_path):
    chat_server.default = "I cannot."
    words = ("bench", "bfcl", "--category", "irrelevance", "--agent", "api:m", "--base-url", chat_server.url)
    done = toolgym(*words, "--set", f"data={made_up_bfcl}", "--output", tmp_path / "run", "--price", "1,2")
    assert done.code == 0, done.err
    assert "2 episodes take about 0.00M tokens read, 0.00M written, $0.00" in done.err


@pytest.mark.parametrize(
    ("name", "more"), [("tau", "--set user=scripted"), ("tau2", "--set user=scripted"), ("api-bank", "--set data=DIR")]
)
def test_the_first_example_has_what_the_gold_takes(toolgym, name, more):
    (example,) = [line for line in toolgym("bench", name, "--help").out.splitlines() if "--agent oracle" in line]
    assert more in example
