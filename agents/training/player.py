"""The process that plays a run's episodes while another one learns: what it is given, what it does, how it ends.

It holds a model of its own whose weights lie in memory that the learner writes, one place a version. Of the trainer it
has what `play` reads, and environments that it opened itself. It is told which batch to play by which version, and
answers with the episodes. It ignores Ctrl-C, which the learner decides about, and ends when the learner is gone.
"""

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, cast

import torch
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.policies.decoding import Decoder, SamplingOptions
from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.policies.machine import release_memory
from toolgym.agents.policies.models import quiet
from toolgym.agents.policies.vllm import VLLMServer
from toolgym.agents.policies.vllm_servers import VLLMServers
from toolgym.agents.rollouts.rollout import Episodic, Rollout
from toolgym.domain import TaskSet
from toolgym.errors import ConfigError, ToolGymError

__all__ = ["Opened", "Played", "Playing", "Request", "SharedWeights", "play_for"]

_ALIGNED = 64
_GRACE_S = 1.0
"""A player that was told to end has so long to close its environments."""


class Opened(NamedTuple):
    """What a player plays in."""

    envs: Sequence[Episodic]
    tasks: TaskSet
    server: VLLMServer | VLLMServers | None = None


@dataclass(frozen=True)
class Request:
    """A batch to play."""

    number: int
    """Of the batch, from 0."""
    version: int
    """By which weights: those that so many batches have been learnt into."""
    drawn: tuple[int, int]
    """Step and batch within it, which name the sampling streams (`ToolTrainer.play`)."""
    tasks: tuple[int, ...]


@dataclass(frozen=True)
class Played:
    """What came of a request."""

    number: int
    rollouts: list[Rollout] = field(default_factory=list)
    env_steps: int = 0
    figures: Mapping[str, list[float]] = field(default_factory=dict)
    """What `play` recorded."""
    began: float = 0.0
    """When, by the machine's monotonic clock."""
    ended: float = 0.0
    error: Exception | None = None
    """What it raised instead."""


class SharedWeights:
    """A model's weights in memory that two processes share: `places` versions of what is trained, the rest once.

    Args:
        model: the model, which stays as it is.
        places: how many versions there is room for.

    Raises:
        ConfigError: there is not so much shared memory.
    """

    def __init__(self, model: PreTrainedModel, places: int):
        named = dict(model.named_parameters())
        self._trained = _layout({name: value for name, value in named.items() if value.requires_grad})
        frozen = {name: value for name, value in named.items() if not value.requires_grad}
        fixed = {**frozen, **dict(model.named_buffers())}
        self._fixed = _layout(fixed)
        sizes = [self._fixed.size, *[self._trained.size] * places]
        _check_room(sum(sizes))
        self._memory = [torch.empty(max(size, 1), dtype=torch.uint8).share_memory_() for size in sizes]
        _write(self._views(None), fixed)

    def _views(self, version: int | None) -> dict[str, torch.Tensor]:
        """The tensors of a version; None: of what no version changes."""
        place = 0 if version is None else 1 + version % (len(self._memory) - 1)
        layout = self._fixed if version is None else self._trained
        return {
            name: self._memory[place][start : start + shape.numel() * dtype.itemsize].view(dtype).view(shape)
            for name, (start, shape, dtype) in layout.places.items()
        }

    def publish(self, version: int, model: PreTrainedModel) -> None:
        """Writes what is trained as a version, in the place of the one that has been there."""
        _write(self._views(version), dict(model.named_parameters()))

    def version(self, version: int) -> dict[str, torch.Tensor]:
        """A version's tensors by name: the shared memory itself, to be read or written."""
        return self._views(version)

    def give(self, model: PreTrainedModel, version: int | None) -> None:
        """Makes a model have the weights of a version, or (None) what no version changes: without a copy on a CPU."""
        views, buffers = self._views(version), dict(model.named_buffers())
        for name, value in model.named_parameters():
            if name in views:
                value.data = views[name].to(value.device)
        if version is None:
            for name, value in buffers.items():
                value.copy_(views[name])


class _Layout(NamedTuple):
    places: dict[str, tuple[int, torch.Size, torch.dtype]]
    """Where each tensor begins, in bytes, its shape and its type."""
    size: int


def _layout(tensors: Mapping[str, torch.Tensor]) -> _Layout:
    places, at = {}, 0
    for name, value in tensors.items():
        places[name] = (at, value.shape, value.dtype)
        at += -(-value.numel() * value.element_size() // _ALIGNED) * _ALIGNED
    return _Layout(places, at)


@torch.no_grad()
def _write(views: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]) -> None:
    for name, view in views.items():
        view.copy_(tensors[name])


