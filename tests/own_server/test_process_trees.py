"""What a server starts ends with it: when its connection closes, and when this process is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from toolgym.mcp.config import environment
from toolgym.mcp.connect import connect
from toolgym.messages import ToolCall

ROOT = Path(__file__).resolve().parents[2]
SERVER = r'''
"""Starts processes of every kind and says what their numbers are."""
import json, os, subprocess, sys, time
from fastmcp import FastMCP
server = FastMCP("family")
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
IGNORES = [sys.executable, "-S", "-c",
           "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(600)"]

def daemon():
    """A child's child in a session of its own, whose parent has ended: whose number comes through a pipe."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        grandchild = os.fork()
        if not grandchild:
            os.write(write, b"%d" % os.getpid())
            for fd in range(3): os.close(fd)
            os.execv(SLEEP[0], SLEEP)
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(read, 32))

@server.tool
def start() -> str:
    """Starts them."""
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = [os.getpid(), subprocess.Popen(SLEEP, **quiet).pid,
             subprocess.Popen(SLEEP, start_new_session=True, **quiet).pid,
             subprocess.Popen(IGNORES, start_new_session=True, **quiet).pid,
             subprocess.Popen(SLEEP).pid, daemon(), daemon()]
    nest = ("import subprocess, sys, time\np = subprocess.Popen(%r, start_new_session=True)\n"
            "print(p.pid, flush=True)\ntime.sleep(600)" % (SLEEP,))
    nested = subprocess.Popen([sys.executable, "-S", "-c", nest], stdout=subprocess.PIPE, start_new_session=True)
    return json.dumps([*found, nested.pid, int(nested.stdout.readline())])

@server.tool
def hang() -> str:
    """Never answers."""
    time.sleep(600)
    return ""

