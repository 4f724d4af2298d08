"""Who is let in, and to what: the attacks on a server that listens on the user's machine."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from benchmarks.view_load import HEADER, lines_of, write
from toolgym.view.library import Library
from toolgym.view.server import Viewer

SECRET = "the-secret-of-another-file"


@pytest.fixture
def viewer(tmp_path, open_viewer) -> Viewer:
    (tmp_path / "secret.jsonl").write_text(json.dumps(HEADER) + f'\n{{"{SECRET}": 1}}\n')
    path = write(tmp_path / "runs" / "a.jsonl", [HEADER, *lines_of(0)])
    (tmp_path / "runs" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (tmp_path / "runs" / "folder").symlink_to(tmp_path)
    return open_viewer(path.parent)


def ask(viewer: Viewer, target: str, method: str = "GET", token: bool = True, **headers: str):
    """(status, headers, body) of a request that is sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=10)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    headers = {"Host": f"127.0.0.1:{viewer.port}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if token:
        headers.setdefault("Cookie", f"toolgym_view_{viewer.port}={viewer.token}")
    for name, value in headers.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def run_of(viewer: Viewer) -> str:
    return next(iter(viewer.library.sources))


def test_with_the_address_that_was_printed_all_is_shown(viewer):
    with urllib.request.urlopen(viewer.address) as page:
        cookie = page.headers["Set-Cookie"]
        assert b"app.js" in page.read()
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    status, _, body = ask(viewer, "/api/runs", Cookie=cookie.partition(";")[0], token=False)
    assert status == 200
    assert [run["name"] for run in json.loads(body)["runs"]] == ["runs/a.jsonl"]


@pytest.mark.parametrize(
    "target", ["/", "/app.js", "/api/runs", "/api/episode?run=x&n=0", "/nothing", "/?token=", "/?token=x"]
)
def test_without_the_token_nothing_is_told(viewer, target):
    status, headers, body = ask(viewer, target, token=False)
    assert status == 401
    assert "toolgym view" in body
    assert "Set-Cookie" not in headers
    assert viewer.token not in body


@pytest.mark.parametrize(
    "cookie", ["toolgym_view_1=x", "=", "a=b; c", "toolgym_view_{port}=", "toolgym_view_{port}={wrong}"]
)
def test_another_token_is_none(viewer, cookie):
    wrong = viewer.token[:-1] + ("a" if viewer.token[-1] != "a" else "b")
    given = cookie.format(port=viewer.port, wrong=wrong)
    assert ask(viewer, "/api/runs", token=False, Cookie=given)[0] == 401
    assert ask(viewer, f"/api/runs?token={viewer.token}", token=False)[0] == 401  # no address of data holds it


def test_two_viewers_take_different_tokens(viewer, open_viewer, tmp_path):
    other = open_viewer(tmp_path / "runs")
    assert other.token != viewer.token
    assert ask(viewer, "/api/runs", token=False, X_ToolGym_Token=other.token)[0] == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.evil.example:{port}",
        "[::1]:{port}",
        "",
        "127.0.0.1:{port}.evil.example",
        "127.1:{port}",
    ],
)
def test_a_name_that_was_bound_to_this_machine_afterwards_reads_nothing(viewer, host):
    status, _, body = ask(viewer, "/api/runs", Host=host.format(port=viewer.port))
    assert status in (400, 403)
    assert "a.jsonl" not in body


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "file://"]
)
def test_another_origin_reads_nothing(viewer, origin):
    status, headers, body = ask(viewer, "/api/runs", Origin=origin.format(port=viewer.port))
    assert status == 403
    assert "a.jsonl" not in body
    assert not any(name.lower().startswith("access-control") for name in headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("mode", ["no-cors", "cors", "navigate", "websocket"])
def test_what_another_site_embeds_is_not_answered(viewer, site, mode):
    assert ask(viewer, "/api/runs", Sec_Fetch_Site=site, Sec_Fetch_Mode=mode)[0] == 403
    assert ask(viewer, "/app.js", Sec_Fetch_Site=site, Sec_Fetch_Mode=mode)[0] == 403


def test_this_page_and_a_followed_link_are_answered(viewer):
    own = f"http://127.0.0.1:{viewer.port}"
    assert ask(viewer, "/api/runs", Origin=own, Sec_Fetch_Site="same-origin")[0] == 200
    status, _, _ = ask(
        viewer, f"/?token={viewer.token}", token=False, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"
    )
    assert status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_it_only_reads(viewer, method):
    assert ask(viewer, "/api/runs", method)[0] == 405


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.jsonl",
        "/..%2fsecret.jsonl",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/....//secret.jsonl",
        "//etc/passwd",
        "/static/../server.py",
        "/server.py",
        "/..%5csecret.jsonl",
        "/index.html%00.js",
        "/NOTICE.txt",
        "http://evil.example/",
    ],
)
def test_no_path_leads_out(viewer, target):
    status, _, body = ask(viewer, target)
    assert status in (400, 404)
    assert SECRET not in body
    assert "root:" not in body


@pytest.mark.parametrize("api", ["episode", "episodes", "facets", "broken", "tokens", "tree", "explain", "credit"])
@pytest.mark.parametrize("run", ["", "../secret.jsonl", "/etc/passwd", "%00", "x" * 5000, "a%27%20OR%201=1"])
def test_a_run_is_an_id_and_nothing_else(viewer, api, run):
    status, _, body = ask(viewer, f"/api/{api}?run={run}&n=0")
    assert status == 404
    assert json.loads(body)["error"]


