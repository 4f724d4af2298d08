"""Turns sampled by a vLLM server: the weights that go there, the tokens that come back, and what each then weighs.

A stand-in (`vllm_standin.py`) speaks vLLM's protocol over HTTP and samples by whatever weights it was last told to
read. The tests at the end take a real server's URL from TOOLGYM_TEST_VLLM, or two with a space between them.
"""

import json
import math
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.agents.programs import Program
from toolgym.agents import dupo, grpo, rft, steptool
from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.policies.vllm import VLLMServer, importance_weights, write_weights
from toolgym.agents.policies.vllm_servers import VLLMServers
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.training.running import RunConfig, lora
from toolgym.errors import ChatError, ConfigError, DivergenceError
from toolgym.rewards import Reward, base, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory


@pytest.fixture
def standin(standins: Any) -> Any:
    """A server that has the tiny model's weights."""
    return standins(1)[0]


@pytest.fixture
def connect(standin: Any, tmp_path: Path) -> Iterator[Callable[..., VLLMServer]]:
    """Makes clients of it."""
    made: list[VLLMServer] = []

    def client(**options: Any) -> VLLMServer:
        made.append(VLLMServer(standin.url, tmp_path / "weights", **options))
        return made[-1]

    yield client
    for server in made:
        server.close()


# The weights of tokens ------------------------------------------------------------------------------------------------


def test_importance_weights_by_hand() -> None:
    # p / p_sampler = 0.5, 1, 1.5; then 3, cut at 2; then a token of the environment, which weighs 1.
    ratios = torch.tensor([[0.5, 1.0, 1.5, 3.0, 9.0]])
    sampler_BT = torch.full((1, 5), math.log(0.1))
    mask_BT = torch.tensor([[1, 1, 1, 1, 0]])
    weights_BT = importance_weights(sampler_BT + ratios.log(), sampler_BT, mask_BT)
    assert weights_BT[0].tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0, 1.0], rel=1e-6)
    # A token that the sampler gave a probability of 0 (it rounds) is cut like any other, not infinite.
    assert importance_weights(torch.zeros(1, 1), torch.tensor([[-math.inf]]), torch.ones(1, 1)).tolist() == [[2.0]]


# Weights for the server -----------------------------------------------------------------------------------------------


def test_an_adapter_is_written_as_part_of_its_base(fresh: Any, tmp_path: Path) -> None:
    from peft import get_peft_model

    with warnings.catch_warnings():
        quiet()
        model = get_peft_model(fresh(), lora(4))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(len(name)))
    ids = torch.arange(40)[None]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected = model.eval()(ids).logits
    write_weights(model, tmp_path)
    read = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(read(ids).logits, expected, rtol=1e-4, atol=1e-4)
    with model.disable_adapter():
        assert not torch.allclose(model(ids).logits, expected, atol=1e-2)  # the adapter matters
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not list(tmp_path.glob("adapter*"))


def test_the_server_samples_by_the_weights_that_it_is_given(
    standin: Any, connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any
) -> None:
    model = fresh()
    with torch.no_grad():  # not the weights that the server began with
        for parameter in model.parameters():
            parameter.mul_(0.9)
    options = SamplingOptions(max_new_tokens=8, context_tokens=256)
    policy = LMPolicy(model, tokenizer, options, server=connect())
    policy.use(model)
    assert not policy.exact
    played = rollouts(policy, toy_envs(3), [Start(options={"task": task}) for task in range(5)])
    assert standin.seen[0]["method"] == "reload_weights"
    for rollout in played:
        ids_1L = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
        with torch.no_grad():
            logps_LV = torch.log_softmax(model(ids_1L).logits[0, len(rollout.prompt_ids) - 1 : -1], dim=-1)
        own_T = torch.tensor(rollout.env_mask, dtype=torch.bool)
        logps_T = logps_LV.gather(1, torch.tensor(rollout.completion_ids)[:, None])[own_T, 0]
        said_T = torch.tensor(rollout.logprobs)[own_T]
        assert len(said_T) > 0
        torch.testing.assert_close(said_T, logps_T, rtol=0, atol=1e-4)


