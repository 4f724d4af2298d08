"""API-Bank: its verdicts on calls (`check`), and `ToolGym/APIBank-v0`, its samples with executed tools.

gymnasium.make("ToolGym/APIBank-v0", data="api-bank")                  # levels 1 and 2, a call an episode
gymnasium.make("ToolGym/APIBank-v0", data="api-bank", form="items")    # the 597 items of all levels
"""

from typing import Any

from toolgym.env_maker import GENERATED, PERTURBED, EnvMaker, field_names, parted
from toolgym.envs.api_bank.domain import ApiBankDomain, ApiBankOptions, accuracy
from toolgym.envs.api_bank.verdicts import Verdict, check
from toolgym.envs.api_bank.written import FORMAT
from toolgym.options import EnvOptions
from toolgym.sharing import shared

__all__ = [
    "ApiBankDomain",
    "ApiBankOptions",
    "Verdict",
    "accuracy",
    "check",
    "known_options",
    "make_env",
    "make_vector_env",
]


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[ApiBankDomain, dict[str, Any]]:
    chosen, rest = parted(ApiBankOptions, settings)
    rest = rest if options is not None else {"format": FORMAT, **rest}
    return shared(chosen, ApiBankDomain), {**rest, "until": chosen.until}


# Each sample has tools of its own, in the benchmark's own world.
MAKER = EnvMaker(_domain_of, own=field_names(ApiBankOptions), without=(*GENERATED, *PERTURBED))
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
