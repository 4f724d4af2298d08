"""Weights over NCCL: TRL's client against servers that answer vLLM's calls over HTTP, with gloo in NCCL's place.

What is the library's own and cannot run here (the group of GPUs, and sending in it) is what stands in; the requests,
their order, and which tensor is sent when are TRL's client's. A server has several workers, as with tensor parallelism.
"""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from trl import import_utils
from trl.generation import vllm_client

from toolgym.agents import grpo
from toolgym.agents.policies import vllm_nccl
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import quiet
from toolgym.agents.policies.vllm import VLLMServer, weights_of, write_weights
from toolgym.agents.policies.vllm_servers import VLLMServers
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.training.running import RunConfig, lora
from toolgym.errors import ChatError, ConfigError

OPTIONS = SamplingOptions(max_new_tokens=4, context_tokens=200)
START, UPDATE, FINISH = "/start_weight_update", "/update_weights", "/finish_weight_update"


def group(info: dict[str, Any], rank: int) -> Any:
    """A group over gloo; an operation that the others do not take part in fails after seconds."""
    limit, size = timedelta(seconds=8), info["world_size"]
    store = dist.TCPStore(info["master_address"], info["master_port"], size, rank == 0, limit)
    made = dist.ProcessGroupGloo(store, rank, size, limit)  # type: ignore[attr-defined]

    def broadcast(tensor: torch.Tensor, src: int) -> None:
        made.broadcast(tensor.view(torch.uint8) if tensor.ndim else tensor.view(1).view(torch.uint8), src).wait()

    return SimpleNamespace(broadcast=broadcast, group=SimpleNamespace(store=store, socket=None))


def produce(iterator: Any, group: Any, src: int, post_iter_func: Callable[[Any], torch.Tensor]) -> None:
    """What vLLM's producer does, without packing."""
    for item in iterator:
        group.broadcast(post_iter_func(item).contiguous(), src)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process can: it has a device, and vLLM."""
    monkeypatch.setattr(vllm_nccl, "lacking", lambda: None)
    monkeypatch.setattr(vllm_nccl, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(vllm_nccl, "_there", lambda weight, to: weight)
    for name, value in {
        "is_vllm_available": lambda *_, **__: True,
        "get_ip": lambda: "127.0.0.1",
        "_HAS_STATEFUL_TRAINER_ENGINE": True,
        "open_trainer_endpoint": lambda info: group(info, 0),
        "packed_nccl_broadcast_producer": produce,
    }.items():
        monkeypatch.setattr(vllm_client, name, value, raising=False)


@pytest.fixture
def workers(standin_kind: Any, start: str) -> Iterator[Callable[..., list[Any]]]:
    """Makes servers with two workers each, which get weights over gloo."""

    class Workers(standin_kind):
        refuses = ""
        """The path that it refuses."""

        def begin(self) -> None:
            super().begin()
            self.config: Any = {"backend": "nccl"}
            self.groups: list[Any] = []
            self.got: list[list[tuple[str, torch.Tensor]]] = []
            """What its workers got, an update each."""

        def get(self, path: str) -> tuple[int, Any] | None:
            if path == "/get_world_size":
                return 200, {"world_size": 2}
            if path.startswith("/server_info"):
                return (200, {"vllm_config": {"weight_transfer_config": self.config}}) if self.dev_mode else (404, {})
            return None

        def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
            if path == self.refuses:
                self.seen.append({**body, "path": path})
                return 400, {"error": "no"}
            if path not in (START, UPDATE, FINISH, "/init_weight_transfer_engine"):
                return super().answer(path, body)
            self.seen.append({**body, "path": path})
            if path == "/init_weight_transfer_engine":
                info = body["init_info"]
                assert info["rank_offset"] == 1
                self.groups = self.together(lambda worker: group(info, 1 + worker))
            if path == UPDATE:
                said = body["update_info"]
                both = self.together(lambda worker: self.receive(self.groups[worker], **said))
                if any(isinstance(one, RuntimeError) for one in both):
                    return 500, {"error": str(both)}
                for (name, one), (_, other) in zip(*both, strict=True):
                    assert torch.equal(one, other), name
                self.got.append(both[0])
                self.model = self.model.float()  # it was read in the type of its file
                self.model.load_state_dict(dict(both[0]), strict=False)
            return 200, {"message": "done"}

        def together(self, work: Callable[[int], Any]) -> list[Any]:
            out: list[Any] = [None, None]

            def run(worker: int) -> None:
                try:
                    out[worker] = work(worker)
                except RuntimeError as error:  # the trainer does not take part
                    out[worker] = error

            threads = [threading.Thread(target=run, args=(worker,)) for worker in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return out

        @staticmethod
        def receive(group: Any, names: list[str], dtype_names: list[str], shapes: list[list[int]]) -> Any:
            out = []
            for name, dtype, shape in zip(names, dtype_names, shapes, strict=True):
                tensor = torch.empty(shape, dtype=getattr(torch, dtype))
                group.broadcast(tensor, 0)
                out.append((name, tensor))
            return out

    made: list[Any] = []

    def make(count: int, **how: Any) -> list[Any]:
        new = [Workers(start) for _ in range(count)]
        for server in new:
            vars(server).update(how)
        made.extend(new)
        return new

    yield make
    for server in made:
        server.close()


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., VLLMServers]]:
    """Makes clients of several servers, which wait for nothing long."""
    made: list[VLLMServers] = []

    def client(servers: list[Any], way: Any = "auto") -> VLLMServers:
        urls = [server.url for server in servers]
        made.append(VLLMServers(urls, tmp_path / "weights", way=way, timeout_s=60.0, check_s=1.0))
        return made[-1]

    yield client
    for servers in made:
        servers.close()


def changed(model: Any) -> Any:
    """Other weights than those that servers begin with."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.9)
    return model


