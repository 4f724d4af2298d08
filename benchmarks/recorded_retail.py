"""Replays recorded retail calls and says how far a dialect agrees with its public reference.

    python -m benchmarks.recorded_retail --data ../shared/data/tau_bench
    python -m benchmarks.recorded_retail --data ../shared/data/tau2 --dialect tau2

`benchmarks/recorded.py` says what the folder holds.
"""

from benchmarks.recorded import run
from toolgym.mcp_servers.retail import TOOLS

if __name__ == "__main__":
    run(TOOLS)
