"""Tools at scale: which of thousands an agent is shown.

`ToolIndex` finds tools by what they say of themselves; `Shown` is how an environment's option `tools` is written;
`toolgym.perturbing.retrieving` shows an episode's agent what was found.
"""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.retrieval.index import Changes, Query, ToolIndex
    from toolgym.retrieval.options import Shown, parse_shown
    from toolgym.retrieval.store import load_index, save_index

__all__ = ["Changes", "Query", "Shown", "ToolIndex", "load_index", "parse_shown", "save_index"]

_HOME = {
    **dict.fromkeys(("Changes", "Query", "ToolIndex"), "index"),
    **dict.fromkeys(("Shown", "parse_shown"), "options"),
    **dict.fromkeys(("load_index", "save_index"), "store"),
}
__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
