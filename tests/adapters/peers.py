"""A peer's real package in a virtual environment of its own, in front of what is installed here."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest


def run_inside(folder: Path, requirements: list[str], *tests: Path) -> None:
    """Installs a peer from the index and runs files of tests beside it; skips where the index cannot be reached.

    The peer's own versions of shared packages go before those installed here, as for a user who has both.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    # Not compiled beforehand: the tests import a small part of what is installed.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    installed = subprocess.run([*pip, "--retries", "1", *requirements], capture_output=True, text=True, timeout=900)
    if installed.returncode:
        pytest.skip(f"{requirements} cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
    site = next((folder / "lib").glob("python3*/site-packages"))
    (site / "zz_installed_here.pth").write_text("\n".join(path for path in sys.path if path))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-o",
        "filterwarnings=",
        *map(str, tests),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, env=environment)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
