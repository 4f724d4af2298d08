"""The registered domains and environments. Everything is named by strings and imported when it is made."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, cast

import gymnasium

from toolgym.domain import Domain, Size
from toolgym.errors import ConfigError, ToolGymError, did_you_mean
from toolgym.plugins import Plugin, plugins, warn_if_taken

if TYPE_CHECKING:
    from toolgym.composing.declaration import Declaration

__all__ = [
    "declaration_of",
    "domains",
    "env_ids",
    "generated_domains",
    "is_declaration",
    "make_domain",
    "needs_user",
    "own_domains",
    "plugin_domains",
    "register_domain",
    "register_env",
    "register_envs",
]

_DECLARED = (
    "airline",
    "bank",
    "clinic",
    "delivery",
    "helpdesk",
    "home",
    "hotel",
    "library",
    "office",
    "people",
    "retail",
    "telecom",
)
"""The domains that are declarations: `toolgym.envs.NAME:NAME`, in capitals."""
_DOMAINS: dict[str, str | Plugin | Callable[..., Domain]] = {
    name: f"toolgym.envs.{name}:{name.upper()}" for name in _DECLARED
}
_ENVS = {f"ToolGym/{name.capitalize()}-v0": name for name in _DOMAINS}
_OWN = tuple(_DOMAINS)
_OPTIONS: dict[str, dict[str, Any]] = {"telecom": {"user": "scripted"}}
"""Domain -> the defaults of its environment, over those of `EnvOptions`."""
_FAMILIES = {"planarena": "toolgym.envs.planarena.domain:named_domain"}
"""Name -> what makes the domains that are called NAME:NUMBER: a function of the number, with a domain's options."""
_NUMBERS = {"planarena": 8_000}
"""Family -> how many of its domains, from number 0 on, lend their tools to others."""
_MADE_IN = {
    "ToolGym/APIBank-v0": "toolgym.envs.api_bank",
    "ToolGym/All-v0": "toolgym.mixed",
    "ToolGym/BFCL-v0": "toolgym.envs.bfcl.environment",
    "ToolGym/Calls-v0": "toolgym.envs.calls",
    "ToolGym/MCP-v0": "toolgym.mcp_env",
    "ToolGym/OpenEnv-v0": "toolgym.adapters.openenv",
    "ToolGym/PlanArena-v0": "toolgym.envs.planarena.arena",
    "ToolGym/Verifiers-v0": "toolgym.adapters.verifiers",
}
"""Ids with options of their own -> the module with their `make_env` and `make_vector_env`."""
_TAU = {"tau": ("airline", "retail"), "tau2": ("airline", "retail", "telecom")}
_PUBLIC = {
    f"ToolGym/{benchmark.capitalize()}{name.capitalize()}-v0": (f"toolgym.envs.{benchmark}.env", {"name": name})
    for benchmark, names in _TAU.items()
    for name in names
}
"""Ids of public benchmarks -> the module with their `make_env` and `make_vector_env`, and what these are given."""
_ENTRY_POINTS = (
    "toolgym.env:ToolEnv",
    *(f"{module}:make_env" for module in (*_MADE_IN.values(), *(module for module, _ in _PUBLIC.values()))),
)


def register_domain(name: str, entry_point: str | Callable[..., Domain]) -> None:
    """Makes a domain known by name.

    Args:
        name: what `ToolEnv(name)` will understand.
        entry_point: `"module:Class"` or a callable; called with those of `size`, `dialect` and `seed` that were given.

    Raises:
        ConfigError: the name stands for another domain.
    """
    if isinstance(_DOMAINS.get(name), Plugin):  # what a program says itself goes before what is installed
        del _DOMAINS[name]
        _build.cache_clear()
    if _DOMAINS.get(name, entry_point) != entry_point:
        raise ConfigError(f"The domain name {name!r} is taken by {_DOMAINS[name]!r}; choose another")
    _DOMAINS[name] = entry_point


def register_env(env_id: str, domain: str, **options: Any) -> None:
    """Registers a Gymnasium id for a registered domain, with ToolGym's own vector environment. Twice is harmless.

    `options` are the id's defaults, over those of `EnvOptions`: `user="scripted"` where tasks cannot be played without.

    Gymnasium's passive checker and order enforcement stay off: `ToolEnv` checks both itself, and `gymnasium.make` then
    gives the bare environment, whose `fork` is in reach and whose step costs no wrappers.
    """
    if env_id in gymnasium.registry:
        return
    gymnasium.register(
        env_id,
        entry_point="toolgym.env:ToolEnv",
        vector_entry_point="toolgym.vector:ToolVectorEnv",
        kwargs={"domain": domain, **options},
        disable_env_checker=True,
        order_enforce=False,
    )


def register_envs() -> None:
    """Registers ToolGym's own environments, and those of installed plug-ins."""
    for env_id, domain in _ENVS.items():
        register_env(env_id, domain, **_OPTIONS.get(domain, {}))
    for env_id, (module, kwargs) in {**{id: (module, {}) for id, module in _MADE_IN.items()}, **_PUBLIC}.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point=f"{module}:make_env",
                vector_entry_point=f"{module}:make_vector_env",
                kwargs=dict(kwargs),
                disable_env_checker=True,
                order_enforce=False,
            )
    for name, plugin in plugin_domains().items():
        if not plugin.taken:
            _DOMAINS.setdefault(name, plugin)
        if not plugin.taken and name.isidentifier() and name.islower():
            register_env(f"ToolGym/{name.capitalize()}-v0", name)


def plugin_domains() -> dict[str, Plugin]:
    """The domains of installed packages by name; `ToolGym/NAME-v0`, with a capital, is the environment of each."""
    return plugins("domain", _is_own)


