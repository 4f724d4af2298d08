"""What larger models need: room for the whole policy text, memory that grows with need, weights in their own type.

No model's weights can be fetched here: a tiny model with random weights stands in, of Qwen3's architecture, with a
byte-level BPE tokenizer that is trained on the environment's own text, and Qwen3's chat template.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from trl.trainer.utils import add_fused_lm_head

from toolgym.agents import grpo, sft, steptool, tree
from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate, make_policy
from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.policies import sizes
from toolgym.agents.policies.cache import RowCache, enough_columns
from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.policies.decoding import roomy_context
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import load_model, load_tokenizer
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts
from toolgym.agents.training import running
from toolgym.agents.training.running import RunConfig, grpo_args, lora
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError
from toolgym.opening import open_env
from toolgym.rewards import Reward, base, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

pytestmark = pytest.mark.slow

TEMPLATE = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


@pytest.fixture(scope="module")
def bpe() -> Any:
    """A byte-level BPE tokenizer of 2,048 tokens, trained on the text that the environment shows."""
    env = open_env("ToolGym/Airline-v0", size="small")
    texts = [env.reset(options={"task": index})[0] for index in range(2)]
    env.close()
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    core.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    core.add_tokens(["<think>", "</think>", "<tool_call>", "</tool_call>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        padding_side="left",
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
    )


def new_standin(tokenizer: Any, seed: int = 0) -> Any:
    """Random weights, scaled up so that the next token's distribution is not flat; more ids than there are tokens."""
    torch.manual_seed(seed)
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer) + 44,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            max_position_embeddings=40_960,
            tie_word_embeddings=True,
        )
    )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4.0)
    return model.eval()


@pytest.fixture(scope="module")
def standin(bpe: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of the stand-in."""
    folder = tmp_path_factory.mktemp("standin")
    model = new_standin(bpe)
    model.generation_config.eos_token_id = [bpe.eos_token_id, bpe.pad_token_id]
    model.save_pretrained(folder)
    bpe.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def letters() -> Iterator[None]:
    """A reward that random text earns."""

    def share(trajectory: Trajectory, task: Task, /) -> float:
        text = trajectory.steps[-1].turn.text
        return sum(character in "aeiou" for character in text) / max(len(text), 1)

    register("test_larger_letters", lambda: Reward({"letters": share}, {}))
    yield
    base._PRESETS.pop("test_larger_letters")


@pytest.fixture
def larger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in counts as a larger model."""
    monkeypatch.setattr(sizes, "SMALL", 10_000)


def trainer_of(
    shape: dict[str, Any], output: Path, model: Any, tokenizer: Any, envs: Any, tasks: Any, **changes: Any
) -> ToolTrainer:
    """A trainer in toy environments."""
    config = RunConfig(output=output, **{**shape, **changes})
    return ToolTrainer(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs,
        tasks=tasks,
        order=[0] * config.steps * config.groups,
        estimator=grpo_advantages,
        sampling=SamplingOptions(max_new_tokens=12, context_tokens=256),
        peft_config=lora(config.lora_rank),
    )


# Contexts and their memory -------------------------------------------------------------------------------------------


def test_a_context_without_a_limit_of_its_own_follows_from_the_opening() -> None:
    assert roomy_context(100, 256) == 8192  # as it has always been in an evaluation
    assert roomy_context(3712, 1024) == 8192  # 3,712 + 4,096 = 7,808
    assert roomy_context(6000, 1024) == 10240  # 10,096, in whole 1,024
    assert roomy_context(3712, 2048) == 12288  # 3,712 + 4 * 2,048 = 11,904


def test_each_episode_has_the_context_that_its_opening_asks_for(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(context_tokens=None))
    assert policy.decoder.limit(100) == 2048  # the tiny model's own
    tiny_model.config.max_position_embeddings = 20_000
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(context_tokens=None))
    assert [policy.decoder.limit(opening) for opening in (100, 5000)] == [8192, 9216]


