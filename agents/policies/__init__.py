"""Who acts: the `Policy` protocol, and the policies that speak it (language models, endpoints, scripted ones)."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.policies.api import ApiOptions, ApiPolicy
    from toolgym.agents.policies.decoding import SamplingOptions
    from toolgym.agents.policies.lm import LMPolicy
    from toolgym.agents.policies.models import load_model, load_tokenizer
    from toolgym.agents.policies.policy import Completion, Policy
    from toolgym.agents.policies.scripted import NoopPolicy, OraclePolicy, RandomPolicy
    from toolgym.agents.policies.vllm import VLLMServer

__all__ = [
    "ApiOptions",
    "ApiPolicy",
    "Completion",
    "LMPolicy",
    "NoopPolicy",
    "OraclePolicy",
    "Policy",
    "RandomPolicy",
    "SamplingOptions",
    "VLLMServer",
    "load_model",
    "load_tokenizer",
]

_HOME = {
    "ApiOptions": "api",
    "ApiPolicy": "api",
    "Completion": "policy",
    "LMPolicy": "lm",
    "NoopPolicy": "scripted",
    "OraclePolicy": "scripted",
    "Policy": "policy",
    "RandomPolicy": "scripted",
    "SamplingOptions": "decoding",
    "VLLMServer": "vllm",
    "load_model": "models",
    "load_tokenizer": "models",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