def adapted(model: Any) -> Any:
    """A model with an adapter that does something."""
    from peft import get_peft_model

    quiet()
    model = get_peft_model(model, lora(4))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(len(name)))
    return model


def paths(server: Any) -> list[str]:
    return [request["path"] for request in server.seen if request["path"] != "/v1/completions"]


SENT = [START, UPDATE, FINISH, "/reset_prefix_cache"]

# What arrives ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["whole", "bfloat16", "adapter"])
def test_every_weight_arrives_as_it_would_be_in_a_file(
    kind: str, here: None, workers: Any, connect: Any, fresh: Any, tmp_path: Path
) -> None:
    model = changed(fresh())
    if kind == "adapter":
        model = adapted(model)
    if kind == "bfloat16":
        model = model.bfloat16()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    (server,) = workers(1)
    servers = connect([server], "nccl")
    for _ in range(2):  # the group is made once
        servers.load(model)
    assert paths(server) == ["/init_weight_transfer_engine", *SENT, *SENT]
    write_weights(model, tmp_path / "file")
    expected = load_file(tmp_path / "file" / "model.safetensors")
    for update in server.got:
        assert [name for name, _ in update] == list(weights_of(model))  # in this order
        assert dict(update).keys() == expected.keys()  # tied ones once, adapters in what they are added to
        for name, tensor in update:
            assert tensor.dtype == expected[name].dtype
            assert torch.equal(tensor, expected[name]), name
    assert not (tmp_path / "weights").exists()  # and there is no file
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_turns_are_sampled_by_what_arrived(
    here: None, workers: Any, standins: Any, connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any, capsys: Any
) -> None:
    """As by a server that read a file: one that gets both ways' weights from one run, beside one that cannot."""
    model, played = changed(fresh()), []
    both = [*workers(1), *standins(1)]
    for servers in (connect(standins(1), "files"), connect(both, "auto")):
        policy = LMPolicy(fresh(), tokenizer, OPTIONS, server=servers)
        policy.use(model)
        policy.reseed(7)
        played.append(rollouts(policy, toy_envs(6), [Start(options={"task": task}) for task in range(6)]))
    assert [rollout.completion_ids for rollout in played[0]] == [rollout.completion_ids for rollout in played[1]]
    assert all(server.turns for server in both)
    assert paths(both[0]) == ["/init_weight_transfer_engine", *SENT]
    assert paths(both[1]) == ["/collective_rpc", "/reset_prefix_cache"]
    said = capsys.readouterr().err
    assert f"Weights go to the vLLM server at {both[0].url} over NCCL\n" in said
    assert f"Weights go to the vLLM server at {both[1].url} as files: " in said


