"""`toolgym tasks rows`: an environment's tasks as rows for another project's agents."""

from pathlib import Path
from typing import Annotated

from toolgym.cli.common import (
    DEFAULT_ENV,
    EPISODES,
    OUTPUT,
    EnvArgument,
    EnvId,
    Settings,
    Split,
    either,
    panel,
    parse_settings,
    progress_console,
)

__all__ = ["rows"]

_episodes, _output = panel(EPISODES), panel(OUTPUT)


def rows(
    output: Annotated[Path, _output("--output", "-o", metavar="FILE", help="The file of rows (JSON Lines).")],
    named: EnvArgument = None,
    env: EnvId = None,
    split: Split = "train",
    settings: Settings = None,
    episodes: Annotated[int, _episodes("--episodes", "-n", metavar="N", min=1, help="The first N tasks.")] = 100,
    agent: Annotated[
        str | None, _output("--agent", metavar="NAME", help="Who plays them, by its name in NeMo Gym's configuration.")
    ] = None,
) -> None:
    """Writes tasks as rows for NeMo Gym's agents: the opening, the tools, the task's id. Nothing of the gold.

    They are for a server of the same environment with the same options: `toolgym serve ENV --protocol nemo-gym`.

    \b
    Examples:
      toolgym tasks rows ToolGym/Bank-v0 --set size=small --output rows.jsonl
      toolgym tasks rows --split test -n 20 --agent toolgym_agent -o rows.jsonl
    """
    from toolgym import _json
    from toolgym._files import write_whole
    from toolgym.adapters.nemo_gym_rows import nemo_gym_rows
    from toolgym.opening import bring_env

    chosen = either(named, env, "env") or DEFAULT_ENV
    bring_env(chosen)
    made = nemo_gym_rows(chosen, episodes, agent, **parse_settings(settings, split=split))
    write_whole(output, (_json.dumps(row).decode() + "\n" for row in made))
    told = f"Written: {output}, with {episodes} rows of {chosen}"
    progress_console.print(told, highlight=False, soft_wrap=True, markup=False)
