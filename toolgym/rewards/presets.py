"""Rewards by name: `make_reward`, `score` for text alone, and `as_trl` for TRL trainers."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial, wraps
from importlib import import_module
from typing import Any, cast

from toolgym.errors import ConfigError, ToolGymError, did_you_mean
from toolgym.loading import load_named, names_object, raised
from toolgym.plugins import Plugin, plugins, warn_if_taken
from toolgym.rewards.base import Preset, Reward, Term, register, registered
from toolgym.rewards.checklist import checklist_term
from toolgym.rewards.state import outcome_term, state_term
from toolgym.rewards.structural import StructuralTerm, format_term
from toolgym.rewards.text import Gold, completion_text, text_episode

__all__ = ["RewardSpec", "as_trl", "make_reward", "plugin_rewards", "preset_names", "score"]

RewardSpec = str | Reward | Term | Sequence[Term | tuple[str, Term, float]]
"""A preset's name, a `Reward`, one term, or a list of terms (each alone, or with a name and a weight); any of the
latter three also by where it is: `FILE.py:NAME` or `module:NAME`."""

_HOMES: dict[str, str] = {
    "ac_planner": "toolgym.rewards.ac_planner",
    "awpo": "toolgym.rewards.awpo",
    "cm2": "toolgym.rewards.cm2",
    "otc": "toolgym.rewards.efficiency",
    "scribe": "toolgym.rewards.scribe",
    "steptool": "toolgym.rewards.steptool",
    "tapo": "toolgym.rewards.outcome_format",
    "tgrl": "toolgym.rewards.outcome_format",
    "tool_star": "toolgym.rewards.tool_star",
    "toolpo": "toolgym.rewards.toolpo",
    "toolrl": "toolgym.rewards.toolrl",
    "toolupt": "toolgym.rewards.toolupt",
}
"""Where each preset that is not made here is registered, on import."""


def default_reward(
    *,
    structural: float = 0.3,
    checklist: float = 0.3,
    state: float = 0.4,
    format: float = 0.05,
    name: float = 1.0,
    params: float = 1.0,
    values: float = 1.0,
) -> Reward:
    """The environments' default: an episode that does exactly what the gold chain does earns 1.

    Args:
        structural: weight of what the step added to the IoU with the gold chain.
        checklist: weight of the checklist's share that the step gained.
        state: weight of the verified outcome, at the last step: the final state and the required checklist items.
        format: weight of the -1 for a malformed message.
        name, params, values: the parts of the structural term.
    """
    return Reward(
        terms={
            "structural": StructuralTerm(name, params, values),
            "checklist": checklist_term,
            "state": outcome_term,
            "format": format_term,
        },
        weights={"structural": structural, "checklist": checklist, "state": state, "format": format},
    )


def state_reward() -> Reward:
    """1 at the end of an episode whose final state is the gold's, else 0: no partial credit."""
    return Reward({"state": state_term}, {})


def solved_reward() -> Reward:
    """1 at the end of an episode that is solved, else 0: the final state and what had to be told, no partial credit."""
    return Reward({"outcome": outcome_term}, {})


register("default", default_reward)
register("solved", solved_reward)
register("state", state_reward)
_OWN = frozenset({*_HOMES, *registered()})


def preset_names() -> list[str]:
    """The names of ToolGym's own presets and those that were registered, sorted."""
    return sorted({*_HOMES, *registered()})


def plugin_rewards() -> dict[str, Plugin]:
    """The rewards of installed packages by name."""
    return plugins("reward", _OWN.__contains__)


@lru_cache(maxsize=64)
def _plugged(plugin: Plugin) -> Preset:
    """The preset of a plug-in, each of whose errors names its package.

    Raises:
        ConfigError: it cannot be loaded, or is no reward.
    """
    loaded = plugin.load()
    if callable(loaded) and not isinstance(loaded, Reward) and not _is_term(loaded):

        @wraps(loaded)
        def factory(**options: Any) -> Reward:
            try:
                made = loaded(**options)
            except Exception as error:  # it may do anything
                raise plugin.error(f"raised {type(error).__name__}: {error}") from error
            if not isinstance(made, Reward):
                raise plugin.error(f"made a {type(made).__name__}, not a Reward")
            return made

        return Preset(plugin.name, factory)
    try:
        made = loaded if isinstance(loaded, str) else make_reward(cast(RewardSpec, loaded))
    except (ConfigError, TypeError, ValueError) as error:
        raise plugin.error(f"is no reward: {error}") from error
    if not isinstance(made, Reward):
        raise plugin.error("is a text; it must be a Reward, a term, a list of terms or a function that makes a Reward")
    terms = {name: _of_plugin(plugin, name, term) for name, term in made.terms.items()}
    return Preset(plugin.name, lambda: Reward(terms, made.weights))


def _is_term(loaded: Callable[..., Any]) -> bool:
    """Whether something can be called with a trajectory and a task; else its keywords are a preset's options."""
    try:
        inspect.signature(loaded).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def _watched(term: Callable[..., Any], told: Callable[[Exception], ConfigError]) -> Term:
    """A term that somebody else wrote: whatever it raises is an error that says whose it is (`told`)."""

    @wraps(term)
    def scored(trajectory: Any, task: Any) -> float:
        try:
            return term(trajectory, task)
        except ToolGymError:
            raise
        except Exception as error:  # it may do anything
            raise told(error) from error

    return scored


