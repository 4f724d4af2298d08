"""Perturbations: the same task in a less familiar place.

`EnvOptions` switches four of them on, alone or together: `distractors`, `rename`, `flaky` and `reorder`. Each is a
`Layer` around a session: it changes what the tools are listed as, what is sent to them and what is heard from them. The
world, the task and what solves it stay the same.

All that an episode's perturbations choose is a function of one number and the task's id (`toolgym.perturbing.chance`).
"""

from toolgym.perturbing.episode import Perturbation, Perturber
from toolgym.perturbing.names import Names, as_played
from toolgym.perturbing.retrying import Retrying
from toolgym.perturbing.session import Layer, PerturbedSession

__all__ = ["Layer", "Names", "Perturbation", "PerturbedSession", "Perturber", "Retrying", "as_played"]
