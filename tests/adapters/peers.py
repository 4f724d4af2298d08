"""A peer's real package in a virtual environment of its own, in front of what is installed here."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest


def run_inside(folder: Path, requirements: list[str], *tests: Path) -> None:
    """Installs a peer from the index and runs files of tests beside it; skips where the index cannot be reached.

    What is installed here counts as installed there, the pip that installs among it. Where the peer asks for other
    versions of shared packages, its own go before those installed here, as for a user who has both.
    """
    venv.create(folder)
    python = folder / "bin" / "python"
    site = next((folder / "lib").glob("python3*/site-packages"))
    (site / "zz_installed_here.pth").write_text("\n".join(path for path in sys.path if path))
    # Not compiled beforehand: the tests import a small part of what is installed.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    installed = subprocess.run([*pip, "--retries", "1", *requirements], capture_output=True, text=True, timeout=900)
    if installed.returncode:
        pytest.skip(f"{requirements} cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
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


def run_apart(folder: Path, minor: int, requirements: list[str], *tests: Path) -> None:
    """The same for a peer that needs Python 3.`minor` or newer, or excludes what is installed here: its tests see
    nothing of ours, and `TOOLGYM_PYTHON` tells them who can run it. Skips where there is no such Python too.
    """
    python = _newer(minor)
    if python is None:
        pytest.skip(f"{requirements} need Python 3.{minor} or newer, and there is none")
    subprocess.run([python, "-m", "venv", str(folder)], check=True, timeout=300)
    inside = str(folder / "bin" / "python")
    pip = [inside, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", "--retries", "1"]
    installed = subprocess.run([*pip, *requirements, "pytest"], capture_output=True, text=True, timeout=900)
    if installed.returncode:
        pytest.skip(f"{requirements} cannot be installed: {installed.stderr.strip().splitlines()[-1:]}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    environment |= {"OMP_NUM_THREADS": "1", "TOOLGYM_PYTHON": sys.executable}
    # Without this project's configuration, which is for its own pytest and its plug-ins.
    command = [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(folder)]
    done = subprocess.run(
        [*command, *map(str, tests)], cwd=folder, capture_output=True, text=True, timeout=1200, env=environment
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def _newer(minor: int) -> str | None:
    """A Python of 3.`minor` or newer: the one here, or what is on the path."""
    if sys.version_info >= (3, minor):
        return sys.executable
    for each in range(20, minor - 1, -1):
        found = shutil.which(f"python3.{each}")
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    return None
