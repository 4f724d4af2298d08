"""An exported site: opens from disk, holds what it is to hold, and whatever episodes say stays text."""

import json
import re

import pytest

from benchmarks.view_load import HEADER, lines_of, write, write_many
from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.policies import OraclePolicy
from toolgym.errors import ConfigError
from toolgym.view import episodes, queries
from toolgym.view.explaining import Explainer
from toolgym.view.exporting import export
from toolgym.view.library import Library

HOSTILE = "</script><script>window.hit = 1</script><!-- \u2028 \u202e \x00 \ud800 ' \" \\ ]]>"


def site(folder, cache, *paths, **options):
    return export(Library(list(paths), cache), folder / "site", **options)


def data_of(page):
    return {path.name: path.read_text(encoding="ascii") for path in (page.parent / "data").iterdir()}


def test_each_line_hands_over_one_value_and_holds_nothing_that_ends_a_script(tmp_path, cache):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0, request=HOSTILE, response=HOSTILE)])
    said = []
    for text in data_of(site(tmp_path, cache, path)).values():
        assert not set(text) & set("<>&\u2028\x00")
        for line in text.splitlines():
            key, value = re.fullmatch(r'TOOLGYM_PUT\(("[^"]*"), (.*)\);', line).groups()  # type: ignore[union-attr]
            said.append((json.loads(key), json.loads(value)))
    (episode,) = (value for key, value in said if key.startswith("episode-"))
    assert episode["steps"][1]["turn"]["response"] == HOSTILE


def test_the_number_of_episodes_is_bounded(tmp_path, cache):
    path = write_many(tmp_path / "a.jsonl", 70)
    data = data_of(site(tmp_path, cache, path, limit=45))
    assert sum(text.count('TOOLGYM_PUT("episode-') for text in data.values()) == 45
    assert len(data) == 2 + 1 + 3  # runs, pairs; rows; 20 + 20 + 5 episodes


def test_a_limit_beyond_all_episodes_asks_for_no_more_than_there_are(tmp_path, cache, monkeypatch):
    asked, page = [], queries.page
    monkeypatch.setattr(queries, "page", lambda *given, **how: asked.append(how) or page(*given, **how))
    data = data_of(site(tmp_path, cache, write_many(tmp_path / "a.jsonl", 3), limit=100_000))
    assert sum(text.count('TOOLGYM_PUT("episode-') for text in data.values()) == 3
    assert len(asked) == 2


def test_an_episode_that_cannot_be_shown_takes_no_other_with_it(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(episodes, "_LARGEST", 20_000)
    small = [lines_of(0, name=name, meta={"step": 1}) for name in (0, 2)]
    large = lines_of(0, name=1, meta={"step": 1}, response="x" * 50_000)
    path = write(tmp_path / "a.jsonl", [HEADER, *small[0], *large, *small[1]])
    write(tmp_path / "tokens.jsonl", [{"step": 1, "episode": each, "texts": "none"} for each in range(3)])
    text = "".join(data_of(site(tmp_path, cache, path)).values())
    trees = dict(re.findall(r'TOOLGYM_PUT\("tree-[0-9a-f]+-(\d)", (.*)\);', text))
    assert [end["n"] for end in json.loads(trees["0"])["ends"]] == [0, 2]
    assert sorted(trees) == ["0", "2"]
    assert '"tokens":true' in text
    assert re.search(r'TOOLGYM_PUT\("episode-[0-9a-f]+-1", {"error":"The episode has more than', text)


def test_the_gold_chains_are_told_only_where_that_is_asked_for(tmp_path, cache):
    path = tmp_path / "a.jsonl"
    options = EvalOptions("ToolGym/Library-v0", "test", episodes=2, env_options={"size": "small"}, output=path)
    evaluate(OraclePolicy(), options)
    without = "".join(data_of(site(tmp_path, cache, path)).values())
    assert '"checklist"' not in without.replace('"rewards":{', "").replace('"checklist":0', "")
    assert '"gold"' not in without
    within = "".join(data_of(site(tmp_path, cache, path, explainer=Explainer(), overwrite=True)).values())
    assert within.count('"gold":') == 2
    assert within.count('TOOLGYM_PUT("credit-') == 6


def test_what_is_no_export_is_not_replaced(tmp_path, cache):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)])
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no export"):
        site(tmp_path, cache, path, overwrite=True)
    (tmp_path / "site" / "thesis.txt").unlink()
    site(tmp_path, cache, path)
    with pytest.raises(ConfigError, match="--overwrite"):
        site(tmp_path, cache, path)
    site(tmp_path, cache, path, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file"):
        export(Library([path], cache), tmp_path / "file")


def test_the_command_writes_a_site(toolgym, tmp_path):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)])
    done = toolgym("view", path, "--export", tmp_path / "site", "--cache", tmp_path / "cache")
    assert done.code == 0
    assert done.out == f"Written: {tmp_path / 'site' / 'index.html'}\n"
    assert "://" not in (tmp_path / "site" / "index.html").read_text()


