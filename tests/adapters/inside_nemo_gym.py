"""Run beside NeMo Gym's code (see test_nemo_gym.py): its collection of rollouts, its head server, its two agents, a
model server on its base class that repeats the gold chain, and our resources servers, each a process.

Its package needs a newer Python and an older `mcp` than ours, so nothing of ours is imported here: what plays and what
serves is run by `TOOLGYM_PYTHON`.
"""

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from nemo_gym.base_responses_api_model import BaseResponsesAPIModelConfig, SimpleResponsesAPIModel
from nemo_gym.config_types import BaseServerConfig, ModelServerRef, ResourcesServerRef
from nemo_gym.openai_utils import NeMoGymResponse, NeMoGymResponseCreateParamsNonStreaming
from nemo_gym.rollout_collection import RolloutCollectionConfig, RolloutCollectionHelper
from nemo_gym.server_utils import GlobalAIOHTTPAsyncClientConfig, HeadServer, ServerClient, set_global_aiohttp_client
from omegaconf import OmegaConf
from responses_api_agents.gymnasium_agent.app import GymnasiumAgent, GymnasiumAgentConfig
from responses_api_agents.simple_agent.app import SimpleAgent, SimpleAgentConfig

PYTHON = os.environ["TOOLGYM_PYTHON"]
ROOT = Path(__file__).parents[2]
CALLS = ["ToolGym/Library-v0", "ToolGym/Bank-v0", "ToolGym/Airline-v0"]
MESSAGES = ["ToolGym/Telecom-v0", "ToolGym/Library-v0"]
SCRIPTS = """
import json, sys
from tests.adapters.experts import expert_turns
from tests.adapters.nemo_gym_client import called, one_by_one
from toolgym.adapters.nemo_gym import nemo_gym_rows
from toolgym.adapters.responses import message_of
from toolgym.messages import ToolCall, Turn
from toolgym.opening import open_env
env_id, agent = sys.argv[1:]
env = open_env(env_id, size="small")
for number, row in enumerate(nemo_gym_rows(env_id, 4, agent, size="small")):
    env.reset(options={"task": row["task_id"]})
    turns = expert_turns(env.task)
    if number == 3:  # it calls nothing right
        turns = [Turn(calls=(ToolCall("no_tool", {"a": 1}),)), Turn(response="I cannot do that.")]
    by_messages = agent.startswith("agent_messages")
    total = 0.0
    for turn in turns:
        for action in [json.dumps(message_of(called(turn)))] if by_messages else one_by_one(turn):
            if not env.trajectory.done:
                total += env.step(action)[1]
    print(json.dumps({"row": row, "turns": [*map(called, turns)], "return": total, "outcome": env.trajectory.outcome}))
"""


def played(env_id: str, agent: str) -> list[dict[str, Any]]:
    """Rows of an environment, each with what an expert puts out in it, turn by turn."""
    command = [PYTHON, "-c", SCRIPTS, env_id, agent]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=_ours())
    return [json.loads(line) for line in done.stdout.splitlines()]


def _ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def serving(env_id: str, port: int) -> Iterator[None]:
    """`toolgym serve --protocol nemo-gym`, until it is left."""
    words = ["serve", env_id, "--protocol", "nemo-gym", "--port", str(port), "--set", "size=small"]
    server = subprocess.Popen([PYTHON, "-c", "from toolgym.cli import main; main()", *words], cwd=ROOT, env=_ours())
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(30)


class Repeating(SimpleResponsesAPIModel):
    """A model that says what the script of its task says next; it sees what it has said by the conversation."""

    config: BaseResponsesAPIModelConfig
    scripts: dict[str, list[Any]]

    async def responses(self, body: NeMoGymResponseCreateParamsNonStreaming) -> NeMoGymResponse:
        items = [item if isinstance(item, dict) else item.model_dump() for item in body.input]
        asked = next(item["content"] for item in items if item.get("role") == "user")
        answers = sum(item.get("type") == "function_call_output" for item in items)
        said = sum(item.get("type") == "message" and item.get("role") == "assistant" for item in items)
        for turn in self.scripts[asked]:
            calls = sum(item["type"] == "function_call" for item in turn)
            if calls > answers or (not calls and not said):
                break
            answers, said = answers - calls, said - (not calls)
        return NeMoGymResponse(
            id="resp_1",
            created_at=0.0,
            model="scripted",
            object="response",
            output=turn,
            parallel_tool_calls=True,
            tool_choice="auto",
            tools=[],
        )

    async def chat_completions(self, body: Any) -> Any:
        raise AssertionError("their agents ask for responses alone")


def _configuration(places: dict[str, int], servers: dict[str, tuple[str, int]]) -> dict[str, Any]:
    """NeMo Gym's configuration: its own servers at these ports, and ours, of which it starts none."""

    def at(port: int) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": port}

    whole: dict[str, Any] = {"head_server": at(places["head"])}
    whole["policy_model"] = {"responses_api_models": {"repeating": {**at(places["model"]), "entrypoint": "app.py"}}}
    for name, (_, port) in servers.items():
        whole[name] = {"resources_servers": {"toolgym": at(port)}}
        kind = "gymnasium_agent" if name.startswith("messages") else "simple_agent"
        whole[f"agent_{name}"] = {"responses_api_agents": {kind: {**at(places[name]), "entrypoint": "app.py"}}}
    return whole


