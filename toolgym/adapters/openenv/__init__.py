"""OpenEnv: any of our environments as one of its servers, and any of its servers as an environment of ours.

    app = openenv_app("ToolGym/Airline-v0", size="small")                   # an ASGI application, for uvicorn
    toolgym serve ToolGym/Airline-v0 --protocol openenv --port 8000         # the same, served
    gymnasium.make("ToolGym/OpenEnv-v0", url="http://localhost:8000")       # theirs as ours

`pip install openenv-core` brings its package; nothing of it is imported before one of these is used.
"""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.adapters.openenv.playing import OpenEnvOptions, known_options, make_env, make_vector_env
    from toolgym.adapters.openenv.serving import openenv_app
    from toolgym.adapters.openenv.session import OpenEnvSession

__all__ = ["OpenEnvOptions", "OpenEnvSession", "known_options", "make_env", "make_vector_env", "openenv_app"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    globals(),
    {
        "OpenEnvOptions": "playing",
        "OpenEnvSession": "session",
        "known_options": "playing",
        "make_env": "playing",
        "make_vector_env": "playing",
        "openenv_app": "serving",
    },
)
