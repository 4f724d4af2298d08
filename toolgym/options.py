"""`EnvOptions`: everything that can be chosen about an environment, whatever its domain; and how it is written."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from toolgym import _json
from toolgym.budget import Budget
from toolgym.domain import Split
from toolgym.errors import ConfigError, did_you_mean
from toolgym.messages import formats
from toolgym.retrieval.options import parse_shown
from toolgym.rewards.base import Reward

if TYPE_CHECKING:
    from toolgym.rewards.presets import RewardSpec
    from toolgym.users import UserSpec

__all__ = [
    "PROMPTS",
    "EnvOptions",
    "PromptKind",
    "check_options",
    "env_options",
    "parse_named",
    "parse_settings",
    "parse_value",
]

PromptKind = Literal["full", "tools", "short"]
PROMPTS: tuple[PromptKind, ...] = get_args(PromptKind)
_SPLITS = ("train", "validation", "test", "test_unseen", "custom")


@dataclass(frozen=True)
class EnvOptions:
    """How an environment picks tasks, talks, ends and scores.

    Each field is a keyword of `gymnasium.make` too: `gymnasium.make(id, split="test", prompt="short")`.
    """

    split: Split = "train"
    """Which tasks."""
    depth: int | Sequence[int] | None = None
    """Only tasks composed of so many atomic tasks."""
    kinds: str | Sequence[str] | None = None
    """Only tasks all of whose atomic kinds are among these (or are this one)."""
    task: "str | int | Sequence[str | int] | None" = None
    """Only these tasks of the split, by id or index: of one task that one at every reset. None: all of them."""
    user: "UserSpec" = "none"
    """Who answers responses: `none` (the first response ends the episode), `scripted`, `llm`, `llm:MODEL`,
    `LLMUserOptions`, or a `User`."""
    reward: "RewardSpec" = "default"
    """A preset's name, a `Reward`, a term or a list of terms (see `toolgym.rewards.presets.make_reward`)."""
    reward_weights: Mapping[str, float] | None = None
    """Term name -> weight, over the reward's own."""
    reward_options: Mapping[str, Any] | None = None
    """Keyword overrides of a preset (see its factory in `toolgym.rewards`)."""
    prompt: PromptKind = "full"
    """The first observation: `full` has policy, tool schemas, instructions and request; `tools` the tools' names and
    parameters, a line a tool, and the request; `short` only the request."""
    format: str = "auto"
    """How actions are read: one of `toolgym.messages.formats()`, or `auto`: told from the text."""
    until: Literal["response", "turn"] = "response"
    """When an episode is over by itself: with the conversation, or after one message, whatever is in it."""
    max_turns: int = 30
    """Actions until the episode is truncated."""
    max_calls: int = 100
    """Tool calls until the episode is truncated; calls beyond it are not run."""
    max_tokens: int | None = None
    """Tokens of all observations and actions until the episode is truncated."""
    count_tokens: Callable[[str], int] | None = None
    """Counts the tokens of a text; by default a token is four characters."""
    max_seconds: float | None = None
    """Wall-clock seconds until the episode is truncated, checked after each step. What happens then depends on time."""
    max_message_chars: int = 200_000
    """A longer action is not read: the model is told so."""
    budget: str | Mapping[str, int] | Budget | None = None
    """What the agent is told that it may use, such as `calls=20,turns=8`, and after which calls are refused
    (`toolgym.budget`)."""
    distractors: int = 0
    """Tools of other registered domains that stand among the task's; a call of one is refused and changes nothing."""
    rename: bool = False
    """Whether tools and parameters have other plausible names, new ones each episode; the old ones are unknown."""
    flaky: float = 0.0
    """The probability that a call is `unavailable` and does nothing; the same call passes when it is made again."""
    reorder: bool = False
    """Whether tools, parameters, enum values and the keys of results are in another order."""
    tools: str = "all"
    """Which tools are shown: `all`; `oracle`, those of the gold chain; `retrieve:k=10`, those that are found for the
    user's words, and `find_tools` to find more (see `toolgym.retrieval.options.Shown`)."""
    make_tools: bool | str = False
    """Whether the agent may make tools of Python functions (`make_tool`). They run in a Docker container alone: of the
    image `python:3.11-slim`, or of the one that is named."""
    made_tools: str | None = None
    """A file that gets the tools that were made, and whose tools are there from the beginning."""
    reveal_gold: bool = False
    """Whether `info["task"]` at reset is the `Task`, gold and all, and `info["user_calls"]` after a step what the user
    called."""

    def __post_init__(self) -> None:
        if isinstance(self.kinds, str):
            object.__setattr__(self, "kinds", (self.kinds,))
        if self.split not in _SPLITS:
            raise ConfigError(did_you_mean(str(self.split), _SPLITS, "split"))
        if self.prompt not in PROMPTS:
            raise ConfigError(did_you_mean(str(self.prompt), PROMPTS, "prompt"))
        if self.until not in ("response", "turn"):
            raise ConfigError(did_you_mean(str(self.until), ("response", "turn"), "until"))
        if self.format != "auto" and self.format not in formats():
            raise ConfigError(did_you_mean(self.format, ("auto", *formats()), "message format"))
        for name in ("max_turns", "max_calls", "max_message_chars", "max_tokens", "max_seconds"):
            value = getattr(self, name)
            if value is None and name in ("max_tokens", "max_seconds"):
                continue
            if isinstance(value, bool) or not (isinstance(value, int | float) and value > 0):
                raise ConfigError(f"{name} must be greater than 0, not {value!r}")
        if self.count_tokens is not None and not callable(self.count_tokens):
            raise ConfigError(f"count_tokens is a function of a text, not {self.count_tokens!r:.100}")
        if self.budget is not None:
            object.__setattr__(self, "budget", Budget.of(self.budget))
            for name, value in cast(Budget, self.budget).given.items():
                limit = getattr(self, f"max_{name}")
                if limit is not None and value > limit:
                    raise ConfigError(f"A budget of {name}={value} is beyond max_{name}={limit}: raise max_{name} too")
        for name in ("rename", "reorder", "reveal_gold"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is true or false, not {getattr(self, name)!r:.100}")
        if isinstance(self.distractors, bool) or not (isinstance(self.distractors, int) and self.distractors >= 0):
            raise ConfigError(f"distractors is a number of tools, at least 0, not {self.distractors!r:.100}")
        if isinstance(self.flaky, bool) or not (isinstance(self.flaky, int | float) and 0 <= self.flaky <= 1):
            raise ConfigError(f"flaky is a probability, from 0 to 1, not {self.flaky!r:.100}")
        parse_shown(self.tools)
        if not isinstance(self.make_tools, bool | str) or self.make_tools == "":
            raise ConfigError(f"make_tools is true, false or a Docker image, not {self.make_tools!r:.100}")
        if self.made_tools is not None and not (
            isinstance(self.made_tools, str) and self.made_tools and self.make_tools
        ):
            raise ConfigError(f"made_tools is a file, and needs make_tools=true; got {self.made_tools!r:.100}")

    def override(self, changes: Mapping[str, Any]) -> "EnvOptions":
        """These options with some changed.

        Raises:
            ConfigError: a name or value that no option has.
        """
        names = [field.name for field in fields(self)]
        for name in changes:
            if name not in names:
                raise ConfigError(did_you_mean(name, names, "option"))
        return replace(self, **changes)

    @property
    def perturbs(self) -> bool:
        """Whether any perturbation is on (`toolgym.perturbing`)."""
        perturbed = self.distractors or self.rename or self.flaky or self.reorder
        return bool(perturbed or self.tools != "all" or self.make_tools)

    def make_reward(self) -> Reward:
        """The reward that these options describe.

        Raises:
            ConfigError: no such preset or option, or a weight for a term that is not there.
        """
        from toolgym.rewards.presets import make_reward  # presets look at every reward; options are made without them

        reward = make_reward(self.reward, **(self.reward_options or {}))
        for name in self.reward_weights or {}:
            if name not in reward.terms:
                raise ConfigError(did_you_mean(name, reward.terms, "reward term"))
        return replace(reward, weights={**reward.weights, **(self.reward_weights or {})})


def env_options() -> tuple[str, ...]:
    """What `gymnasium.make` takes for an environment of a domain: the options, how its worlds are made, and a mode."""
    return (*(field.name for field in fields(EnvOptions)), "size", "dialect", "domain_seed", "render_mode")


def check_options(given: Iterable[str], known: Sequence[str]) -> None:
    """Refuses an option that there is not.

    Raises:
        ConfigError: it names the nearest of all that there are.
    """
    for name in given:
        if name not in known:
            raise ConfigError(did_you_mean(name, known, "option"))


def parse_settings(settings: Sequence[str] | None) -> dict[str, Any]:
    """`["size=small", "depth=[2,3]"]` -> `{"size": "small", "depth": [2, 3]}`.

    Raises:
        ConfigError: an item has no `=`.
    """
    parsed: dict[str, Any] = {}
    for item in settings or ():
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set takes NAME=VALUE, got {item!r}. An example: --set size=small")
        parsed[name.strip().replace("-", "_")] = parse_value(value)
    return parsed


_KINDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def parse_named(text: str, kinds: Mapping[str, type], what: str) -> dict[str, Any]:
    """`option=value,option=value` -> the options that are given, each of its kind: int, float, bool or str.

    Args:
        text: what is read; spaces around names and values do not count.
        kinds: the options there are.
        what: whose options they are, for errors.

    Raises:
        ConfigError: an option that it does not have or that is given twice, or a value of another kind.
    """
    given: dict[str, Any] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        option, equals, value = (each.strip() for each in part.partition("="))
        if option not in kinds:
            raise ConfigError(did_you_mean(option, kinds, f"option of {what}"))
        if not equals or not value:
            raise ConfigError(f"{what}: write {option}=VALUE, got {part!r}")
        if option in given:
            raise ConfigError(f"{what}: {option} is given twice")
        kind = kinds[option]
        try:
            read = {"true": True, "false": False}[value.lower()] if kind is bool else kind(value)
        except (ValueError, KeyError):
            raise ConfigError(f"{what}: {option} is {_KINDS[kind]}, got {value!r}") from None
        given[option] = read
    return given


def parse_value(text: str) -> Any:
    """JSON where it is JSON, and the text itself where it is not."""
    try:
        return _json.loads(text)
    except ValueError:
        return text
