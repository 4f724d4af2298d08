"""`ToolGym/All-v0` on the command line: its episodes are evaluated, shown and scored like those of any environment."""

import json

from toolgym.trajectory import read_trajectories

ALL = "ToolGym/All-v0"
CHOSEN = ("--set", "size=small", "--set", 'domains=["airline","library"]')


def test_episodes_of_all_domains_are_evaluated_shown_and_scored(toolgym, tmp_path):
    file = tmp_path / "all.jsonl"
    done = toolgym("eval", "--env", ALL, "--agent", "random", "--episodes", 8, "--output", file, *CHOSEN)
    assert done.code == 0, done.err
    played = read_trajectories(file)
    assert {episode.env_id for episode in played} == {ALL}
    assert {episode.task_id.partition("-")[0] for episode in played} == {"airline", "library"}
    for number, episode in enumerate(played):
        told = toolgym("show", file, "--episode", number).out
        assert ("why it is not solved" in told) == (episode.outcome != "solved")
        assert "cannot be told" not in told
    scored = json.loads(toolgym("score", file, "--set", "size=small", "--json").out)
    assert [entry["task"] for entry in scored["episodes"]] == [episode.task_id for episode in played]
    assert scored["left_out"] == 0


def test_the_oracle_solves_tasks_of_all_domains(toolgym):
    done = toolgym("eval", "--env", ALL, "--agent", "oracle", "--episodes", 10, "--json", *CHOSEN)
    report = json.loads(done.out)
    assert report["pass@1"] == 1.0


def test_an_unknown_domain_is_one_line(toolgym):
    done = toolgym("check", "--env", ALL, "--set", "held_out=libary")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: held_out: ")
    assert "Did you mean 'library'" in done.err
