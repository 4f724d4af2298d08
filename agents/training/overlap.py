"""Training that overlaps with playing (`--stale N`): the schedule of versions, and what a checkpoint keeps of it.

Batch k of episodes is played by the weights that `max(0, k - N)` batches have been learnt into: neither by newer nor by
older ones, however long anything takes, so a run is a function of its seed and of N. A second process plays
(`toolgym.agents.training.player`): while batch k is learnt from, it plays batches k + 1 to k + N. Of several processes
that train together each has one that plays its share; where servers sample, the first one's plays all of them.

What is learnt from such a batch is corrected token by token. With `b` the weights that sampled, `p` those before the
batch's first update, and `w` those that are trained, the objective is

    min(p / b, 2) * min(w / p * A, clip(w / p, 1 - low, 1 + high) * A)

the decoupled objective of Hilton et al. 2022 ("Batch size-invariance for policy optimization", §3) and AReaL (Fu et al.
2025, §5.2): clipping is around the latest weights, and how far these are from what sampled only weighs. That weight is
truncated (Yao et al. 2025; see `toolgym.agents.policies.vllm.importance_weights`), and is the same that corrects a
server's precision, so with `--vllm` one weight stands for both.
"""

import multiprocessing
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, cast

import torch
from accelerate.utils import broadcast_object_list
from safetensors.torch import load_file, save_file
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.training.player import Opened, Played, Playing, Request, SharedWeights, play_for
from toolgym.errors import ConfigError, PlayerError

__all__ = ["Overlap", "Stale"]

_FILE = "stale.safetensors"
"""Of a checkpoint: the weights that the batches under way are played by."""
_END_S = 1.5


@dataclass(frozen=True)
class Stale:
    """How far the weights that play may be behind those that learn.

    Args:
        batches: how many batches of episodes: N, at least 1.
        opens: gives the player what it plays in, in its process; it can be pickled.
    """

    batches: int
    opens: Callable[[], Opened]


class _Shape(NamedTuple):
    """What a model like the run's is made from."""

    architecture: type[PreTrainedModel]
    config: PretrainedConfig
    peft_config: Any
    dtype: torch.dtype

    @classmethod
    def of(cls, model: Any) -> "_Shape":
        """That of a model; sharding it later changes its class."""
        base = model.get_base_model() if hasattr(model, "peft_config") else model
        return cls(type(base), base.config, model.active_peft_config if base is not model else None, base.dtype)


