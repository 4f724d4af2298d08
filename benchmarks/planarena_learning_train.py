"""The run of `benchmarks.planarena_learning`: new demonstrations for every step, evaluations on the way, checkpoints.

Each chunk holds tasks that no chunk before it held. A run that was stopped goes on from its last checkpoint: what a
chunk holds follows from its number, so that only the steps since then are made again.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import gymnasium
import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

import toolgym  # noqa: F401 (registers the environments)
from benchmarks.learning_parts import write_json
from benchmarks.planarena_learning_data import (
    Exchanger,
    ListingChat,
    build_tokenizer,
    demonstrations,
    theme_words,
)
from benchmarks.planarena_learning_model import with_shifted_keys
from toolgym.agents.builtin.policy import ModelOptions, new_model, save_checkpoint
from toolgym.agents.builtin.pretrain import PretrainOptions, batches, learn, optimizers
from toolgym.agents.builtin.vocabulary import SPECIAL
from toolgym.agents.evaluation.metrics import EpisodeScore, bootstrap, score_episode
from toolgym.agents.evaluation.report import summarise
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.policy import Policy
from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy, RandomPolicy
from toolgym.agents.rollouts.demonstrations import Example
from toolgym.agents.rollouts.rollout import Rollout, Start, play_all
from toolgym.domain import Split
from toolgym.env import ToolEnv
from toolgym.envs.planarena.numbers import tools_of
from toolgym.envs.planarena.scenario import scenario_of
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["SETS", "RunOptions", "Trial", "measure", "number_of_task", "run"]

ENV_ID: Final = "ToolGym/PlanArena-v0"
SETS: Final = ("seen", "new", "test")
"""Tasks that were trained on; tasks of train themes in scenarios that are kept out of training; tasks of test
scenarios: themes, tools and names that are never trained on."""
_AT_ONCE: Final = 48
"""Episodes that run at once."""
_KEPT_OUT: Final = 10
"""Of the train scenarios one in so many is kept out of training."""


@dataclass(frozen=True)
class RunOptions:
    """What is trained, on what, for how long."""

    minutes: float = 48.0
    """Of training, by the clock; evaluations not counted."""
    depths: tuple[int, ...] = (1,)
    most_tools: int = 6
    """Only scenarios with at most so many tools."""
    episodes: int = 200
    """Of each set, in the last evaluation."""
    episodes_between: int = 48
    """Of each set, in those before it: the first ones of the same."""
    points: tuple[float, ...] = (0.0, 0.2, 0.4, 0.7, 1.0)
    """When it is evaluated, as shares of the run."""
    chunk: int = 600
    """Places of the order of all tasks that demonstrations are made of at once: about one in eleven fits."""
    most_tokens: int = 448
    """Longer demonstrations are left out."""
    short_tokens: int = 280
    """In the first part of the run (`PretrainOptions.short_first`) longer ones are."""
    exchanged: float = 0.8
    """Of the episodes, and of the words of one."""
    tokens: int = 1024
    """Of the learnt vocabulary."""
    texts: int = 300
    """Episodes that it is learnt from."""
    model: ModelOptions = field(
        default_factory=lambda: ModelOptions(hidden_size=128, intermediate_size=384, layers=4, heads=4, kv_heads=4)
    )
    pretrain: PretrainOptions = field(
        default_factory=lambda: PretrainOptions(bf16=False, batch_tokens=2048, short_first=0.2)
    )
    """float32: few CPUs multiply faster in bfloat16."""
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))


def number_of_task(task: Task) -> int:
    """The scenario of a task."""
    return int(task.domain.rpartition("_")[2])


class Trial:
    """The tasks of a run and who plays them.

    Tasks that the policy's text forbids are left out: the prompt does not hold that text.
    """

    def __init__(self, options: RunOptions):
        self.options = options
        self.envs: dict[str, list[ToolEnv]] = {
            split: [cast(ToolEnv, self._env(split)) for _ in range(min(48, options.episodes))]
            for split in ("train", "test")
        }
        self._orders = {
            split: np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(2,))).permutation(
                len(envs[0].tasks)
            )
            for split, envs in self.envs.items()
        }

    def _env(self, split: str) -> Any:
        depths = list(self.options.depths)
        return gymnasium.make(ENV_ID, split=split, depth=depths, prompt="short", max_turns=max(depths) + 2).unwrapped

    def tasks(self, split: Split, *, kept_out: bool | None = None, first: int = 0, least: int = 0) -> Iterator[Task]:
        """Tasks of a split in a random order.

        Args:
            split: whose.
            kept_out: only those of scenarios that are kept out of training, or only the others.
            first: where in that order it begins.
            least: where `first` is a chunk's, how many places that chunk has.
        """
        tasks = cast(Any, self.envs[split][0].tasks)
        for place in range(first, first + least if least else len(tasks)):
            index = self._orders[split][place % len(tasks)]
            number = int(tasks.place(index)[0].rpartition("_")[2])
            kept = number // 10 % _KEPT_OUT == 0
            if tools_of(number) <= self.options.most_tools and kept_out in (None, kept):
                task = tasks[index]
                if not task.forbidden:
                    yield task

    def chunk(self, number: int) -> list[Task]:
        """The training tasks of a chunk."""
        size = self.options.chunk
        return list(self.tasks("train", kept_out=False, first=number * size, least=size))

    def evaluated(self, name: str, count: int) -> list[Task]:
        """The first tasks of one of the `SETS`."""
        match name:
            case "seen":
                found = (task for number in range(count) for task in self.chunk(number))
            case "new":
                found = self.tasks("train", kept_out=True)
            case _:
                found = self.tasks("test")
        return list(islice(found, count))

    def play(self, policy: Policy, name: str, count: int) -> list[EpisodeScore]:
        """The scores of a policy on one of the `SETS`."""
        tasks = self.evaluated(name, count)
        envs = self.envs["test" if name == "test" else "train"]
        scores: dict[int, EpisodeScore] = {}

        def ended(index: int, rollout: Rollout) -> None:
            trajectory = replace(cast(Trajectory, rollout.trajectory), outcome=rollout.outcome)
            writing = {call.name for call in tasks[index].gold_calls if call.writes}
            scores[index] = score_episode(trajectory, tasks[index], writing_tools=writing)

        play_all(policy, envs, [Start(options={"task": task}) for task in tasks], ended)
        return [scores[index] for index in range(len(tasks))]

    def close(self) -> None:
        for env in (env for envs in self.envs.values() for env in envs):
            env.close()


def report(scores: Sequence[EpisodeScore], seed: int) -> dict[str, Any]:
    """The figures of one of the `SETS`, with intervals."""
    found = summarise(scores, 1, {}, seed).overall.to_json()
    names = ("pass@1", "tool_recall", "call_recall", "step_recall", "step_precision")
    return {
        "tasks": found["tasks"],
        **{name: [found[name], *(found["intervals"][name] or (None, None))] for name in names},
        "outcomes": found["outcomes"],
    }


def baselines(trial: Trial) -> dict[str, Any]:
    """The figures of agents without a model."""
    agents: dict[str, Policy] = {"oracle": OraclePolicy(), "noop": NoopPolicy(), "random": RandomPolicy(0)}
    count, seed = trial.options.episodes, trial.options.seed
    return {name: {of: report(trial.play(agent, of, count), seed) for of in SETS[1:]} for name, agent in agents.items()}


class Data:
    """Demonstrations by chunk: tokenizer, and words to exchange, are made of the first ones."""

    def __init__(self, trial: Trial, folder: Path):
        self.trial, options = trial, trial.options
        self.env = trial.envs["train"][0]
        kept = folder / "texts.json"
        if not kept.is_file():
            plain = build_tokenizer([], len(SPECIAL) + 128)
            tasks = list(islice(trial.tasks("train", kept_out=False), options.texts))
            texts = [cast(str, plain.decode(made.ids)) for made in demonstrations(self.env, plain, tasks)]
            themes = [scenario_of(number_of_task(task)).shape.theme.name for task in tasks]
            write_json(kept, list(zip(themes, texts, strict=True)))
        pairs = [(theme, text) for theme, text in json.loads(kept.read_bytes())]
        self.tokenizer: PreTrainedTokenizerFast = build_tokenizer((text for _, text in pairs), options.tokens)
        shared, words = theme_words(pairs)
        self.exchanger = Exchanger(self.tokenizer, shared, words, options.exchanged)

    def chunk(self, number: int, most_tokens: int) -> list[Example]:
        """The demonstrations of a chunk."""
        rng = np.random.default_rng(np.random.SeedSequence(self.trial.options.seed, spawn_key=(3, number)))
        made = demonstrations(self.env, self.tokenizer, self.trial.chunk(number))
        made = [self.exchanger(example, rng) for example in made]
        return [example for example in made if len(example.ids) <= most_tokens]


@dataclass
class Progress:
    """Where a run stands."""

    chunk: int = 0
    step: int = 0
    episodes: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    loss: float = 0.0
    """Of the last steps, on average."""


def foretold(model: PreTrainedModel, made: Sequence[Example], seed: int) -> dict[str, Any]:
    """How well the model foretells the tokens of gold chains, each from those before it: its loss (nats a token), and
    the share of tokens that it holds for the likeliest. Averages over episodes, with bootstrap intervals."""
    losses, shares = [], []
    with torch.no_grad():
        for example in made:
            ids_T = torch.tensor(example.ids, device=model.device)
            own_T = torch.tensor(example.mask[1:], device=model.device).bool()
            logits_NV = model(input_ids=ids_T[None], use_cache=False).logits[0, :-1][own_T]
            losses.append(torch.nn.functional.cross_entropy(logits_NV, ids_T[1:][own_T]).item())
            shares.append((logits_NV.argmax(-1) == ids_T[1:][own_T]).float().mean().item())
    return {
        name: [float(np.mean(values)), *bootstrap(values, seed)]
        for name, values in (("loss", losses), ("foretold", shares))
    }


def measure(trial: Trial, model: PreTrainedModel, data: Data, count: int) -> dict[str, Any]:
    """The model's figures on each of the `SETS`."""
    model.eval()
    policy = LMPolicy(model, data.tokenizer, SamplingOptions(temperature=0.0, max_new_tokens=128))
    policy.chat = ListingChat(data.tokenizer)
    found = {name: report(trial.play(policy, name, count), trial.options.seed) for name in SETS}
    policy.close()
    for name in SETS:
        env = trial.envs["test" if name == "test" else "train"][0]
        gold = demonstrations(env, data.tokenizer, trial.evaluated(name, count))
        found[name].update(foretold(model, gold, trial.options.seed))
    model.train()
    return found