# Which way ------------------------------------------------------------------------------------------------------------


def test_without_a_device_they_are_files_and_why_is_said_once(
    workers: Any, connect: Any, fresh: Any, capsys: Any
) -> None:
    both = workers(2)
    servers = connect(both)
    for _ in range(2):
        servers.load(fresh())
    assert paths(both[0]) == ["/collective_rpc", "/reset_prefix_cache"] * 2
    (said,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("Weights"))
    assert said == "Weights go to the vLLM servers as files: this process has no CUDA device"
    with pytest.raises(ConfigError, match=r"weights=nccl cannot be: this process has no CUDA device. Take weights=fi"):
        connect(both, "nccl")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"config": None}, r"it was started without --weight-transfer-config '{\"backend\": \"nccl\"}'"),
        ({"config": {"backend": "ipc"}}, "it was started without --weight-transfer-config"),
        ({"refuses": "/init_weight_transfer_engine"}, "are no group for weights: .*--weights files needs no NCCL"),
    ],
)
def test_a_server_that_cannot(
    how: dict[str, Any], why: str, here: None, workers: Any, connect: Any, fresh: Any, capfd: Any
) -> None:
    (server,) = workers(1, **how)
    connect([server]).load(fresh())
    assert paths(server)[-2:] == ["/collective_rpc", "/reset_prefix_cache"]
    assert "as files" in capfd.readouterr().err
    with pytest.raises(ConfigError, match=rf"cannot get weights over NCCL: .*{why}"):
        connect([server], "nccl").load(fresh())


def test_a_server_without_development_mode(here: None, workers: Any, connect: Any, fresh: Any) -> None:
    (server,) = workers(1, dev_mode=False)
    with pytest.raises(
        ConfigError, match=r"cannot get weights over NCCL: it has no /server_info: start it with VLLM_S"
    ):
        connect([server], "nccl").load(fresh())


@pytest.mark.parametrize("missing", ["device", "vllm", "requests"])
def test_what_this_process_may_lack(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: missing != "device")
    monkeypatch.setattr(import_utils, "is_vllm_available", lambda *_, **__: missing != "vllm")
    monkeypatch.setattr(import_utils, "is_requests_available", lambda: missing != "requests")
    said = {"device": "no CUDA device", "vllm": r"pip install 'trl\[vllm\]'", "requests": "pip install requests"}
    why = vllm_nccl.lacking()
    assert why is not None
    assert re.search(said[missing], why)
    with pytest.raises(ConfigError, match=said[missing]):
        VLLMServers(["http://x"], None, way="nccl")


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="weights='nccl' would have no effect without vllm"):
        RunConfig(weights="nccl")
    with pytest.raises(ConfigError, match="would have no effect with weights=nccl: nothing is written"):
        RunConfig(vllm="http://x", weights="nccl", vllm_weights=Path("here"))
    with pytest.raises(ConfigError, match="weights=nccl cannot be with both stale and eval_steps"):
        RunConfig(vllm="http://x", weights="nccl", stale=1, eval_steps=1)
    with pytest.raises(ConfigError, match="weights: Unknown choice 'nckl'"):
        RunConfig(vllm="http://x", weights="nckl")  # type: ignore[arg-type]


