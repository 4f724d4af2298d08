"""Which engine is used, locally or on another machine; what is said where there is none; owners; images."""

import asyncio
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError, ServerStartError
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.docker import ContainerOptions, DockerTarget, build_image, container_config, host_config, make_target
from toolgym.mcp.docker_attach import STDERR, STDOUT, Attached, attached
from toolgym.mcp.docker_engine import Engine
from toolgym.mcp.docker_owner import Owner
from toolgym.messages import ToolCall

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]

ONE_CALL = f"""\
import sys
sys.path.insert(0, {str(CHECKOUT)!r})
from toolgym.errors import ToolGymError
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.messages import ToolCall
try:
    with connect("docker:toolgym-test-hostile", options=WireOptions(start_timeout_s=120)) as handle:
        print(handle.session().call(ToolCall("add", {{"by": 7}})).text)
except ToolGymError as error:
    print(type(error).__name__, error)
"""


def one_call(before: str = "", **environment: str) -> str:
    """What a fresh process prints that makes one call to a server in a container, and leaves nothing open."""
    # The bundles would be preferred to the engine's own certificate by the package under docker's.
    ours = ("DOCKER_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", before + ONE_CALL],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@contextmanager
def over_tcp(engine: Engine, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The engine's socket as a TCP port, as an engine on another machine has one."""
    path = engine.url.removeprefix("unix://")
    started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            else:
                writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            there, to_there = await asyncio.open_unix_connection(path)
            ends.append(to_there)
            await asyncio.gather(copy(reader, to_there), copy(there, writer))
            for each in ends:
                each.close()
            await asyncio.gather(*(each.wait_closed() for each in ends), return_exceptions=True)
        except asyncio.CancelledError:
            pass
        finally:
            for each in ends:
                each.transport.abort()  # where the cancelling came before both were closed

    async def serve() -> None:
        joins: list[asyncio.Task[None]] = []
        over = asyncio.Event()
        server = await asyncio.start_server(
            lambda reader, writer: joins.append(asyncio.ensure_future(join(reader, writer))), "127.0.0.1", 0, ssl=tls
        )
        started.set_result((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), over))
        await over.wait()
        server.close()
        for task in joins:
            task.cancel()
        await asyncio.gather(*joins, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    port, loop, over = started.result(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as DOCKER_CERT_PATH names it: ca.pem, cert.pem, key.pem, for server and client alike."""
    folder = tmp_path_factory.mktemp("certificates")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext {names}"
    made = subprocess.run(
        [*command.split(), "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("openssl cannot make a certificate here")
    (folder / "ca.pem").write_bytes((folder / "cert.pem").read_bytes())
    return folder


@pytest.mark.docker
def test_an_engine_on_another_machine(engine, hostile_image):
    with over_tcp(engine) as port:
        assert one_call(DOCKER_HOST=f"tcp://127.0.0.1:{port}") == "7"


@pytest.mark.docker
def test_an_engine_on_another_machine_behind_tls(engine, hostile_image, certificates):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates / "ca.pem"))
    tls.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    tls.verify_mode = ssl.CERT_REQUIRED  # the client must show its certificate
    with over_tcp(engine, tls) as port:
        host = f"tcp://127.0.0.1:{port}"
        assert one_call(DOCKER_HOST=host, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(certificates)) == "7"


@pytest.mark.docker
def test_streams_over_ssh(engine, hostile_image, tmp_path, monkeypatch):
    """With an `ssh` that runs its command here; everything behind it is real."""
    (tmp_path / "ssh").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexec docker system dial-stdio\n')
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    remote = Engine(engine.client, "ssh://ann@far.example:2222", None)
    target = DockerTarget(hostile_image)

    async def one_line() -> bytes:
        container = remote.make("toolgym-test-ssh", container_config(target), host_config(target.options, remote.info))
        async with attached(remote, container) as streams:
            remote.start(container)
            await streams.write(b'{"id": 5, "method": "tools/call", "params": {"name": "add"}}\n')
            async for stream, chunk in streams.chunks():
                assert stream == STDOUT
                return chunk
        return b""

    try:
        assert b'"id": 5' in asyncio.run(one_line())
    finally:
        remote.remove("toolgym-test-ssh")
    assert (tmp_path / "asked").read_text() == "-l ann -p 2222 -- far.example docker system dial-stdio\n"


@pytest.mark.docker
def test_a_rootless_engines_socket_is_found(engine, hostile_image, tmp_path):
    """As if the common socket were not there: the one in XDG_RUNTIME_DIR is a link to it."""
    (tmp_path / "docker.sock").symlink_to(engine.url.removeprefix("unix://"))
    hide = (
        "import pathlib\nexists = pathlib.Path.exists\n"
        "pathlib.Path.exists = lambda path: 'var/run' not in str(path) and exists(path)\n"
    )
    assert one_call(hide, XDG_RUNTIME_DIR=str(tmp_path)) == "7"
    assert one_call(DOCKER_HOST=f"unix://{tmp_path}/docker.sock") == "7"


def test_what_is_said_where_no_engine_answers(tmp_path):
    pytest.importorskip("docker")
    said = one_call(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert said.startswith("ServerStartError Could not start the container of image 'toolgym-test-hostile'")
    assert "No Docker engine answers" in said
    assert "Start one, or name it by DOCKER_HOST" in said
    assert "No Docker engine answers" in one_call(DOCKER_HOST="tcp://127.0.0.1:9")


def test_what_is_said_without_the_docker_package():
    block = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'docker': raise ModuleNotFoundError(name)\n"
    )
    missing = "import importlib.util\nfind = importlib.util.find_spec\n"
    missing += "importlib.util.find_spec = lambda name, *rest: None if name == 'docker' else find(name, *rest)\n"
    assert one_call(block + missing) == (
        "ConfigError Containers need the docker package: pip install 'toolgym[docker]'."
    )


def test_importing_the_library_does_not_import_docker():
    modules = ["connect", *(path.stem for path in (CHECKOUT / "toolgym/mcp").glob("docker*.py"))]
    assert len(modules) > 5
    script = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\nimport toolgym\n"
    script += "".join(f"import toolgym.mcp.{module}\n" for module in modules)
    script += "print([name for name in sys.modules if name.split('.')[0] in ('docker', 'requests')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("capability", "name"), [("MemoryLimit", "memory_mb"), ("CpuCfsQuota", "cpus"), ("PidsLimit", "pids")]
)
def test_a_limit_that_the_engine_cannot_enforce_must_be_given_up_by_name(capability, name):
    pytest.importorskip("docker")
    info = {"MemoryLimit": True, "CpuCfsQuota": True, "PidsLimit": True, "SwapLimit": True, capability: False}
    with pytest.raises(ConfigError, match=rf"cannot enforce {name}=.*ContainerOptions\({name}=None\)"):
        host_config(ContainerOptions(), info)
    relaxed = replace(ContainerOptions(), **{name: None})
    assert host_config(relaxed, info)["cap_drop"] == ["ALL"]


@pytest.mark.parametrize(
    "options", [{"memory_mb": 0}, {"cpus": -1.0}, {"pids": 0}, {"tmp_mb": 0}, {"cpus": float("nan")}]
)
def test_options_that_make_no_sense(options):
    (name,) = options
    with pytest.raises(ConfigError, match=f"{name} must be above 0"):
        ContainerOptions(**options)


def test_options_by_name():
    """As an `mcp.json` gives them."""
    target = make_target("image", ["serve"], {"A": "b"}, {"memory_mb": 1024, "pids": None, "capabilities": ["CHOWN"]})
    options = ContainerOptions(memory_mb=1024, pids=None, capabilities=("CHOWN",), env={"A": "b"})
    assert target == DockerTarget("image", ("serve",), options)
    with pytest.raises(ConfigError, match=r"Unknown container option 'memory'\. Did you mean 'memory_mb'"):
        make_target("image", (), {}, {"memory": 1})
    with pytest.raises(ConfigError, match="Container option 'cpus'"):
        make_target("image", (), {}, {"cpus": "many"})


@pytest.mark.docker
def test_a_container_in_an_mcp_json(hostile_image):
    entry = {"docker": hostile_image, "env": {"CITY": "Oslo"}, "toolgym": {"container": {"user": "0:0"}}}
    with connect({"mcpServers": {"one": entry}}, options=WireOptions(start_timeout_s=120)) as handle:
        session = handle.session()
        assert '"CITY": "Oslo"' in session.call(ToolCall("environment")).text
        assert '"Uid": "0' in session.call(ToolCall("status")).text


def test_an_image_must_be_named():
    with pytest.raises(ConfigError, match="An image is named"):
        connect("docker:")


def test_an_owner_is_dead_only_where_that_is_certain():
    this = Owner.this_process()
    assert Owner.from_label(this.label()) == this
    assert not this.is_dead()
    assert not replace(this, machine="another").is_dead()
    assert not replace(this, machine="another", boot="earlier", pid=1).is_dead()
    assert not replace(this, namespace="pid:[1]", pid=2**22 + 1).is_dead()
    assert replace(this, boot="earlier").is_dead()
    assert replace(this, pid=2**22 + 1).is_dead()  # above the largest pid that Linux gives
    assert replace(this, started="1").is_dead()  # the pid has been given to this process since
    for label in ("", "a/b/c", "a/b/c/x/e", "a/b/c/1/e/f"):
        assert Owner.from_label(label) is None


class _Written:
    """Stands for the writing side, which reading does not use."""


@settings(max_examples=60, deadline=None)
@given(
    frames=st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(min_size=1, max_size=300)), max_size=8),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=8),
    lost=st.integers(0, 20),
)
def test_streams_are_told_apart_however_their_bytes_arrive(frames, sizes, lost):
    """A frame is the stream's number, three zeros, its length in four bytes, its bytes; the last may be cut off."""
    wire = b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in frames)
    wire = wire[: max(0, len(wire) - lost)]

    async def collect() -> dict[int, bytes]:
        reader, position, turn = asyncio.StreamReader(), 0, 0
        while position < len(wire):
            size = sizes[turn % len(sizes)]
            reader.feed_data(wire[position : position + size])
            position, turn = position + size, turn + 1
        reader.feed_eof()
        got = {STDOUT: b"", STDERR: b""}
        async for stream, chunk in Attached(reader, _Written()).chunks():
            got[stream] += chunk
        return got

    got = asyncio.run(collect())
    for stream in (STDOUT, STDERR):
        whole = b"".join(data for number, data in frames if number == stream)
        assert whole.startswith(got[stream])
        if lost == 0:
            assert got[stream] == whole


@pytest.mark.docker
def test_a_folder_with_a_server_and_no_dockerfile_becomes_an_image(engine, base_image, tmp_path):
    folder = tmp_path / "My Server!"
    folder.mkdir()
    source = Path(__file__).with_name("hostile_server.py").read_text()
    (folder / "server.py").write_text(source)
    (folder / "private.txt").write_text("not for the image")
    (folder / ".dockerignore").write_text("private.txt\n")
    tag = build_image(folder, base=base_image, network=False)
    assert tag.startswith("toolgym-my-server:")
    assert build_image(folder, base=base_image, network=False) == tag
    with connect(f"docker:{tag}", options=WireOptions(start_timeout_s=120)) as handle:
        session = handle.session()
        assert session.call(ToolCall("add", {"by": 3})).text == "3"
        assert session.call(ToolCall("listing", {"path": "/app"})).text == '[".dockerignore", "server.py"]'
    engine.client.images.remove(tag, force=True)
    assert sorted(path.name for path in folder.iterdir()) == [".dockerignore", "private.txt", "server.py"]


@pytest.mark.docker
def test_an_image_that_cannot_be_built_says_what_the_build_said(base_image, tmp_path):
    (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM $BASE\nRUN echo missing-library >&2 && exit 3\n")
    with pytest.raises(ConfigError, match=r"(?s)returned a non-zero code: 3.*missing-library"):
        build_image(tmp_path, base=base_image, network=False)
    with pytest.raises(ConfigError, match=r"neither a Dockerfile nor a server\.py"):
        build_image(tmp_path / "nowhere")


@pytest.mark.docker
def test_a_container_option_that_the_engine_does_not_know(hostile_image):
    target = DockerTarget(hostile_image, options=ContainerOptions(runtime="no-such-runtime"))
    with connect(target) as handle, pytest.raises(ServerStartError, match="no-such-runtime"):
        handle.session()
