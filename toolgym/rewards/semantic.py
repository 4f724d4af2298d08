"""How alike two texts are, in [0, 1] (AC-Planner Eq. 18): lexical by default, by embeddings, or by a causal LM.

A similarity is any function of two texts. `lexical` needs nothing; `embedding` needs the `semantic` extra; `causal_lm`
(the paper's LLM-S) needs the `train` extra. Models are loaded on first use and kept.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

from rapidfuzz import fuzz

from toolgym.errors import ConfigError, did_you_mean
from toolgym.hub import reaching

__all__ = ["Similarity", "causal_lm", "embedding", "lexical", "sentence_encoder", "similarity_by_name"]

Similarity = Callable[[str, str], float]
SimilarityName = Literal["lexical", "embedding", "causal_lm"]

_DEFAULT_EMBEDDING = "sentence-transformers/all-MiniLM-L6-v2"
_DEFAULT_CAUSAL_LM = "Qwen/Qwen2.5-0.5B"


def lexical(a: str, b: str) -> float:
    """Two times the length of the longest common subsequence over the sum of the lengths; 1 for two empty texts."""
    return fuzz.ratio(a, b) / 100.0


def embedding(model: str = _DEFAULT_EMBEDDING) -> Similarity:
    """Cosine of sentence embeddings, negative ones as 0.

    Raises:
        ConfigError: on first use, where sentence-transformers is not installed.
    """
    return _Embedded(model, _sentence_vector)


def causal_lm(model: str = _DEFAULT_CAUSAL_LM) -> Similarity:
    """Cosine of a causal LM's last hidden states, averaged over tokens, negative ones as 0.

    Raises:
        ConfigError: on first use, where transformers is not installed.
    """
    return _Embedded(model, _hidden_vector)


def similarity_by_name(name: str, model: str | None = None) -> Similarity:
    """The similarity called `lexical`, `embedding` or `causal_lm`; `model` is a hub id or a path.

    Raises:
        ConfigError: there is none of that name, or `lexical` was given a model.
    """
    if name == "lexical":
        if model is not None:
            raise ConfigError("The lexical similarity takes no model.")
        return lexical
    made = {"embedding": embedding, "causal_lm": causal_lm}.get(name)
    if made is None:
        raise ConfigError(did_you_mean(name, ["lexical", "embedding", "causal_lm"], "similarity"))
    return made() if model is None else made(model)


class _Embedded:
    """The cosine of two texts' vectors."""

    def __init__(self, model: str, vector: Callable[[str, str], tuple[float, ...]]):
        self.model, self.vector = model, vector

    def __call__(self, a: str, b: str) -> float:
        if a == b:
            return 1.0
        return _cosine(self.vector(self.model, a), self.vector(self.model, b))


def _cosine(x: Sequence[float], y: Sequence[float]) -> float:
    dot = sum(a * b for a, b in zip(x, y, strict=True))
    norm = (sum(a * a for a in x) * sum(b * b for b in y)) ** 0.5
    return min(1.0, max(0.0, dot / norm)) if norm else 0.0


def sentence_encoder(model: str | None = None) -> Callable[[Sequence[str]], Any]:
    """What embeds texts: an array (texts, dimensions) of vectors of length 1.

    Raises:
        ConfigError: sentence-transformers is not installed, or the model cannot be had.
    """
    loaded = _sentence_model(model or _DEFAULT_EMBEDDING)
    return lambda texts: loaded.encode(list(texts), normalize_embeddings=True)


@lru_cache(maxsize=4096)
def _sentence_vector(model: str, text: str) -> tuple[float, ...]:
    return tuple(map(float, _sentence_model(model).encode(text)))


@lru_cache(maxsize=2)
def _sentence_model(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError("Embeddings need sentence-transformers: pip install toolgym[semantic].") from error
    with reaching(model):
        return SentenceTransformer(model)


@lru_cache(maxsize=4096)
def _hidden_vector(model: str, text: str) -> tuple[float, ...]:
    import torch

    tokenizer, network = _causal_model(model)
    ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=2048)["input_ids"]
    if ids.shape[1] == 0:
        return (0.0,) * network.config.hidden_size
    with torch.no_grad():
        hidden_BTD = network(input_ids=ids, output_hidden_states=True).hidden_states[-1]
    return tuple(hidden_BTD[0].float().mean(0).tolist())


@lru_cache(maxsize=2)
def _causal_model(model: str) -> tuple[Any, Any]:
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise ConfigError("The causal_lm similarity needs transformers: pip install toolgym[train].") from error
    data = {"trust_remote_code": False}  # of its own code it would ask on the terminal
    with reaching(model):
        return AutoTokenizer.from_pretrained(model, **data), AutoModelForCausalLM.from_pretrained(model, **data).eval()
