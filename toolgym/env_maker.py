"""`EnvMaker`: what makes the environments of an id that has options of its own.

    MAKER = EnvMaker(domain_of, own=("data", "category"), without=("size",))
    make_env, make_vector_env, known_options = MAKER.make_env, MAKER.make_vector_env, MAKER.known_options

A registered id names the module in which these three stand (`toolgym.registration`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from gymnasium.vector import AutoresetMode

from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.options import EnvOptions, check_options, env_options
from toolgym.vector import ToolVectorEnv

__all__ = ["GENERATED", "PERTURBED", "EnvMaker", "field_names", "parted"]

GENERATED = ("size", "dialect", "domain_seed")
"""Options of worlds that are generated: for `without`, where there are no such worlds."""
PERTURBED = ("distractors", "rename", "flaky", "reorder")
"""Options of `toolgym.perturbing`: for `without`, where each task has tools of its own."""

T = TypeVar("T")
Settings = dict[str, Any]


@dataclass(frozen=True)
class EnvMaker:
    """Makes the environments of one id, or of several that differ in `fixed`.

    Args:
        domain_of: (settings, `EnvOptions` or None where none were given whole) -> the domain, and the fields of
            `EnvOptions` that are set. It is given a dict of its own, of known names.
        own: the options that these environments have besides those of all.
        without: the options of all environments that these have not.
        fixed: what the registered id gives, and no user.
    """

    domain_of: Callable[[Settings, EnvOptions | None], tuple[Domain, Settings]]
    own: tuple[str, ...]
    without: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def known_options(self) -> tuple[str, ...]:
        """What `gymnasium.make` takes."""
        return (*self.own, *(name for name in env_options() if name not in (*self.without, *self.own)))

    def make_env(self, render_mode: str | None = None, options: EnvOptions | None = None, **settings: Any) -> ToolEnv:
        """An environment; arguments as for `ToolEnv`, and the id's own.

        Raises:
            ConfigError: an unknown option, or one that cannot be used.
        """
        domain, chosen = self._domain(settings, options)
        return ToolEnv(domain, options, render_mode=render_mode, **chosen)

    def make_vector_env(
        self,
        num_envs: int,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        options: EnvOptions | None = None,
        **settings: Any,
    ) -> ToolVectorEnv:
        """Many episodes at once; arguments as for `ToolVectorEnv` and `make_env`."""
        domain, chosen = self._domain(settings, options)
        return ToolVectorEnv(
            num_envs, domain, autoreset_mode=autoreset_mode, options=options, render_mode=render_mode, **chosen
        )

    def _domain(self, settings: Settings, options: EnvOptions | None) -> tuple[Domain, Settings]:
        check_options([name for name in settings if name not in self.fixed], self.known_options())
        return self.domain_of(settings, options)


def field_names(own: type) -> tuple[str, ...]:
    """The names of a dataclass's fields, as `EnvMaker.own` takes them."""
    return tuple(field.name for field in fields(own))


def parted(own: type[T], settings: Mapping[str, Any]) -> tuple[T, Settings]:
    """The options of a dataclass, made of those of the settings that are its fields, and the others."""
    names = field_names(own)
    return (
        own(**{name: value for name, value in settings.items() if name in names}),
        {name: value for name, value in settings.items() if name not in names},
    )
