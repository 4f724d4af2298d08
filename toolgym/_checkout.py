"""Makes `toolgym.agents`, `toolgym.envs` and `toolgym.mcp_servers` importable from a source checkout.

An installed wheel holds them as ordinary sub-packages. In a checkout they are top-level folders beside this one, so a
small finder looks there. It is added only where the checkout's own `pyproject.toml` stands beside the package.
"""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent
_FOLDERS = frozenset({"toolgym.agents", "toolgym.envs", "toolgym.mcp_servers"})


class _BesideMe:
    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """A namespace spec under the full name, so that modules are `toolgym.agents.x`, never `agents.x`."""
        if name not in _FOLDERS:
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(_CHECKOUT / name.rpartition(".")[2])]
        return spec


def install() -> None:
    """Adds the finder once, and only in a checkout."""
    is_checkout = (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "mcp_servers").is_dir()
    if is_checkout and not any(getattr(finder, "__name__", "") == "_BesideMe" for finder in sys.meta_path):
        sys.meta_path.append(_BesideMe)