def test_an_opening_that_does_not_fit_is_told_before_the_model_runs(
    tokenizer: Any, tiny_model: Any, toy_envs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = LMPolicy(tiny_model, tokenizer, SamplingOptions(context_tokens=4))
    tiny_model.config.max_position_embeddings = 3
    shorter = LMPolicy(tiny_model, tokenizer)
    monkeypatch.setattr(tiny_model, "forward", None)  # calling it would fail
    assert len(short.chat.opening("please 0", {})) == 6
    with pytest.raises(ConfigError, match=r"has 6 tokens, but the context has 4; raise context_tokens.*2048, say"):
        rollouts(short, toy_envs(1), [Start(options={"task": 0})])
    with pytest.raises(ConfigError, match=r"has 6 tokens.*itself takes 3: take a model with a longer context"):
        rollouts(shorter, toy_envs(1), [Start(options={"task": 0})])


def test_the_cache_grows_by_a_quarter_once_it_is_large() -> None:
    held, sizes = 0, []
    for used in (60, 257, 900, 1025, 3700, 3841, 4865):
        held = enough_columns(held, used)
        sizes.append(held)
        assert held >= used
    assert sizes == [256, 512, 1024, 1280, 3840, 4864, 6144]


def test_the_cache_holds_no_rows_that_no_episode_has(tokenizer: Any, tiny_model: Any) -> None:
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=2))
    for slot in range(5):  # room for rows is made in steps: 1, 2, 4, 8
        policy.start(slot, "hello", {})
    policy.generate(range(5))
    cache = policy.decoder._cache
    assert isinstance(cache, RowCache)
    assert cache.rows == 5
    keys = cache._keys_RHCD[0]
    assert isinstance(keys, torch.Tensor)
    assert keys.shape[:3] == (5, 1, 257)


# What is sampled from is what is trained on --------------------------------------------------------------------------


def scored(trainer: ToolTrainer, rollout: Rollout) -> torch.Tensor:
    """The trainer's log-probabilities of a rollout's completion `(T,)`."""
    ids = torch.tensor([rollout.prompt_ids + rollout.completion_ids])
    with torch.no_grad():
        logps_BT, _, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, torch.ones_like(ids), len(rollout.completion_ids)
        )
    return logps_BT[0].float()


def played_and_scored(trainer: ToolTrainer, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of every sampled token of some episodes: as they were sampled, and as the trainer has them."""
    trainer._begin_batch(count)
    played = trainer.play(list(range(count)))
    own = [torch.tensor(rollout.env_mask) > 0 for rollout in played]
    sampled = [torch.tensor(rollout.logprobs)[mask] for rollout, mask in zip(played, own, strict=True)]
    trained = [scored(trainer, rollout)[mask] for rollout, mask in zip(played, own, strict=True)]
    return torch.cat(sampled), torch.cat(trained)


FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "llama": {},
    "mistral": {"sliding_window": None},
    "gemma": {},
    "gemma2": {"sliding_window": 4096},
    "phi3": {},
    "cohere": {"logit_scale": 2.0},
    "olmo2": {},
    "gpt_neox": {},
    "granite": {"logits_scaling": 0.25, "attention_multiplier": 0.2},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_trainer_scores_what_was_sampled_in_every_family(
    family: str, tokenizer: Any, toy_envs: Any, toy_tasks: Any, shape: Any, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.eos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[family](**common, **FAMILIES[family]))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(3.0)
    trainer = trainer_of(shape, tmp_path, model, tokenizer, toy_envs(4), toy_tasks)
    sampled, trained = played_and_scored(trainer, 4)
    assert len(sampled) > 20
    assert sampled.std() > 0.3
    torch.testing.assert_close(sampled, trained, atol=2e-4, rtol=0)


class Largest(TorchDispatchMode):
    """Keeps the largest number of numbers in a tensor that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if torch.is_tensor(out):
            self.numbers = max(self.numbers, out.numel())
        return out


def test_no_update_holds_the_logits_of_a_large_vocabulary() -> None:
    tokens, vocabulary = 128, 100_000
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=8,
    )
    model = Qwen3ForCausalLM(config)
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    ids = torch.randint(vocabulary, (1, tokens + 1))
    with Largest() as fused:
        model(input_ids=ids, labels=ids, fused_lm_head=True).log_probs.sum().backward()
    with Largest() as whole, torch.no_grad():
        model(input_ids=ids)
    assert whole.numbers == (tokens + 1) * vocabulary
    assert fused.numbers == tokens * 32_768  # a tile of TRL's: so many tokens (at most 4,096) by a part of the words


@pytest.mark.parametrize(("dtype", "bf16", "close"), [("float32", False, 2e-4), ("bfloat16", False, 0.15)])
def test_the_standin_scores_what_it_sampled(
    bpe: Any, toy_envs: Any, toy_tasks: Any, shape: Any, tmp_path: Path, dtype: str, bf16: bool, close: float
) -> None:
    model = new_standin(bpe).to(getattr(torch, dtype))
    trainer = trainer_of(shape, tmp_path, model, bpe, toy_envs(4), toy_tasks, bf16=bf16)
    sampled, trained = played_and_scored(trainer, 4)
    assert len(sampled) > 40
    assert sampled.std() > 0.5
    torch.testing.assert_close(sampled, trained, atol=close, rtol=0)


