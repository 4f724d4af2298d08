"""The rows of a PostgreSQL database as a state: each type, kind of table and number of rows has its form."""

import hashlib
import json
import sys
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError, InfraError
from toolgym.mcp import postgres as module
from toolgym.mcp.config import read_config
from toolgym.mcp.connect import connect
from toolgym.mcp.docker_owner import Owner
from toolgym.mcp.ignore import make_paths
from toolgym.mcp.postgres import EpisodeDatabase, require_postgres
from toolgym.mcp.rows import DatabaseOptions

SHOP = Path(__file__).with_name("postgres_shop.py")


@contextmanager
def database(postgres, script: str, options: str = "", **given):
    """An episode's database, made of a template with that script."""
    postgres.make("forms", script, options)
    made = EpisodeDatabase(DatabaseOptions(postgres.url(), "forms", **given), 30)
    made.create(60)
    try:
        yield made
    finally:
        made.drop()
        assert postgres.databases() >= {"forms"}
        assert not {name for name in postgres.databases() if name.startswith("toolgym_")}


def seen(made: EpisodeDatabase, ignored=(), *, first=True):
    tables = made.tables(make_paths(ignored), first=first)
    return {name: records for name, records in tables.items() if name != "information_schema.columns"}


@pytest.mark.postgres
def test_each_type_has_its_form(postgres):
    script = """
    CREATE TYPE mood AS ENUM ('good'); CREATE TYPE pair AS (a int, b text);
    CREATE TABLE t (id bigint PRIMARY KEY, big numeric, money numeric(10, 2), real float8, odd float8, nan numeric,
        day date, late timestamp, at timestamptz, span interval, data bytea, doc jsonb, raw json, list int[], mood mood,
        pair pair, flag bool, nothing text, long text, address inet, range int4range, double int
        GENERATED ALWAYS AS (7) STORED);
    SET timezone = 'Asia/Tokyo';
    INSERT INTO t VALUES (9223372036854775807, 123456789012345678901234567890.5, 12.50, 0.1, '-Infinity', 'NaN',
        '4713-01-01 BC', 'infinity', '2026-01-01 09:00+09', '1 mon 2 days', '\\x00ff', '{"b": 1.0, "a": "\u00e9"}',
        '{"a": 1, "a": 100000000000000000000}', '{1,NULL}', 'good', '(1,"x y")', true, NULL, repeat('x', 1000001),
        '10.0.0.1/8', '[1,3)');
    """
    with database(postgres, script) as made:
        (row,) = seen(made)["t"].values()
        assert row == {
            "id": 9223372036854775807,
            "big": "123456789012345678901234567890.5",  # no float has as many digits
            "money": 12.5,
            "real": 0.1,
            "odd": "-Infinity",
            "nan": "NaN",
            "day": "4713-01-01 BC",
            "late": "infinity",
            "at": "2026-01-01T00:00:00+00:00",
            "span": "1 mon 2 days",
            "data": {"bytes": 2, "sha256": hashlib.sha256(b"\x00\xff").hexdigest()},
            "doc": {"a": "\u00e9", "b": 1},
            "raw": {"a": 100000000000000000000},
            "list": [1, None],
            "mood": "good",
            "pair": {"a": 1, "b": "x y"},
            "flag": True,
            "nothing": None,
            "long": {"text_bytes": 1_000_001, "sha256": hashlib.sha256(b"x" * 1_000_001).hexdigest()},
            "address": "10.0.0.1/8",
            "range": "[1,3)",
            "double": 7,
        }