def test_turns_are_as_from_the_model_in_the_process(
    connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any, standin: Any
) -> None:
    """Greedily nothing is drawn: both must give the same episodes, to the last token and ending."""
    options = SamplingOptions(temperature=0.0, max_new_tokens=8, context_tokens=53)
    starts = [Start(options={"task": task}) for task in range(6)]
    model = fresh()
    here = rollouts(LMPolicy(model, tokenizer, options), toy_envs(3, limit=4), starts)
    policy = LMPolicy(model, tokenizer, options, server=connect())
    policy.use(model)
    there = rollouts(policy, toy_envs(3, limit=4), starts)
    for one, other in zip(here, there, strict=True):
        assert one.completion_ids == other.completion_ids
        assert (one.env_mask, one.spans, one.outcome, one.truncation) == (
            other.env_mask,
            other.spans,
            other.outcome,
            other.truncation,
        )
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert any(rollout.truncation == "tokens" for rollout in here)  # the context's end was met
    longest = [request["max_tokens"] for request in standin.seen if request["path"] == "/v1/completions"]
    assert min(longest) < max(longest) == 8


def test_the_same_seed_asks_for_the_same_turns(connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any) -> None:
    model, played = fresh(), []
    for seed in (5, 5, 6):
        policy = LMPolicy(model, tokenizer, SamplingOptions(max_new_tokens=8), seed=seed, server=connect())
        policy.use(model)
        starts = [Start(options={"task": task}) for task in range(4)]
        # A slot for each: streams belong to slots, and which slot is free first is the server's affair.
        played.append([rollout.completion_ids for rollout in rollouts(policy, toy_envs(4), starts)])
    assert played[0] == played[1] != played[2]


# What the served model's generation_config.json says ------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"top_k": 1},
        {"min_p": 0.9},
        {"repetition_penalty": 5.0},
        {"presence_penalty": 2.0},
        {"frequency_penalty": 2.0},
        {"min_tokens": 8},
        {"eos_token_id": list(range(0, 128, 2))},
    ],
    ids=lambda config: next(iter(config)),
)
def test_the_served_generation_config_changes_no_turn(
    standin: Any, connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any, config: dict[str, Any]
) -> None:
    def turns(given: dict[str, Any]) -> list[list[int]]:
        standin.generation_config = given
        policy = LMPolicy(fresh(), tokenizer, SamplingOptions(max_new_tokens=8), seed=3, server=connect())
        policy.decoder.stop_ids = policy.decoder.stop_ids | frozenset(range(1, 128, 8))  # so that turns end
        return [turn.completion_ids for turn in rollouts(policy, toy_envs(8), [Start(seed=n) for n in range(8)])]

    plain = turns({})
    assert len({tuple(turn) for turn in plain}) == 8
    assert turns(config) == plain


def test_a_server_that_cuts_turns_short_is_noticed(
    standin: Any, connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any
) -> None:
    """`max_new_tokens` in the served file is a limit that no request can lift."""
    standin.generation_config = {"max_new_tokens": 2}
    policy = LMPolicy(fresh(), tokenizer, SamplingOptions(max_new_tokens=8), server=connect())
    with pytest.raises(ConfigError, match=r"ended a turn after 2 of 8 tokens.*--generation-config vllm"):
        rollouts(policy, toy_envs(1), [Start(seed=0)])


def test_a_server_whose_weights_hold_nan(standin: Any, connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any) -> None:
    said = {"choices": [{"token_ids": [5, 6], "logprobs": {"token_logprobs": [math.nan, -1.0]}}]}
    standin.answer = lambda path, body: (200, said)  # pyright: ignore[reportAttributeAccessIssue]
    policy = LMPolicy(fresh(), tokenizer, SamplingOptions(), server=connect())
    with pytest.raises(DivergenceError, match="the weights that it was given hold NaN"):
        rollouts(policy, toy_envs(1), [Start(seed=0)])


# Runs -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def letters() -> Iterator[None]:
    """A reward that random text earns."""

    def share(trajectory: Trajectory, task: Task, /) -> float:
        text = trajectory.steps[-1].turn.text
        return sum(character in "aeiou" for character in text) / max(len(text), 1)

    register("test_vllm_letters", lambda: Reward({"letters": share}, {}))
    yield
    base._PRESETS.pop("test_vllm_letters")


def command(start: str, output: Path, url: str, *more: str) -> list[str]:
    where = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress"]
    size = ["--groups", "1", "--rollouts", "2", "--micro-batch", "2", "--max-new-tokens", "6"]
    return [*where, *size, "--output", str(output), "--vllm", url, *more]