def test_scoring_under_autocast_is_that_of_float32_weights_but_for_bfloat16s_rounding(
    bpe: Any, toy_envs: Any, toy_tasks: Any, shape: Any, tmp_path: Path
) -> None:
    trainer = trainer_of(shape, tmp_path, new_standin(bpe), bpe, toy_envs(4), toy_tasks, bf16=True)
    sampled, trained = played_and_scored(trainer, 4)
    apart = (sampled - trained).abs()
    assert 0 < apart.mean() < 0.02
    assert apart.max() < 0.15


# Runs, end to end ----------------------------------------------------------------------------------------------------


def small_run(model: str, output: Path, *more: str) -> list[str]:
    """A command line for a step of episodes of two turns, on the whole policy text."""
    options = ["--model", model, "--output", str(output), "--size", "small", "--set", "max_turns=2", "user=scripted"]
    options += ["--reward", "test_larger_letters"]
    return [*options, "--steps", "1", "--max-new-tokens", "6", "--threads", "1", "--no-progress", *more]


PAIR = ("--groups", "1", "--rollouts", "2")


def metrics_of(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def options_of(output: Path) -> dict[str, Any]:
    return json.loads((output / "config.json").read_text())


def test_a_larger_model_trains_on_the_whole_policy_text_by_default(
    standin: str, larger: None, letters: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grpo.main(small_run(standin, tmp_path, *PAIR)) == 0
    found = re.search(
        r"0\.2M parameters, openings of (\d+) tokens; so, by default: learning_rate=1e-06, context_tokens=8192, "
        r"micro_batch=2, bf16=False, gradient_checkpointing=True, dtype=float32, concurrency=2\n",
        capsys.readouterr().err,
    )
    assert found
    assert int(found.group(1)) > 3000
    chosen = options_of(tmp_path)
    assert (chosen["learning_rate"], chosen["context_tokens"], chosen["dtype"]) == (1e-6, 8192, "float32")
    (line,) = metrics_of(tmp_path)
    assert line["turns"] > 1
    assert line["grad_norm"] > 0
    assert load_file(tmp_path / "final" / "model.safetensors")["model.norm.weight"].dtype == torch.float32


def test_an_adapter_trains_on_a_bfloat16_base_and_is_merged_in_either_type(
    standin: str, larger: None, letters: None, tmp_path: Path
) -> None:
    line = small_run(standin, tmp_path, *PAIR, "--lora-rank", "4", "--dtype", "bfloat16")
    assert grpo.main(line) == 0
    final = tmp_path / "final"
    adapter = load_file(final / "adapter_model.safetensors")
    assert {value.dtype for value in adapter.values()} == {torch.float32}
    assert options_of(tmp_path)["learning_rate"] == 1e-5
    whole, _ = load_model(final)
    half, _ = load_model(final, dtype=torch.bfloat16)
    assert (whole.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    ids = torch.arange(5, 60)[None]
    with torch.no_grad():
        apart = (whole(input_ids=ids).logits - half(input_ids=ids).logits.float()).abs().mean()
    assert apart < 0.1
    report = evaluate(
        make_policy(f"hf:{final}", AgentOptions(max_new_tokens=4)),
        EvalOptions(episodes=2, env_options={"size": "small", "max_turns": 1}),
    )
    assert report.to_json()["episodes"] == 2


def test_supervised_learning_keeps_the_episodes_of_the_whole_policy_text(
    standin: str, larger: None, letters: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", standin, "--output", str(tmp_path), "--size", "small", "--episodes", "4", "--batch", "2"]
    assert sft.main([*options, "--steps", "2", "--no-thinking", "--threads", "1", "--no-progress"]) == 0
    said = capsys.readouterr()
    assert "learning_rate=1e-05, max_tokens=8192, micro_batch=1" in said.err
    assert re.search(r"^4 episodes, \d{5} tokens", said.out, re.MULTILINE)  # none is left out
    kept = load_tokenizer(tmp_path / "final")
    opening = kept.decode(ChatFormat(kept).opening("hello", {}))
    assert str(opening).endswith("<think>\n\n</think>\n\n")  # its evaluation does not let it think either


def test_ppo_with_a_critic_takes_bfloat16_weights(standin: str, larger: None, letters: None, tmp_path: Path) -> None:
    assert steptool.main(small_run(standin, tmp_path, *PAIR, "--dtype", "bfloat16", "--learning-rate", "1e-4")) == 0
    final = load_file(tmp_path / "final" / "model.safetensors")
    assert final["model.norm.weight"].dtype == torch.bfloat16
    assert load_file(tmp_path / "final" / "value_head.safetensors")["weight"].dtype == torch.float32
    (line,) = metrics_of(tmp_path)
    assert line["grad_norm"] > 0


def test_a_run_is_resumed_in_its_own_type(standin: str, larger: None, letters: None, tmp_path: Path) -> None:
    assert grpo.main(small_run(standin, tmp_path, *PAIR, "--save-steps", "1")) == 0
    with pytest.raises(ConfigError, match="dtype='float32', not 'bfloat16'"):
        grpo.main(small_run(standin, tmp_path, *PAIR, "--save-steps", "1", "--dtype", "bfloat16", "--resume"))
    again = small_run(standin, tmp_path, *PAIR, "--save-steps", "1", "--resume")
    again[again.index("--steps") + 1] = "2"
    assert grpo.main(again) == 0
    assert [line["step"] for line in metrics_of(tmp_path)] == [1, 2]


def test_an_opening_too_long_for_a_run_is_told_before_its_weights_are_loaded(
    standin: str, larger: None, letters: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "load_model", None)  # calling it would fail
    with pytest.raises(ConfigError, match=r"opening has \d{4} tokens, but the context has 1536.*8192, say"):
        grpo.main(small_run(standin, tmp_path, *PAIR, "--context-tokens", "1536"))
    with pytest.raises(ConfigError, match=r"opening has \d{4} tokens, but the context has 2048"):
        sft.main(["--model", standin, "--output", str(tmp_path), "--size", "small", "--max-tokens", "2048"])


def test_fewer_episodes_at_once_play_them_all(standin: str, larger: None, letters: None, tmp_path: Path) -> None:
    pairs = ("--groups", "2", "--rollouts", "2", "--concurrency", "1", "--prompt", "short")
    assert grpo.main(small_run(standin, tmp_path, *pairs)) == 0
    assert metrics_of(tmp_path)[0]["env_steps"] == 8  # four episodes of two turns
    with pytest.raises(ConfigError, match="all episodes of a step at once: concurrency=1, not 64"):
        tree.TreeOptions(concurrency=1)


def test_small_steps_are_lost_in_bfloat16_weights(standin: str, tmp_path: Path, larger: None) -> None:
    start = load_file(Path(standin) / "model.safetensors")
    shares = {}
    for dtype in ("float32", "bfloat16"):
        output = tmp_path / dtype
        line = ["--model", standin, "--output", str(output), "--size", "small", "--prompt", "short", "--dtype", dtype]
        line += ["--episodes", "4", "--batch", "4", "--steps", "1", "--learning-rate", "1e-6"]
        assert sft.main([*line, "--threads", "1", "--no-progress"]) == 0
        end = load_file(output / "final" / "model.safetensors")
        name = "model.layers.0.mlp.up_proj.weight"
        shares[dtype] = float((end[name] != start[name].to(end[name].dtype)).float().mean())
    assert shares["float32"] > 0.9
    assert shares["bfloat16"] < 0.05


def test_an_adapter_on_an_adapter_names_the_weights_that_it_was_trained_on(
    standin: str, letters: None, tmp_path: Path
) -> None:
    brisk = ("--groups", "1", "--rollouts", "4", "--prompt", "short", "--lora-rank", "4", "--learning-rate", "0.05")
    first, second = tmp_path / "first", tmp_path / "second"
    assert grpo.main(small_run(standin, first, *brisk)) == 0
    assert grpo.main(small_run(str(first / "final"), second, *brisk)) == 0
    ids = torch.arange(5, 40)[None]
    with torch.no_grad():
        plain, once, base, twice = (
            load_model(where)[0](input_ids=ids).logits
            for where in (standin, first / "final", second / "base", second / "final")
        )
    assert torch.equal(base, once)  # what the second adapter is for
    assert not torch.allclose(once, plain, atol=1e-3)
    assert not torch.allclose(twice, once, atol=1e-3)


def test_the_reference_is_the_model_that_a_run_begins_with(standin: str, letters: None, tmp_path: Path) -> None:
    brisk = ("--groups", "1", "--rollouts", "4", "--prompt", "short", "--learning-rate", "0.05")
    assert grpo.main(small_run(standin, tmp_path / "first", *brisk, "--lora-rank", "4")) == 0
    start = str(tmp_path / "first" / "final")  # whose configuration names the first run's model
    assert grpo.main(small_run(start, tmp_path / "second", *brisk, "--beta", "0.1")) == 0
    assert metrics_of(tmp_path / "second")[0]["kl"] == pytest.approx(0.0, abs=1e-6)
