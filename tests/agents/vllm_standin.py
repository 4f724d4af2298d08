"""A stand-in for vLLM servers: their protocol over HTTP, a small model behind it, and everything that can go wrong."""

import json
import math
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

_READING = threading.Lock()
"""transformers reads one model at a time."""


def penalised(logits_V: torch.Tensor, ids: list[int], written: list[int], said: dict[str, Any]) -> torch.Tensor:
    """The logits with the penalties of a request: on all tokens so far, and on those of this turn."""
    seen = sorted(set(ids))
    factor = said.get("repetition_penalty", 1.0)
    logits_V[seen] = torch.where(logits_V[seen] > 0, logits_V[seen] / factor, logits_V[seen] * factor)
    counts_V = torch.bincount(torch.tensor(written, dtype=torch.long), minlength=len(logits_V))
    logits_V -= said.get("frequency_penalty", 0.0) * counts_V
    return logits_V - said.get("presence_penalty", 0.0) * (counts_V > 0)


class StandIn:
    """A vLLM server without vLLM: `/v1/completions` by a full forward pass a token, and the calls for new weights.

    What a request does not say comes from `generation_config`, as a real server takes it from the served model's file.
    What is wrong with it is its `trouble`: it `hangs` (answers nothing), has a stuck engine (`stuck`: answers questions
    whether it lives, and no other), says `garbage`, `refuses`, or is `busy` (500).
    """

    def __init__(self, folder: str, context: int = 256):
        self.context, self.dev_mode, self.seen = context, True, list[dict[str, Any]]()
        self.generation_config: dict[str, Any] = {}
        self.trouble = ""
        self.on_turn: Callable[[int], None] = lambda turns: None
        """Called before a turn is sampled, with the number of turns that were asked for."""
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.folder, self.port, self.server = folder, 0, None
        self.begin()
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The turns that it was asked for."""
        return [request for request in self.seen if request["path"] == "/v1/completions"]

    def begin(self) -> None:
        """Starts it, with the weights of its folder."""
        self.read(self.folder)
        self.ended = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self, self.ended))
        self.server.daemon_threads = True
        self.port = self.server.server_port
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()

    def kill(self) -> None:
        """Ends it: what it owes is never answered, and nobody listens at its port."""
        if self.server is not None:
            self.ended.set()
            server, self.server = self.server, None
            server.shutdown()
            server.server_close()

    def close(self) -> None:
        """Ends it."""
        self.kill()

    def odd(self, path: str) -> tuple[int, Any] | None:
        """What it says in its trouble; None: it does what it should. A hanging one says nothing until it has ended."""
        if self.trouble == "hangs" or (self.trouble == "stuck" and path != "/health"):
            self.ended.wait()
        if path == "/health":
            return 200, {}
        return {
            "garbage": (200, {"choices": [{"token_ids": [10**9], "logprobs": {"token_logprobs": [0.0]}}]}),
            "refuses": (401, {"error": "who are you?"}),
            "busy": (503, {"error": "later"}),
        }.get(self.trouble)

    def get(self, path: str) -> tuple[int, Any] | None:
        """What it says to a question; None: that of its models."""
        return (404, {"detail": "Not Found"}) if path.startswith("/server_info") else None

    def read(self, folder: str) -> None:
        with _READING:
            self.model = AutoModelForCausalLM.from_pretrained(folder).eval()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.seen.append({**body, "path": path})
        if path == "/v1/completions":
            return 200, {"choices": [self.complete(body)]}
        if not self.dev_mode:
            return 404, {"detail": "Not Found"}
        if path == "/reset_prefix_cache":
            return 200, {"success": True}
        try:
            self.read(body["kwargs"]["weights_path"])
        except (OSError, ValueError) as error:
            return 500, {"error": str(error)}
        return 200, {"results": [None]}

    @torch.no_grad()
    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        rng, ids, logps = np.random.default_rng(body["seed"]), list(body["prompt"]), []
        said = {**self.generation_config, **{name: value for name, value in body.items() if value is not None}}
        longest = min(body["max_tokens"], self.generation_config.get("max_new_tokens", body["max_tokens"]))
        stops = set(body["stop_token_ids"])
        if not body.get("ignore_eos"):
            stops |= set(self.generation_config.get("eos_token_id", ()))
        cached = None
        while len(logps) < longest and (not logps or ids[-1] not in stops):
            fed = torch.tensor([ids[-1:] if logps else ids])
            out = self.model(fed, past_key_values=cached, use_cache=True, logits_to_keep=1)
            cached = out.past_key_values
            logp_V = torch.log_softmax(out.logits[0, -1], dim=-1)
            logits_V = penalised(logp_V.double(), ids, ids[len(body["prompt"]) :], said)
            if len(logps) < said.get("min_tokens", 0):
                logits_V[list(stops)] = -math.inf
            probs_V = torch.softmax(logits_V / (body["temperature"] or 1e-6), dim=-1)
            probs_V[probs_V < said.get("min_p", 0.0) * probs_V.max()] = 0
            if said.get("top_k", 0) > 0:
                probs_V[probs_V < probs_V.topk(said["top_k"]).values[-1]] = 0
            ids.append(int(rng.choice(len(probs_V), p=(probs_V / probs_V.sum()).numpy())))
            logps.append(float(logp_V[ids[-1]]))
        return {"token_ids": ids[-len(logps) :], "logprobs": {"token_logprobs": logps}}


def _handler(outer: StandIn, ended: threading.Event) -> type[BaseHTTPRequestHandler]:
    """What answers the requests of a stand-in until it has ended."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            models = (200, {"data": [{"id": "served", "max_model_len": outer.context}]})
            self._send(*(outer.odd(self.path) or outer.get(self.path) or models))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/v1/completions":
                outer.on_turn(len(outer.turns) + 1)
            odd = outer.odd(self.path)
            if odd is not None:
                outer.seen.append({**body, "path": self.path})
                self._send(*odd)
                return
            with outer.lock:
                if not ended.is_set():
                    self._send(*outer.answer(self.path, body))

        def _send(self, status: int, value: Any) -> None:
            text = json.dumps(value).encode()
            if ended.is_set():
                return
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                self.close_connection = True  # the client gave up waiting

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps the test's output clean."""

    return Handler
