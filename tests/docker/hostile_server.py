"""A server that attacks whatever runs it, on request: MCP over stdio by hand, so that it needs no packages."""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

STATE = {"n": 0}


def add(by=1):
    STATE["n"] += by
    return STATE["n"]


def read(path):
    """The file's beginning, or why not."""
    with open(path, "rb") as file:
        return file.read(4096).decode(errors="replace")


def listing(path):
    return sorted(entry.name for entry in Path(path).iterdir())


def environment():
    return dict(os.environ)


def write(path, megabytes=0):
    """Writes a file of that size, or one word; gives what it has written."""
    written = 0
    with open(path, "wb") as file:
        for _ in range(megabytes):
            written += file.write(b"x" * 1048576)
        written += file.write(b"word")
    return written


def dial(host, port):
    with socket.create_connection((host, port), timeout=3) as connection:
        return connection.recv(100).decode()


def resolve(name):
    return socket.gethostbyname(name)


def interfaces():
    return [name for _, name in socket.if_nameindex()]


def gateway():
    """The address of the container's default route."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == "00000000":
            return socket.inet_ntoa(bytes.fromhex(fields[2])[::-1])
    raise OSError("no route")


def allocate(megabytes):
    """Takes memory, in this very process."""
    block = bytearray(megabytes * 1048576)
    for position in range(0, len(block), 4096):
        block[position] = 1
    return len(block) // 1048576


def multiply(processes):
    """Starts processes that stay, as many as it can; then ends them."""
    children, reason = [], None
    for _ in range(processes):
        try:
            child = os.fork()
        except OSError as error:
            reason = error.strerror
            break
        if child == 0:
            signal.pause()
        children.append(child)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {"started": len(children), "reason": reason}


def burn(seconds, processes):
    """Computes in several processes; gives the CPU seconds used."""
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def status():
    """The kernel's view of this process's rights."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: fields[name].strip() for name in ("Uid", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")}


def rise(how):
    """Tries to gain rights; gives "done" or raises."""
    libc = ctypes.CDLL(None, use_errno=True)
    if how == "setuid":
        os.setuid(0)
    elif how == "set-uid program":
        # A set-uid program of the image: with its owner's rights it would print uid 0.
        return subprocess.run(["/opt/whoami", "-u"], capture_output=True, text=True, check=True).stdout.strip()
    elif how == "mount":
        check(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
    elif how == "namespace":
        check(libc.unshare(0x10000000))  # CLONE_NEWUSER
    elif how == "chroot":
        os.chroot("/tmp")
    elif how == "device":
        os.mknod("/tmp/disk", 0o600 | 0o060000, os.makedev(254, 0))
    elif how == "trace":
        check(libc.ptrace(16, 1, 0, 0))  # PTRACE_ATTACH
    elif how == "priority":
        os.nice(-5)
    elif how == "program in /tmp":
        Path("/tmp/program").write_text("#!/bin/sh\nexit 0\n")
        Path("/tmp/program").chmod(0o755)
        subprocess.run(["/tmp/program"], check=True)
    elif how == "reboot":
        check(libc.reboot(0x1234567))
    elif how == "clock":
        time.clock_settime(time.CLOCK_REALTIME, 0)
    return "done"


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def text(megabytes):
    return "x" * (megabytes * 1048576)


def noise(megabytes):
    """Writes that much to stderr, and as much to stdout that is no message."""
    for _ in range(megabytes * 16):
        sys.stderr.write("e" * 65535 + "\n")
        sys.stdout.write("o" * 65535 + "\n")
    return "noisy"


def hang():
    """Answers nothing any more, and heeds neither the end of stdin nor a signal."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1000)


def die():
    sys.stderr.write("last words\n")
    sys.stderr.flush()
    os._exit(3)


TOOLS = {
    function.__name__: function
    for function in (
        add, read, listing, environment, write, dial, resolve, interfaces, gateway, allocate, multiply, burn,
        status, rise, text, noise, hang, die,
    )
}  # fmt: skip


def answer(request):
    """The result of a request."""
    if request["method"] == "initialize":
        version = request["params"]["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "h", "version": "1"}}
    if request["method"] == "tools/list":
        return {"tools": [{"name": name, "description": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    if request["method"] != "tools/call":
        return None
    try:
        value = TOOLS[request["params"]["name"]](**request["params"].get("arguments", {}))
        return {"content": [{"type": "text", "text": value if isinstance(value, str) else json.dumps(value)}]}
    except Exception as error:
        return {"content": [{"type": "text", "text": f"{type(error).__name__}: {error}"}], "isError": True}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = answer(request)
        outcome = {"result": result} if result is not None else {"error": {"code": -32601, "message": "no method"}}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **outcome}) + "\n")
        sys.stdout.flush()
    if "stubborn" in sys.argv:
        hang()


if __name__ == "__main__":
    main()
