"""The data-set card: what a hub shows of a corpus, with its figures."""

from collections.abc import Iterable, Mapping

from toolgym.envs.planarena.corpus.figures import Figures
from toolgym.envs.planarena.corpus.format import Manifest
from toolgym.envs.planarena.corpus.rows import WHY_THROWN_AWAY

__all__ = ["card"]

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(manifest: Manifest, figures: Figures) -> str:
    """The card as Markdown with a YAML header."""
    shares, rows = figures.shares(), figures.labels.total()
    size = next((name for limit, name in _SIZES if rows < limit), "n>1M")
    thrown = [(WHY_THROWN_AWAY.get(name, name), count) for name, count in figures.thrown_away.most_common()]
    files = "\n".join(
        f"  - split: {split}\n    path: data/{split}-*.{manifest.format}" for split in sorted(figures.splits)
    )
    return f"""---
pretty_name: PlanArena trajectories
language:
- en
size_categories:
- {size}
task_categories:
- text-generation
tags:
- tool-use
- agents
- reinforcement-learning
configs:
- config_name: default
  data_files:
{files}
---
# PlanArena trajectories

Right and wrong trajectories of tool use, made from a seed and executed: each label says what came of it. Built by
`toolgym planarena build` (format version {manifest.version}, seed {manifest.seed}); `toolgym planarena check` replays
every row.

| | |
|---|---|
| trajectories | {rows:,} ({figures.labels["positive"]:,} positive, {figures.labels["negative"]:,} negative) |
| scenarios | {len(figures.tools_of):,} |
| distinct tools | {len(figures.tools):,} |
| tasks in series / in parallel | {shares["series"]:.1%} / {shares["parallel"]:.1%} |
| first errors in the first half of the chain | {shares["first_half"]:.1%} |
| negatives that recover in between | {shares["recovering"]:.1%} |
| decision points, alternatives | {figures.decisions:,}, {sum(map(_total, figures.alternatives.values())):,} |
| alternatives after which the task can still be solved | {shares["alternatives_solvable"]:.1%} |

## Depth (minimal trajectory length)

{_table(("depth", "rows"), sorted(figures.depths.items(), key=lambda pair: int(pair[0])))}

## First errors

{_table(("kind", "negatives"), figures.error_kinds.most_common())}

## Thrown away

{_table(("why", "chains"), thrown)}

## Columns

| column | what |
|---|---|
| `request`, `policy`, `tools` | what the agent is given; `tools` is JSON (OpenAI's function form) |
| `messages` | the conversation: plans in `reasoning_content`, calls, results, the answer |
| `plan` | the atomic subtasks in order; `composition`: in series (`;`) and in parallel (`\\|\\|`) |
| `depth`, `difficulty` | atomic tasks; the calls of the shortest chain known |
| `label`, `outcome` | `positive` where the episode solved the task |
| `steps` | each call and response: role, relevance, answer, change, and whether the task is `solvable` after it |
| `decisions` | before each turn: the alternatives, executed, each with what came of it |
| `error` | of a negative: its first error, when the task was lost, whether it recovers in between |
"""


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())


def _table(head: tuple[str, str], rows: Iterable[tuple[str, int]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {name} | {count:,} |" for name, count in rows)]
    return "\n".join(lines)
