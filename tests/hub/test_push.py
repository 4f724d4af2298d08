"""Episodes, corpora and models to a hub and back, by the hub's own library, over HTTP."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.hub.fake_hub import FakeHub
from toolgym.errors import ConfigError
from toolgym.hub_files import Address, parse_address
from toolgym.pushing import pack
from toolgym.trajectory import read_trajectories

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hub():
    fake = FakeHub()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def episodes(tmp_path_factory) -> Path:
    """Four episodes, of which the expert solves all."""
    path = tmp_path_factory.mktemp("episodes") / "test.jsonl"
    run("eval", "--agent", "oracle", "--episodes", "4", "--set", "size=small", "--split", "test", "--output", path)
    return path


def run(*words, hub: FakeHub | None = None, home: Path | None = None, token: str | None = "t") -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    if hub is not None:
        environment |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home)}
        environment |= {"HF_TOKEN": token} if token else {}
    command = [sys.executable, "-m", "toolgym", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, cwd=ROOT)
    return done.returncode, done.stdout, done.stderr


def model_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    (folder / "training_args.bin").write_bytes(b"pickle")
    return folder


@pytest.mark.slow
def test_episodes_go_there_and_back(hub, episodes, tmp_path):
    status, out, error = run("push", episodes, "ann/eps", "--license", "cc0-1.0", hub=hub, home=tmp_path)
    assert (status, out.strip()) == (0, "It is at hf://datasets/ann/eps"), error
    assert hub.created[0]["type"] == "dataset"
    stored = hub.files["datasets", "ann/eps", "main"]
    assert stored.keys() == {"test.jsonl", "README.md"}
    assert stored["test.jsonl"] == episodes.read_bytes()
    status, out, error = run("show", "hf://datasets/ann/eps/test.jsonl", hub=hub, home=tmp_path)
    assert status == 0, error
    assert out == run("show", episodes)[1].replace(str(episodes), "x") or "solved" in out


def test_the_card_says_what_is_in_it(episodes):
    card = pack(episodes, "ann/eps", "cc0-1.0").texts["README.md"]
    _, front, text = card.split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["license"] == "cc0-1.0"
    assert told["configs"] == [{"config_name": "default", "data_files": ["*.jsonl"]}]
    assert "| test.jsonl | ToolGym/Airline-v0 | test | 4 | 4 |" in text


@pytest.mark.slow
def test_a_dry_run_sends_nothing_and_shows_all(hub, episodes, tmp_path):
    status, out, _ = run("push", episodes, "ann/eps", "--dry-run", "--json", hub=hub, home=tmp_path)
    told = json.loads(out)
    assert (status, told["pushed"], told["type"]) == (0, False, "dataset")
    assert told["files"]["test.jsonl"] == episodes.stat().st_size
    assert told["bytes"] == sum(told["files"].values())
    assert "| 4 | 4 |" in told["card"]
    assert hub.created == hub.commits == []


@pytest.mark.slow
def test_a_run_goes_as_its_final_model_without_what_tells_of_the_machine(hub, tmp_path):
    folder = tmp_path / "run"
    model_folder(folder / "final")
    model_folder(folder / "checkpoint-3")
    options = {"env": "ToolGym/Bank-v0", "model": "/home/ann/base", "output": "/home/ann/run", "steps": 3}
    (folder / "config.json").write_text(json.dumps(options))
    (folder / "metrics.jsonl").write_text('{"step": 1}\n')
    (folder / "evaluations.jsonl").write_text('{"step": 3, "pass@1": 0.5}\n')
    (folder / ".lock").write_text("x")
    status, out, error = run("push", folder, "ann/bank", "--private", "--branch", "v1", hub=hub, home=tmp_path / "h")
    assert (status, out.strip()) == (0, "It is at hf://ann/bank@v1"), error
    made = hub.created[0]  # by one word or the other, as the library's version has it
    assert made.get("visibility") == "private" or made.get("private") is True
    stored = hub.files["models", "ann/bank", "v1"]
    assert stored.keys() == {
        "README.md",
        "config.json",
        "model.safetensors",
        "run/config.json",
        "run/metrics.jsonl",
        "run/evaluations.jsonl",
    }
    assert b"/home" not in b"".join(stored.values())
    assert json.loads(stored["run/config.json"]) == {"env": "ToolGym/Bank-v0", "model": "base", "steps": 3}
    assert b"| pass@1 | 0.5 |" in stored["README.md"]


def test_a_card_that_is_there_stays(tmp_path):
    folder = model_folder(tmp_path / "model")
    (folder / "README.md").write_text("mine")
    parcel = pack(folder, "ann/model")
    assert (parcel.kind, parcel.texts) == ("model", {})
    assert "README.md" in parcel.files
    with pytest.raises(ConfigError, match="card of its own"):
        pack(folder, "ann/model", "mit")


@pytest.mark.slow
def test_a_folder_of_the_hub_is_a_folder_here(hub, tmp_path, episodes):
    stored = {"a/one.jsonl": episodes.read_bytes(), "a/two.jsonl": b"", "b.txt": b"x"}
    hub.files["datasets", "ann/many", "main"] = stored
    code = "import sys; from toolgym.hub_files import fetched; "
    code += "print(sorted(path.name for path in fetched(sys.argv[1]).iterdir()))"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
    for address, names in (("hf://datasets/ann/many/a", ["one.jsonl", "two.jsonl"]), ("hf://datasets/ann/many", None)):
        done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, env=environment)
        assert done.stdout.strip() == str(names or ["a", "b.txt"]), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("address", "name"), [("", "a/one.jsonl"), ("/a/one.jsonl", "one.jsonl")])
def test_what_is_on_the_hub_is_viewed_by_its_name(hub, tmp_path, episodes, address, name):
    hub.files["datasets", "ann/many", "main"] = {"a/one.jsonl": episodes.read_bytes(), "a/tokens.jsonl": b""}
    words = ("view", f"hf://datasets/ann/many{address}", "--export", tmp_path / "site", "--cache", tmp_path / "cache")
    status, _, error = run(*words, hub=hub, home=tmp_path / "home")
    assert status == 0, error
    text = (tmp_path / "site" / "data" / "runs.js").read_text()
    (told,) = json.loads(text.splitlines()[0].removeprefix('TOOLGYM_PUT("runs", ').removesuffix(");"))["runs"]
    assert told["name"].endswith(name)
    assert told["episodes"] == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "hf://datasets/ann/nothing/x.jsonl"), "cannot fetch hf://datasets/ann/nothing/x.jsonl"),
        (("show", "hf://x"), "no place on the hub"),
        (("eval", "--agent", "oracle", "--output", "hf://datasets/ann/x/y.jsonl"), "cannot be written to"),
        (("push", "nowhere", "ann/x"), "neither a file nor a folder"),
        (("push", "tests", "no/such/repo"), "a repository is USER/NAME"),
        (("push", "toolgym/formats", "ann/x"), "neither a model"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(hub, tmp_path, words, told):
    status, _, error = run(*words, hub=hub, home=tmp_path)
    assert status == 2
    assert told in error
    assert "Traceback" not in error


@pytest.mark.slow
@pytest.mark.parametrize("refused", [401, 403, 500])
def test_a_hub_that_refuses(hub, episodes, tmp_path, refused):
    hub.refuse = refused
    status, _, error = run("push", episodes, "ann/eps", hub=hub, home=tmp_path)
    assert (status, "cannot push to ann/eps" in error) == (2, True), error
    assert ("hf auth login" in error) == (refused in (401, 403))


def test_addresses():
    assert parse_address("hf://ann/m") == Address("model", "ann/m", None, "")
    assert parse_address("hf://datasets/ann/d@v1/a/b.jsonl") == Address("dataset", "ann/d", "v1", "a/b.jsonl")
    for text in ("hf://ann/m", "hf://datasets/ann/d@v1/a/b.jsonl", "hf://spaces/ann/s"):
        assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["hf://", "hf://ann", "hf://datasets/ann", "hf://a/b/../c", "hf://a/b@", "hf://a b/c"])
def test_what_is_no_address(text):
    with pytest.raises(ConfigError, match="no place on the hub"):
        parse_address(text)


@pytest.mark.slow
def test_episodes_are_read_by_their_address(hub, episodes, tmp_path):
    hub.files["datasets", "ann/eps", "main"] = {"test.jsonl": episodes.read_bytes()}
    code = "from toolgym.trajectory import read_trajectories as r; print(len(r('hf://datasets/ann/eps/test.jsonl')))"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == str(len(read_trajectories(episodes))), done.stderr
