"""A hub on this machine: the part of the Hugging Face hub's API that its own library uses to push and to fetch."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

_KINDS = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}


class FakeHub:
    """Repositories in memory: (kind, name, revision) -> path -> bytes. `refuse` is a status that every push gets."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str, str], dict[str, bytes]] = {}
        self.created: list[dict[str, Any]] = []
        self.commits: list[dict[str, Any]] = []
        self.refuse = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def sha(self, kind: str, repo: str, revision: str) -> str:
        content = json.dumps(sorted(map(str, self.files.get((kind, repo, revision), {}).items())))
        return hashlib.sha1(content.encode()).hexdigest()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else self._chunks()
                path = unquote(urlsplit(self.path).path)
                if hub.refuse:
                    return self._json({"error": "no"}, hub.refuse)
                if path == "/api/validate-yaml":
                    return self._json({"errors": [], "warnings": []})
                if path == "/api/repos/create":
                    asked = json.loads(body)
                    hub.created.append(asked)
                    name = f"{asked['organization']}/{asked['name']}"
                    kind = "" if asked.get("type", "model") == "model" else f"{asked['type']}s/"
                    return self._json({"url": f"{hub.url}/{kind}{name}", "id": name})
                found = re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)/(preupload|commit|branch)/(.+)", path)
                if found is None:
                    return self._json({"error": "unknown"}, 404)
                kind, repo, what, revision = found.groups()
                if what == "branch":
                    hub.files[kind, repo, revision] = dict(hub.files.get((kind, repo, "main"), {}))
                    return self._json({})
                if what == "preupload":
                    names = [file["path"] for file in json.loads(body)["files"]]
                    modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
                    return self._json({"files": modes})
                lines = [json.loads(line) for line in body.splitlines()]
                stored = hub.files.setdefault((kind, repo, revision), {})
                for line in lines:
                    if line["key"] == "file":
                        stored[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                hub.commits.append(lines[0]["value"])
                oid = hub.sha(kind, repo, revision)
                return self._json({"commitUrl": f"{hub.url}/{repo}/commit/{oid}", "commitOid": oid, "success": True})

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path)
                if path == "/":
                    return self._json({})
                info = re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(/revision/([^/]+))?", path)
                if info is not None:
                    kind, repo, revision = info[1], info[2], info[4] or "main"
                    if (stored := self._stored(kind, repo, revision)) is None:
                        return self._missing("RepoNotFound")
                    siblings = [{"rfilename": name} for name in stored]
                    return self._json({"id": repo, "sha": hub.sha(kind, repo, revision), "siblings": siblings})
                tree = re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)/tree/([^/]+)/?(.*)", path)
                if tree is not None:
                    stored = self._stored(tree[1], tree[2], tree[3]) or {}
                    rows = [
                        {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                        for name, data in stored.items()
                    ]
                    return self._json(rows)
                file = re.fullmatch(r"/(datasets/|spaces/|)([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
                if file is None:
                    return self._missing("EntryNotFound")
                kind = next(kind for kind, prefix in _KINDS.items() if prefix == file[1])
                stored = self._stored(kind, file[2], file[3])
                if stored is None:
                    return self._missing("RepoNotFound")
                commit = {"X-Repo-Commit": self._revision(kind, file[2], file[3])}
                if file[4] not in stored:
                    return self._missing("EntryNotFound", commit)
                data = stored[file[4]]
                return self._send(data, 200, {**commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'})

            def _revision(self, kind: str, repo: str, revision: str) -> str:
                return revision if re.fullmatch("[0-9a-f]{40}", revision) else hub.sha(kind, repo, revision)

            def _stored(self, kind: str, repo: str, revision: str) -> dict[str, bytes] | None:
                for (its_kind, its_repo, name), stored in hub.files.items():
                    if (its_kind, its_repo) == (kind, repo) and revision in (name, hub.sha(kind, repo, name)):
                        return stored
                return None

            def _chunks(self) -> bytes:
                if self.headers.get("transfer-encoding") != "chunked":
                    return b""
                out = b""
                while size := int(self.rfile.readline(), 16):
                    out += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return out

            def _missing(self, code: str, more: dict[str, str] | None = None) -> None:
                self._send(b'{"error":"not found"}', 404, {"X-Error-Code": code, **(more or {})})

            def _json(self, value: Any, status: int = 200) -> None:
                self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

            def _send(self, data: bytes, status: int, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

        return Handler