def _check_room(needed: int) -> None:
    """Raises where shared memory is too small: to write beyond it would kill the process.

    Raises:
        ConfigError: so it is.
    """
    with suppress(OSError):
        found = os.statvfs("/dev/shm")
        if needed > (free := found.f_bavail * found.f_frsize):
            raise ConfigError(
                f"stale needs {needed / 1e6:.0f} MB of shared memory for the weights, but /dev/shm has "
                f"{free / 1e6:.0f} MB: give the machine more (docker run --shm-size 8g), or lower stale"
            )


@dataclass(frozen=True)
class Playing:
    """What a player is given. All of it can be pickled."""

    kind: type
    """The trainer's class, whose `play` is called."""
    parts: Mapping[str, Any]
    """What `play` reads of the trainer."""
    opens: Callable[[], Opened]
    architecture: type[PreTrainedModel]
    config: PretrainedConfig
    peft_config: Any
    dtype: torch.dtype
    device: torch.device
    first_slot: int
    """The place of its first episode in the batch of all processes."""
    autocast: bool
    """Whether the model computes in bfloat16 where that is faster, as the learner's does."""
    weights: SharedWeights
    tokenizer: PreTrainedTokenizerBase
    sampling: SamplingOptions
    threads: int

    def model(self, device: Any) -> PreTrainedModel:
        """A model of the learner's shape, with the weights that do not change."""
        made: Any = self.architecture._from_config(self.config, dtype=self.dtype)
        if self.peft_config is not None:
            from peft import get_peft_model

            made = get_peft_model(made, self.peft_config)
        made = made.to(device).eval()  # what requires gradients does here, too: kernels differ in the last digit
        self.weights.give(made, None)
        return made


class _Twin:
    """The trainer as far as `play` needs it, and what it plays with."""

    def __init__(self, given: Playing, version: int):
        self.given, opened = given, given.opens()
        self.envs = opened.envs
        if isinstance(opened.server, VLLMServers) and given.device.type == "cuda":
            opened.server.device = given.device
        self.model = given.model("cpu" if opened.server is not None else given.device)
        given.weights.give(self.model, version)
        self.policy = LMPolicy(self.model, given.tokenizer, given.sampling, server=opened.server)
        if isinstance(self.policy.decoder, Decoder):
            self.policy.decoder.with_entropy = self.policy.decoder.as_drawn = True
        self.trainer: Any = object.__new__(given.kind)
        vars(self.trainer).update(given.parts, _policy=self.policy, _first_slot=given.first_slot)
        self.trainer.furnish(opened.envs, opened.tasks)

    def play(self, request: Request) -> Played:
        """The episodes of a request."""
        began, trainer = time.monotonic(), self.trainer
        trainer._drawn, trainer._env_steps, trainer._played = request.drawn, 0, list(request.tasks)
        trainer._metrics = {"train": defaultdict(list)}
        self.given.weights.give(self.model, request.version)
        self.policy.use(self.model)
        autocast = torch.autocast(self.model.device.type, torch.bfloat16) if self.given.autocast else nullcontext()
        with autocast:
            rollouts = trainer.play(trainer._played)
        self.policy.release()
        release_memory()
        figures = dict(trainer._metrics["train"])
        return Played(request.number, rollouts, trainer._env_steps, figures, began, time.monotonic())

    def close(self) -> None:
        """Closes the environments and the connections to a server."""
        for env in self.envs:
            with suppress(Exception):
                cast(Any, env).close()
        self.policy.close()


def play_for(given: Playing, requests: Connection) -> None:
    """What the process does: plays what it is asked for, until nobody asks any more.

    Args:
        given: what it needs for that.
        requests: where `Request`s come from, and `Played`s go to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_the_learner, name="toolgym-learner-watch", daemon=True).start()
    quiet()
    number, twin = -1, None
    try:
        torch.set_num_threads(given.threads)
        while True:
            request: Request = requests.recv()
            number = request.number
            twin = twin or _Twin(given, request.version)
            requests.send(twin.play(request))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the learner has ended
        return
    except Exception as error:
        with suppress(OSError):
            requests.send(Played(number, error=_sendable(error)))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending
        if twin is not None:
            twin.close()


def _sendable(error: Exception) -> Exception:
    """The error as another process can have it, with the place where it was raised."""
    if not isinstance(error, ToolGymError):
        error.add_note("In the process that plays:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


def _end_with_the_learner() -> None:
    """Ends this process when the one that started it is gone, however it ended."""
    learner = parent_process()
    if learner is not None:
        wait([learner.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE_S)
        os._exit(1)
