"""The benchmarks are scripts of the checkout, not of the package: their tests find them from its root."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
