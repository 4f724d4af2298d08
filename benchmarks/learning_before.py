"""The table of the learning benchmark as it was before the audit of its algorithms, of its published runs.

    python -m benchmarks.learning_before        # its tables as docs/learning.md has them

Those runs compared every algorithm on its own reward. They are kept to be read; `benchmarks.learning` makes no more of
them.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.learning_report import read_runs, summaries
from benchmarks.learning_tables import markdown_tables
from toolgym.errors import ConfigError
from toolgym.opening import open_env

__all__ = ["PUBLISHED", "START", "main", "telling_tasks"]

PUBLISHED = Path(__file__).resolve().parent / "results" / "learning"
START = "warm start"


def telling_tasks(shared: Mapping[str, Any], task_ids: Sequence[str]) -> set[str]:
    """Those of the evaluated tasks that are solved only where the agent tells what was asked for.

    Args:
        shared: `env`, `split`, `size` and `prompt` of the comparison.
        task_ids: the tasks; one that the split does not have is left out.
    """
    env = open_env(shared["env"], split=shared["split"], size=shared["size"], prompt=shared["prompt"])
    told = set()
    for task_id in task_ids:
        with suppress(ConfigError):
            checklist = env.tasks.by_id(task_id).checklist
            if any(item.required and item.check.type == "said" for item in checklist):
                told.add(task_id)
    env.close()
    return told


def main() -> int:
    """Prints the tables."""
    runs, _ = read_runs(PUBLISHED, START)
    shared = json.loads((PUBLISHED / "options.json").read_text(encoding="utf-8"))
    told = telling_tasks(shared, sorted(runs[START][0].evaluation["solved"]))
    print(markdown_tables(summaries(PUBLISHED, runs, shared["k"], START, told), shared["k"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
