"""A model's first turns, sampled as `Decoder` samples and scored as training scores: both must say the same.

A model whose layers keep a state, look through local windows by themselves or count positions in a way of their own is
sampled wrongly from a cache in which every sequence has its own length, and nothing else would tell.

Shapes: T tokens, V vocabulary.
"""

import numpy as np
import torch
from transformers import PreTrainedModel

from toolgym.agents.policies.decoding import Decoder, SamplingOptions
from toolgym.errors import ConfigError, DivergenceError, ToolGymError

__all__ = ["check_sampling"]

_OPENINGS, _ANSWERS, _TURN = (7, 3), (2, 4), 3
"""Tokens of what two sequences read first, of what they read between their two turns, and of each turn."""
_ROUNDING = {torch.float32: 1e-3, torch.float64: 1e-3}
_COARSE_ROUNDING = 0.25
"""Mean difference of log-probabilities, in nats, that the type's precision explains."""


def check_sampling(model: PreTrainedModel, pad_id: int) -> None:
    """Raises where turns sampled from the model are not as probable as a full forward pass says.

    Args:
        model: the model, on its device.
        pad_id: the padding token.

    Raises:
        ConfigError: they are not, the model cannot be sampled in this way, or its weights hold NaN.
    """
    what = f"LMPolicy cannot sample from this model ({type(model).__name__})"
    advice = (
        "it needs one that attends to every token and keeps the keys and values of each layer: no recurrent state, no "
        "biases by distance (alibi), no windows of the layers' own. Take another model, or let a server sample from "
        "this one (--agent api:MODEL)"
    )
    try:
        difference = _difference(model, pad_id)
    except DivergenceError as error:
        raise ConfigError(str(error)) from error
    except (ToolGymError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever a model's code raises that is given a mask and a cache it does not know
        short = " ".join(str(error).split())[:200]
        raise ConfigError(f"{what}: {type(error).__name__}: {short}; {advice}") from error
    # A model that was trained with autocast goes on computing in that type: accelerate put it around its forward pass.
    coarse = torch.get_float32_matmul_precision() != "highest" or hasattr(model, "_original_forward")
    if not difference <= (_COARSE_ROUNDING if coarse else _ROUNDING.get(model.dtype, _COARSE_ROUNDING)):
        raise ConfigError(
            f"{what}: log-probabilities of its tokens differ by {difference:.2g} nats on average from those of a full "
            f"forward pass; {advice}"
        )


@torch.no_grad()
def _difference(model: PreTrainedModel, pad_id: int) -> float:
    """The mean difference of sampled tokens' log-probabilities from those of a full forward pass, in nats."""
    vocabulary = model.config.get_text_config().vocab_size
    rng = np.random.default_rng(0)
    decoder = Decoder(model, pad_id, (), SamplingOptions(max_new_tokens=_TURN, context_tokens=None))
    contexts: list[list[int]] = []
    sampled: list[list[tuple[int, float]]] = []
    for slot, count in enumerate(_OPENINGS):
        contexts.append(rng.integers(vocabulary, size=count).tolist())
        sampled.append([])
        decoder.open(slot, contexts[slot], np.random.default_rng(slot))
    for answers in (_ANSWERS, (0, 0)):
        for slot, (ids, logps) in sorted(decoder.turns(range(len(contexts)), len(contexts)).items()):
            sampled[slot] += [(len(contexts[slot]) + at, logp) for at, logp in enumerate(logps)]
            answer = rng.integers(vocabulary, size=answers[slot]).tolist()
            contexts[slot] += [*ids, *answer]
            decoder.feed(slot, answer)
    was_training = model.training
    model.eval()
    try:
        differences = [
            abs(logp - scored[place])
            for ids, turns in zip(contexts, sampled, strict=True)
            for scored in [_scored(model, ids)]
            for place, logp in turns
        ]
    finally:
        model.train(was_training)
    return float(np.mean(differences)) if differences else 0.0


def _scored(model: PreTrainedModel, ids: list[int]) -> list[float]:
    """The log-probability of each token (T), that of the first left out (0), by one forward pass over all."""
    ids_1T = torch.tensor([ids], device=model.device)
    logps_TV = torch.log_softmax(model(input_ids=ids_1T, use_cache=False).logits[0].float(), dim=-1)
    return [0.0, *logps_TV[:-1].gather(1, ids_1T[0, 1:, None])[:, 0].tolist()]
