"""Every exception that ToolGym raises, in one tree: one type a boundary.

What the *policy* does wrong is never an exception: it is a value (`ParseProblem`, an error `ToolResult`). What the
caller configured wrongly, or what the infrastructure did wrong, is one of these.
"""

import difflib
from collections.abc import Iterable


class ToolGymError(Exception):
    """The root of the tree."""


class ConfigError(ToolGymError, ValueError):
    """An option, file or name that the caller gave cannot be used; the message says what would be."""


class OpeningError(ConfigError):
    """An episode's opening leaves a model no room for a turn; the message says what to set."""


class DeclarationError(ConfigError):
    """A domain's declaration contradicts itself or its server; the message names each wrong part and what to do."""


class LockedError(ConfigError):
    """Somebody else is writing the file or folder; the message says who, and since when."""


class DataError(ToolGymError, RuntimeError):
    """A public data set could not be fetched, or is not the one that it should be; the message says what to do."""


class TaskError(ToolGymError, ValueError):
    """A task or tasks file is broken: its schema, or a gold chain that does not execute."""


class InfraError(ToolGymError, RuntimeError):
    """A server or transport failed. Never the policy's fault: the episode's outcome is `infra_error`."""


class ServerStartError(InfraError):
    """The MCP server could not be started or did not answer the handshake."""


class ServerDiedError(InfraError):
    """The MCP server went away in the middle of an episode."""


class CallTimeoutError(InfraError):
    """A call got no answer within its time limit."""


class EpisodeExpiredError(InfraError):
    """The server no longer holds the episode: idle for too long, or evicted by the limit on episodes."""


class ChatError(InfraError):
    """A chat endpoint gave no answer that can be used. `status` and `text` are those of a refusal; else None, empty."""

    def __init__(self, message: str, status: int | None = None, text: str = ""):
        super().__init__(message)
        self.status, self.text = status, text


class UserModelError(InfraError):
    """The model that plays the user gave no answer that can be used."""


class JudgeModelError(InfraError):
    """The model that judges gave no answer that can be used, or its budget is spent."""


class PlayerError(InfraError):
    """The process that plays a run's episodes (`--stale`) has ended; the message says how, and how to go on."""


class ForkUnsupportedError(ToolGymError, RuntimeError):
    """The session can fork neither by copy nor by replay."""


class CopyError(ToolGymError, TypeError):
    """An environment was to be copied or pickled; it is forked."""


class TrajectoryError(ToolGymError, ValueError):
    """A trajectory file cannot be read (not JSON Lines, or of an unknown schema version), or not be written to."""


class DivergenceError(ToolGymError, RuntimeError):
    """Training cannot go on: a loss or a gradient is not finite."""


class ConformanceError(ToolGymError, AssertionError):
    """An environment fails checks of `toolgym.checker`; the message names all of them."""


def did_you_mean(given: str, known: Iterable[str], what: str = "name") -> str:
    """A sentence for an error message: what was given, the nearest known name, and all known names."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    near = near or [name for name in names if len(given) > 2 and name.startswith(given)]
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"Unknown {what} {given!r}.{hint} Known: {', '.join(names) or '(none)'}."
