"""What goes over the wire where a run takes more than one machine: measured here, and computed for larger models.

    python -m benchmarks.scaling                  # weights, turns of a vLLM server, calls of Ray actors
    python -m benchmarks.scaling --no-ray --json

Measured: the file of weights that is written for servers; the requests of turns, whose bytes a server in this process
counts that answers at once (so turns a second are what asking takes, not sampling); calls of environments in Ray
actors. Computed, for Qwen3's shapes: the bytes of a training step (`step_bytes`). docs/scaling.md reads them.
"""

import argparse
import json
import pickle
import tempfile
import threading
import time
from concurrent.futures import wait
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, Qwen3Config

from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.models import load_model, without_bars
from toolgym.agents.policies.vllm import write_weights
from toolgym.agents.policies.vllm_servers import VLLMServers

SHAPES = {
    "Qwen3-0.6B": (1024, 3072, 28, 16, 8, True),
    "Qwen3-4B": (2560, 9728, 36, 32, 8, True),
    "Qwen3-8B": (4096, 12288, 36, 32, 8, False),
    "Qwen3-32B": (5120, 25600, 64, 64, 8, False),
}
"""Hidden size, size between, layers, heads, key-value heads, tied embeddings: of their published configurations."""
TURN = 128
"""Tokens of a measured turn."""


def parameters(name: str) -> int:
    """How many parameters a model of `SHAPES` has; no weights are made."""
    hidden, between, layers, heads, kv_heads, tied = SHAPES[name]
    config = Qwen3Config(
        vocab_size=151_936,
        hidden_size=hidden,
        intermediate_size=between,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=128,
        tie_word_embeddings=tied,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(weight.numel() for weight in model.parameters())


def step_bytes(
    parameters: int, *, gpus: int, micro_batches: int, weight_bytes: int = 2, gradient_bytes: int = 4, servers: int = 0
) -> dict[str, float]:
    """Bytes of one training step with FSDP2, by what they are. Computed.

    Args:
        parameters: of the model.
        gpus: over which it is sharded.
        micro_batches: forward and backward passes of a GPU.
        weight_bytes: of a weight as it is gathered.
        gradient_bytes: of a gradient as it is scattered.
        servers: vLLM servers; 0: each GPU samples by a copy of its own.

    A GPU receives all parts but its own of each weight: in the forward pass, again in the backward pass, and once for
    sampling; and it sends all parts of each gradient but its own. Weights for servers are written once, in float32 as
    they are trained, and read by each server.
    """
    others = (gpus - 1) / gpus
    return {
        "gathered by a GPU": parameters * weight_bytes * others * 2 * micro_batches,
        "scattered by a GPU": parameters * gradient_bytes * others * micro_batches,
        "gathered for sampling by a GPU": parameters * 4 * others,
        "written for servers": parameters * 4 if servers else 0,
        "read by servers": parameters * 4 * servers,
    }


# Weights -------------------------------------------------------------------------------------------------------------


def weights() -> dict[str, Any]:
    """The file that servers read, of the built-in policy: bytes, bytes a parameter, seconds to write."""
    model, _ = load_model("builtin:clean")
    with tempfile.TemporaryDirectory() as place, without_bars():
        began = time.perf_counter()
        write_weights(model, Path(place))
        seconds = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(place).glob("*.safetensors"))
    count = sum(weight.numel() for weight in model.parameters())
    return {"parameters": count, "bytes": size, "bytes a parameter": size / count, "seconds to write": seconds}


# Turns ---------------------------------------------------------------------------------------------------------------


class Counting:
    """A server that speaks as much of vLLM's protocol as a turn takes, answers at once and counts bytes."""

    def __init__(self) -> None:
        self.requests = self.received = self.sent = 0
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send({"data": [{"id": "served", "max_model_len": 2**20}]})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                longest = json.loads(body)["max_tokens"]
                choice = {"token_ids": [151_000] * longest, "logprobs": {"token_logprobs": [-1.2345678] * longest}}
                sent = self._send({"choices": [choice]})
                with lock:
                    outer.requests += 1
                    outer.received += len(body)
                    outer.sent += sent

            def _send(self, value: Any) -> int:
                text = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                return len(text)

            def log_message(self, format: str, *args: Any) -> None:
                """Prints nothing."""

        class Server(ThreadingHTTPServer):
            request_queue_size, daemon_threads = 1024, True

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


