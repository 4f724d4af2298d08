"""`ToolGym/Calls-v0`: rows of single calls, each with a history and tools of its own: what papers train on.

    gymnasium.make("ToolGym/Calls-v0", data="rows.jsonl")

An episode is one message of the assistant's (`until="turn"`), scored against the row's gold calls or its "no call"; or
all up to a response (`until="response"`), with answers as recorded. See docs/calls.md for the forms of rows.
"""

from typing import Any

from toolgym.env_maker import GENERATED, PERTURBED, EnvMaker, field_names, parted
from toolgym.envs.calls.domain import CallsDomain, CallsOptions
from toolgym.envs.calls.store import KINDS
from toolgym.options import EnvOptions
from toolgym.sharing import shared

__all__ = ["KINDS", "CallsDomain", "CallsOptions", "known_options", "make_env", "make_vector_env"]


def _domain_of(settings: dict[str, Any], options: EnvOptions | None) -> tuple[CallsDomain, dict[str, Any]]:
    chosen, rest = parted(CallsOptions, settings)
    return shared(chosen, CallsDomain), {**rest, "until": chosen.until}


# Rows bring tools and worlds of their own: there is none to choose, to rename or to add to.
MAKER = EnvMaker(_domain_of, own=field_names(CallsOptions), without=(*GENERATED, *PERTURBED))
make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options