server.run("stdio", show_banner=False)
'''
linux = pytest.mark.skipif(sys.platform != "linux", reason="the guard is Linux's")
pytestmark = linux


@pytest.fixture
def server_file(tmp_path):
    file = tmp_path / "family.py"
    file.write_text(SERVER)
    return file


def gone(numbers, within_s: float = 20.0) -> bool:
    def runs(number: int) -> bool:
        try:
            return psutil.Process(number).status() != "zombie"
        except psutil.NoSuchProcess:
            return False

    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(runs(number) for number in numbers):
            return True
        time.sleep(0.05)
    return False


def test_a_clean_close_ends_the_whole_tree(server_file):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        with connect([sys.executable, str(server_file)]) as handle:
            family = json.loads(handle.session().call(ToolCall("start")).text)
            assert len(family) == 9
            assert all(psutil.pid_exists(number) for number in family)
        assert gone(family, 5.0)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def killed_script(server_file, template, forks: bool) -> str:
    entry = {"command": sys.executable, "args": [str(server_file)], "toolgym": {"workspace": str(template)}}
    lines = [
        "import json, os, sys, threading, time, warnings",
        "warnings.simplefilter('ignore')",
        f"sys.path.insert(0, {str(ROOT)!r})",
        "from toolgym.mcp.connect import connect",
        "from toolgym.messages import ToolCall",
        f"handle = connect({{'mcpServers': {{'family': {entry!r}}}}})",
        "sessions = [handle.session() for _ in range(2)]",
        "family = [n for s in sessions for n in json.loads(s.call(ToolCall('start')).text)]",
        "folders = [str(s._connection.workspace.parent) for s in sessions]",
        "threading.Thread(target=sessions[0].call, args=(ToolCall('hang'),), daemon=True).start()",
        "time.sleep(0.3)",
        "other = 0",
    ]
    if forks:  # a worker that outlives its parent, and holds all that it had open
        lines += [
            "other = os.fork()",
            "if not other:\n    for fd in range(3): os.close(fd)\n    time.sleep(600)\n    os._exit(0)",
        ]
    return "\n".join([*lines, "print(json.dumps([family, folders, other]), flush=True)", "os.kill(os.getpid(), 9)"])


@pytest.mark.slow
@pytest.mark.parametrize("forks", [False, True])
def test_kill_9_of_this_process_ends_the_trees_and_removes_the_workspaces(server_file, tmp_path, forks):
    """Two servers with eight descendants each, one of them in a call that hangs."""
    template = tmp_path / "template"
    template.mkdir()
    (template / "a.txt").write_text("a")
    script = tmp_path / "killed.py"
    script.write_text(killed_script(server_file, template, forks))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -9, done.stderr
    family, folders, other = json.loads(done.stdout)
    try:
        assert len(family) == 18
        assert gone(family)
        deadline = time.monotonic() + 10
        while any(Path(folder).exists() for folder in folders) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(Path(folder).exists() for folder in folders)
        assert (template / "a.txt").read_text() == "a"
        assert not forks or psutil.pid_exists(other)  # it is no descendant of a server
    finally:
        if other:
            os.kill(other, signal.SIGKILL)


def test_a_server_that_ends_by_itself_takes_its_tree_along_at_the_close(server_file):
    """The server is killed; what it started is there until the session begins afresh, then gone."""
    with connect([sys.executable, str(server_file)]) as handle:
        session = handle.session()
        family = json.loads(session.call(ToolCall("start")).text)
        os.kill(family[0], signal.SIGKILL)
        session.reset()
        assert gone(family, 10.0)


def test_a_chain_that_forks_and_exits_is_caught(tmp_path):
    """Each link of it starts the next one and ends, in a session of its own, as fast as it can."""
    file, marks = tmp_path / "chain.py", tmp_path / "marks"
    marks.mkdir()
    file.write_text(
        "import os, sys, threading\nfrom fastmcp import FastMCP\nserver = FastMCP('chain')\n"
        "@server.tool\ndef start() -> str:\n    'Starts it.'\n"
        "    if not os.fork():\n        os.setsid()\n        for fd in range(3): os.close(fd)\n"
        "        while True:\n            if os.fork():\n                os._exit(0)\n"
        f"            open({str(marks / 'last')!r}, 'w').write(str(os.getpid()))\n"
        "    return 'started'\n"
        "server.run('stdio', show_banner=False)\n"
    )
    with connect([sys.executable, str(file)]) as handle:
        handle.session().call(ToolCall("start"))
        time.sleep(0.2)
    time.sleep(0.3)
    last = (marks / "last").read_text()
    time.sleep(0.5)
    assert (marks / "last").read_text() == last


def test_the_server_runs_as_it_would_without_a_guard(tmp_path):
    """Its signals, its group, its environment and its exit are its own."""
    file = tmp_path / "says.py"
    file.write_text(
        "import json, os, signal, sys\nfrom fastmcp import FastMCP\nserver = FastMCP('says')\n"
        "@server.tool\ndef says() -> dict:\n    'Says.'\n"
        "    return {'leader': os.getsid(0) == os.getpid(),\n"
        "            'term': signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,\n"
        "            'hup': signal.getsignal(signal.SIGHUP) is signal.SIG_DFL,\n"
        "            'env': os.environ['FROM_SHELL'].split(),\n"
        "            'fds': sorted(int(f) for f in os.listdir('/proc/self/fd') if int(f) < 3),\n"
        "            'mask': [l for l in open('/proc/self/status') if l.startswith(('SigBlk', 'SigIgn'))]}\n"
        "server.run('stdio', show_banner=False)\n"
    )
    run = f"FROM_SHELL=$(env | cut -d= -f1) exec {sys.executable} {file}"
    entry = {"command": "/bin/sh", "args": ["-c", run], "env": {"ODD": "caf\u00e9 \udcff"}}
    with connect({"mcpServers": {"says": entry}}) as handle:
        said = handle.session().call(ToolCall("says")).structured
    plain = subprocess.run(
        [sys.executable, "-c", "print([l for l in open('/proc/self/status') if l.startswith(('SigBlk', 'SigIgn'))])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said is not None
    assert (said["leader"], said["term"], said["hup"], said["fds"]) == (True, True, True, [0, 1, 2])
    assert said["mask"][0].split()[1] == "0" * 16
    assert str(said["mask"]) == plain.stdout.strip()
    assert "ODD" in said["env"]
    # What the MCP library lets a server inherit, what a shell sets, what we pass on and what the entry says.
    inherited = {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"} | {"PWD", "OLDPWD", "SHLVL", "_"}
    assert set(said["env"]) <= inherited | set(environment()) | {"ODD"}