def run(trial: Trial, folder: Path, on_step: Callable[[Progress, float], None]) -> tuple[list[dict[str, Any]], int]:
    """Trains a new model, or goes on where `folder` says that it stopped; the curve's points, and its parameters.

    Args:
        trial: what on.
        folder: for the checkpoint and the model.
        on_step: called with where the run stands and the share that is done.
    """
    options, how = trial.options, trial.options.pretrain
    data = Data(trial, folder)
    model = with_shifted_keys(new_model(data.tokenizer, options.model, seed=options.seed))
    steps, at, curve = optimizers(model, how), Progress(), cast(list[dict[str, Any]], [])
    saved = folder / "checkpoint.pt"
    if saved.is_file():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, one in zip(steps, state["optimizers"], strict=True):
            optimizer.load_state_dict(one)
        at, curve = Progress(**state["progress"]), state["curve"]

    def save() -> None:
        part = saved.with_suffix(".part")
        state = {"model": model.state_dict(), "optimizers": [one.state_dict() for one in steps]}
        torch.save({**state, "progress": asdict(at), "curve": curve}, part)
        part.replace(saved)

    def evaluate(done: float) -> None:
        for point in options.points[len(curve) :]:
            if done >= point:
                count = options.episodes if point == options.points[-1] else options.episodes_between
                curve.append({"share": point, **asdict(at), "sets": measure(trial, model, data, count)})
                save()

    total = options.minutes * 60
    evaluate(at.seconds / total)
    model.train()
    while at.seconds < total:
        began, computed = time.monotonic(), time.process_time()
        before, done = at.seconds, at.seconds / total
        chosen = data.chunk(at.chunk, options.short_tokens if done < how.short_first else options.most_tokens)
        rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(4, at.chunk)))
        for batch in batches([len(example.ids) for example in chosen], rng, how.batch_tokens):
            loss = learn(model, steps, [chosen[index] for index in batch], how, step=at.step, progress=min(done, 1.0))
            at.step += 1
            at.loss += (loss - at.loss) / min(at.step, 50)
            at.tokens += sum(len(chosen[index].ids) for index in batch)
            at.episodes += len(batch)
            at.seconds = before + time.monotonic() - began
            done = at.seconds / total
            on_step(at, min(done, 1.0))
        at.cpu_seconds += time.process_time() - computed
        at.chunk += 1
        if at.chunk % 20 == 0:
            save()
        evaluate(done)
    save_checkpoint(model, data.tokenizer, folder / "model")
    return curve, sum(parameter.numel() for parameter in model.parameters())
