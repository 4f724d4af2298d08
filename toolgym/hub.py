"""Models by their id on the Hugging Face hub, where the hub may be out of reach: the local cache, or an error at once.

Left alone, the library asks for each of a model's files six times, with longer and longer pauses between.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolgym.errors import ConfigError

__all__ = ["check_reach", "reaching"]

_PATIENCE_S = 4.0
"""Seconds that the hub's front page may take. Long for any network, and short for a person who waits."""
_KEPT_S = 60.0
"""Seconds for which what was found out is taken to hold."""
_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FILES = ("config.json", "adapter_config.json", "tokenizer_config.json", "modules.json")
"""Of which every model has one."""
_SEEN: dict[str, tuple[float, str]] = {}
"""Endpoint -> when it was asked, and why it could not be reached."""


@contextmanager
def reaching(name: str | Path) -> Iterator[None]:
    """Around the loading of a model: where the hub cannot be reached, the library looks into the local cache alone.

    Folders, and names that are no hub id, are left alone.

    Raises:
        ConfigError: the hub cannot be reached, and nothing of the model is in the cache.
    """
    if _ID.fullmatch(str(name)) is None or Path(name).exists():
        yield
        return
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    why = "HF_HUB_OFFLINE is set" if offline else _unreachable()
    if why and not _cached(str(name)):
        raise ConfigError(
            f"cannot load the model {str(name)!r}: it is no folder here and not in the local cache, and "
            f"{constants.ENDPOINT} cannot be reached ({why}). Check the network (HTTPS_PROXY, HF_ENDPOINT), or give "
            "the folder of a checkpoint"
        )
    constants.HF_HUB_OFFLINE = bool(why)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline


def check_reach(name: str | Path) -> None:
    """Says at once, before anything heavy is imported, where a model cannot be had.

    Raises:
        ConfigError: see `reaching`.
    """
    with reaching(name):
        pass


def _cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(name, file), str) for file in _FILES)


def _unreachable() -> str:
    """Why the hub cannot be reached, asked once; empty where it can."""
    from huggingface_hub import constants

    asked, why = _SEEN.get(constants.ENDPOINT, (float("-inf"), ""))
    if time.monotonic() - asked > _KEPT_S:
        why = _asked(constants.ENDPOINT)
        _SEEN[constants.ENDPOINT] = time.monotonic(), why
    return why


def _asked(endpoint: str) -> str:
    from huggingface_hub import get_session

    why = f"no answer within {_PATIENCE_S:g} s"

    def ask() -> None:
        nonlocal why
        try:
            status = get_session().head(endpoint, timeout=_PATIENCE_S).status_code
            # What stands between here and there answers so when it is in the way, and the library would ask again.
            why = f"it answers with status {status}" if status >= 500 else ""
        except Exception as error:  # whatever the library under the library raises
            why = " ".join(str(error).split()) or type(error).__name__

    # In a thread: the time limit of a request does not hold for the lookup of a name.
    thread = threading.Thread(target=ask, name="toolgym-hub", daemon=True)
    thread.start()
    thread.join(_PATIENCE_S + 1)
    return why
