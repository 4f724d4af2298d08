"""An MCP server over streamable HTTP in plain Python that starts in a moment and misbehaves on request.

    python raw_http_server.py [MODE]

It prints its port. Like `raw_server.py` it is written on the wire's own bytes, because a library would not let it
misbehave. Its tool `calls` tells which calls have reached it.
"""

import asyncio
import contextlib
import gzip
import json
import sys

MODE = sys.argv[1] if len(sys.argv) > 1 else "serve"
CALLS: list[str] = []
SESSIONS: list[str] = []
BLOCK = b"x" * 65536
FLOOD_BLOCKS = 1600


def schema(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


HOW = schema(how={"type": "string"})
READS = {"readOnlyHint": True}
TOOLS = [
    {"name": "calls", "inputSchema": schema(), "annotations": READS},
    {"name": "read_badly", "inputSchema": HOW, "annotations": READS},
    {"name": "misbehave", "inputSchema": HOW},
]
if MODE == "episodes":  # as a ToolServer says it: all episodes share a connection
    TOOLS[0]["_meta"] = {"toolgym/episodes": True}


def head(kind="application/json", length=None, status="200 OK", **more):
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}"]
    lines += ["Connection: close"] if length is None else [f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(data, kind="application/json", status="200 OK", **more):
    return head(kind, len(data), status, **more) + data


def text(value):
    return {"content": [{"type": "text", "text": value}], "isError": False}


def answer(number, result, **more):
    return whole(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode(), **more)


async def flood(writer, before, after):
    writer.write(before)
    for _ in range(FLOOD_BLOCKS):
        writer.write(BLOCK)
        await writer.drain()
    writer.write(after)


async def misbehave(writer, number, how, first):
    """Answers in a way that no server should. `first`: whether this is the first such call."""
    begin = b'{"jsonrpc":"2.0","id":%d,"result":' % number
    content = begin + b'{"content":[{"type":"text","text":"'
    events = "text/event-stream"
    said = json.dumps({"jsonrpc": "2.0", "id": number, "result": text(f"did {how}")}).encode()
    bad = {
        "garbage": b"\x00\xff not json at all",
        "deep": begin + b'{"content":[],"structuredContent":{"a":' + b"[" * 5000 + b"]" * 5000 + b"}}}",
        "surrogate": content + b'\\ud800"}]}}',
        "shape": begin + b'{"content":"no list"}}',
        "empty": b"",
        "notification": b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}',
        "wrong-id": said.replace(b'"id": %d' % number, b'"id": 4711'),
        "utf8": content + b'caf\xe9 \xff"}]}}',
        "nan": content + b'NaN"}],"structuredContent":{"a":NaN,"b":[Infinity,1]}}}',
    }
    kind, _, over = how.partition("/")
    if how == "hang" or (how == "hang-once" and first):
        await asyncio.sleep(3600)
    elif how == "cut" or (how == "cut-once" and first):
        pass  # closes without a word
    elif how == "slow":
        await asyncio.sleep(1.5)
        writer.write(whole(said))
        return True
    elif kind in bad and over == "sse":
        writer.write(head(events) + b"data: " + bad[kind] + b"\r\n\r\n")
    elif kind in bad:
        writer.write(whole(bad[kind]))
        return True
    elif how == "flood":
        await flood(writer, head() + content + b"begin\\n", b'"}],"isError":false}}\n')
    elif how == "flood/sse":
        before = head(events) + b"event: message\ndata: " + content + b"begin\\n"
        await flood(writer, before, b'"}],"isError":false}}\n\n')
    elif how == "flood/status":
        await flood(writer, head(status="500 Internal Server Error"), b"")
    elif how == "flood/header":
        await flood(writer, b"HTTP/1.1 200 OK\r\nX-Long: ", b"\r\n\r\n")
    elif how == "large/sse":  # two megabytes are allowed
        large = json.dumps({"jsonrpc": "2.0", "id": number, "result": text("y" * 2_000_000)}).encode()
        writer.write(head(events) + b"data: " + large + b"\n\n")
    elif how == "half":
        writer.write(head(length=len(said)) + said[: len(said) // 2])
    elif how == "half/closed":
        writer.write(head() + said[: len(said) // 2])
    elif how == "half/sse":
        writer.write(head(events) + b"data: " + said[: len(said) // 2])
    elif how == "none/sse":
        writer.write(head(events) + b": nothing will come\n\n")
    elif how == "html":
        writer.write(whole(b"<html>It works!</html>", "text/html"))
        return True
    elif how == "packed":
        packed = gzip.compress(said)
        writer.write(whole(packed, Content_Encoding="gzip"))
        return True
    elif how == "500":
        writer.write(whole(b"oh no", "text/plain", "500 Internal Server Error"))
        return True
    elif how == "elsewhere":
        writer.write(whole(b"", status="307 Temporary Redirect", Location="http://127.0.0.1:9/mcp"))
        return True
    elif how == "no-http":
        writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    elif how == "lines/sse":
        lines = json.dumps(json.loads(said), indent=1).encode().replace(b"\n", b"\r\ndata: ")
        writer.write(head(events) + b": hello\r\nid: 7\r\ndata: " + lines + b"\r\n\r\n")
    elif how == "forget":
        SESSIONS.clear()
        writer.write(whole(said))
        return True
    else:
        writer.write(whole(said))
        return True
    return False


async def respond(writer, headers, message):
    """Answers one request; returns whether the connection stays open."""
    number, method, params = message.get("id"), message.get("method"), message.get("params") or {}
    if method == "initialize":
        SESSIONS.append(f"session-{len(SESSIONS)}")
        server = {"name": "raw", "version": "1"}
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": server}
        writer.write(answer(number, result, Mcp_Session_Id=SESSIONS[-1]))
    elif number is None:
        writer.write(whole(b"", status="202 Accepted"))
    elif method != "server/discover" and headers.get("mcp-session-id") not in SESSIONS:
        writer.write(whole(b"{}", status="404 Not Found"))
    elif method == "tools/list":
        writer.write(answer(number, {"tools": TOOLS}))
    elif method == "toolgym/control":
        writer.write(answer(number, {}))
    elif method == "tools/call":
        name, how = params["name"], (params.get("arguments") or {}).get("how", "")
        if name == "calls":
            writer.write(answer(number, text(json.dumps(CALLS))))
            return True
        first = f"{name} {how}" not in CALLS
        CALLS.append(f"{name} {how}")
        return await misbehave(writer, number, how, first)
    else:
        error = {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "Method not found"}}
        writer.write(whole(json.dumps(error).encode()))
    return True


async def serve_connection(reader, writer):
    """Answers requests until the connection ends."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        going = True
        while going:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if not lines[0].startswith("POST"):
                writer.write(whole(b"", status="405 Method Not Allowed"))
                continue
            going = await respond(writer, headers, json.loads(body))
            await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve_connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
