"""What a malicious server in a container tries, and gets: each attack is run in a real container."""

import json
import resource
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from toolgym.errors import CallTimeoutError, ServerDiedError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.docker import DockerTarget
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult

pytestmark = pytest.mark.docker

WIRE = WireOptions(timeout_s=30, start_timeout_s=90)
Hostile = Callable[..., ServerHandle]


@pytest.fixture(scope="module")
def prisoner(hostile_image: str) -> Iterator[ToolSession]:
    """A session on the hostile server under the default options."""
    with connect(DockerTarget(hostile_image), options=WIRE) as handle:
        yield handle.session()


def ask(session: ToolSession, tool: str, **arguments: Any) -> ToolResult:
    return session.call(ToolCall(tool, arguments))


def value(session: ToolSession, tool: str, **arguments: Any) -> Any:
    result = ask(session, tool, **arguments)
    assert not result.is_error, result.text
    return json.loads(result.text)


@pytest.mark.parametrize("user", ["65534:65534", "0:0"])
def test_it_cannot_read_the_files_of_the_host(hostile, user, tmp_path, monkeypatch):
    """Not even as root inside, for which no file mode stands in the way."""
    secret = secrets.token_hex(16)
    (tmp_path / "secret").write_text(secret)
    monkeypatch.setenv("TOOLGYM_TEST_SECRET", secret)
    prisoner = hostile(user=user).session()
    path = str(tmp_path / "secret")
    for attempt in (path, f"/proc/1/root{path}", f"/proc/self/cwd/../../../..{path}", f"/host{path}"):
        result = ask(prisoner, "read", path=attempt)
        assert result.is_error
        assert secret not in result.text
    assert secret not in ask(prisoner, "environment").text
    for socket_path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"):
        assert "FileNotFoundError" in ask(prisoner, "read", path=socket_path).text
    devices = value(prisoner, "listing", path="/dev")
    assert not [name for name in devices if name.startswith(("sd", "vd", "nvme", "mem", "kmsg", "loop"))]
    # Nor the processes: it sees its own alone.
    assert [name for name in value(prisoner, "listing", path="/proc") if name.isdigit()] == ["1"]


