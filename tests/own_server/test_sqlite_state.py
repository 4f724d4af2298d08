"""An SQLite file in a workspace is seen by its rows: each value, table and moment has one form; nothing is touched."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError, InfraError
from toolgym.mcp import sqlite_state
from toolgym.mcp.ignore import make_paths
from toolgym.mcp.rows import DatabaseOptions
from toolgym.mcp.sqlite_state import workspace_tables
from toolgym.mcp.state import tables_diff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def write(file: Path, script: str, *more: tuple[str, tuple]) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(script)
        for query, values in more:
            database.execute(query, values)
        database.commit()


def seen(folder: Path, ignored=(), **options):
    tables = workspace_tables(folder, DatabaseOptions(**options), make_paths(ignored), first=True)
    return {name: records for name, records in tables.items() if not name.endswith("sqlite_schema")}


def test_a_database_is_its_rows_whatever_its_files_name(folder):
    write(folder / "notes.txt", "CREATE TABLE t (id TEXT PRIMARY KEY, n); INSERT INTO t VALUES ('a', 1), ('b', 2)")
    (folder / "plain.db").write_text("no database")
    assert seen(folder) == {
        "files": {"plain.db": "no database"},
        "notes.txt.t": {"a": {"id": "a", "n": 1}, "b": {"id": "b", "n": 2}},
    }


def test_each_kind_of_value_has_its_form(folder):
    write(
        folder / "s.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); "
        "INSERT INTO t VALUES (1, NULL), (2, 9223372036854775807), (3, 1.5), (4, 9e999), (5, -9e999), (6, x'00ff'), "
        "(7, CAST(x'ff61' AS TEXT)), (8, 'é' || char(0) || 'b'), (9, '')",
        ("INSERT INTO t VALUES (10, ?)", ("x" * 1_000_001,)),
    )
    values = {id: row["v"] for id, row in seen(folder)["s.db.t"].items()}
    assert values == {
        "1": None,
        "2": 9223372036854775807,
        "3": 1.5,
        "4": {"float": "inf"},
        "5": {"float": "-inf"},
        "6": {"bytes": 2, "sha256": hashlib.sha256(b"\x00\xff").hexdigest()},
        "7": {"text_bytes": 2, "sha256": hashlib.sha256(b"\xffa").hexdigest()},
        "8": "é\0b",
        "9": "",
        "10": {"text_bytes": 1_000_001, "sha256": hashlib.sha256(b"x" * 1_000_001).hexdigest()},
    }


def test_keys_are_primary_keys_and_rows_without_one_are_counted(folder):
    write(
        folder / "s.db",
        "CREATE TABLE pair (b INTEGER, a TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO pair VALUES (2, 'x');"
        "CREATE TABLE odd (k PRIMARY KEY, v);"
        "INSERT INTO odd VALUES (NULL, 1), (NULL, 2), (7, 3), ('7', 4), (x'07', 5);"
        "CREATE TABLE bag (v, at); INSERT INTO bag VALUES ('same', 1), ('same', 1), ('other', 1)",
    )
    tables = seen(folder)
    assert tables["s.db.pair"] == {"x,2": {"b": 2, "a": "x"}}
    # NULLs may come more than once in a key that is no INTEGER, and 7 and '7' are two keys.
    odd = tables["s.db.odd"]
    assert sorted(row["v"] for row in odd.values()) == [1, 2, 3, 4, 5]
    assert {id for id in odd if not id.startswith("{")} == {"null", "null#2", "7", "7#2"}
    bag = tables["s.db.bag"]
    assert sorted(row["v"] for row in bag.values()) == ["other", "same", "same"]
    assert sorted(id[12:] for id in bag) == ["", "", "#2"]
    write(folder / "s.db", "DELETE FROM bag WHERE rowid = 1")
    (gone,) = tables_diff(tables, seen(folder))["s.db.bag"].items()
    assert gone[0].endswith("#2")
    assert gone[1] is None


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None, 1]), st.integers(0, 1)), max_size=6), st.randoms())
@settings(max_examples=20, deadline=None)
def test_the_order_of_writing_does_not_count_and_the_rows_do(tmp_path_factory, rows, random):
    shuffled = [*rows]
    random.shuffle(shuffled)
    found = []
    for each in (rows, shuffled, [*rows, ("a", 0)]):
        folder = tmp_path_factory.mktemp("rows") / "workspace"
        folder.mkdir()
        inserts = [("INSERT INTO t VALUES (?, ?)", row) for row in each]
        write(folder / "s.db", "CREATE TABLE t (a, b)", *inserts)
        found.append(workspace_tables(folder, DatabaseOptions()))
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert len(found[2]["s.db.t"]) == len(rows) + 1


def test_rows_without_a_key_go_by_nothing_that_does_not_count(folder):
    write(folder / "s.db", "CREATE TABLE log (what, at); INSERT INTO log VALUES ('a', 1), ('b', 1)")
    before = seen(folder, ["s.db.log.*.at"])
    assert all("at" not in row for row in before["s.db.log"].values())
    write(folder / "s.db", "UPDATE log SET at = 2")
    assert seen(folder, ["s.db.log.*.at"]) == before
    assert seen(folder) != seen(folder, ["s.db.log.*.at"])


def test_virtual_tables_are_what_they_show_and_views_their_definition(folder):
    write(
        folder / "s.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, body, double GENERATED ALWAYS AS (id * 2) STORED);"
        "INSERT INTO t (body) VALUES ('one');"
        "CREATE VIEW v AS SELECT body FROM t; CREATE INDEX i ON t (body);"
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;"
        "CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('two words');",
    )
    tables = workspace_tables(folder, DatabaseOptions())
    assert set(tables) == {"files", "s.db.sqlite_schema", "s.db.t", "s.db.words"}
    assert [row["body"] for row in tables["s.db.words"].values()] == ["two words"]
    assert tables["s.db.t"] == {"1": {"id": 1, "body": "one"}}
    assert set(tables["s.db.sqlite_schema"]) == {"table,t", "view,v", "index,i", "trigger,g", "table,words"}
    write(folder / "s.db", "CREATE TABLE empty (a)")
    assert tables_diff(tables, workspace_tables(folder, DatabaseOptions())) == {
        "s.db.sqlite_schema": {"table,empty": {"type": "table", "name": "empty", "sql": "CREATE TABLE empty (a)"}}
    }


def test_strange_names_and_collations_are_no_obstacle(folder):
    with closing(sqlite3.connect(folder / "s.db")) as database:
        database.create_collation("theirs", lambda one, other: (one > other) - (one < other))
        database.executescript(
            'CREATE TABLE "a ""b"" [c]" ("x ""y""" TEXT COLLATE theirs PRIMARY KEY) WITHOUT ROWID;'
            'INSERT INTO "a ""b"" [c]" VALUES (\'k\');'
        )
    assert seen(folder)['s.db.a "b" [c]'] == {"k": {'x "y"': "k"}}


