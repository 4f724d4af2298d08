"""Replays recorded airline calls and says how far the `tau_bench` dialect agrees with the public reference.

    python -m benchmarks.recorded_airline --data ../shared/data/tau_bench

`benchmarks/recorded.py` says what the folder holds.
"""

from benchmarks.recorded import run
from toolgym.mcp_servers.airline import TOOLS

if __name__ == "__main__":
    run(TOOLS)