def _is_own(name: str) -> bool:
    """Whether a domain's name, or its environment's id but for capitals, is ToolGym's own."""
    ids = {env_id.casefold() for env_id in (*_ENVS, *_MADE_IN, *_PUBLIC)}
    return name in _OWN or name in _FAMILIES or f"toolgym/{name}-v0".casefold() in ids


def is_declaration(made: Any) -> bool:
    """Whether something is a domain's declaration."""
    from toolgym.composing.declaration import Declaration  # knows servers, which take their time to import

    return isinstance(made, Declaration)


def declaration_of(domain: str) -> "Declaration | None":
    """The declaration of a registered domain, whose server is not made for this; None of a domain that has none."""
    made = _loaded(_DOMAINS.get(domain))
    return cast("Declaration", made) if is_declaration(made) else None


def _loaded(entry_point: Any) -> Any:
    """What `"module:NAME"` or a plug-in names; anything else as it is."""
    if isinstance(entry_point, Plugin):
        return entry_point.load()
    if not isinstance(entry_point, str):
        return entry_point
    module, _, attribute = entry_point.partition(":")
    return getattr(import_module(module), attribute)


def domains() -> list[str]:
    """The names of the registered domains, sorted."""
    return sorted(_DOMAINS)


def generated_domains() -> Iterator[str]:
    """The names of generated domains that lend their tools, family by family."""
    return (f"{family}:{number}" for family, count in _NUMBERS.items() for number in range(count))


def own_domains() -> list[str]:
    """The names of ToolGym's own domains, sorted."""
    return sorted(_OWN)


def needs_user(domain: str) -> bool:
    """Whether the domain's tasks cannot be played without a user: its ids are registered with one."""
    made = (spec.kwargs for spec in gymnasium.registry.values() if spec.kwargs.get("domain") == domain)
    return any(kwargs.get("user", "none") != "none" for kwargs in made)


def env_ids() -> list[str]:
    """The Gymnasium ids whose environments are `ToolEnv`s, sorted."""
    return sorted(id for id, spec in gymnasium.registry.items() if spec.entry_point in _ENTRY_POINTS)


def make_domain(
    domain: "Domain | Declaration | str",
    *,
    size: Size | None = None,
    dialect: str | None = None,
    seed: int | None = None,
) -> Domain:
    """The domain of a name (one a process for each choice of options, so that its worlds are shared), or the one given.

    Of a family of generated domains one is named with its number: `planarena:17`.

    Raises:
        ConfigError: no such domain, or options beside a domain that is made already.
    """
    given = {"size": size, "dialect": dialect, "seed": seed}
    chosen = tuple((name, value) for name, value in given.items() if value is not None)
    if isinstance(domain, str):
        family, colon, number = domain.partition(":")
        if colon and family in _FAMILIES:
            return cast(Domain, _loaded(_FAMILIES[family])(number, **dict(chosen)))
        if domain not in _DOMAINS:
            raise ConfigError(did_you_mean(domain, _DOMAINS, "domain"))
        return _build(domain, chosen)
    if not hasattr(domain, "session"):
        return _declared(domain, chosen)
    if chosen:
        names = ", ".join(name for name, _ in chosen)
        raise ConfigError(f"{names} cannot be set for a domain that is made already; give them to the domain itself")
    return cast(Domain, domain)


@lru_cache(maxsize=32)
def _build(name: str, options: tuple[tuple[str, Any], ...]) -> Domain:
    named = _DOMAINS[name]
    if isinstance(named, Plugin):
        return _plugged(named, options)
    if name in _OWN:
        warn_if_taken("domain", name)
    entry_point = _loaded(named)
    if not callable(entry_point):
        return _declared(entry_point, options)
    if unknown := [option for option, _ in options if not _takes(entry_point, option)]:
        raise ConfigError(f"The domain {name!r} has no {' and no '.join(unknown)}: leave that out")
    return cast(Domain, entry_point(**dict(options)))


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function takes a keyword."""
    try:
        parameters = signature(function).parameters
    except (TypeError, ValueError):  # it does not tell
        return True
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def _plugged(plugin: Plugin, options: tuple[tuple[str, Any], ...]) -> Domain:
    """The domain of a plug-in, each of whose errors names its package."""
    loaded = plugin.load()
    if not is_declaration(loaded) and not callable(loaded):
        raise plugin.error(
            f"is a {type(loaded).__name__}; it must be a Declaration, or a class or function that makes a Domain of "
            "those of size, dialect and seed that are given"
        )
    try:
        made = _declared(loaded, options) if is_declaration(loaded) else loaded(**dict(options))
    except Exception as error:  # it may do anything
        if isinstance(error, ToolGymError) and not isinstance(error, ConfigError):
            raise
        raise plugin.error(f"cannot be made with {sorted(dict(options))}: {type(error).__name__}: {error}") from error
    if not all(hasattr(made, part) for part in ("name", "policy", "session", "tasks")):
        raise plugin.error(f"made a {type(made).__name__}, not a Domain (name, policy, session, tasks)")
    return cast(Domain, made)


@lru_cache(maxsize=64)
def _declared(declaration: Any, options: tuple[tuple[str, Any], ...]) -> Domain:
    """The domain of a declaration.

    Raises:
        ConfigError: it is no declaration.
    """
    from toolgym.composing.composer import DeclaredDomain  # speaks to servers, which takes its time to import

    if not is_declaration(declaration):
        raise ConfigError(f"a domain is a name, a Domain or a Declaration, not {type(declaration).__name__}")
    return DeclaredDomain(declaration, **dict(options))
