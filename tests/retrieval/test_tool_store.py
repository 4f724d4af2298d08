"""An index in a file: equal to the one that was written, kept equal to the server's tools, and clear when damaged."""

import json
from dataclasses import replace

import numpy as np
import pytest

from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.retrieval import Query, Shown, ToolIndex, load_index, parse_shown, save_index
from toolgym.retrieval.store import KeptIndex

CITY = {"type": "object", "properties": {"city": {"type": "string", "description": "Größe"}}}
TOOLS = (ToolSpec("get_weather", "Tells the weather.", CITY, None, False), ToolSpec("pay", "Pays.", writes=True))


def found(index: ToolIndex, text: str) -> list[str]:
    return index.search([Query(text)], 5)


def test_what_is_written_is_read_and_vectors_are_not_made_twice(tmp_path):
    made = []

    def encoder(texts):
        made.extend(texts)
        return np.array([[1.0, 0.0] if "weather" in text else [0.6, 0.8] for text in texts])

    index = ToolIndex(TOOLS, encoder)
    index.prepare()
    save_index(index, tmp_path / "tools", "a-model")
    again = load_index(tmp_path / "tools", encoder, "a-model")
    assert again.tools == index.tools
    assert found(again, "weather") == found(index, "weather") == ["get_weather", "pay"]
    assert made == ["get weather: Tells the weather.", "pay: Pays.", "weather", "weather"]
    other = load_index(tmp_path / "tools", encoder, "another-model")
    other.prepare()
    assert len(made) == 6
    assert found(load_index(tmp_path / "tools"), "weather") == ["get_weather"]


def test_the_file_is_kept_equal_to_what_is_listed(tmp_path):
    file = tmp_path / "tools.index"
    kept = KeptIndex(Shown("retrieve", store=str(file)))
    first = kept.of(TOOLS)
    assert kept.of(list(TOOLS)) is first
    written = file.read_bytes()
    storm = replace(TOOLS[0], description="Tells of storms.")
    changed = kept.of((storm, *TOOLS[1:]))
    assert (found(changed, "storm"), found(first, "storm")) == (["get_weather"], [])
    assert file.read_bytes() != written
    # Another process finds it as it was left; where nothing changed nothing is written.
    written = file.read_bytes()
    file.chmod(0o444)
    before = file.stat().st_mtime_ns
    assert found(KeptIndex(Shown("retrieve", store=str(file))).of((storm, *TOOLS[1:])), "storm") == ["get_weather"]
    assert (file.stat().st_mtime_ns, file.read_bytes()) == (before, written)
    assert [path.name for path in tmp_path.iterdir()] == ["tools.index"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "is damaged: delete it"),
        (lambda text: text.replace("Pays", "Says"), "is damaged: delete it"),
        (lambda text: text.replace('"version":1', '"version":2'), "is of version 2, this ToolGym reads 1: delete it"),
        (lambda text: "", "is no tool index"),
        (lambda text: '{"a": 1}\n', "is no tool index"),
        (lambda text: "notes of mine", "is no tool index; give store= another file"),
        (None, "cannot be read"),
    ],
)
def test_a_damaged_file_is_an_error_and_stays_as_it_is(tmp_path, damage, said):
    file = tmp_path / "tools"
    save_index(ToolIndex(TOOLS), file)
    broken = b"\xff\xfe" if damage is None else damage(file.read_text()).encode()
    file.write_bytes(broken)
    with pytest.raises(ConfigError, match=said):
        KeptIndex(Shown("retrieve", store=str(file))).of(TOOLS)
    assert file.read_bytes() == broken


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        save_index(ToolIndex(TOOLS), tmp_path / "nowhere" / "tools")
    save_index(ToolIndex(), tmp_path / "none")
    assert len(load_index(tmp_path / "none")) == 0
    assert json.loads((tmp_path / "none").read_text().splitlines()[0])["tools"] == 0


def test_the_option_is_read():
    assert parse_shown("all") == Shown()
    assert parse_shown("oracle") == Shown("oracle")
    assert parse_shown("retrieve") == Shown("retrieve")
    given = "retrieve:k=5, by=both,feeders=false,model=m,store=a=b"
    assert parse_shown(given) == Shown("retrieve", 5, "both", False, "m", "a=b")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("retreive", "Did you mean 'retrieve'"),
        ("", "choice of tools"),
        (None, "tools is all, oracle or retrieve"),
        ("oracle:k=1", "has no options"),
        ("all:", "has no options"),
        ("retrieve:5", "takes OPTION=VALUE"),
        ("retrieve:n=5", "option of retrieve"),
        ("retrieve:k=0", "at least 1"),
        ("retrieve:k=true", "at least 1"),
        ("retrieve:k=2.5", "at least 1"),
        ("retrieve:k=5,k=6", "given twice"),
        ("retrieve:by=word", "Did you mean 'words'"),
        ("retrieve:feeders=maybe", "true, false or extra"),
        ("retrieve:store=", "store is text"),
        ("retrieve:model=m", "words need none"),
    ],
)
def test_a_wrong_option_says_what_would_be_right(given, said):
    with pytest.raises(ConfigError, match=said):
        parse_shown(given)
