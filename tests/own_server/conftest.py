"""What the tests of your own server share: raw server, quick options, a count of what is left behind, PostgreSQL."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

try:
    import psycopg
except ImportError:
    psycopg = None

from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.state import make_state_options

RAW = Path(__file__).with_name("raw_server.py")
SHOP = Path(__file__).with_name("shop_server.py")
START_S = 60.0
"""Generous: machines that run tests are busy."""


def raw_command(mode: str = "serve") -> list[str]:
    return [sys.executable, str(RAW), mode]


@pytest.fixture
def raw() -> Callable[..., ServerHandle]:
    """Connects to the raw server in a mode."""

    def connected(mode: str = "serve", *, timeout_s: float = 20.0, state_tools=(), **options) -> ServerHandle:
        wire = WireOptions(timeout_s=timeout_s, start_timeout_s=options.pop("start_timeout_s", START_S), **options)
        return connect(raw_command(mode), options=wire, state=make_state_options(state_tools))

    return connected


def children() -> set[int]:
    """Processes of this one that still run."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread may end meanwhile
            for child in (task / "children").read_text().split():
                with suppress(FileNotFoundError):
                    state = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0]
                    if state != "Z":
                        found.add(int(child))
    return found


@pytest.fixture
def started() -> Callable[[], set[int]]:
    """The ids of the child processes that this test started and that still run."""
    others = children()  # the tests' PostgreSQL, for one
    return lambda: children() - others


@pytest.fixture
def leftovers(started) -> Callable[[], tuple[int, int, int]]:
    """How many child processes that this test started, threads and open descriptors there are."""

    def count() -> tuple[int, int, int]:
        return len(started()), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    return count


@pytest.fixture
def raw_server_command() -> Callable[[str], list[str]]:
    return raw_command


@pytest.fixture
def shop_file() -> Path:
    return SHOP


class Postgres:
    """A PostgreSQL of the tests' own: no password over its Unix socket, one over TCP."""

    PASSWORD = "s3cret/w:rd"

    def __init__(self, programs: Path):
        self._programs, self._process = programs, None
        self.folder = Path(tempfile.mkdtemp(prefix="toolgym-pg-"))
        self._who = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}  # it refuses root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (self.folder / "password").write_text(self.PASSWORD)
        for path in (self.folder, self.folder / "password") if self._who else ():
            os.chown(path, 65534, 65534)
        ways = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={self.folder}/password")
        words = (
            "initdb",
            "-D",
            f"{self.folder}/data",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            *ways,
        )
        self._run(*words)
        self.start()

    def _run(self, program: str, *words: str) -> None:
        command = [self._programs / program, *words]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._who)

    def start(self) -> None:
        words = ("-D", f"{self.folder}/data", "-k", self.folder, "-p", str(self.port), "-c", "fsync=off")
        more = ("-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB")
        with (self.folder / "log").open("ab") as log:
            command = [self._programs / "postgres", *words, *more]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._who)
        for _ in range(600):
            try:
                return self.sql("SELECT 1")
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.1)
        raise TimeoutError((self.folder / "log").read_text())

    def stop(self) -> None:
        """Ends it at once, and whoever is connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    def url(self, database: str = "", user: str = "postgres") -> str:
        return f"postgresql:///{database}?host={self.folder}&port={self.port}&user={user}"

    def tcp(self, password: str = PASSWORD, user: str = "postgres") -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/postgres"

    def connect(self, database: str):
        """A connection as a superuser; a context manager."""
        return psycopg.connect(self.url(database), autocommit=True)

    def sql(self, script: str, database: str = "postgres") -> None:
        with self.connect(database) as connection:
            connection.execute(script)  # pyright: ignore

    def databases(self) -> set[str]:
        """Those that are not its own."""
        with self.connect("postgres") as connection:
            names = {name for (name,) in connection.execute("SELECT datname::text FROM pg_database")}
        return names - {"postgres", "template0", "template1"}

    def make(self, name: str, script: str, options: str = "") -> str:
        self.sql(f"DROP DATABASE IF EXISTS {name}")
        self.sql(f"CREATE DATABASE {name} {options}")
        self.sql(script, name)
        return name


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs: that on PATH, or the newest of Debian's."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return Path(found).parent if found else next((path for path in folders[::-1] if (path / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that the tests start; a skip where its programs are not installed (`.ci/postgres`)."""
    if psycopg is None:
        pytest.skip("the psycopg package is not installed: pip install 'toolgym[postgres]'")
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed: apt-get install postgresql, or .ci/postgres")
    server = Postgres(programs)
    yield server
    server.stop()
    shutil.rmtree(server.folder)
