"""An MCP server over stdio that runs code: the program of a sandbox's container. It needs nothing but Python.

`run(code, function, arguments)` runs the code in a process of its own and calls the function; the answer is JSON:
`{"value": ...}` or `{"error": "..."}`. Each run begins in an empty /tmp, and nothing that it started outlives it. Only
for a container: all other processes are killed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

LIMIT_S = 5
LONGEST = 100_000
CHILD = """
import json, os, random, sys
told = json.loads(sys.stdin.buffer.read())
answers = os.dup(1)
os.dup2(2, 1)
random.seed(0)
try:
    names = {"__name__": "tool"}
    exec(compile(told["code"], "tool", "exec"), names)
    answer = {"value": names[told["function"]](**told["arguments"])}
    text = json.dumps(answer, allow_nan=False)
except BaseException as error:
    text = json.dumps({"error": f"{type(error).__name__}: {error}"[:1000]})
with os.fdopen(answers, "w") as out:
    out.write(text)
"""


def run(code, function, arguments):
    """The answer of one run, as JSON."""
    told = json.dumps({"code": code, "function": function, "arguments": arguments}).encode()
    command = [sys.executable, "-I", "-B", "-c", CHILD]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/tmp", env={}
    )
    try:
        said = child.communicate(told, timeout=LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        said = json.dumps({"error": f"it ran for longer than {LIMIT_S} seconds"}).encode()
    finally:
        end_all(child)
        empty()
    if len(said) > LONGEST:
        said = json.dumps({"error": f"its result is longer than {LONGEST} characters"}).encode()
    return said.decode() or json.dumps({"error": f"its process ended with {child.returncode}"})


def end_all(child):
    """Kills what is left of a run, and waits for its end: whoever has lost its parent is a child of this process."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    child.wait()
    with suppress(ChildProcessError):
        while True:
            os.wait()


def empty():
    """Empties the folders that a run may have written to."""
    for folder in ("/tmp", "/dev/shm"):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with suppress(OSError):
                    os.remove(entry.path)  # noqa: PTH107 (a path of the scan)


def answer(request):
    """The result of a request; None where there is no such method."""
    if request["method"] == "initialize":
        version = request["params"]["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
    if request["method"] == "tools/list":
        return {"tools": [{"name": "run", "description": "Runs code.", "inputSchema": {"type": "object"}}]}
    if request["method"] == "tools/call":
        return {"content": [{"type": "text", "text": run(**request["params"]["arguments"])}]}
    return None


def main():
    """Answers requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request)
            outcome = {"result": result} if result is not None else {"error": {"code": -32601, "message": "no method"}}
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **outcome}), flush=True)


if __name__ == "__main__":
    if os.getpid() != 1:
        sys.exit("This program is for a container: it kills all other processes.")
    main()
