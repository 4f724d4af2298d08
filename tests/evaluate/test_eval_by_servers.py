"""Evaluations on running vLLM servers: token ids there and back, several servers, and one that stops."""

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents.builtin.policy import ModelOptions, new_model
from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.agents.evaluation.evaluation import AgentOptions, make_policy
from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.policies.vllm import VLLMDecoder
from toolgym.cli import main
from toolgym.errors import ConfigError
from toolgym.trajectory import read_trajectories

TINY = ModelOptions(hidden_size=32, intermediate_size=48, layers=2, heads=2, kv_heads=1, max_tokens=1024)
HERE = ["--episodes", "6", "--max-new-tokens", "6", "--set", "size=small", "--set", "prompt=short", "--json"]


@pytest.fixture
def served(tmp_path: Path) -> str:
    """The folder of a tiny model with random weights, scaled up so that it does not say everything alike."""
    tokenizer = build_tokenizer()
    model = new_model(tokenizer, TINY, seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4.0)
    folder = tmp_path / "served"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def servers(served: str) -> Iterator[Callable[[int], list[Any]]]:
    """Makes servers of that model, none in development mode: nothing changes what they serve."""
    home = Path(__file__).resolve().parents[1] / "agents" / "vllm_standin.py"
    spec = importlib.util.spec_from_file_location("toolgym_test_vllm_eval", home)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: list[Any] = []

    def make(count: int) -> list[Any]:
        new = [module.StandIn(served, context=1024) for _ in range(count)]
        for server in new:
            server.dev_mode = False
        made.extend(new)
        return new

    yield make
    for server in made:
        server.close()


def evaluated(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, Any], str]:
    """What `toolgym eval` prints, and what it says on stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["eval", *words, *HERE])
    told = capsys.readouterr()
    assert not ended.value.code, told.err
    return json.loads(told.out), told.err


def of(urls: list[Any]) -> list[str]:
    return [word for server in urls for word in ("--vllm", server.url)]


def test_servers_play_what_the_model_plays_here(
    served: str, servers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Greedily, the same episodes; by two servers, each of which has a part."""
    files = [tmp_path / "here.jsonl", tmp_path / "there.jsonl"]
    here, _ = evaluated(capsys, "--agent", f"hf:{served}", "--output", str(files[0]))
    two = servers(2)
    there, said = evaluated(capsys, "--agent", f"hf:{served}", *of(two), "--output", str(files[1]))
    assert {name: here[name] for name in here if "seconds" not in name} == {
        name: there[name] for name in there if "seconds" not in name
    }
    texts = [
        {episode.task_id: [step.turn.text for step in episode.steps] for episode in read_trajectories(file)}
        for file in files
    ]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 6
    assert all(server.turns for server in two)
    assert all(request["temperature"] == 0.0 for server in two for request in server.turns)
    assert {request["path"] for server in two for request in server.seen} == {"/v1/completions"}  # no weights went
    assert "is left out" not in said


@pytest.mark.parametrize("trouble", ["killed", "refuses", "not there"])
def test_a_server_that_stops_is_left_out(
    trouble: str, served: str, servers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (alone,) = servers(1)
    expected, _ = evaluated(capsys, "--agent", f"hf:{served}", *of([alone]))
    ill, sound = servers(2)
    if trouble == "not there":
        ill.kill()

    def stops(turns: int) -> None:
        if turns >= 3:  # requests that come at once are of one number, so that 3 itself may be nobody's
            ill.on_turn = lambda turns: None
            if trouble == "killed":
                ill.kill()
            else:
                ill.trouble = trouble

    ill.on_turn = stops
    found, said = evaluated(capsys, "--agent", f"hf:{served}", *of([ill, sound]))
    assert found["pass@1"] == expected["pass@1"]
    assert (found["outcomes"], found["turns"]) == (expected["outcomes"], expected["turns"])
    (line,) = (line for line in said.splitlines() if "is left out" in line)
    assert f"{ill.url} is left out; 1 of 2 go on" in line


def test_what_a_server_says_that_it_serves_is_looked_at(
    served: str, servers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (server,) = servers(1)
    other = tmp_path / "other"
    shutil.copytree(served, other)
    for root, doubted in ((served, False), (str(other), True)):
        models = {"data": [{"id": "mine", "root": root, "max_model_len": 1024}]}
        monkeypatch.setattr(server, "get", lambda path, models=models: (200, models))
        _, said = evaluated(capsys, "--agent", f"hf:{served}", *of([server]))
        assert (f"serves mine from {root}: it is taken to be" in said) == doubted


def test_no_weights_are_loaded_here(served: str, servers: Any) -> None:
    (server,) = servers(1)
    (Path(served) / "model.safetensors").unlink()
    policy = make_policy(f"hf:{served}", AgentOptions(vllm=(server.url,)))
    assert isinstance(policy, LMPolicy)
    assert isinstance(policy.decoder, VLLMDecoder)
    try:
        with pytest.raises(ConfigError, match="samples by what it serves: it was given no folder for weights"):
            policy.use(None)  # type: ignore[arg-type]
    finally:
        policy.close()


def test_what_cannot_be_is_told(served: str, capsys: pytest.CaptureFixture[str]) -> None:
    for agent in ("oracle", "api:mine"):
        with pytest.raises(ConfigError, match=f"vllm is of a model whose tokens are known here .*, not of '{agent}'"):
            make_policy(agent, AgentOptions(vllm=("http://x",)))
    for options in ({"dtype": "bfloat16"}, {"device": "cpu"}, {"threads": 2}, {"base_url": "http://y"}):
        with pytest.raises(ConfigError, match=f"{next(iter(options))} would have no effect with vllm"):
            AgentOptions(vllm=("http://x",), **options)  # type: ignore[arg-type]
    for words, said in (
        (
            ["--vllm", "http://127.0.0.1:9", "http://127.0.0.1:10"],
            "--vllm http://127.0.0.1:9 --vllm http://127.0.0.1:10",
        ),
        (["--vllm", "http://127.0.0.1:9", "--vllm", "http://127.0.0.1:9/v1"], "must name each server once"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["eval", "--agent", f"hf:{served}", *words])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err.replace("\n", " ")