def test_what_is_computed_by_the_servers_own_functions_does_not_count(folder):
    with closing(sqlite3.connect(folder / "s.db")) as database:
        database.create_function("mine", 1, lambda value: 1, deterministic=True)
        database.execute("CREATE TABLE t (a PRIMARY KEY, b AS (mine(a)) STORED CHECK (mine(b)))")
        database.execute("INSERT INTO t VALUES ('k')")
        database.commit()
    assert seen(folder)["s.db.t"] == {"k": {"a": "k"}}


def test_a_broken_database_counts_as_a_file_does(folder):
    write(folder / "s.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    data = bytearray((folder / "s.db").read_bytes())
    data[100:] = b"\xaa" * (len(data) - 100)
    (folder / "s.db").write_bytes(data)
    (folder / "short.db").write_bytes(b"SQLite format 3\0")
    assert seen(folder)["files"] == {
        "s.db": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        "short.db": "SQLite format 3\0",
    }


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("mode", ["WAL", "DELETE", "TRUNCATE", "PERSIST"])
def test_a_database_in_a_transaction_is_seen_as_it_was_committed_and_not_touched(folder, mode):
    writer = sqlite3.connect(folder / "s.db", isolation_level=None)
    with closing(writer):
        writer.execute(f"PRAGMA journal_mode = {mode}")
        writer.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
        writer.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        writer.executemany("INSERT INTO t VALUES (?, ?)", ((n, "old" * 500) for n in range(20)))
        committed = seen(folder)
        assert len(committed["s.db.t"]) == 20
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("UPDATE t SET v = ?", ("new" * 500,))
        left = everything(folder)
        assert len(left) > 1, "a journal is there"
        assert seen(folder) == committed
        assert set(seen(folder)) == {"files", "s.db.t"}
        assert seen(folder)["files"] == {}
        assert everything(folder) == left
        writer.execute("COMMIT")  # which nothing of ours blocks
        assert all(row["v"].startswith("new") for row in seen(folder)["s.db.t"].values())


def test_journals_belong_to_databases_alone(folder):
    (folder / "plain-wal").write_text("a")
    (folder / "other.txt").write_text("b")
    (folder / "other.txt-journal").write_text("c")
    (folder / "new.db").touch()
    (folder / "new.db-journal").write_text("d")  # a database whose first transaction has not ended
    assert seen(folder)["files"] == {"plain-wal": "a", "other.txt": "b", "other.txt-journal": "c", "new.db": ""}


def test_a_database_that_is_written_all_the_time_is_told(folder, monkeypatch):
    write(folder / "s.db", "CREATE TABLE t (a)")
    monkeypatch.setattr(sqlite_state, "_PAUSE_S", 0)
    real, turns = sqlite_state._digest, iter(range(10_000))

    def meanwhile(path, to=None):
        write(folder / "s.db", f"INSERT INTO t VALUES ({next(turns)})")
        return real(path, to)

    monkeypatch.setattr(sqlite_state, "_digest", meanwhile)
    with pytest.raises(InfraError, match=r"'s\.db'.*written all the time"):
        seen(folder)
    assert [*folder.parent.iterdir()] == [folder], "no copy is left"


def test_a_writer_between_two_readings_is_waited_for(folder, monkeypatch):
    write(folder / "s.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    real, done = sqlite_state._digest, []

    def once(path, to=None):
        digest = real(path, to)
        if to is None and not done:
            done.append(write(folder / "s.db", "INSERT INTO t VALUES (2)"))
            return real(path, to)
        return digest

    monkeypatch.setattr(sqlite_state, "_digest", once)
    assert sorted(row["a"] for row in seen(folder)["s.db.t"].values()) == [1, 2]


def test_tables_can_be_named_and_a_wrong_name_is_told(folder):
    for name in ("a.db", "b.db"):
        write(folder / name, "CREATE TABLE orders (a); CREATE TABLE items (a)")
    assert set(seen(folder, tables=("orders",))) == {"files", "a.db.orders", "b.db.orders"}
    assert set(seen(folder, tables=("a.db.orders",))) == {"files", "a.db.orders"}
    assert set(workspace_tables(folder, DatabaseOptions(tables=("items",)))) == {"files", "a.db.items", "b.db.items"}
    with pytest.raises(ConfigError, match=r"Unknown table .* 'order'\. Did you mean 'orders'\?"):
        seen(folder, tables=("order",))
    # A table that went later is no mistake of the caller's.
    assert "a.db.items" not in workspace_tables(folder, DatabaseOptions(tables=("order",)))


def test_too_many_rows_are_told_with_what_to_do(folder, monkeypatch):
    write(folder / "s.db", "CREATE TABLE big (a); CREATE TABLE small (a); INSERT INTO small VALUES (1)")
    with closing(sqlite3.connect(folder / "s.db")) as database, database:
        database.executemany("INSERT INTO big VALUES (?)", ((n,) for n in range(10)))
    assert len(seen(folder, max_rows=11)["s.db.big"]) == 10
    with pytest.raises(InfraError, match=r"more than 10 rows .*'s\.db\.small'.*\"tables\".*\"max_rows\""):
        seen(folder, max_rows=10)
    assert set(seen(folder, max_rows=10, tables=("small",))) == {"files", "s.db.small"}
    monkeypatch.setattr(sqlite_state, "MAX_BYTES", 1000)
    with pytest.raises(InfraError, match=r"'s\.db' of the workspace has \d+ bytes, .* more than 1000"):
        seen(folder)


def test_tables_of_one_name_are_both_seen(folder):
    write(folder / "a", 'CREATE TABLE "b.t" (k PRIMARY KEY); INSERT INTO "b.t" VALUES (1)')
    write(folder / "a.b", "CREATE TABLE t (k PRIMARY KEY); INSERT INTO t VALUES (2)")
    tables = seen(folder)
    assert (set(tables["a.b.t"]), set(tables["a.b.t+"])) == ({"1"}, {"2"})