def turns(context: int, count: int, servers: int = 1) -> dict[str, float]:
    """Turns of `TURN` tokens after a context, `count` at once: bytes a turn, CPU a turn, turns a second.

    CPU time is that of both sides: the server is in this process.
    """
    counting = [Counting() for _ in range(servers)]
    client = VLLMServers([server.url for server in counting], Path(tempfile.gettempdir()) / "toolgym-scaling")
    ids, process = [151_000] * context, psutil.Process()
    try:
        began, before = time.perf_counter(), sum(process.cpu_times()[:2])
        seats = [client.seat() for _ in range(count)]
        asked = [
            client.sample(seat, ids, TURN, [151_643, 151_645], SamplingOptions(), number, 151_936)
            for number, seat in enumerate(seats)
        ]
        wait(asked)
        for turn in asked:
            turn.result()
        seconds, cpu = time.perf_counter() - began, sum(process.cpu_times()[:2]) - before
    finally:
        client.close()
        for server in counting:
            server.close()
    requests = sum(server.requests for server in counting)
    return {
        "context": context,
        "servers": servers,
        "messages a turn": 2 * requests / count,
        "bytes there a turn": sum(server.received for server in counting) / count,
        "bytes back a turn": sum(server.sent for server in counting) / count,
        "CPU ms a turn": cpu / count * 1000,
        "turns a second": count / seconds,
    }


# Ray -----------------------------------------------------------------------------------------------------------------


def ray_calls(workers: int, episodes: int) -> dict[str, float]:
    """Steps of environments in Ray actors, all episodes at once: calls a second, and bytes of a call's answer."""
    from toolgym.agents.policies.scripted import OraclePolicy
    from toolgym.agents.rollouts.rollout import Start, rollouts
    from toolgym.opening import open_env
    from toolgym.ray_envs import ray_envs

    env_id, options = "ToolGym/Airline-v0", {"size": "small", "prompt": "short"}
    envs = ray_envs(env_id, episodes, workers, options)
    starts = [Start(options={"task": number}) for number in range(episodes)]
    rollouts(OraclePolicy(), envs, starts)  # makes the tasks
    began = time.perf_counter()
    played = rollouts(OraclePolicy(), envs, starts)
    seconds = time.perf_counter() - began
    for env in envs:
        env.close()
    here = open_env(env_id, **options)
    here.reset(options={"task": 0})
    answer = here.step("<plan>look</plan>")
    calls = sum(len(rollout.rewards) + 1 for rollout in played)
    trajectories = [len(pickle.dumps(rollout.trajectory)) for rollout in played]
    return {
        "workers": workers,
        "episodes": episodes,
        "calls a second": calls / seconds,
        "bytes of a step's answer": len(pickle.dumps(answer)),
        "bytes of a trajectory": sum(trajectories) / len(trajectories),
    }


# Report --------------------------------------------------------------------------------------------------------------


def measure(count: int, ray: bool) -> dict[str, Any]:
    """All figures."""
    sizes = {name: parameters(name) for name in SHAPES}
    out: dict[str, Any] = {
        "weights": [weights()],
        "turns": [turns(context, count) for context in (512, 2048, 8192)] + [turns(2048, count, servers=4)],
        "computed": [
            {
                "model": name,
                "GPUs": gpus,
                "weights in bfloat16": 2 * size,
                **step_bytes(size, gpus=gpus, micro_batches=4, servers=servers),
            }
            for name, size in sizes.items()
            for gpus, servers in ((8, 0), (8, 8), (64, 64))
        ],
    }
    if ray:
        import ray as cluster

        cluster.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        try:
            out["ray"] = [ray_calls(workers, 32) for workers in (1, 2)]
        finally:
            cluster.shutdown()
    return out


def main(argv: list[str] | None = None) -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description="What goes over the wire in a run on several machines.")
    parser.add_argument("--turns", type=int, default=512, help="turns at once, of each kind")
    parser.add_argument("--ray", action=argparse.BooleanOptionalAction, default=True, help="measure Ray actors too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    figures = measure(given.turns, given.ray)
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    console = Console()
    for title, rows in figures.items():
        table = Table(*rows[0], title=title)
        for row in rows:
            table.add_row(*(value if isinstance(value, str) else f"{value:.4g}" for value in row.values()))
        console.print(table)


if __name__ == "__main__":
    main()
