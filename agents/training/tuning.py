"""What runs share that train on episodes made beforehand: SFT, and the learners that play first (RFT, ETO)."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from toolgym.agents.training.common_options import (
    DATA_HELP,
    CommonOptions,
    PlayOptions,
    largest_divisor,
    places_of,
    processes,
)
from toolgym.agents.training.options import check_idle, check_ranges
from toolgym.agents.training.schedule import Schedule, schedule_args
from toolgym.agents.training.sizing import BySize, Rates, settled
from toolgym.errors import ConfigError

__all__ = ["ExploreOptions", "TuningOptions", "tuning_args"]


@dataclass(frozen=True)
class TuningOptions(CommonOptions):
    """Options of every run on episodes that are made before it trains."""

    output: Annotated[Path, "folder for checkpoints, metrics.jsonl and TensorBoard's files"] = Path("runs/sft")
    data: Annotated[Path | None, DATA_HELP] = None
    episodes: Annotated[int, "expert episodes"] = 1000
    env_steps: Annotated[int, "play no more once so many environment steps were played; 0: no limit"] = 0
    epochs: Annotated[float, "passes over them"] = 1.0
    steps: Annotated[int, "training steps; 0: by --epochs"] = 0
    seed: Annotated[int, "of tasks and of the order"] = 0
    learning_rate: Annotated[
        float | None,
        "AdamW's (default: 3e-4; from 50M parameters on 1e-5, for an adapter 1e-4; to 300M 5e-4 and 1e-3; 6G 5e-6)",
    ] = None
    schedule: Annotated[Schedule, "of the learning rate; linear and cosine fall to 0 over the steps"] = "linear"
    batch: Annotated[int, "sequences a step"] = 16
    micro_batch: Annotated[int | None, "sequences a forward pass, at most (default: 4; from 50M parameters on 1)"] = (
        None
    )
    max_tokens: Annotated[
        int | None, "longer episodes are left out (default: 4096; for a full prompt at least 8192)"
    ] = None
    save_steps: Annotated[int, "steps between checkpoints"] = 500
    demonstrations: Annotated[
        Literal["clean", "imperfect", "habits"],
        "the oracle's chains; imperfect: half of them with a mistake; habits: with the same ones again and again",
    ] = "clean"
    BY_SIZE: ClassVar[BySize] = BySize(
        Rates(3e-4, compact=(5e-4, 1e-3), usual=(1e-5, 1e-4), large=(5e-6, 1e-4)), micro_batch=(4, 1)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, above_0=("epochs", "max_tokens"))
        if self.data is not None:
            check_idle(self, ["demonstrations"], "with data: the expert's chains are the corpus's")
        if self.episodes < 1 or self.batch < 1 or self.batch % processes():
            raise ConfigError(
                "episodes must be at least 1 and batch a multiple of the number of processes, got "
                f"episodes={self.episodes}, batch={self.batch}, processes={processes()}"
            )

    @property
    def rows(self) -> int:
        """Sequences a forward pass: the most, up to `micro_batch`, that divide a process's part of a step."""
        return largest_divisor(self.batch // processes(), self.micro_batch or self.BY_SIZE.micro_batch[0])


@dataclass(frozen=True)
class ExploreOptions(PlayOptions, TuningOptions):
    """Options of a run that plays before it trains. Samples and temperature are StepTool's (§5.1.4)."""

    samples: Annotated[int, "the policy's own episodes on each of the --episodes tasks"] = 3
    temperature: Annotated[float, "of the sampling"] = 0.7
    concurrency: Annotated[
        int | None, "episodes at once (default: 32; of a larger model on a GPU what its memory holds)"
    ] = None
    BY_SIZE: ClassVar[BySize] = replace(TuningOptions.BY_SIZE, at_once=32)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_playing()
        check_ranges(self, above_0=("samples",))


def tuning_args(config: TuningOptions) -> dict[str, Any]:
    """TRL's arguments of every run on data that is made before it trains."""
    import torch

    config = settled(config)
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(config.output),
        "num_train_epochs": config.epochs,
        "max_steps": config.steps or -1,
        "learning_rate": config.learning_rate,
        **schedule_args(config.schedule, config.warmup_steps),
        "per_device_train_batch_size": config.rows,
        "gradient_accumulation_steps": config.batch // (config.rows * processes()),
        "max_length": None,
        "bf16": config.bf16,
        "use_cpu": not cuda,
        "activation_checkpointing": config.gradient_checkpointing,
        "dataloader_pin_memory": cuda,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_steps": config.save_steps,
        "save_total_limit": 2,
        "report_to": places_of(config.report_to),
        "seed": config.seed,
        "disable_tqdm": True,  # `ProgressBar` shows less, and what matters
    }
