"""What all of our trainers do otherwise than TRL's and transformers', whichever of these they are made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch.optim import Optimizer
from transformers.trainer_utils import SchedulerType

from toolgym.agents.training.adapters import name_base
from toolgym.agents.training.orders import EpochSampler
from toolgym.agents.training.schedule import warmed_up
from toolgym.agents.training.sharding import WholeCopy, check_sharded

__all__ = ["EpochTrainer", "RunTrainer"]

_WARM_UP = (SchedulerType.CONSTANT_WITH_WARMUP, SchedulerType.LINEAR, SchedulerType.COSINE)


class RunTrainer:
    """Goes before a trainer of TRL's among the bases of ours.

    - Warm-up begins above 0 (`warmed_up`).
    - No model card is written: TRL's names no base model where that is a folder.
    - A folder with an adapter names the adapter's base so that it is found (`name_base`).
    - Resuming does not warn of weights that are tied to others, which a checkpoint holds once.
    - A model that is sharded over processes can be had whole (`whole_model`).
    """

    accelerator: Any
    args: Any
    model: Any
    optimizer: Any
    lr_scheduler: Any
    _created_lr_scheduler: bool
    base_name: str | None = None
    """The model that the run's adapter is for, if it trains one (`keep_base`)."""
    server: Any = None
    """The vLLM servers that sample in the model's place."""
    shardable = True
    """Whether the model may be sharded over processes: not where something reads or writes its weights directly."""
    _whole: WholeCopy | None = None

    def __init__(self, *args: Any, **more: Any):
        super().__init__(*args, **more)
        if (plugin := getattr(self.accelerator.state, "fsdp_plugin", None)) is not None:
            check_sharded(plugin, type(self).__name__ if not self.shardable else None)
            self._whole = WholeCopy(self.model)

    def whole_model(self) -> Any:
        """The model as it is now, to sample from or to write for servers. All processes call it together.

        One that is sharded is gathered into a copy, until `drop_whole`: on each process where it samples itself, on the
        first one, in the CPU's memory, where servers do. There the others' copy has no weights.
        """
        model = extract_model_from_parallel(self.model)
        if self._whole is None:
            return model
        device, servers = self.accelerator.device, self.server is not None
        return self._whole.gather(
            model,
            device,
            keep=not servers or self.accelerator.is_main_process,
            to=torch.device("cpu") if servers else device,
            dtype=torch.bfloat16 if self.accelerator.mixed_precision == "bf16" and not servers else None,
        )

    def drop_whole(self) -> None:
        """Lets go of what `whole_model` has gathered."""
        if self._whole is not None:
            self._whole.drop()

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> Any:
        """The run's schedule."""
        kind, warmup_steps = SchedulerType(self.args.lr_scheduler_type), self.args.get_warmup_steps(num_training_steps)
        if self.lr_scheduler is None and warmup_steps and kind in _WARM_UP:
            self.lr_scheduler = warmed_up(kind, optimizer or self.optimizer, warmup_steps, num_training_steps)
            self._created_lr_scheduler = True
        return super().create_scheduler(num_training_steps, optimizer)  # pyright: ignore[reportAttributeAccessIssue]

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if self._whole is not None and state_dict is not None:  # gathered: tied weights are there once for each name
            tied = getattr(self.model, "all_tied_weights_keys", None) or {}
            state_dict = {name: weight for name, weight in state_dict.items() if name not in tied}
        super()._save(output_dir, state_dict)  # pyright: ignore[reportAttributeAccessIssue]
        if self.base_name is not None and self.args.should_save:
            name_base(Path(output_dir or self.args.output_dir), self.base_name)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Writes nothing."""

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        weights = self.model.state_dict(keep_vars=True)
        lacks = set(load_result.missing_keys)
        held = {id(weight) for name, weight in weights.items() if name not in lacks}
        missing = [name for name in load_result.missing_keys if id(weights.get(name)) not in held]
        rest = load_result._replace(missing_keys=missing)
        super()._issue_warnings_after_load(rest)  # pyright: ignore[reportAttributeAccessIssue]


class EpochTrainer(RunTrainer):
    """Goes before a trainer of TRL's that trains on data made beforehand: each epoch has an order of its own.

    transformers draws an epoch's order from the global generator when the epoch begins: a run that goes on in its
    second epoch would draw the first one's.
    """

    state: Any
    train_dataset: Any
    lengths: Sequence[int] | None = None
    """Of the sequences, where those of a batch are to be about as long."""

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        args = self.args
        batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        return EpochSampler(
            self.lengths, len(self.train_dataset), batch, args.seed, epoch=lambda: int(self.state.epoch or 0)
        )