@pytest.mark.postgres
def test_each_kind_of_table_is_seen_once_or_by_its_columns(postgres):
    script = """
    CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1, 'a');
    CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (more text) INHERITS (parent);
    INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'c');
    CREATE TABLE pair (b int, a text, PRIMARY KEY (a, b)); INSERT INTO pair VALUES (2, 'x,');
    CREATE TABLE bag (v text, at int); INSERT INTO bag VALUES ('same', 1), ('same', 1), ('other', 1);
    CREATE SCHEMA sales; CREATE TABLE sales.orders (id text PRIMARY KEY); INSERT INTO sales.orders VALUES ('o');
    CREATE UNLOGGED TABLE "odd ""name" ("a ""b" int PRIMARY KEY); INSERT INTO "odd ""name" VALUES (1);
    CREATE VIEW shown AS SELECT v FROM bag; CREATE MATERIALIZED VIEW kept AS SELECT v FROM bag;
    CREATE TABLE empty (); CREATE TEMP TABLE gone (id int);
    """
    with database(postgres, script) as made:
        tables = seen(made)
        bag = tables.pop("bag")
        assert sorted(row["v"] for row in bag.values()) == ["other", "same", "same"]
        assert sorted(id[12:] for id in bag) == ["", "", "#2"]
        (child,) = tables.pop("child").values()
        assert child == {"id": 2, "more": "c"}
        assert tables == {
            "parted": {"1": {"id": 1, "v": "a"}},
            "parent": {"1": {"id": 1}},
            "pair": {"x,,2": {"b": 2, "a": "x,"}},
            "sales.orders": {"o": {"id": "o"}},
            'odd "name': {"1": {'a "b': 1}},
            "empty": {},
        }
        columns = made.tables()["information_schema.columns"]
        assert columns["shown,v"] == {
            "table": "shown", "column": "v", "type": "text", "not_null": False, "default": None
        }  # fmt: skip
        assert {"kept,v", "sales.orders,id", "parted,v"} <= set(columns)
        assert "parted_1,v" not in columns
        without_time = seen(made, ["bag.*.at"])["bag"]
        postgres.sql("UPDATE bag SET at = 2", made.name)
        assert seen(made, ["bag.*.at"])["bag"] == without_time


@pytest.mark.postgres
def test_a_text_without_an_encoding_counts_by_its_bytes(postgres):
    script = r"CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, E'a\xff'), (2, 'plain')"
    options = "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    with database(postgres, script, options) as made:
        values = {id: row["v"] for id, row in seen(made)["t"].items()}
        assert values == {"1": {"text_bytes": 2, "sha256": hashlib.sha256(b"a\xff").hexdigest()}, "2": "plain"}


@pytest.mark.postgres
def test_named_tables_are_looked_at_alone_and_wrong_names_are_told(postgres):
    script = "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE items (id int); CREATE SCHEMA sales; "
    script += "CREATE TABLE sales.orders (id int)"
    with database(postgres, script, tables=("public.orders", "sales.orders")) as made:
        assert set(made.tables(first=True)) == {"orders", "sales.orders"}
    with database(postgres, script, tables=("order",)) as made:
        with pytest.raises(ConfigError, match=r"Unknown table .* 'order'\. Did you mean 'orders'\?"):
            made.tables(first=True)
        assert made.tables() == {}, "one that went later is no mistake of the caller's"


@pytest.mark.postgres
def test_too_much_is_told_with_what_to_do(postgres, monkeypatch):
    script = "CREATE TABLE big AS SELECT generate_series(1, 10) n; CREATE TABLE small (id int PRIMARY KEY)"
    with database(postgres, script, max_rows=10) as made:
        with pytest.raises(InfraError, match=r"more than 10 rows .*\"tables\".*\"max_rows\""):
            seen(made)  # the columns' definitions are rows too
        with pytest.raises(InfraError, match="more than 10 rows"):
            made.tables()
    with database(postgres, script, max_rows=10, tables=("big",)) as made:
        assert len(seen(made)["big"]) == 10
        monkeypatch.setattr(module, "MAX_BYTES", 100)
        with pytest.raises(InfraError, match=r"have \d+ bytes, and more than 100 .* largest is 'big'.*\"tables\""):
            seen(made)


@pytest.mark.postgres
def test_nothing_that_a_server_made_is_run_by_a_look(postgres):
    """A function of the server's that is found before the system's own would run as whoever looks."""
    script = """
    CREATE TABLE t (id int PRIMARY KEY, n name); INSERT INTO t VALUES (1, 'a');
    CREATE FUNCTION public.pg_table_size(oid) RETURNS bigint LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'mine was run'; END $$;
    CREATE FUNCTION public.format_type(oid, integer) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$;
    ALTER DATABASE forms SET search_path = public, pg_catalog;
    """
    with database(postgres, script) as made:
        postgres.sql(f"ALTER DATABASE {made.name} SET search_path = public, pg_catalog")
        assert seen(made)["t"] == {"1": {"id": 1, "n": "a"}}
        assert made.tables()["information_schema.columns"]["t,id"]["type"] == "integer"


