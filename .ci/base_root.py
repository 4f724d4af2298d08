"""Copies this Python and a shell, with what they and the packages there link to, into a folder: a root file system.

python base_root.py FOLDER     (packages that are in FOLDER/opt already)
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

PROGRAMS = ("cat", "chmod", "cp", "env", "id", "ls", "mkdir", "sh", "sleep")
LEFT_OUT = (
    "__pycache__",
    "config-*",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "site-packages",
    "test",
    "tests",
)
LINKED = re.compile(r"(/\S+) \(0x")
FOLDERS = ("dev", "etc", "opt", "proc", "root", "sys", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "var/tmp")


def main(root: Path) -> None:
    """Fills the folder."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    python = Path(sys.executable).resolve()
    stdlib = Path(sysconfig.get_path("stdlib"))
    place(root, python)
    shutil.copytree(stdlib, inside(root, stdlib), ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
    for name in ("python", "python3"):
        link = root / "usr/bin" / name
        if not link.exists():
            link.symlink_to(python)
    programs = [Path(found) for found in map(shutil.which, PROGRAMS) if found is not None]
    for program in programs:
        place(root, program)
    for library in libraries([python, *programs, *stdlib.glob("lib-dynload/*.so"), *root.glob("opt/**/*.so")]):
        if not library.is_relative_to(root):  # packages bring some with them
            place(root, library)


def libraries(files: Iterable[Path]) -> list[Path]:
    """What the files link to, directly or not."""
    listed = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False)
    return [Path(path) for path in sorted(set(LINKED.findall(listed.stdout)))]


def inside(root: Path, path: Path) -> Path:
    """Where an absolute path is under the root."""
    return root / path.relative_to("/")


def place(root: Path, file: Path) -> None:
    """Copies a file to its own path under the root, there as what it links to."""
    target = inside(root, file)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(file, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
