"""Replays recorded airline calls and says how far a dialect agrees with its public reference.

    python -m benchmarks.recorded_airline --data ../shared/data/tau_bench
    python -m benchmarks.recorded_airline --data ../shared/data/tau2 --dialect tau2

`benchmarks/recorded.py` says what the folder holds. tau2's world of the airline is tau_bench's: its three files belong
into `airline/` there too.
"""

from functools import partial

from benchmarks.recorded import run
from toolgym.envs.tau2.states import database_hash
from toolgym.mcp_servers.airline import TOOLS

if __name__ == "__main__":
    run(TOOLS, partial(database_hash, "airline"))