@pytest.mark.postgres
def test_a_database_that_cannot_be_dropped_is_dropped_with_the_next_one(postgres, caplog):
    postgres.make("forms", "CREATE TABLE t (id int)")
    options = DatabaseOptions(postgres.url(), "forms")
    one = EpisodeDatabase(options, 30)
    one.create(60)
    postgres.stop()
    try:
        one.drop()
        assert "could not be dropped" in caplog.text
    finally:
        postgres.start()
    assert one.name in postgres.databases()
    other = EpisodeDatabase(options, 30)
    other.create(60)
    assert one.name not in postgres.databases()
    other.drop()


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=None) | st.floats(allow_nan=False, allow_infinity=False)
)
@settings(max_examples=300, deadline=None)
def test_a_number_is_exact_or_its_digits(number):
    text = f"{number:f}" if isinstance(number, Decimal) else repr(number)
    found = module._number(text)
    exact = Decimal(text)
    assert (Decimal(found) if isinstance(found, int | str) else Decimal(repr(found))) == exact
    if isinstance(found, str):  # one text for equal numbers
        assert module._number(text + "0" if "." in text else text) == found


def test_names_say_whose_they_are():
    mine = module._new_name()
    assert len(mine) <= 63, "PostgreSQL cuts longer names"
    assert not module._is_left(mine), "this process lives"
    prefix, machine, boot, namespace, _, started, chance = mine.split("_")
    assert module._is_left("_".join((prefix, machine, boot, namespace, "1", "1", chance))) == (
        Owner.this_process().pid != 1
    )
    assert module._is_left("_".join((prefix, machine, "0" * 8, namespace, "1", started, chance))), "before this boot"
    assert not module._is_left("_".join((prefix, "0" * 8, boot, namespace, "1", "1", chance))), "another machine's"
    assert not module._is_left("_".join((prefix, machine, boot, "0" * 6, "1", "1", chance))), "another container's"
    for name in ("toolgym", "toolgym_notes", f"x{mine}", f"{mine}x", "postgres", ""):
        assert not module._is_left(name)


URL = "postgresql://u:s3cret@h/postgres"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"database": {"url": "mysql://u:s3cret@h", "template": "t"}}, r"must begin with postgresql://"),
        ({"database": {"url": URL}}, "needs a 'template'"),
        ({"database": {"url": URL, "template": "postgres"}}, "nobody may be connected to"),
        ({"database": {"url": f"{URL}?dbname=s3cret", "template": "t"}}, "by its path, not by dbname"),
        ({"database": {"tables": ["t"]}}, "needs a 'url' .*or a 'workspace'"),
        ({"database": {"urll": URL}}, r"Unknown database option of server 's': 'urll'\. Did you mean 'url'"),
        ({"database": {"url": URL, "template": "t", "tables": "t"}}, "'toolgym.database.tables' cannot be a string"),
        ({"database": {"url": URL, "template": "t", "max_rows": 0}}, "'max_rows' must be a number above 0"),
        ({"database": {"url": URL, "template": "t", "env": "a=b"}}, "'env' must be an environment variable's name"),
        ({"database": URL}, "'database' must be an object with 'url'"),
        ({"database": {"url": URL, "template": "t", "tables": ["a"]}, "state_tools": ["x"]}, "not by both"),
        ({"database": {"url": "${NO_SUCH_VARIABLE}", "template": "t"}}, "NO_SUCH_VARIABLE, which is not set"),
        ({"databse": {}}, "Did you mean 'database'"),
    ],
)
def test_a_wrong_entry_is_told_and_nothing_of_it_shown(entry, told):
    with pytest.raises(ConfigError, match=told) as error:
        read_config({"mcpServers": {"s": {"command": "x", "toolgym": entry}}})
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("other", [{"url": "http://127.0.0.1:9/mcp"}, {"docker": "image"}, {"simulated": {}}])
def test_a_database_goes_with_a_server_that_is_started(other):
    ours = {"database": {"url": URL, "template": "t"}}
    with pytest.raises(ConfigError, match="goes with a 'command'"):
        read_config({"mcpServers": {"s": {**other, "toolgym": ours}}})


def test_a_missing_driver_is_told_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'toolgym\[postgres\]'"):
        require_postgres()
    entry = {"command": sys.executable, "toolgym": {"database": {"url": URL, "template": "t"}}}
    with pytest.raises(ConfigError, match=r"toolgym\[postgres\]"):
        connect(json.loads(json.dumps({"mcpServers": {"s": entry}})))
