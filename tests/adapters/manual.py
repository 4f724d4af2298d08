"""What docs/adapters.md shows, for the tests beside a peer's package that run it."""

import re
import shlex
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text(encoding="utf-8")


def file_of(name: str) -> str:
    """The Python block that is the file of this name."""
    (found,) = re.findall(rf"```python\n(# {re.escape(name)}\n.*?)```", PAGE, re.DOTALL)
    return found


def command_of(program: str) -> list[str]:
    """The command line that begins with this program's name."""
    (found,) = re.findall(rf"^{re.escape(program)} .*$", PAGE, re.MULTILINE)
    return shlex.split(found)
