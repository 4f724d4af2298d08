"""The table of the learning benchmark as it was before the audit of its algorithms, of its published runs.

    python -m benchmarks.learning_before        # its tables as docs/learning.md has them

Those runs compared every algorithm on its own reward, in the airline before it was a declaration. They are kept to be
read; `benchmarks.learning` makes no more of them.
"""

import json
from pathlib import Path

from benchmarks.learning_report import read_runs, summaries
from benchmarks.learning_tables import markdown_tables

__all__ = ["PUBLISHED", "START", "main"]

PUBLISHED = Path(__file__).resolve().parent / "results" / "learning"
START = "warm start"


def main() -> int:
    """Prints the tables."""
    runs, _ = read_runs(PUBLISHED, START)
    shared = json.loads((PUBLISHED / "options.json").read_text(encoding="utf-8"))
    told = set(shared["telling"])  # those solved only where the agent tells what was asked for
    print(markdown_tables(summaries(PUBLISHED, runs, shared["k"], START, told), shared["k"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
