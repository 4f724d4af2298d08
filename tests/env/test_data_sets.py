"""Data sets: fetched whole or not at all, checked, and found again; from local sources over their real transports."""

import hashlib
import http.server
import sys
import threading
import zipfile
from functools import partial
from pathlib import Path

import pytest

from toolgym import data
from toolgym.data import DataFile, DataSet, Package, Url
from toolgym.errors import ConfigError, DataError


def wheel(folder: Path) -> Path:
    """A wheel of a package that there is not elsewhere, as pip takes it."""
    path = folder / "toolgym_sample_data-1.0-py3-none-any.whl"
    info = "toolgym_sample_data-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("sample/data.json", "[1]")
        file.writestr("sample/heavy.py", "import nothing")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toolgym-sample-data\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return path


def entry(path: Path, source: Package | Url, sha256: str = "") -> DataFile:
    digest = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return DataFile(path.name, digest, path.stat().st_size, source, lambda inner: inner.endswith(".json"))


@pytest.fixture(name="known")
def sample(tmp_path, monkeypatch):
    """`known(*files)` makes them the data set `sample`."""
    monkeypatch.setenv("TOOLGYM_DATA", str(tmp_path / "root"))

    def register(*files: DataFile) -> None:
        monkeypatch.setattr(data, "DATA", {"sample": DataSet("sample", "A sample", "MIT", files)})

    return register


@pytest.fixture(name="served")
def over_http(tmp_path):
    """A folder, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def pip_finds(tmp_path, monkeypatch):
    """pip looks into one folder, and into no index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def left(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


class TestGet:
    def test_a_wheel_comes_by_pip_and_only_what_is_wanted_of_it_is_kept(self, known, pip_finds, tmp_path):
        known(entry(wheel(pip_finds), Package("toolgym-sample-data==1.0")))
        folder = data.get("sample")
        assert [path.name for path in folder.rglob("*") if path.is_file()] == ["data.json"]
        assert data.data_folder("sample") == folder == tmp_path / "root" / "sample"
        assert left(tmp_path / "root") == ["sample"]

    def test_a_file_comes_over_http_and_of_a_hub(self, known, served, monkeypatch):
        folder, address = served
        (folder / "rows.json").write_text("[1]")
        (folder / "more.json").write_text("[2]")
        monkeypatch.setenv("HF_ENDPOINT", address)
        known(
            entry(folder / "rows.json", Url(f"{address}/rows.json")),
            entry(folder / "more.json", Url("hub:more.json")),
        )
        found = data.get("sample")
        assert {path.name: path.read_text() for path in found.iterdir()} == {"rows.json": "[1]", "more.json": "[2]"}

    def test_what_is_there_is_not_fetched_again_unless_asked(self, known, pip_finds):
        path = wheel(pip_finds)
        known(entry(path, Package("toolgym-sample-data==1.0")))
        folder = data.get("sample")
        (folder / "sample" / "data.json").write_text("changed")
        path.rename(path.with_suffix(".gone"))
        assert data.get("sample") == folder
        assert (folder / "sample" / "data.json").read_text() == "changed"
        path.with_suffix(".gone").rename(path)
        data.get("sample", anew=True)
        assert (folder / "sample" / "data.json").read_text() == "[1]"

    def test_another_file_than_it_should_be_is_not_kept(self, known, pip_finds, tmp_path):
        known(entry(wheel(pip_finds), Package("toolgym-sample-data==1.0"), sha256="0" * 64))
        with pytest.raises(DataError, match=r"is not the file that it should be.*expected 0000"):
            data.get("sample")
        assert left(tmp_path / "root") == []

    @pytest.mark.parametrize("source", [Package("toolgym-sample-data==2.0"), Url("http://127.0.0.1:9/x")])
    def test_a_source_out_of_reach_says_what_to_put_where(self, known, pip_finds, tmp_path, source):
        known(entry(wheel(pip_finds), source))
        with pytest.raises(DataError, match=r"could not be fetched.*toolgym data get sample --from"):
            data.get("sample")
        assert left(tmp_path / "root") == []

    def test_an_old_set_stays_where_the_new_one_cannot_be_had(self, known, pip_finds):
        known(entry(wheel(pip_finds), Package("toolgym-sample-data==1.0")))
        folder = data.get("sample")
        known(entry(wheel(pip_finds), Package("toolgym-sample-data==2.0")))
        with pytest.raises(DataError):
            data.get("sample", anew=True)
        assert (folder / "sample" / "data.json").is_file()

    def test_given_files_need_no_source(self, known, tmp_path):
        path = wheel(tmp_path)
        known(entry(path, Package("toolgym-sample-data==2.0")))
        for given in (path, tmp_path):
            assert (data.get("sample", given=given, anew=True) / "sample" / "data.json").is_file()
        with pytest.raises(DataError, match=r"There is no .*nowhere: give the folder that holds toolgym_sample_data"):
            data.get("sample", given=tmp_path / "nowhere", anew=True)

    def test_what_is_not_there_says_how_to_get_it(self, known, tmp_path):
        known(entry(wheel(tmp_path), Package("toolgym-sample-data==1.0")))
        with pytest.raises(ConfigError, match="toolgym data get sample"):
            data.data_folder("sample")
        with pytest.raises(ConfigError, match="is no folder"):
            data.data_folder("sample", tmp_path / "nowhere")
        assert data.data_folder("sample", tmp_path) == tmp_path
        with pytest.raises(ConfigError, match="Did you mean 'sample'"):
            data.get("samples")


def test_every_entry_is_whole():
    for name, each in data.DATA.items():
        assert (each.name, bool(each.title), bool(each.licence)) == (name, True, True)
        for file in each.files:
            assert len(file.sha256) == 64
            assert file.size > 0
            if isinstance(file.source, Package):
                assert "==" in file.source.requirement


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one fixed place")
def test_where_the_system_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("TOOLGYM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.data_root() == tmp_path / "toolgym" / "data"
