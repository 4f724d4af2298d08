"""The shared trainer: TRL's `GRPOTrainer` on multi-turn episodes, with per-token advantages from an estimator.

An algorithm gives an `Estimator` (advantages `(B, T)` of a batch of episodes) and, where its loss differs, a subclass
that overrides `_compute_loss`. Everything else is here once: rollouts in process, masks, resuming, metrics, guards.

Shapes: B sequences, T completion tokens, P prompt tokens, G rollouts of one task.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_utils import SchedulerType
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from toolgym.agents.policies.decoding import Decoder
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.machine import release_memory
from toolgym.agents.policies.models import quiet
from toolgym.agents.policies.vllm import VLLMServer, importance_weights
from toolgym.agents.policies.vllm_servers import VLLMServers
from toolgym.agents.rollouts.environments import perturbed
from toolgym.agents.rollouts.episodes import EpisodeBatch, Estimator, flat_groups
from toolgym.agents.rollouts.rollout import Episodic, Rollout, Start, rollouts
from toolgym.agents.training.base_trainer import RunTrainer
from toolgym.agents.training.budget import steps_played
from toolgym.agents.training.dropout import without_dropout
from toolgym.agents.training.orders import GroupSampler
from toolgym.agents.training.overlap import Overlap, Stale
from toolgym.agents.training.prefix_sharing import PrefixSharing
from toolgym.agents.training.schedule import budget_schedule
from toolgym.agents.training.sharding import load_whole
from toolgym.domain import TaskSet
from toolgym.errors import ConfigError, DivergenceError

__all__ = ["ToolTrainer", "check_args", "check_own_loss", "without_idle_columns"]

# Options of GRPOConfig that act inside the generation or the advantage code that this trainer replaces.
_WITHOUT_EFFECT = (
    "use_vllm",
    "use_transformers_continuous_batching",
    "top_p",
    "top_k",
    "min_p",
    "generation_kwargs",
    "chat_template_kwargs",
    "repetition_penalty",
    "cache_implementation",
    "reward_weights",
    "scale_rewards",
    "multi_objective_aggregation",
    "num_generations_eval",
    "max_tool_calling_iterations",
    "eval_strategy",
)
# Options that act inside TRL's loss, which some trainers replace.
_IN_THE_LOSS = (
    "delta",
    "entropy_coef",
    "importance_sampling_level",
    "off_policy_mask_threshold",
    "top_entropy_quantile",
    "use_adaptive_entropy",
    "use_bias_correction_kl",
)
_LINEAR_IN_ROWS = ("grpo", "dapo", "dr_grpo")
_FALLING = (SchedulerType.LINEAR, SchedulerType.COSINE)
_FAR = 0.05
"""Mean difference of log-probabilities, in nats, that no precision explains."""


def check_args(args: GRPOConfig) -> None:
    """Raises for an inherited option that this trainer would ignore.

    Raises:
        ConfigError: such an option is set.
    """
    default = GRPOConfig(
        output_dir=args.output_dir, use_cpu=True, bf16=False, activation_checkpointing=False, report_to="none"
    )
    for name in _WITHOUT_EFFECT:
        given, usual = getattr(args, name), getattr(default, name)
        if given != usual:
            raise ConfigError(
                f"{name}={given!r} would have no effect here: sampling is set by SamplingOptions, advantages by the "
                f"estimator, evaluation by toolgym.agents.evaluation.evaluation. Leave it at {usual!r}"
            )


def check_own_loss(args: GRPOConfig, loss: str, more: Sequence[str] = ()) -> None:
    """Raises for an option of TRL's loss that the loss in its place does not have.

    Raises:
        ConfigError: such an option is set.
    """
    fields = args.__dataclass_fields__
    for name in (*_IN_THE_LOSS, *more):
        if getattr(args, name) != fields[name].default:
            raise ConfigError(
                f"{name}={getattr(args, name)!r} would have no effect on {loss}; leave it at {fields[name].default!r}"
            )


def _episode_return(episode_return: list[float | None], **_: Any) -> list[float | None]:
    """The reward function that TRL logs: the episode's return, None where it counts in no statistic."""
    return episode_return