@pytest.mark.slow
def test_it_opens_from_disk(tmp_path, cache, tab):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0, request=HOSTILE, response=HOSTILE)])
    write_many(tmp_path / "b.jsonl", 60)
    page = site(tmp_path, cache, path, tmp_path / "b.jsonl")
    one = tab(page.as_uri())
    one.wait("document.querySelectorAll('.runs tbody tr').length == 2")
    one.page.click(".runs a.to >> nth=1")
    one.wait("document.querySelectorAll('.episodes tbody tr').length == 50")
    one.page.check("input[value=solved]", force=True)
    one.page.select_option("select[name=depth]", "1")
    one.wait("document.querySelector('.list-head p').textContent.startsWith('5 episodes')")  # 0, 12, 24, 36, 48
    one.page.fill("#filter-text", "user_36")
    one.wait("document.querySelectorAll('.episodes tbody tr').length == 1")
    one.page.click(".episodes a.to")
    one.wait("document.querySelectorAll('.step').length == 2")
    one.key("3")
    one.wait("document.querySelector('.tree')")
    one.go("#/")
    one.wait("document.querySelector('.runs')")
    one.page.click(".runs a.to >> nth=0")
    one.wait("document.querySelector('.episodes a.to')")
    one.page.click(".episodes a.to")
    one.wait("document.querySelectorAll('.step').length == 2")
    assert "window.hit = 1" in one.page.evaluate("document.querySelector('main').textContent")
    assert one.page.evaluate("window.hit") is None
    assert all(address.startswith("file://") for address in one.requests)


@pytest.mark.slow
def test_a_hundred_thousand_episodes(tmp_path, open_viewer, tab):
    path = write_many(tmp_path / "a.jsonl", 100_000)
    viewer = open_viewer(path, read=False)
    one = tab(viewer.address)
    one.wait("document.querySelectorAll('.runs tbody tr').length == 1")
    one.page.click(".runs a.to")
    one.wait("document.querySelectorAll('.episodes tbody tr').length == 50")  # while the others are still read
    one.page.wait_for_function(
        "() => document.querySelector('.list-head p').textContent.startsWith('100,000')", timeout=240_000
    )
    one.page.fill("#filter-text", "user_99991")
    one.wait("document.querySelector('.list-head p').textContent.startsWith('1 episode')")
    one.page.fill("#filter-text", "")
    one.page.check("input[value=solved]", force=True)
    one.wait("document.querySelector('.list-head p').textContent.startsWith('33,334')")
    one.page.click(".episodes th >> text=Reward")
    one.wait("document.querySelector('.episodes tbody td').textContent == '99999'")
    assert one.page.locator(".episodes tbody tr").count() == 50
    one.page.click(".episodes a.to >> nth=0")
    one.wait("document.querySelector('h1').textContent.includes('Episode 99999')")
