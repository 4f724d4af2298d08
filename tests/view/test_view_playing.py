"""Episodes that a person plays in the page: calls, answers, undo, forks; and who may act there at all."""

import http.client
import json
from pathlib import Path

import pytest

from benchmarks.view_load import HEADER, lines_of, write
from toolgym.envs.library import LIBRARY
from toolgym.errors import ConfigError
from toolgym.registration import make_domain
from toolgym.view.playing import Plays

ENV = "ToolGym/Library-v0"
SHOP = Path(__file__).parents[1] / "own_server" / "shop_server.py"
START = {"do": "start", "env": ENV, "options": {"size": "small", "split": "train"}}


@pytest.fixture
def plays():
    made = Plays()
    yield made
    made.close()


def gold():
    """The first task whose gold chain calls something, and its messages as the page sends them."""
    task = next(task for task in make_domain(LIBRARY, size="small").tasks("train") if len(task.gold) > 2)
    return task.id, [
        {"calls": [{"name": c.name, "arguments": c.arguments} for c in a.calls], "response": a.response, "plan": a.plan}
        for a in task.gold
    ]


def test_an_episode_is_played_taken_back_and_returned_to(plays):
    task, messages = gold()
    begun = plays.do({**START, "task": task})
    play = {"play": begun["play"]}
    assert begun["episode"]["steps"] == []
    assert not begun["can_undo"]
    first = plays.do({"do": "act", **play, **messages[0]})
    assert len(first["episode"]["steps"]) == 1
    plays.do({"do": "fork", **play, "name": "here"})
    wrong = plays.do({"do": "act", **play, "response": "I do not know."})
    assert wrong["episode"]["outcome"] == "unsolved"
    assert wrong["reasons"]
    with pytest.raises(ConfigError, match="is over"):
        plays.do({"do": "act", **play, "response": "Wait!"})
    assert plays.do({"do": "undo", **play})["episode"] == first["episode"]
    assert plays.do({"do": "undo", **play})["episode"] == begun["episode"]
    with pytest.raises(ConfigError, match="nothing to take back"):
        plays.do({"do": "undo", **play})
    back = plays.do({"do": "back", **play, "name": "here"})
    assert back["episode"] == first["episode"]
    for message in messages[1:]:
        back = plays.do({"do": "act", **play, **message})
    assert back["episode"]["outcome"] == "solved"
    assert back["reasons"] == []


def test_nothing_of_the_gold_is_told_while_the_episode_runs(plays):
    task, _ = gold()
    told = plays.do({**START, "task": task})
    assert told["reasons"] == []
    assert set(told) == {"play", "episode", "policy", "tools", "forks", "can_undo", "reasons"}
    assert "gold" not in json.dumps(told)


def test_what_set_says_goes_before_what_the_page_asks_for():
    plays = Plays(ENV, {"size": "standard"})
    told = plays.do(START)
    plays.close()
    assert told["episode"]["task_id"].startswith("library-standard-")


def test_an_environment_without_what_the_page_asks_for_is_played():
    tasks = [{"request": "How many mugs?", "calls": [{"stock_of": {"item": "mug"}}]}]
    plays = Plays("ToolGym/MCP-v0", {"servers": f"{SHOP}:server", "tasks": tasks})
    told = plays.do({"do": "start", "env": "ToolGym/MCP-v0", "options": {"size": "small"}})
    plays.close()
    assert [tool["name"] for tool in told["tools"]] == ["stock_of", "order"]


@pytest.mark.parametrize(
    "given",
    [
        {"do": "start", "env": "os:system"},
        {"do": "start", "env": "ToolGym/MCP-v0", "options": {"servers": "x"}},
        {"do": "start", "env": ENV, "task": "nothing"},
        {"do": "start", "env": ENV, "options": ["size"]},
        {"do": "act", "play": "99"},
        {"do": "explode"},
        {},
    ],
)
def test_what_cannot_be_done_is_said(plays, given):
    with pytest.raises(ConfigError):
        plays.do(given)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"calls": "x"},
        {"calls": [3]},
        {"calls": [{"name": 3, "arguments": {}}]},
        {"calls": [{"name": "x", "arguments": []}]},
        {"response": 3},
    ],
)
def test_an_action_that_is_none_changes_nothing(plays, given):
    play = plays.do(START)["play"]
    with pytest.raises(ConfigError):
        plays.do({"do": "act", "play": play, **given})
    assert plays.do({"do": "see", "play": play})["episode"]["steps"] == []


def test_old_episodes_make_room(plays):
    first = plays.do(START)["play"]
    for _ in range(8):
        last = plays.do(START)["play"]
    plays.do({"do": "see", "play": last})
    with pytest.raises(ConfigError, match="begin another"):
        plays.do({"do": "see", "play": first})


def post(viewer, body, target="/api/play", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=60)
    given = {
        "Origin": f"http://127.0.0.1:{viewer.port}",
        "Content-Type": "application/json",
        "Cookie": f"toolgym_view_{viewer.port}={viewer.token}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection.request("POST", target, body, {name: value for name, value in given.items() if value})
    answer = connection.getresponse()
    status, text = answer.status, answer.read().decode()
    connection.close()
    return status, text


def test_only_the_viewers_own_page_acts(tmp_path, open_viewer):
    viewer = open_viewer(write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)]))
    body = json.dumps({"do": "see", "play": "1"})
    assert post(viewer, body)[0] == 404  # let in; there is no such episode
    assert post(viewer, body, Origin="")[0] == 403
    assert post(viewer, body, Origin="http://evil.example")[0] == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert post(viewer, body, Content_Type=kind)[0] == 403
    assert post(viewer, body, Cookie="")[0] == 401
    assert post(viewer, body, target="/api/runs")[0] == 405
    assert post(viewer, b"x" * 2_000_000)[0] == 413
    for bad in (b"", b"{", b"[]", b"\xff", b"[" * 5000):
        assert post(viewer, bad)[0] == 404


@pytest.mark.slow
def test_a_person_plays_in_the_page(tmp_path, open_viewer, tab):
    viewer = open_viewer(write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)]))
    task, messages = gold()
    one = tab(viewer.address)
    one.page.click(".top >> text=Play")
    one.page.select_option("select[name=env]", ENV)
    one.page.fill("input[name=task]", task)
    one.page.click("text=/^Begin/")
    one.wait("document.querySelector('.action')")
    (call,) = messages[0]["calls"]
    one.page.select_option("select[name=tool]", call["name"])
    for field, value in call["arguments"].items():
        one.page.fill(f".arguments-form input[name={field}]", str(value))
    one.page.click(f"text=Call {call['name']}")
    one.wait("document.querySelectorAll('.step').length == 1")
    one.page.click("text=Keep this moment")
    one.wait("document.querySelector('.facts li')")
    one.page.fill("textarea[name=answer]", "I do not know.")
    one.page.click("text=Send")
    one.wait("document.querySelector('.reasons li')")
    one.page.click("text=Undo")
    one.wait("document.querySelectorAll('.step').length == 1")
    one.page.click("text=Undo")
    one.wait("document.querySelectorAll('.step').length == 0")
    one.page.click(".facts >> text=return")
    one.wait("document.querySelectorAll('.step').length == 1")