def mean_entropy(rollouts: Sequence[Rollout]) -> float | None:
    """The mean entropy of all sampled tokens; None where it is not known of all (a server samples without telling)."""
    known = [rollout for rollout in rollouts if any(rollout.env_mask)]
    if not known or any(len(rollout.entropies) != sum(rollout.env_mask) for rollout in known):
        return None
    return math.fsum(math.fsum(rollout.entropies) for rollout in known) / sum(len(r.entropies) for r in known)


def without_idle_columns(inputs: dict[str, Any]) -> dict[str, Any]:
    """A micro-batch without columns in which every row is padding, or that come after the last sampled token."""
    out, width = dict(inputs), inputs["completion_ids"].shape[1]
    columns = out["completion_mask"] * out.get("tool_mask", 1)
    last = int(columns.any(dim=0).nonzero().max()) + 1 if columns.any() else 1
    first = int(out["prompt_mask"].any(dim=0).nonzero().min()) if out["prompt_mask"].any() else 0
    for name, value in inputs.items():
        if torch.is_tensor(value) and value.dim() == 2:
            if name in ("prompt_ids", "prompt_mask"):
                out[name] = value[:, first:]
            elif value.shape[1] == width:
                out[name] = value[:, :last]
    return out


def by_length(batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The micro-batches of one optimizer step with their rows sorted by length, those without advantages last.

    The step's gradient is a sum over all of its rows, so their places do not matter to it; but a micro-batch costs as
    many columns as its longest row has, and rows without advantages cost nothing where they are among themselves.
    """
    rows = batches[0]["completion_ids"].shape[0]
    per_row = [name for name, value in batches[0].items() if torch.is_tensor(value) and value.dim() > 0]
    whole = {name: torch.cat([batch[name] for batch in batches]) for name in per_row}
    idle_B = whole["advantages"].reshape(len(whole["advantages"]), -1).abs().sum(dim=1) == 0
    lengths_B = whole["prompt_mask"].sum(dim=1) + whole["completion_mask"].sum(dim=1)
    order = torch.argsort(lengths_B + idle_B * (lengths_B.max() + 1), stable=True)
    return [
        {**batch, **{name: whole[name][order[at * rows : (at + 1) * rows]] for name in per_row}}
        for at, batch in enumerate(batches)
    ]


class ToolTrainer(RunTrainer, GRPOTrainer):
    """Trains a causal LM on episodes of tool environments. Its dropout is switched off (`without_dropout`).

    Args:
        model: the model, on its device.
        tokenizer: its tokenizer, with a chat template.
        args: TRL's options; those without effect here raise.
        envs: environments to play in; as many episodes run at once.
        tasks: what they are about.
        order: which task each group is about, in the order of training: `steps * groups a step` indices into `tasks`.
        estimator: the algorithm's advantages.
        sampling: how turns are sampled; its temperature is `args.temperature`.
        server: a vLLM server that samples them, or several; without one the model itself does, in this process.
        stale: how far the weights that play may be behind, and where a second process plays; None: playing and learning
            take turns. `envs` are then not played in; experts are.
        step_timeout_s: a step that waits for longer ends its episode as `infra_error`. None: its server's own limit.
        peft_config: of `peft`, where only an adapter is trained.
        callbacks: more callbacks.
    """

    _tag_names = ("toolgym",)
    run_config: Any = None
    """The run's options, all with a value, where `toolgym.agents.training.running.prepare` made this trainer."""
    tells: Callable[[EpisodeBatch], Mapping[str, float]] | None = None
    """What else is logged of each batch: figures by name, such as whether what the estimator does can act on it."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        args: GRPOConfig,
        *,
        envs: Sequence[Episodic],
        tasks: TaskSet,
        order: Sequence[int],
        estimator: Estimator,
        sampling: SamplingOptions,
        server: VLLMServer | VLLMServers | None = None,
        stale: Stale | None = None,
        step_timeout_s: float | None = None,
        peft_config: Any = None,
        callbacks: list[TrainerCallback] | None = None,
    ):
        check_args(args)
        if args.temperature != sampling.temperature:
            raise ConfigError(
                f"args.temperature={args.temperature} but sampling.temperature={sampling.temperature}: the ratio would "
                "be of another distribution than the one sampled from; set both alike"
            )
        self.furnish(envs, tasks)
        self.estimator, self.sampling = estimator, sampling
        self.server, self._told_far = server, False
        self.step_timeout_s = step_timeout_s
        self._policy: LMPolicy | None = None
        self.order = order
        self.sharing = PrefixSharing()
        self._local: list[Rollout] = []
        self._played: list[int] = []
        self._ratios: dict[str, tuple[float, float]] = {}
        """Of the update under way: what `_record_ratio` has added up."""
        self._drawn, self._first_slot, self._env_steps = (-1, 0), 0, 0
        self._budget = (0, 0)
        """Environment steps before the latest batch of episodes, and with it."""
        self.latest: list[Rollout] = []
        """The episodes of the latest step, of all processes."""
        self.latest_advantages: torch.Tensor | None = None
        """Their advantages: `(B, T)`, or `(B,)` where a row's tokens have the same."""
        start = model.state_dict()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="You are using 'rollout_func'")
            quiet()
            super().__init__(
                model=model,
                reward_funcs=_episode_return,  # pyright: ignore[reportArgumentType]
                args=args,
                train_dataset=Dataset.from_dict({"prompt": [str(index) for index in range(len(tasks))]}),
                processing_class=tokenizer,
                rollout_func=self._roll_out,  # pyright: ignore[reportArgumentType]
                peft_config=peft_config,
                callbacks=callbacks,
            )
        without_dropout(cast(torch.nn.Module, self.model))
        if self.ref_model is not None:  # TRL loads it by the model's name, which may stand for other weights
            load_whole(self.accelerator.unwrap_model(self.ref_model), start)
        self.overlap = None if stale is None else Overlap(self, stale)

    def furnish(self, envs: Sequence[Episodic], tasks: TaskSet) -> None:
        """Takes the environments to play in, and the tasks that they are about."""
        self.envs, self.tasks = list(envs), tasks

    def played_with(self) -> tuple[str, ...]:
        """The attributes that `play` reads, beside environments, tasks and the policy: they go to a process that plays
        (`stale`), pickled. A subclass adds its own.
        """
        return ("args", "num_generations", "processing_class", "run_config", "sampling", "step_timeout_s")

    def _get_train_sampler(self, dataset: Any = None) -> GroupSampler:
        """TRL's: each task once a rollout, each batch once an optimizer step that it is learnt from."""
        args, rollouts_of_task = cast(Any, self.args), cast(int, self.num_generations)
        return GroupSampler(
            self.order,
            rollouts=rollouts_of_task,
            batch=args.generation_batch_size // rollouts_of_task,
            repeats=self.num_iterations * args.steps_per_generation,
        )

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The run's schedule; one that falls does so over `env_steps`, where these end the run."""
        kind, config = SchedulerType(self.args.lr_scheduler_type), self.run_config
        if self.lr_scheduler is None and getattr(config, "env_steps", 0) and kind in _FALLING:
            warmup_steps = self.args.get_warmup_steps(num_training_steps)
            self.lr_scheduler = budget_schedule(kind, optimizer or self.optimizer, warmup_steps, self._budget_spent)
            self._created_lr_scheduler = True
        return super().create_scheduler(num_training_steps, optimizer)

    def _budget_spent(self, updates: int) -> float:
        """The share of `env_steps` behind so many optimizer steps: a batch's, as far as it was learnt from."""
        config, (before, after) = self.run_config, self._budget
        of_batch = config.iterations * config.minibatches
        share = (updates - 1) % of_batch + 1 if updates else 0
        return (before + (after - before) * share / of_batch) / config.env_steps

    # Episodes ------------------------------------------------------------------------------------------------------

    def _roll_out(self, prompts: list[str], trainer: GRPOTrainer) -> dict[str, Any]:
        """TRL's `rollout_func`: a prompt is the index of its task, repeated for each rollout of the group."""
        started = time.perf_counter()
        model = self._begin_batch(len(prompts))
        self._played = [int(prompt) for prompt in prompts]
        if self.overlap is None:
            self._local = self.play(self._played)
            cast(LMPolicy, self._policy).release()
            self.drop_whole()
            for rollout in self._local:
                rollout.update = self.state.global_step
            self._record("seconds/rollout", time.perf_counter() - started)
        else:
            self._take_over(self.overlap, model)
            self.drop_whole()
        self._check_scores()
        batch_steps, before = sum(gather_object([self._env_steps])), sum(steps_played(self.state))
        self._record("env_steps", batch_steps)
        self._budget = (before, before + batch_steps)
        filler = [cast(LMPolicy, self._policy).chat.end_id]
        return {
            "prompt_ids": [rollout.prompt_ids or filler for rollout in self._local],
            "completion_ids": [rollout.completion_ids or filler for rollout in self._local],
            "logprobs": [rollout.logprobs or [0.0] for rollout in self._local],
            "env_mask": [
                rollout.env_mask if self.learnt(rollout) and rollout.env_mask else [0] * max(len(rollout.env_mask), 1)
                for rollout in self._local
            ],
            "episode_return": [
                rollout.total_reward if rollout.usable and rollout.scored else None for rollout in self._local
            ],
        }

    def _take_over(self, overlap: Overlap, model: PreTrainedModel) -> None:
        """Takes the batch's episodes from the process that plays, with what it recorded of them."""
        step = self.state.global_step
        played, waited_s, overlapped = overlap.batch(step // overlap.updates, self._played, model)
        self._local, self._env_steps = played.rollouts, played.env_steps
        for name, values in played.figures.items():
            self._metrics["train"][name] += values
        ages = [(step - cast(int, rollout.update), sum(rollout.env_mask)) for rollout in self._local]
        tokens = max(sum(count for _, count in ages), 1)
        self._record("stale/updates_mean", sum(age * count for age, count in ages) / tokens)
        self._record("stale/updates_max", max(age for age, _ in ages))
        self._record("stale/overlap", overlapped)
        self._record("seconds/wait", waited_s)
        self._record("seconds/rollout", played.ended - played.began)

    def _check_scores(self) -> None:
        """Raises where no episode of a batch has a score: some without one teach nothing, all of them a whole run.

        Raises:
            ConfigError: it says what is to be mended. Of several processes one alone cannot know.
        """
        played = [rollout for rollout in self._local if rollout.usable]
        if played and self.accelerator.num_processes == 1 and not any(rollout.scored for rollout in played):
            raise ConfigError(
                f"none of the {len(played)} episodes of step {self.state.global_step + 1} has a score: the reward is "
                "NaN for all of them. Let it return a finite number, or see that its judge answers"
            )

    def learnt(self, rollout: Rollout) -> bool:
        """Whether an episode's tokens are learnt from: not where the infrastructure failed or a step has no score."""
        return rollout.usable and rollout.scored

    def _begin_batch(self, rows: int) -> PreTrainedModel:
        """Makes ready for a batch of episodes; the model as it is now, whole."""
        model = cast(PreTrainedModel, self.whole_model())
        step = self.state.global_step
        if self._policy is None:
            tokenizer = cast(PreTrainedTokenizerBase, self.processing_class)
            self._policy = LMPolicy(model, tokenizer, self.sampling, server=self.server)
        if self.overlap is None:
            self._policy.use(model, together=True)
        if isinstance(self._policy.decoder, Decoder):
            self._policy.decoder.with_entropy = True
        self._drawn = (step, self._drawn[1] + 1 if self._drawn[0] == step else 0)
        self._first_slot = self.accelerator.process_index * rows
        self._env_steps = 0
        return model

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """An episode of each task, groups together. A subclass may play more, in further attempts, and choose."""
        policy = cast(LMPolicy, self._policy)
        # Step, batch within the step and place in the batch name the streams: a resumed run draws what the other would
        # have drawn, and so do many processes together.
        policy.reseed(self.args.seed, *self._drawn, attempt, first_slot=self._first_slot)
        same = perturbed(self.envs[0], cast(int, self.args.seed), *self._drawn, attempt)
        starts = [Start(options={"task": self.tasks[i], **same}) for i in tasks]
        played = rollouts(policy, self.envs[: len(tasks)], starts, step_timeout_s=self.step_timeout_s)
        self._env_steps += sum(len(rollout.rewards) for rollout in played)
        return played

    def log(self, logs: dict[str, float], *args: Any, **more: Any) -> None:
        """TRL's; `entropy` is over all tokens that were sampled for the batch (nats, by the policy that sampled them).

        What losses record is of the rows that they look at: those with an advantage, which other algorithms choose
        otherwise.
        """
        if (entropy := mean_entropy(self.latest)) is not None and "entropy" in self._metrics["train"]:
            self._metrics["train"]["entropy"] = [entropy]
        super().log(logs, *args, **more)
        self._ratios.clear()

    def _record(self, name: str, value: float) -> None:
        self._metrics["train"][name].append(value)

    def _record_ratio(self, name: str, part: float, whole: float) -> None:
        """Records what a micro-batch adds to a share: a mean of micro-batches' shares would count empty ones, too."""
        before = self._ratios.get(name, (0.0, 0.0))
        self._ratios[name] = part, whole = before[0] + part, before[1] + whole
        self._metrics["train"][name] = [part / max(whole, 1.0)]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        out = super()._generate_and_score_completions(inputs)
        self.latest = gather_object(self._local) if self.accelerator.num_processes > 1 else self._local
        batch = EpisodeBatch.of(self.latest, cast(int, self.num_generations), out["completion_ids"].shape[1])
        count, first = len(self._local), self.accelerator.process_index * len(self._local)
        estimates = self.estimate(batch)
        self.latest_advantages = estimates.get("advantages")
        for name, value in estimates.items():
            if not torch.isfinite(value).all():
                raise DivergenceError(f"the estimator gave {name} that are not finite at step {self.state.global_step}")
            # Other processes' episodes may be longer than this one's: those columns are padding here.
            local = value[first : first + count]
            local = local.float() if local.is_floating_point() else local
            out[name] = (local[:, : out["completion_ids"].shape[1]] if local.dim() == 2 else local).to(
                out["completion_ids"].device
            )
        # TRL takes returns for equal that differ by less than 1e-8, in single precision.
        self._metrics["train"]["frac_reward_zero_std"][-1] = flat_groups(batch)
        if self.overlap is not None or not cast(LMPolicy, self._policy).exact:
            out["importance_weights"] = self._importance_weights(out)
        self._log_episodes(batch)
        release_memory()
        return out

    @torch.no_grad()
    def _importance_weights(self, out: dict[str, Any]) -> torch.Tensor:
        """What each token's advantage is multiplied by where other weights or a server sample `(B, T)`."""
        ids_BL = torch.cat([out["prompt_ids"], out["completion_ids"]], dim=1)
        held_BL = torch.cat([out["prompt_mask"], out["completion_mask"]], dim=1)
        mask_BT = out["completion_mask"] * out["tool_mask"]
        logps_BT = out.get("old_per_token_logps")
        if logps_BT is None:
            logps_BT, _, _ = self._get_per_token_logps_and_entropies(
                self.model, ids_BL, held_BL, mask_BT.shape[1], batch_size=self.args.per_device_train_batch_size
            )
        sampler_BT = out["sampling_per_token_logps"]
        weights_BT = importance_weights(logps_BT, sampler_BT, mask_BT)
        count = mask_BT.sum().clamp(min=1)
        difference = float(((logps_BT - sampler_BT).abs() * mask_BT).sum() / count)
        self._record("sampler/logp_difference", difference)
        self._record("sampler/importance_weight", float((weights_BT * mask_BT).sum() / count))
        behind = any(rollout.update != self.state.global_step for rollout in self._local)
        if difference > _FAR and not behind and not self._told_far:
            self._told_far = True
            warnings.warn(
                f"the server's log-probabilities are {difference:.2f} from the model's on average at step "
                f'{self.state.global_step}: does it sample by the run\'s weights, all of them? See "A vLLM server" in '
                "docs/agents.md",
                stacklevel=2,
            )
        return weights_BT

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """What the loss gets of a batch: `advantages` `(B, T)`; a subclass may add tensors with B rows."""
        advantages_BT = self.estimator(batch) * batch.sampled_BT * batch.usable_B[:, None]
        return {"advantages": advantages_BT}

    def _log_episodes(self, batch: EpisodeBatch) -> None:
        usable_B = torch.tensor([rollout.usable for rollout in self.latest])  # those without a score were played, too
        count = max(int(usable_B.sum()), 1)
        self._record("solved", float((batch.solved_B & usable_B).sum()) / count)
        self._record("turns", float(batch.steps_B[usable_B].float().mean()) if usable_B.any() else 0.0)
        self._record("truncated", sum(rollout.outcome == "truncated" for rollout in self.latest) / count)
        self._record("infra_errors", float((~usable_B).float().mean()))
        self._record("unscored", sum(not rollout.scored for rollout in self.latest) / len(self.latest))
        for name, value in (self.tells(batch) if self.tells is not None else {}).items():
            self._record(name, value)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.overlap is not None:
            self.overlap.save(Path(output_dir))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if self.overlap is not None and checkpoint is not None:
            self.overlap.load(Path(checkpoint))

    # The loss ------------------------------------------------------------------------------------------------------

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        buffered = self._buffered_inputs
        if buffered is None or buffered is before:
            return inputs
        for batch in buffered:
            if "importance_weights" in batch:
                batch["advantages"] = batch["advantages"] * batch.pop("importance_weights")
        if self.loss_type not in _LINEAR_IN_ROWS:
            return inputs
        window = self.current_gradient_accumulation_steps
        self._buffered_inputs = [
            batch for at in range(0, len(buffered), window) for batch in self._in_order(buffered[at : at + window])
        ]
        return self._buffered_inputs[self._step % cast(int, cast(GRPOConfig, self.args).steps_per_generation)]

    def _in_order(self, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The micro-batches of one optimizer step with their rows where they cost least."""
        with self.accelerator.autocast():
            return self.sharing.in_order(self.model, batches, by_length(batches))

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        trimmed, share = self._without_idle_rows(inputs, alike=True)
        return super()._compute_loss(model, trimmed) * share

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **images: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """TRL's, with each row moved to the left edge first: text alone then needs no mask but the causal one.

        That is the faster kernel everywhere, and rows whose prompts differ in length share columns; rows that begin
        alike share what they have in common (`PrefixSharing`). Shapes as in TRL: the log-probabilities (and entropies)
        of the last `logits_to_keep` tokens.
        """
        if compute_aux_loss or any(value is not None for value in images.values()):
            return super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **images,
            )
        count, width = input_ids.shape
        columns = torch.arange(width, device=input_ids.device)
        shift_B1 = attention_mask.long().argmax(dim=1, keepdim=True)
        ids_BL = input_ids.gather(1, (columns + shift_B1) % width)
        mask_BL = attention_mask.gather(1, (columns + shift_B1) % width)
        lengths_B = (mask_BL * (columns + 1)).amax(dim=1)
        longest = max(int(lengths_B.max()), 2)
        # Only the completion is scored: in the moved row it begins `shift` columns earlier.
        scored_BL = (mask_BL > 0) & (columns >= width - logits_to_keep - shift_B1)
        labels_BL = ids_BL.masked_fill(~scored_BL, -100)[:, :longest]
        # Entry t of the outputs is about token t + 1.
        back_BT = (columns[width - logits_to_keep :] - shift_B1 - 1).clamp(min=0, max=longest - 2)
        step, kept_logps, kept_entropies = batch_size or count, [], []
        for first in range(0, count, step):
            rows = slice(first, first + step)
            ids, labels = ids_BL[rows, :longest], labels_BL[rows]
            with self.accelerator.autocast():
                trie = self.sharing.trie(model, ids, lengths_B[rows])
                if trie is None:
                    outputs = model(input_ids=ids, labels=labels, fused_lm_head=True)
                else:
                    outputs = self.sharing.scores(model, trie, ids, labels)
            if self.sharing.mode != "off" and torch.is_grad_enabled():
                self._record("loss/shared_tokens", 0.0 if trie is None else trie.saved)
            kept_logps.append(cast(torch.Tensor, outputs.log_probs).gather(1, back_BT[rows]))
            if compute_entropy:
                kept_entropies.append(cast(torch.Tensor, outputs.entropy).gather(1, back_BT[rows]))
        real_BT = attention_mask[:, -logits_to_keep:] > 0
        logps_BT = torch.cat(kept_logps).masked_fill(~real_BT, 0.0)
        entropies_BT = torch.cat(kept_entropies).masked_fill(~real_BT, 0.0) if compute_entropy else None
        return logps_BT, entropies_BT, None

    def _without_idle_rows(self, inputs: dict[str, Any], *, alike: bool = False) -> tuple[dict[str, Any], float]:
        """The micro-batch without rows whose advantages are all 0, and without columns that are all padding.

        Such rows (all of a group whose rollouts earned the same) add 0 to the loss and to its gradient, and half of the
        cost of a step. Losses that average over rows are scaled by the share of rows that is left. With `alike` every
        process keeps as many rows as the one that needs most, for losses that gather figures by row.
        """
        rows = inputs["completion_ids"].shape[0]
        keep = torch.arange(rows, device=inputs["completion_ids"].device)
        if self.beta == 0.0 and not self._entropy_bonus_enabled and self.loss_type in _LINEAR_IN_ROWS:
            busy = inputs["advantages"].abs().reshape(rows, -1).sum(dim=1) > 0
            busy[0] |= ~busy.any()  # an empty batch has no gradient to give: keep one row of zeros
            count = busy.sum()
            if alike:
                count = cast(torch.Tensor, self.accelerator.gather(count)).max()
            keep = torch.argsort(~busy, stable=True)[: int(count)].sort().values
        out = {
            name: value[keep] if torch.is_tensor(value) and value.dim() > 0 and value.shape[0] == rows else value
            for name, value in inputs.items()
        }
        out = without_idle_columns(out)
        share = len(keep) / rows if self.loss_type in ("grpo", "dr_grpo") else 1.0
        return out, share

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """One micro-step.

        Raises:
            DivergenceError: the loss is not finite.
        """
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(float(loss)):
            raise DivergenceError(
                f"the loss is {float(loss)} at step {self.state.global_step}; lower the learning rate, or resume from "
                f"the last checkpoint in {self.args.output_dir}"
            )
        return loss