@pytest.mark.parametrize(
    "query", ["n=-1", "n=1e9", "n=99999999999999999999", "n=", "n=0%20OR%201", "n=7", "n=%D9%A1", "n=0x1"]
)
def test_a_number_that_is_none_is_said_to_be_that(viewer, query):
    status, _, body = ask(viewer, f"/api/episode?run={run_of(viewer)}&{query}")
    assert status == 404
    assert json.loads(body)["error"]


@pytest.mark.parametrize(
    "query",
    ["sort=n;DROP%20TABLE%20episodes", "sort=text", "min=x", "depth=%27", "start=-1", "count=x", "step=NaN%20OR%201"],
)
def test_a_filter_is_a_value_and_nothing_else(viewer, query):
    status, _, body = ask(viewer, f"/api/episodes?run={run_of(viewer)}&{query}")
    assert status == 404, body
    assert json.loads(ask(viewer, f"/api/episodes?run={run_of(viewer)}")[2])["total"] == 1


@pytest.mark.parametrize("value", ["%27%3B--", "%25", "%00", "%F0%9F%98%80", "%ED%A0%80", "a" * 3000, "%5Cn"])
@pytest.mark.parametrize("name", ["text", "tool", "error", "kind", "task", "part", "outcome"])
def test_what_is_looked_for_may_be_anything(viewer, name, value):
    status, _, body = ask(viewer, f"/api/episodes?run={run_of(viewer)}&{name}={value}")
    assert status == 200
    assert json.loads(body)["total"] == 0


def test_links_are_not_followed(viewer):
    assert len(viewer.library.sources) == 1
    assert SECRET not in ask(viewer, "/api/runs")[2]


def test_a_link_is_followed_only_into_the_blobs_of_its_own_repository(tmp_path, cache):
    mine, other = (write(tmp_path / name / "blobs" / "1", [HEADER, *lines_of(0)]) for name in ("mine", "other"))
    folder = tmp_path / "mine" / "snapshots" / "main"  # as the hub's cache keeps files
    folder.mkdir(parents=True)
    (folder / "a.jsonl").symlink_to(Path("../../blobs/1"))
    (folder / "b.jsonl").symlink_to(other)
    (tmp_path / "mine" / "c.jsonl").symlink_to(mine)
    for opened in (folder, tmp_path / "mine"):
        library = Library([opened], cache)
        assert [source.name.rpartition("/")[2] for source in library.sources.values()][-1:] == ["a.jsonl"]
        assert all("c.jsonl" not in source.name for source in library.sources.values())
        library.close()


def test_every_answer_says_how_it_may_be_used(viewer):
    targets = ["/", "/app.js", "/app.css", "/api/runs", "/nothing", "/api/episode?run=x"]
    for status, headers, _ in [ask(viewer, each) for each in targets] + [ask(viewer, "/", token=False)]:
        headers = {name.lower(): value for name, value in headers.items()}
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, status
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_the_page_holds_no_script_and_no_style_of_its_own(viewer):
    page = ask(viewer, "/")[2]
    assert page.count("<script") == 1
    assert '<script defer src="app.js"></script>' in page
    assert "style=" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_only_this_machine_is_listened_to(viewer):
    assert viewer._socket.getsockname()[0] == "127.0.0.1"
    with pytest.raises(OSError):  # noqa: PT011 (of whatever kind)
        socket.create_connection((socket.gethostbyname(socket.gethostname()), viewer.port), timeout=2).close() or (
            _ for _ in ()
        ).throw(OSError("this machine's name is its loopback"))


def test_garbage_does_not_end_it(viewer):
    for data in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"a" * 100_000 + b"\r\n\r\n", b"\r\n" * 50):
        with socket.create_connection(("127.0.0.1", viewer.port), timeout=5) as wire:
            wire.sendall(data)
    assert ask(viewer, "/api/runs")[0] == 200


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_the_command_prints_the_address_and_ends_cleanly(tmp_path):
    write(tmp_path / "runs" / "a.jsonl", [HEADER, *lines_of(0)])
    command = [sys.executable, "-m", "toolgym", "view", "--no-browser", "--cache", str(tmp_path / "cache")]
    environment = {**os.environ, "COLUMNS": "200"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    try:
        with urllib.request.urlopen(address, timeout=60) as page:
            assert page.status == 200
    finally:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("", 0)
    assert err == "1 run found. Ctrl-C ends it.\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere"], "There is no nowhere"),
        (["text.txt"], "is nothing that can be shown"),
        (["--overwrite"], "are of --export"),
        (["--set", "x"], "x"),
    ],
)
def test_what_cannot_be_opened_is_said(words, why, toolgym, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("hello")
    done = toolgym("view", *words)
    assert done.code == 2
    assert why in done.err


def test_a_port_that_is_taken_is_said(toolgym, viewer, tmp_path):
    done = toolgym("view", tmp_path / "runs", "--port", viewer.port, "--no-browser")
    assert done.code == 2
    assert "in use" in done.err


def test_a_viewer_that_is_closed_at_once_ends(tmp_path):
    for _ in range(20):
        viewer = Viewer(Library([tmp_path], tmp_path / "cache"))
        viewer.start()
        viewer.close()
        viewer.close()
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", viewer.port), timeout=5):
            pass