REWARD = ("--reward", "test_vllm_letters")


@pytest.mark.slow
def test_playing_ahead_keeps_the_weights_that_a_batch_began_with(
    standin: Any, start: str, tmp_path: Path, metrics: Any, forked_players: None
) -> None:
    """An evaluation between two updates has the server read newer weights: not in the middle of a batch."""
    reward = tmp_path / "letters.py"  # other text, another reward
    text = "def letters(trajectory, task):\n    return sum(map(ord, trajectory.steps[-1].turn.text)) % 97.0\n"
    reward.write_text(text)
    words = ["--stale", "1", "--steps", "3", "--learning-rate", "1e-2", "--reward", f"{reward}:letters"]
    assert grpo.main(command(start, tmp_path / "plain", standin.url, *words)) == 0
    assert sum(request.get("method") == "reload_weights" for request in standin.seen) == 3
    evaluated = ["--eval-steps", "1", "--eval-episodes", "2"]
    assert grpo.main(command(start, tmp_path / "evaluated", standin.url, *words, *evaluated)) == 0
    lines = metrics(tmp_path / "plain")
    for one, other in zip(lines, metrics(tmp_path / "evaluated"), strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert [line["stale/updates_max"] for line in lines] == [0, 1, 1]
    assert lines[0]["sampler/logp_difference"] < 1e-4 < lines[1]["sampler/logp_difference"]


@pytest.mark.slow
@pytest.mark.parametrize("learner", [grpo, steptool], ids=["grpo", "steptool"])
def test_each_step_samples_by_the_weights_of_the_step_before(
    learner: Any, standin: Any, start: str, tmp_path: Path, metrics: Any, letters: None
) -> None:
    """With weights of a step ago the log-probabilities would differ from the second step on: the rate is large."""
    standin.context = 1024
    output = tmp_path / "run"
    more = ["--steps", "3", "--learning-rate", "0.01", "--rollouts", "4", *REWARD]
    learner.main(command(start, output, standin.url + "/v1/", *more))
    lines = metrics(output)
    assert [line["sampler/logp_difference"] < 1e-3 for line in lines] == [True] * 3
    assert [line["sampler/importance_weight"] for line in lines] == pytest.approx([1.0] * 3, abs=1e-3)
    assert lines[0]["grad_norm"] > 0
    assert [request["path"] for request in standin.seen if "completions" not in request["path"]] == [
        "/collective_rpc",
        "/reset_prefix_cache",
    ] * 3
    assert (output / "vllm" / "model.safetensors").is_file()
    final, _ = load_model(output / "final")
    assert final.num_parameters() == standin.model.num_parameters()


def test_advantages_are_weighed_once_a_batch(
    standin: Any, start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letters: None
) -> None:
    """With weights of 2 everywhere, and gradients that are not clipped, the first gradient is twice as long."""
    standin.context = 1024
    norms = []
    for weight in (1.0, 2.0):
        monkeypatch.setattr(
            "toolgym.agents.training.trainer.importance_weights",
            lambda logps, *_, weight=weight: torch.full_like(logps, weight),
        )
        output = tmp_path / f"run-{weight}"
        more = ["--steps", "2", "--minibatches", "2", "--save-steps", "2", "--rollouts", "4", "--max-grad-norm", "1e9"]
        grpo.main(command(start, output, standin.url, *more, *REWARD, "--learning-rate", "1e-12"))
        norms.append([json.loads(line)["grad_norm"] for line in (output / "metrics.jsonl").read_text().splitlines()])
    assert norms[0][0] > 0
    assert norms[1] == pytest.approx([2 * norm for norm in norms[0]], rel=1e-3)


def test_a_server_with_other_weights_is_noticed(
    standin: Any, start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.context = 1024
    with torch.no_grad():
        for parameter in standin.model.parameters():
            parameter.mul_(1.3)
    monkeypatch.setattr(standin, "read", lambda folder: None)  # it says that it did
    with pytest.warns(UserWarning, match=r"log-probabilities are \d+\.\d\d from the model's on average at step 0"):
        grpo.main(command(start, tmp_path / "run", standin.url, "--steps", "2"))


def test_rft_explores_by_a_server(standin: Any, start: str, tmp_path: Path) -> None:
    standin.context = 1024
    where = command(start, tmp_path / "run", standin.url)
    del where[where.index("--groups") : where.index("--rollouts") + 2]
    rft.main([*where, "--episodes", "2", "--samples", "1"])
    paths = [request["path"] for request in standin.seen]
    assert paths[:2] == ["/collective_rpc", "/reset_prefix_cache"]
    assert paths.count("/v1/completions") >= 2
    assert standin.seen[2]["temperature"] == 0.7


def test_an_evaluation_while_training_asks_the_server_too(standin: Any, start: str, tmp_path: Path) -> None:
    standin.context = 1024
    more = ["--steps", "1", "--eval-steps", "1", "--eval-episodes", "2"]
    grpo.main(command(start, tmp_path / "run", standin.url, *more))
    greedy = [request for request in standin.seen if request.get("temperature") == 0.0]
    assert greedy
    assert json.loads((tmp_path / "run" / "evaluations.jsonl").read_text())["episodes"] == 2


TOGETHER = """
import sys
from toolgym.agents.training import registry

where, size, urls, output = sys.argv[1:3], sys.argv[3:5], sys.argv[5:7], sys.argv[7]
common = [*where, *size, "--prompt", "short", "--threads", "1", "--no-progress", "--max-new-tokens", "6"]
common += ["--vllm", *urls]
registry.main("grpo", [*common, "--groups", "2", "--rollouts", "2", "--steps", "2", "--output", output + "/grpo"])
registry.main("rft", [*common, "--episodes", "2", "--samples", "1", "--batch", "2", "--output", output + "/rft"])
"""


@pytest.mark.slow
def test_of_two_processes_one_gives_the_servers_their_weights(
    standin: Any, standins: Any, start: str, tmp_path: Path
) -> None:
    """The other process takes its word for who has them: a server that reads nothing is asked by neither."""
    (deaf,) = standins(1)
    deaf.context, deaf.dev_mode = 1024, False
    standin.context = 1024
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    words = ["--model", start, "--size", "small", standin.url, deaf.url, str(tmp_path)]
    with ExitStack() as running:
        started = []
        for rank in ("0", "1"):
            env = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "WORLD_SIZE": "2", "RANK": rank}
            env |= {"LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            program = Program(["-c", TOGETHER, *words], tmp_path / f"{rank}.log", env=env)
            started.append(running.enter_context(program))
        codes = [program.wait(240) for program in started]
    assert codes == [0, 0], "\n".join(program.said()[-1500:] for program in started)
    paths = [request["path"] for request in standin.seen]
    assert paths.count("/collective_rpc") == 3  # two steps of GRPO, and RFT once
    assert deaf.turns == []
    assert paths.index("/collective_rpc") < paths.index("/v1/completions")


# What is wrong is said ------------------------------------------------------------------------------------------------


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match=r"vLLM server at http://127.0.0.1:9/v1/models failed 1 times.*ConnectError"):
        VLLMServer("http://127.0.0.1:9", tmp_path, attempts=1)


def test_another_server(standin: Any, tmp_path: Path) -> None:
    standin.context = None  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ChatError, match="no model with a max_model_len; is it a vLLM server"):
        VLLMServer(standin.url, tmp_path, attempts=1)


