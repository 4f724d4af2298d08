"""Replays recorded retail calls and says how far a dialect agrees with its public reference.

    python -m benchmarks.recorded_retail --data ../shared/data/tau_bench
    python -m benchmarks.recorded_retail --data ../shared/data/tau2 --dialect tau2

`benchmarks/recorded.py` says what the folder holds.
"""

from functools import partial

from benchmarks.recorded import run
from toolgym.envs.tau2.states import database_hash
from toolgym.mcp_servers.retail import TOOLS

tau2_hash = partial(database_hash, "retail")

if __name__ == "__main__":
    run(TOOLS, tau2_hash)