# Servers in trouble ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["killed", START, UPDATE, FINISH, "/reset_prefix_cache"])
def test_a_server_that_does_not_get_the_weights_is_left_out_and_the_others_are_served(
    trouble: str, here: None, workers: Any, connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any, capsys: Any
) -> None:
    ill, sound = workers(2)
    servers = connect([ill, sound], "nccl")
    policy = LMPolicy(fresh(), tokenizer, OPTIONS, server=servers)
    policy.use(fresh())
    assert servers.in_use == [ill.url, sound.url]
    if trouble == "killed":
        ill.kill()
    else:
        ill.refuses = trouble
    model = changed(fresh())
    policy.use(model)
    assert servers.in_use == [sound.url]
    assert all(torch.equal(value, weights_of(model)[name]) for name, value in sound.got[-1])
    assert capsys.readouterr().err.count("is left out until it reads the next weights; 1 of 2 go on") == 1
    turns = len(ill.turns)
    rollouts(policy, toy_envs(4), [Start(options={"task": task}) for task in range(4)])
    assert len(ill.turns) == turns
    ill.refuses = ""
    if trouble == "killed":
        ill.begin()
    policy.use(model)  # it is in a new group, and has the weights
    assert servers.in_use == [ill.url, sound.url]
    assert all(torch.equal(value, weights_of(model)[name]) for name, value in ill.got[-1])
    assert [path for path in paths(sound) if "init" in path] == ["/init_weight_transfer_engine"]  # its own lives on


def test_where_none_gets_them_it_is_said(here: None, workers: Any, connect: Any, fresh: Any) -> None:
    both = workers(2, refuses=START)
    with pytest.raises(ConfigError, match=r"none of the 2 vLLM servers is left.*did not take the weights over NCCL"):
        connect(both, "nccl").load(fresh())
    (alone,) = workers(1)
    servers = connect([alone], "nccl")
    servers.load(fresh())
    alone.kill()
    with pytest.raises(ChatError):
        servers.load(fresh())


def test_a_transfer_that_hangs_is_given_up(
    here: None, workers: Any, fresh: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing can interrupt NCCL: what waits for it goes on without."""
    ended = threading.Event()
    monkeypatch.setattr(vllm_client, "packed_nccl_broadcast_producer", lambda **_: ended.wait(60))
    servers = VLLMServers([workers(1)[0].url], tmp_path, way="nccl", timeout_s=3.0, check_s=1.0)
    try:
        with pytest.raises(ChatError, match="gave no answer within 3"):
            servers.load(fresh())
    finally:
        ended.set()
        servers.close()


# Runs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--lora-rank", "2")], ids=["whole", "adapter"])
def test_a_run_is_the_same_either_way(
    more: tuple[str, ...], here: None, workers: Any, start: str, tmp_path: Path, metrics: Any
) -> None:
    reward = tmp_path / "lengths.py"
    reward.write_text("def lengths(trajectory, task):\n    return float(len(trajectory.steps[-1].turn.text) % 7)\n")
    where = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress", *more]
    size = ["--groups", "1", "--rollouts", "4", "--micro-batch", "4", "--max-new-tokens", "6", "--steps", "3"]
    rate = ["--learning-rate", "0.01", "--reward", f"{reward}:lengths"]
    lines = []
    for way in ("files", "nccl"):
        (server,) = workers(1, context=1024)
        output = tmp_path / way
        grpo.main([*where, *size, *rate, "--output", str(output), "--vllm", server.url, "--weights", way])
        lines.append(metrics(output))
        assert (output / "vllm").exists() == (way == "files")
    for one, other in zip(*lines, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
        assert one["sampler/logp_difference"] < 1e-3
    assert max(line["grad_norm"] for line in lines[0]) > 1e-3


def test_a_served_model_is_left_as_it_is(workers: Any, fresh: Any) -> None:
    """Where no folder is given there is nothing to write into."""
    server = VLLMServer(workers(1)[0].url, None)
    try:
        with pytest.raises(ConfigError, match="samples by what it serves: it was given no folder for weights"):
            server.load(fresh())
    finally:
        server.close()
