"""verifiers: our tasks as one of its tasksets (for `vf-eval` and prime-rl), and any of its tasksets as ours.

    # airline_toolgym.py; then: vf-eval airline_toolgym --env.taskset.options.size small -n 20 -m MODEL
    from toolgym.adapters.verifiers import ToolGymEnv, ToolGymHarness, ToolGymTaskset

    __all__ = ["ToolGymEnv", "ToolGymHarness", "ToolGymTaskset"]

    gymnasium.make("ToolGym/Verifiers-v0", taskset="gsm8k-v1")              # theirs as ours

`pip install verifiers` brings its package (its interface of version 1, `verifiers.v1`); nothing of it is imported
before one of these is used.
"""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.adapters.verifiers.playing import VerifiersOptions, known_options, make_env, make_vector_env
    from toolgym.adapters.verifiers.serving import (
        ToolGymConfig,
        ToolGymEnv,
        ToolGymHarness,
        ToolGymTask,
        ToolGymTaskset,
    )

__all__ = [
    "ToolGymConfig",
    "ToolGymEnv",
    "ToolGymHarness",
    "ToolGymTask",
    "ToolGymTaskset",
    "VerifiersOptions",
    "known_options",
    "make_env",
    "make_vector_env",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    globals(),
    {
        "ToolGymConfig": "serving",
        "ToolGymEnv": "serving",
        "ToolGymHarness": "serving",
        "ToolGymTask": "serving",
        "ToolGymTaskset": "serving",
        "VerifiersOptions": "playing",
        "known_options": "playing",
        "make_env": "playing",
        "make_vector_env": "playing",
    },
)
