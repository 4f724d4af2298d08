"""A model of the hub where the hub cannot be reached: an error at once, or the local cache; never many attempts."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from toolgym import hub
from toolgym.agents.builtin.shipped import checkpoint_path
from toolgym.agents.policies.models import load_model, load_tokenizer
from toolgym.agents.policies.sizes import named_size
from toolgym.cli import main
from toolgym.errors import ConfigError, JudgeModelError
from toolgym.rewards.judge_backends import LocalModel, LocalModelOptions

ID = "somebody/a-model"


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local cache; nothing is known of any endpoint."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_SEEN", {})
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    return tmp_path / "hub"


@pytest.fixture(autouse=True)
def never_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library pauses before each further attempt: there is to be none."""

    def sleep(seconds: float) -> None:
        raise AssertionError(f"something waits for {seconds} s")

    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", sleep)


def endpoint(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    endpoint(monkeypatch, "http://127.0.0.1:9")


class Busy(BaseHTTPRequestHandler):
    """Answers 503 to everything, or nothing at all."""

    asked: list[str]
    done: threading.Event
    silent = False

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        if self.silent:
            self.done.wait(60)
        self.send_response(503)
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(params=["busy", "silent"])
def busy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a hub that gives no answer worth having was asked for."""
    asked: list[str] = []
    done = threading.Event()
    handler = type("Handler", (Busy,), {"asked": asked, "done": done, "silent": request.param == "silent"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(hub, "_PATIENCE_S", 0.3)
    yield asked
    done.set()
    server.shutdown()
    server.server_close()


def keep(cache: Path, folder: Path) -> None:
    """Puts a model's folder into the local cache, as a download would have."""
    there = cache / f"models--{ID.replace('/', '--')}"
    shutil.copytree(folder, there / "snapshots" / ("0" * 40))
    (there / "refs").mkdir()
    (there / "refs" / "main").write_text("0" * 40)


@pytest.mark.parametrize("load", [load_model, load_tokenizer, named_size])
@pytest.mark.parametrize("name", [ID, "a-model"])
def test_it_is_one_line_at_once(closed: None, load, name: str) -> None:
    with pytest.raises(ConfigError, match=r"not in the local cache, and http://127.0.0.1:9 cannot be reached") as error:
        load(name)
    assert repr(name) in str(error.value)
    assert "\n" not in str(error.value)
    assert not constants.HF_HUB_OFFLINE


def test_a_hub_that_gives_no_answer_is_asked_once(busy: list[str]) -> None:
    for load in (named_size, load_tokenizer, load_model):
        with pytest.raises(ConfigError, match=r"status 503|no answer|timed out"):
            load(ID)
    assert len(busy) == 1


def test_the_local_cache_is_used_and_nothing_else_asked_for(busy: list[str], fresh_cache: Path) -> None:
    keep(fresh_cache, Path(checkpoint_path("builtin:clean")))
    size = named_size(ID)
    model, tokenizer = load_model(ID)
    assert size.parameters == model.num_parameters()
    assert tokenizer("a")["input_ids"]
    assert len(busy) == 1
    assert not constants.HF_HUB_OFFLINE


def test_offline_by_the_librarys_own_switch(monkeypatch: pytest.MonkeyPatch, busy: list[str]) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        load_model(ID)
    assert not busy
    assert constants.HF_HUB_OFFLINE


def test_what_is_no_hub_id_asks_nobody(busy: list[str], tmp_path: Path) -> None:
    load_model("builtin:clean")
    load_model(checkpoint_path("builtin:clean"))
    with pytest.raises(ConfigError, match="no such folder"):
        load_model(str(tmp_path / "nowhere"))
    assert not busy


def test_a_judge_of_the_hub(closed: None) -> None:
    judge = LocalModel(LocalModelOptions(ID))
    with pytest.raises(JudgeModelError, match="cannot be reached"):
        judge.complete([{"role": "user", "content": "Right?"}], ["yes", "no"])


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "--agent", f"hf:{ID}", "--episodes", "1"],
        ["train", "--algo", "grpo", "--model", ID, "--steps", "1", "--output", "run"],
    ],
    ids=["eval", "train"],
)
def test_the_commands_say_so_in_one_line(
    closed: None, words: list[str], capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "Error" in line]
    assert len(said) == 1
    assert f"cannot load the model {ID!r}" in said[0]
    assert "cannot be reached" in said[0]


@pytest.mark.parametrize("words", ["'eval', '--agent', 'hf:a/b'", "'train', '--algo', 'sft', '--model', 'a/b'"])
def test_they_say_so_before_anything_heavy_is_imported(words: str, tmp_path: Path) -> None:
    code = f"import sys; from toolgym.cli import main\ntry: main([{words}])\nexcept SystemExit: pass\n"
    code += "print({'torch', 'transformers', 'trl'} & set(sys.modules))"
    told = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | told
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "set()\n"
    assert "cannot be reached" in done.stderr