class Overlap:
    """The batches of a run, played in another process ahead of the one that is learnt from.

    Args:
        trainer: the run's `ToolTrainer`, made.
        stale: how far ahead, and where.

    Raises:
        ConfigError: the model is of a kind whose weights are not plain numbers, or shared memory is too small.
    """

    def __init__(self, trainer: Any, stale: Stale):
        self.trainer, self.stale = trainer, stale
        model = cast(PreTrainedModel, trainer.accelerator.unwrap_model(trainer.model))
        if getattr(model, "is_quantized", False):
            raise ConfigError("stale needs weights that are plain numbers; this model's are quantised: leave it at 0")
        args: Any = trainer.args
        self._processes: int = trainer.accelerator.num_processes
        self._for_all = self._processes > 1 and trainer.server is not None
        """Whether the first process's player plays the episodes of all."""
        self._plays: bool = not self._for_all or trainer.accelerator.is_main_process
        self.updates = cast(int, trainer.num_iterations) * args.steps_per_generation // args.gradient_accumulation_steps
        """Optimizer updates that a batch of episodes is learnt from."""
        self._groups = args.generation_batch_size // cast(int, trainer.num_generations)
        self.batches = min(args.max_steps // self.updates, len(trainer.order) // self._groups)
        """How many there are to be played."""
        self.weights = SharedWeights(model, stale.batches + 1)
        self._shape = _Shape.of(model)
        self._asked = 0
        """Batches that were asked for."""
        self._taken = 0
        """Those that were taken."""
        self._there: dict[int, Played] = {}
        self._process: Any = None

    def tasks(self, number: int) -> list[int]:
        """The tasks of a batch, each once an episode; of several processes this one's share."""
        every = self._every(number)
        return every[self._share(len(every))]

    def _every(self, number: int) -> list[int]:
        """The tasks of a batch of all processes."""
        first = number * self._groups
        places = range(first, first + self._groups)
        return [self.trainer.order[place] for place in places for _ in range(cast(int, self.trainer.num_generations))]

    def _share(self, episodes: int) -> slice:
        """Which of a batch's episodes are this process's."""
        rows, index = episodes // self._processes, self.trainer.accelerator.process_index
        return slice(index * rows, (index + 1) * rows)

    def version(self, number: int) -> int:
        """By which weights a batch is played: those that so many batches have been learnt into."""
        return max(0, number - self.stale.batches)

    def batch(self, number: int, tasks: Sequence[int], model: PreTrainedModel) -> tuple[Played, float, float]:
        """A batch's episodes, the seconds that they were waited for, and the share of their time that was not.

        The model as it is becomes a version, by which a later batch is played. Of several processes all call it.

        Args:
            number: of the batch; one after another.
            tasks: its tasks, this process's.
            model: the model as it is now, whole.

        Raises:
            ConfigError: these are not the tasks of the run's order.
            PlayerError: the process that plays has ended.
            Exception: what playing raised.
        """
        if number >= self.batches or list(tasks) != self.tasks(number):
            raise ConfigError("stale plays ahead by the run's order of tasks, and this batch is about others")
        if self._plays:
            self._ask_on(number, model)
        began = time.monotonic()
        played = self._of_all(number) if self._for_all else self._take(number)
        self._taken = number + 1
        ended = time.monotonic()
        if played.error is not None:
            raise played.error
        version = self.version(number)
        for rollout in played.rollouts:
            rollout.update = version * self.updates
        waited = max(0.0, min(ended, played.ended) - max(began, played.began))
        return played, ended - began, 1.0 - waited / max(played.ended - played.began, 1e-9)

    def _ask_on(self, number: int, model: PreTrainedModel) -> None:
        """Has the batches played that may be, now that one more was learnt from."""
        self.weights.publish(number, model)
        if self._process is None:
            self._asked = self._taken = number
            self._start()
        while self._asked < min(number + self.stale.batches + 1, self.batches):
            at = self._asked
            tasks = self._every(at) if self._for_all else self.tasks(at)
            self._ask(Request(at, self.version(at), (at * self.updates, 0), tuple(tasks)))
            self._asked += 1

    def _of_all(self, number: int) -> Played:
        """This process's share of a batch that the first one's player plays; what that raises, all raise."""
        said: list[Any] = [None]
        if self._plays:
            try:
                said = [self._take(number)]
            except Exception as error:
                said = [Played(number, error=error)]
        broadcast_object_list(said)
        played: Played = said[0]
        steps = played.env_steps if self._plays else 0  # they are added up
        return replace(played, rollouts=played.rollouts[self._share(len(played.rollouts))], env_steps=steps)

    def settle(self) -> None:
        """Waits until nothing is being played: whoever comes may use the server."""
        for number in range(self._taken, self._asked):
            self._there[number] = self._take(number)

    # The process -----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        trainer, args = self.trainer, cast(Any, self.trainer.args)
        index, rows = trainer.accelerator.process_index, len(self.tasks(0))
        given = Playing(
            kind=type(trainer),
            parts={name: getattr(trainer, name) for name in trainer.played_with() if hasattr(trainer, name)},
            opens=self.stale.opens,
            architecture=self._shape.architecture,
            config=self._shape.config,
            peft_config=self._shape.peft_config,
            dtype=self._shape.dtype,
            device=trainer.accelerator.device,
            first_slot=0 if self._for_all else index * rows,
            autocast=bool(args.bf16),
            weights=self.weights,
            tokenizer=cast(PreTrainedTokenizerBase, trainer.processing_class),
            sampling=trainer.sampling,
            threads=torch.get_num_threads(),
        )
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=play_for, args=(given, theirs), name="toolgym-player", daemon=True)
        try:
            with _uninterrupted():
                self._process.start()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            self._process = None
            raise ConfigError(
                f"stale hands the run to a second process, and a part of it cannot go there: {error}. What is defined "
                "inside a function cannot; define it in a module"
            ) from error
        theirs.close()
        self._arrived: SimpleQueue[Played | None] = SimpleQueue()
        threading.Thread(target=self._receive, args=(self._pipe,), name="toolgym-player-reader", daemon=True).start()

    def _receive(self, pipe: Any) -> None:
        """In a thread: the player never waits until its episodes are wanted."""
        try:
            while True:
                self._arrived.put(pipe.recv())
        except (EOFError, OSError):
            self._arrived.put(None)
        except Exception as error:
            self._arrived.put(Played(-1, error=error))

    def _ask(self, request: Request) -> None:
        with suppress(OSError):  # it has ended: whoever waits for the batch is told
            self._pipe.send(request)

    def _take(self, number: int) -> Played:
        while number not in self._there:
            arrival = self._arrived.get()
            if arrival is None:
                self._arrived.put(None)
                raise PlayerError(self._how_it_ended())
            if arrival.number < 0:
                raise cast(Exception, arrival.error)
            self._there[arrival.number] = arrival
        return self._there.pop(number)

    def _how_it_ended(self) -> str:
        self._process.join(_END_S)
        code = self._process.exitcode
        how = f"with exit status {code}; what it said is above"
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            how = f"by {name}" + (", as where memory is short" if name == "SIGKILL" else "")
        return (
            f"the process that plays the episodes (stale={self.stale.batches}) has ended {how}. Go on from the last "
            "checkpoint with --resume. (A program of your own needs `if __name__ == '__main__':` around what trains.)"
        )

    def close(self) -> None:
        """Ends the process; what it was playing is lost."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        process.join(_END_S)
        if process.is_alive():
            process.kill()
            process.join(_END_S)
        self._pipe.close()

    # Checkpoints -----------------------------------------------------------------------------------------------------

    def _under_way(self, number: int) -> list[int]:
        """The versions, but for the latest, by which the batches from `number` on are played."""
        return sorted({self.version(at) for at in range(number, number + self.stale.batches)})

    def save(self, folder: Path) -> None:
        """Writes the weights that the batches under way are played by: a run that goes on plays them again.

        Of several processes, which have the same ones, the first.
        """
        if not self.trainer.accelerator.is_main_process:
            return
        number = self.trainer.state.global_step // self.updates
        tensors = {
            f"{version}/{name}": value.clone()
            for version in self._under_way(number)
            for name, value in self.weights.version(version).items()
        }
        save_file(tensors, folder / _FILE)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote.

        Raises:
            ConfigError: the checkpoint is another run's.
        """
        path = folder / _FILE
        if not path.is_file():
            raise ConfigError(f"{str(folder)!r} lacks {_FILE}: it was not written with stale={self.stale.batches}")
        for name, value in load_file(path).items():
            version, _, tensor = name.partition("/")
            self.weights.version(int(version))[tensor].copy_(value)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A process that is started here gets no Ctrl-C before it has said what to do with one."""
    resource_tracker.ensure_running()  # multiprocessing starts it otherwise, and lets Ctrl-C through behind that
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