async def _collected(
    servers: dict[str, tuple[str, int]], places: dict[str, int], scripts: dict[str, list[Any]], files: Path
) -> list[dict[str, Any]]:
    """Starts NeMo Gym's servers in this process, and has it collect the rollouts of a file of rows."""
    set_global_aiohttp_client(GlobalAIOHTTPAsyncClientConfig())
    whole = _configuration(places, servers)
    client = ServerClient(
        head_server_config=BaseServerConfig(host="127.0.0.1", port=places["head"]),
        global_config_dict=OmegaConf.create(whole),
    )

    def config(kind: Any, name: str, port: int, **more: Any) -> Any:
        return kind(host="127.0.0.1", port=port, entrypoint="app.py", name=name, **more)

    model = Repeating(
        config=config(BaseResponsesAPIModelConfig, "policy_model", places["model"]),
        server_client=client,
        scripts=scripts,
    )
    apps = [(model.setup_webserver(), places["model"])]
    for name in servers:
        refs = {
            "resources_server": ResourcesServerRef(type="resources_servers", name=name),
            "model_server": ModelServerRef(type="responses_api_models", name="policy_model"),
        }
        if name.startswith("messages"):
            agent = GymnasiumAgent(
                config=config(GymnasiumAgentConfig, f"agent_{name}", places[name], max_steps=40, **refs),
                server_client=client,
            )
        else:
            agent = SimpleAgent(
                config=config(SimpleAgentConfig, f"agent_{name}", places[name], max_steps=40, **refs),
                server_client=client,
            )
        apps.append((agent.setup_webserver(), places[name]))
    running = [uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning")) for app, port in apps]
    tasks = [asyncio.create_task(server.serve()) for server in running]
    while not all(server.started for server in running):
        await asyncio.sleep(0.05)
    options = RolloutCollectionConfig(
        input_jsonl_fpath=str(files / "rows.jsonl"), output_jsonl_fpath=str(files / "rollouts.jsonl"), num_repeats=2
    )
    await RolloutCollectionHelper().run_from_config(options)
    for server in running:
        server.should_exit = True
    await asyncio.gather(*tasks)
    return [json.loads(line) for line in (files / "rollouts.jsonl").read_text().splitlines()]


def test_its_collection_with_its_agents_gives_the_episodes_in_process(tmp_path: Path, monkeypatch) -> None:
    servers = {f"calls_{number}": (env_id, free_port()) for number, env_id in enumerate(CALLS)}
    servers |= {f"messages_{number}": (env_id, free_port()) for number, env_id in enumerate(MESSAGES)}
    places = {name: free_port() for name in ["head", "model", *servers]}
    monkeypatch.setenv("NEMO_GYM_CONFIG_DICT", OmegaConf.to_yaml(OmegaConf.create(_configuration(places, servers))))
    episodes = [each for name, (env_id, _) in servers.items() for each in played(env_id, f"agent_{name}")]
    scripts = {_asked(each["row"]): each["turns"] for each in episodes}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each["row"]) + "\n" for each in episodes))
    head = HeadServer(config=BaseServerConfig(host="127.0.0.1", port=places["head"])).setup_webserver()
    server = uvicorn.Server(uvicorn.Config(head, port=places["head"], log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()
    with _all(servers):
        rollouts = asyncio.run(_collected(servers, places, scripts, tmp_path))
    server.should_exit = True
    assert len(rollouts) == 2 * len(episodes)
    in_process = {(each["row"]["agent_ref"]["name"], _asked(each["row"])): each for each in episodes}
    for rollout in rollouts:
        expected = in_process[rollout["agent_ref"]["name"], _asked(rollout)]
        assert rollout["reward"] == pytest.approx(expected["return"])
        assert (rollout if "outcome" in rollout else rollout["info"])["outcome"] == expected["outcome"]
    assert [each["outcome"] == "solved" for each in episodes] == [True, True, True, False] * len(servers)
    assert [each["return"] for each in episodes[:3]] == pytest.approx([1.0] * 3)
    figures = json.loads((tmp_path / "rollouts_aggregate_metrics.json").read_text())
    assert len(figures) == len(servers)
    for each in figures:
        returns = [one["return"] for (agent, _), one in in_process.items() if agent == each["agent_ref"]["name"]]
        assert each["key_metrics"]["mean/reward"] == pytest.approx(sum(returns) / len(returns))
    failures = tmp_path / "rollouts_failures.jsonl"
    assert not failures.exists() or not failures.read_text()


def _asked(row: dict[str, Any]) -> str:
    return row["responses_create_params"]["input"][-1]["content"]


@contextmanager
def _all(servers: dict[str, tuple[str, int]]) -> Iterator[None]:
    with ExitStack() as stack:
        for env_id, port in servers.values():
            stack.enter_context(serving(env_id, port))
        yield