def test_a_server_that_is_not_in_development_mode(standin: Any, connect: Any, fresh: Any) -> None:
    standin.dev_mode = False
    with pytest.raises(ConfigError, match=r"has no /collective_rpc: start it with VLLM_SERVER_DEV_MODE=1"):
        connect().load(fresh())


def test_weights_that_the_server_does_not_see(
    standin: Any, connect: Any, fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolgym.agents.policies.vllm.write_weights", lambda model, folder: None)
    with pytest.raises(ConfigError, match=r"did not read the weights in '.*weights'.*--vllm-weights names another"):
        connect(attempts=1).load(fresh())


def test_a_server_that_gives_no_ids(standin: Any, connect: Any, fresh: Any, tokenizer: Any, toy_envs: Any) -> None:
    monkey = {"choices": [{"text": "hello", "logprobs": {"token_logprobs": [-1.0]}}]}
    standin.answer = lambda path, body: (200, monkey)  # pyright: ignore[reportAttributeAccessIssue]
    policy = LMPolicy(fresh(), tokenizer, SamplingOptions(), server=connect(attempts=1))
    with pytest.raises(ChatError, match="no token ids with their log-probabilities: vLLM gives them from version"):
        rollouts(policy, toy_envs(1), [Start(options={"task": 1})])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"vllm": "http://x", "temperature": 0.7}, r"temperature must be 1.0 with vllm, got 0.7"),
        ({"vllm_weights": Path("w")}, r"vllm_weights=.* would have no effect without vllm"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RunConfig(**options)


def test_token_candidates_need_no_server() -> None:
    with pytest.raises(ConfigError, match="vllm='http://x' would have no effect on token candidates"):
        dupo.DUPOOptions(vllm="http://x", candidates="token")


# A real server --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> str:
    """The URL of a vLLM server in development mode that serves TOOLGYM_TEST_VLLM_MODEL, in float32."""
    if not os.environ.get("TOOLGYM_TEST_VLLM"):
        pytest.skip("TOOLGYM_TEST_VLLM names no vLLM server (.ci/vllm starts one)")
    return os.environ["TOOLGYM_TEST_VLLM"].split()[0]


@pytest.fixture(scope="module")
def real_pair(real: str) -> list[str]:
    """The URLs of two of them."""
    urls = os.environ["TOOLGYM_TEST_VLLM"].split()
    if len(urls) < 2:
        pytest.skip("TOOLGYM_TEST_VLLM names one vLLM server")
    return urls


@pytest.mark.slow
def test_a_real_server_gives_the_greedy_turns_of_the_model(real: str, tmp_path: Path) -> None:
    from toolgym.opening import open_env

    model, tokenizer = load_model(os.environ["TOOLGYM_TEST_VLLM_MODEL"])
    options = SamplingOptions(temperature=0.0, max_new_tokens=60, context_tokens=1024)
    server = VLLMServer(real, tmp_path / "weights")
    played = []
    for policy in (LMPolicy(model, tokenizer, options), LMPolicy(model, tokenizer, options, server=server)):
        policy.use(model)
        env = open_env("ToolGym/Airline-v0", size="small", prompt="short", split="test")
        played.append(rollouts(policy, [env], [Start(options={"task": task}) for task in range(2)]))
        env.close()
    for one, other in zip(*played, strict=True):
        assert one.completion_ids == other.completion_ids
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
    server.close()


@pytest.mark.slow
def test_a_real_server_samples_by_the_weights_of_the_step_before(real: str, tmp_path: Path, metrics: Any) -> None:
    output = tmp_path / "run"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        more = ["--steps", "3", "--learning-rate", "3e-3", "--max-new-tokens", "24", "--rollouts", "4"]
        grpo.main(command(os.environ["TOOLGYM_TEST_VLLM_MODEL"], output, real, *more))
    lines = metrics(output)
    assert max(line["sampler/logp_difference"] for line in lines) < 1e-3
    assert any(line["grad_norm"] > 0 for line in lines[:2])  # else the weights of all steps are the same


@pytest.mark.slow
def test_two_real_servers_give_the_greedy_turns_of_the_model(real_pair: list[str], tmp_path: Path) -> None:
    from toolgym.opening import open_env

    model, tokenizer = load_model(os.environ["TOOLGYM_TEST_VLLM_MODEL"])
    options = SamplingOptions(temperature=0.0, max_new_tokens=60, context_tokens=1024)
    servers = VLLMServers(real_pair, tmp_path / "weights")
    played = []
    for policy in (LMPolicy(model, tokenizer, options), LMPolicy(model, tokenizer, options, server=servers)):
        policy.use(model)
        first = open_env("ToolGym/Airline-v0", size="small", prompt="short", split="test")
        envs = [first, *(first.spawn() for _ in range(3))]
        played.append(rollouts(policy, envs, [Start(options={"task": task}) for task in range(4)]))
        for env in envs:
            env.close()
    for one, other in zip(*played, strict=True):
        assert one.completion_ids == other.completion_ids
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
    assert servers.in_use == real_pair
    servers.close()


def test_the_context_of_the_server_is_a_limit(connect: Any, standin: Any, fresh: Any, tokenizer: Any) -> None:
    standin.context = 16
    policy = LMPolicy(fresh(), tokenizer, SamplingOptions(context_tokens=None), server=connect())
    long = "word " * 40
    with pytest.raises(ConfigError, match=r"opening has \d+ tokens, but the context has 16"):
        policy.start(0, long, {"messages": [{"role": "user", "content": long}]})
    assert ChatFormat(tokenizer).opening(long, {})