def test_it_reads_a_folder_that_was_mounted_by_name_and_cannot_write_to_it(hostile, tmp_path):
    """The control of the test above: the same file, once it is shown to the container."""
    (tmp_path / "secret").write_text("shown")
    tmp_path.chmod(0o777)
    session = hostile(read_only_mounts={str(tmp_path): "/shown"}).session()
    assert ask(session, "read", path="/shown/secret").text == "shown"
    assert "Read-only file system" in ask(session, "write", path="/shown/other").text
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@contextmanager
def listener() -> Iterator[int]:
    """A port on every address of this machine that greets who connects."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def greet() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(b"hello")

        thread = threading.Thread(target=greet)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def test_it_cannot_reach_the_network(prisoner, hostile, engine):
    with listener() as port:
        # The control: on the engine's bridge it does reach this machine.
        open_session = hostile(network="bridge").session()
        gateway = ask(open_session, "gateway").text
        assert ask(open_session, "dial", host=gateway, port=port).text == "hello"
        for host in ("127.0.0.1", gateway, "8.8.8.8"):
            result = ask(prisoner, "dial", host=host, port=port)
            assert result.is_error
            assert "Network is unreachable" in result.text or "Connection refused" in result.text
    assert value(prisoner, "interfaces") == ["lo"]
    assert "gaierror" in ask(prisoner, "resolve", name="example.com").text
    assert ask(prisoner, "gateway").is_error


def test_it_cannot_exhaust_memory(hostile):
    session = hostile(memory_mb=128).session()
    assert value(session, "allocate", megabytes=64) == 64
    with pytest.raises(ServerDiedError, match=r"exit code 137 .*memory_mb=128"):
        ask(session, "allocate", megabytes=1024)
    session.reset()  # in another container
    assert value(session, "add") == 1


def test_it_cannot_fill_the_disk_or_memory_through_files(hostile):
    session = hostile(tmp_mb=8, shm_mb=4, memory_mb=128).session()
    assert value(session, "write", path="/tmp/small", megabytes=4) > 4 * 2**20
    assert "No space left" in ask(session, "write", path="/tmp/large", megabytes=16).text
    assert "No space left" in ask(session, "write", path="/dev/shm/large", megabytes=16).text
    assert value(session, "add") == 1


def test_it_cannot_exhaust_processes(hostile):
    session = hostile(pids=32).session()
    born = value(session, "multiply", processes=500)
    assert 16 <= born["started"] < 32
    assert born["reason"] == "Resource temporarily unavailable"
    assert value(session, "add") == 1


def test_it_gets_no_more_processor_time_than_its_share(hostile):
    """Two processes that compute for 1 s on a quarter of a processor: 0.25 s, and what one period of 0.1 s adds."""
    session = hostile(cpus=0.25).session()
    assert value(session, "burn", seconds=1.0, processes=2) <= 0.4


def test_it_runs_without_rights(prisoner):
    rights = value(prisoner, "status")
    assert rights["Uid"].split() == ["65534"] * 4
    assert (rights["CapEff"], rights["CapPrm"], rights["CapBnd"]) == ("0" * 16,) * 3
    assert rights["NoNewPrivs"] == "1"
    assert rights["Seccomp"] == "2"  # a filter is on


@pytest.mark.parametrize(
    "how",
    ["setuid", "mount", "namespace", "chroot", "device", "trace", "priority", "program in /tmp", "reboot", "clock"],
)
def test_it_cannot_rise(prisoner, how):
    result = ask(prisoner, "rise", how=how)
    assert result.is_error
    assert "Operation not permitted" in result.text or "Permission denied" in result.text


def test_a_set_uid_program_gives_it_nothing(prisoner, hostile):
    assert ask(prisoner, "rise", how="set-uid program").text == "65534"
    # The control: where new privileges were allowed by name, the same program runs as root, though without rights.
    assert ask(hostile(new_privileges=True).session(), "rise", how="set-uid program").text == "0"


def test_even_root_inside_has_only_the_capabilities_that_were_named(hostile):
    """CAP_CHOWN is capability 0, CAP_NET_BIND_SERVICE is 10: 1 + 1024 = 0x401."""
    session = hostile(user="0:0", capabilities=("CHOWN", "NET_BIND_SERVICE")).session()
    assert value(session, "status")["CapEff"] == f"{0x401:016x}"
    for how in ("mount", "device", "chroot", "namespace"):
        assert ask(session, "rise", how=how).is_error


@pytest.mark.parametrize("path", ["/x", "/app/x", "/etc/passwd", "/usr/bin/python", "/var/tmp/x", "/root/x"])
def test_it_cannot_write_to_its_root(prisoner, path):
    result = ask(prisoner, "write", path=path)
    assert result.is_error
    assert "Read-only file system" in result.text or "Permission denied" in result.text


def test_even_root_cannot_write_to_a_read_only_root_or_the_kernels_settings(hostile):
    session = hostile(user="0:0").session()
    for path in ("/x", "/etc/passwd", "/proc/sys/kernel/core_pattern", "/sys/kernel/x"):
        result = ask(session, "write", path=path)
        assert result.is_error
        assert "Read-only file system" in result.text or "Permission denied" in result.text


def test_a_root_that_may_be_written_is_discarded_with_its_container(hostile):
    session = hostile(user="0:0", writable=True).session()
    assert value(session, "write", path="/x") == 4
    assert ask(session, "read", path="/x").text == "word"
    session.reset()
    assert "FileNotFoundError" in ask(session, "read", path="/x").text


def test_a_flood_is_cut_and_takes_no_memory(prisoner):
    """100 MB in one answer, and 64 MB of noise on both streams; this process grows by far less."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = ask(prisoner, "text", megabytes=100)
    assert "cut" in result.text
    assert len(result.text) < 2**20
    assert ask(prisoner, "noise", megabytes=32).text == "noisy"
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 48
    assert not ask(prisoner, "add").is_error


def test_a_server_that_hangs_for_ever_is_replaced(hostile, running):
    session = hostile(WireOptions(timeout_s=1, start_timeout_s=90)).session()
    before = running()
    with pytest.raises(CallTimeoutError):
        ask(session, "hang")
    session.reset()
    assert value(session, "add") == 1
    deadline = time.monotonic() + 10  # the old one may be removed while the new one works
    while len(running()) > len(before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(running()) == len(before)


def test_what_it_writes_is_not_kept_by_the_engine(prisoner, engine, running):
    configs = [engine.client.api.inspect_container(container)["HostConfig"] for container in running()]
    assert configs
    assert all(config["LogConfig"]["Type"] == "none" for config in configs)