def _of_plugin(plugin: Plugin, name: str, term: Term) -> Term:
    """A term whose own errors name its package."""
    return _watched(term, lambda error: plugin.error(f"raised {type(error).__name__} in the term {name!r}: {error}"))


def _of_file(term: Callable[..., Any], place: str) -> Term:
    """A term whose own errors name it and its file."""
    name = getattr(term, "__name__", "reward")
    return _watched(term, lambda error: ConfigError(f"the reward {name!r} raised {raised(error, place)}"))


def make_reward(spec: RewardSpec = "default", **options: Any) -> Reward:
    """The reward that `spec` names or describes.

    Args:
        spec: see `RewardSpec`.
        options: keyword overrides of a preset; anything else takes none.

    Raises:
        ConfigError: an unknown preset or option, or something that is no reward.
    """
    if isinstance(spec, str) and names_object(spec):
        found, place = load_named(spec), spec.rpartition(":")[0]
        # A term of a file that a command or a file of options names is a user's to mend: it is said which and where.
        spec = _of_file(found, place) if callable(found) and not isinstance(found, Reward) else cast(RewardSpec, found)
    if isinstance(spec, str):
        preset = _preset(spec)
        _check_options(preset, options)
        return preset.factory(**options)
    if options:
        raise ConfigError(f"Options ({', '.join(sorted(options))}) go with a preset's name, not with {spec!r:.100}.")
    if isinstance(spec, Reward):
        return spec
    if callable(spec):
        return _of_terms([spec])
    if isinstance(spec, Sequence):
        return _of_terms(spec)
    raise ConfigError(f"A reward is a preset's name, a Reward, a term or a list of terms; got {spec!r:.100}.")


def score(preset: str, completion: str | Sequence[Mapping[str, Any]], gold: Gold, **options: Any) -> dict[str, float]:
    """Scores text alone, without an environment: `total` and every component.

    Args:
        preset: a preset's name.
        completion: a message in any format, or chat messages (the last assistant message counts).
        gold: the right answer (see `toolgym.rewards.text.Gold`).
        options: keyword overrides of the preset.

    Raises:
        ConfigError: an unknown preset or option, or a gold that cannot be understood.
    """
    found = _preset(preset)
    _check_options(found, options, text=True)
    text = completion_text(completion)
    if found.score_text is not None:
        return found.score_text(text, gold, **options)
    total, components = found.factory(**options).score(*text_episode(text, gold))
    return {"total": total, **components}


def as_trl(preset: str, *, column: str = "gold", **options: Any) -> Callable[..., list[float]]:
    """A reward function for any TRL trainer: `GRPOTrainer(reward_funcs=as_trl("toolrl"), ...)`.

    The data set needs a column `gold` (or `column`) with the right answer: best a reference message, or the gold calls
    as a JSON string (see `toolgym.rewards.text.Gold`). A preset that has an option `step` gets the trainer's step.

    Raises:
        ConfigError: an unknown preset or option; when called, no such column.
    """
    found = _preset(preset)
    _check_options(found, options, text=True)
    follows_step = "step" in _options_of(found, text=True) and "step" not in options

    def reward(completions: Sequence[Any], **columns: Any) -> list[float]:
        if column not in columns:
            raise ConfigError(f"The data set needs a column {column!r} with the right answers.")
        extra = options
        if follows_step and columns.get("trainer_state") is not None:
            extra = {**options, "step": columns["trainer_state"].global_step}
        return [
            score(preset, completion, gold, **extra)["total"]
            for completion, gold in zip(completions, columns[column], strict=True)
        ]

    reward.__name__ = preset
    return reward


def _preset(name: str) -> Preset:
    if name not in registered() and name in _HOMES:
        import_module(_HOMES[name])
    if name in _OWN:
        warn_if_taken("reward", name)
    found = registered().get(name)
    if found is None:
        brought = plugin_rewards()
        if name not in brought:
            raise ConfigError(did_you_mean(name, {*preset_names(), *brought}, "reward"))
        return _plugged(brought[name])
    return found


def _options_of(preset: Preset, text: bool = False) -> list[str]:
    """The names of the preset's options; `text`: with those that only matter when text is scored alone."""
    known = set(inspect.signature(preset.factory).parameters)
    if text and preset.score_text is not None:
        parameters = inspect.signature(preset.score_text).parameters.values()
        known |= {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    return sorted(known)


def _check_options(preset: Preset, options: Mapping[str, Any], text: bool = False) -> None:
    known = _options_of(preset, text)
    for name in options:
        if name not in known:
            raise ConfigError(did_you_mean(name, known, f"option of the reward {preset.name!r}:"))


def _name_of(term: Any) -> str:
    if isinstance(term, partial):
        return _name_of(term.func)
    return getattr(term, "__name__", type(term).__name__)


def _of_terms(spec: Sequence[Any]) -> Reward:
    terms: dict[str, Term] = {}
    weights: dict[str, float] = {}
    for item in spec:
        entry: tuple[str, Any, float] = item if isinstance(item, tuple) else (_name_of(item), item, 1.0)
        name, term, weight = entry
        if not callable(term):
            raise ConfigError(f"A term is a callable of (trajectory, task); got {term!r:.100}.")
        if name in terms:
            raise ConfigError(f"Two terms are called {name!r}: give each as (name, term, weight).")
        terms[name], weights[name] = cast(Term, term), float(weight)
    if not terms:
        raise ConfigError("A reward needs at least one term.")
    return Reward(terms, weights)
