"""A PostgreSQL database of its own for each episode: made from a template, seen by its rows, dropped afterwards.

The name of such a database says whose it is: this machine, its boot, the pid namespace, the process and when it
started. What a process left behind that was killed is dropped when the next database is made; nothing else ever is.
"""

import hashlib
import importlib.util
import json
import logging
import re
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

from toolgym.errors import ConfigError, InfraError, ServerDiedError, ServerStartError
from toolgym.mcp.docker_owner import Owner
from toolgym.mcp.ignore import Path
from toolgym.mcp.rows import MAX_BYTES, DatabaseOptions, Row, Selection, add_table, binary, text_cell
from toolgym.mcp.secrets import redacted
from toolgym.mcp.state import Tables

if TYPE_CHECKING:
    import psycopg

__all__ = ["SHOWN_NAME", "EpisodeDatabase", "check_url", "require_postgres"]

logger = logging.getLogger(__name__)

SHOWN_NAME = "toolgym_database"
"""What the agent sees in place of its episode's database, whose name differs in each episode."""

_PREFIX = "toolgym"
_NAME = re.compile(rf"{_PREFIX}_([0-9a-f]{{8}})_([0-9a-f]{{8}})_([0-9a-f]{{6}})_(\d+)_(\d*)_[0-9a-f]{{6}}")
_URL = re.compile(
    r"(?P<place>postgres(?:ql)?://(?P<user>(?:[^/?]*@)?)[^/?]*)/?(?P<path>[^?]*)(?P<rest>\??(?P<query>.*))"
)
"""As libpq reads it, which knows no fragment and allows several hosts."""
_DROP_S = 10.0
_SHORTEST = 4
"""Characters of a password. A shorter one stands everywhere, and hides nothing."""
_SETTINGS = {
    "search_path": "pg_catalog",  # nothing that the server made is called by a name
    "row_security": "off",  # an error instead of rows that are not seen
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
_TABLES = """
    SELECT n.nspname::text, c.relname::text, c.relkind::text, pg_table_size(c.oid),
        ARRAY(SELECT a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(number, place), pg_attribute a
              WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number
              ORDER BY k.place),
        ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'bytea'::regtype)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                        AND d.deptype = 'e')
    ORDER BY 1, 2
"""
_COLUMNS = """
    SELECT n.nspname::text, c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
        AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid
                        AND x.deptype = 'e')
    ORDER BY 1, 2, a.attnum
"""
_DEFINITIONS = "information_schema.columns"

_left: set[str] = set()
"""Databases of this process that could not be dropped when they should have been."""


def require_postgres() -> None:
    """Checks that the `psycopg` package is there, without importing it.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError("PostgreSQL databases need the psycopg package: pip install 'toolgym[postgres]'.")


def check_url(url: str, template: str) -> None:
    """Checks an address, which no message shows.

    Raises:
        ConfigError: it is no PostgreSQL URL, or names what cannot be a maintenance database.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigError("the 'url' of its database must begin with postgresql:// (SQLite: a workspace, no 'url').")
    if "dbname" in dict(parse_qsl(match["query"])):
        raise ConfigError("the 'url' of its database names a database by its path, not by dbname.")
    if unquote(match["path"]) == template:
        raise ConfigError(
            f"its database's 'url' is connected to while {template!r} is copied, which nobody may be connected to: let "
            "it name another database, such as postgres."
        )


class EpisodeDatabase:
    """A database that one server has to itself. Its methods block, and may be called from any thread.

    Args:
        options: where it is made, and of what.
        limit_s: seconds that a look at it may take.
    """

    def __init__(self, options: DatabaseOptions, limit_s: float):
        match = _URL.fullmatch(options.url)
        assert match is not None, "it was checked when it was read"
        self._options, self._limit_s = options, limit_s
        self._admin = options.url if match["path"] else _with_path(options.url, "postgres")
        self.name = _new_name()
        self.url = _with_path(options.url, self.name)
        """What the server is told."""
        query = parse_qsl(match["query"])
        given = [
            match["user"].rstrip("@").partition(":")[2],
            *(text for name, text in query if name in ("password", "sslpassword")),
        ]
        forms = {text for password in given for text in (password, unquote(password), quote(password, safe=""))}
        passwords = {text for text in forms if len(text) >= _SHORTEST}
        self.secrets = tuple(sorted({self.url, options.url, *passwords}, key=lambda text: (-len(text), text)))
        """Texts that no message may hold, longest first."""

    def create(self, limit_s: float) -> None:
        """Makes the database, after dropping those that dead processes left.

        Raises:
            ServerStartError: that was not possible; the message says why, and what to do.
        """
        from psycopg import sql

        template = self._options.template
        try:
            with self._connected(self._admin, limit_s) as connection:
                _drop_left(connection)
                made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(made.format(sql.Identifier(self.name), sql.Identifier(template)))
        except InfraError as error:
            _left.add(self.name)  # it may have been made all the same
            advice = _ADVICE.get(_state_of(error), "").format(template=repr(template))
            told = f"No database could be made from the template {template!r}: {str(error).removesuffix('.')}."
            raise ServerStartError(told + advice) from error.__cause__

    def tables(self, ignored: Sequence[Path] = (), *, first: bool = False) -> Tables:
        """The rows of the tables that are looked at, of one moment.

        A table of the schema `public` goes by its name, any other by `schema.name`. `information_schema.columns` holds
        the definitions. Views, sequences, foreign tables and what belongs to extensions do not count.

        Args:
            ignored: what of the state does not count.
            first: whether to check that the tables which are named are there.

        Raises:
            InfraError: it cannot be read, or holds too much.
            ConfigError: a table that is named is not there.
        """
        selection, tables = Selection(self._options), Tables()
        try:
            with self._connected(self.url, self._limit_s) as connection:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                found = [_Table(*row) for row in connection.execute(_TABLES)]
                wanted = [table for table in found if selection.wants(table.name, table.full)]
                if selection.wants(_DEFINITIONS):
                    definitions, key = _definitions(connection)
                    selection.take(len(definitions), _DEFINITIONS)
                    add_table(tables, _DEFINITIONS, definitions, key, ignored)
                _check_size(wanted)
                if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
                    connection.execute("SET client_encoding = 'SQL_ASCII'")  # texts that are no UTF-8 come as they are
                for table in wanted:
                    rows = table.rows(connection, selection.at_most)
                    selection.take(len(rows), table.name)
                    add_table(tables, table.name, rows, table.key, ignored)
        except _Failed as error:
            raise ServerDiedError(f"The episode's database cannot be read: {error}") from error.__cause__
        if first:
            selection.check()
        return tables

    def drop(self) -> None:
        """Removes the database, whoever is connected to it; where that fails, it is tried again with the next one."""
        from psycopg import sql

        try:
            with self._connected(self._admin, _DROP_S) as connection:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))
        except InfraError as error:
            _left.add(self.name)
            logger.warning("The database %s could not be dropped: %s", self.name, error)

    @contextmanager
    def _connected(self, url: str, limit_s: float) -> Iterator["psycopg.Connection[Any]"]:
        """A connection, which is cut when it has been used for that long.

        Raises:
            _Failed: something went wrong with it.
        """
        import psycopg

        late = threading.Event()
        try:
            with (
                psycopg.connect(url, autocommit=True, connect_timeout=max(2, int(limit_s))) as connection,
                _cut_after(connection, limit_s, late),
            ):
                for name, value in _SETTINGS.items():
                    connection.execute("SELECT set_config(%s, %s, false)", (name, value))
                yield connection
        except psycopg.Error as error:
            told = f"no answer within {limit_s:g} s" if late.is_set() else str(error).strip() or type(error).__name__
            raise _Failed(redacted(told, self.secrets)) from error


class _Failed(InfraError):
    """PostgreSQL refused something, or did not answer."""


_ADVICE = {
    "3D000": " Make it, load your tables and rows into it, and name it as 'template'.",
    "55006": (
        " Close what is connected to {template} (a psql, a server that was started by hand): PostgreSQL copies only a "
        "database that nobody uses."
    ),
    "42501": (
        " The url's user must be allowed to make databases (ALTER ROLE ... CREATEDB), and to copy this one: it owns "
        "{template}, or that is marked as a template (ALTER DATABASE ... IS_TEMPLATE true)."
    ),
}
"""By PostgreSQL's code of the error."""


def _state_of(error: InfraError) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


@contextmanager
def _cut_after(connection: "psycopg.Connection[Any]", limit_s: float, late: threading.Event) -> Iterator[None]:
    """Cuts a connection that is still in use after that time: a database server that hangs keeps no limit itself."""

    def cut() -> None:
        late.set()
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    line = socket.socket(fileno=socket.dup(connection.fileno()))
    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        line.close()


def _with_path(url: str, database: str) -> str:
    return _URL.sub(lambda match: f"{match['place']}/{quote(database, safe='')}{match['rest']}", url)


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _mark() -> tuple[str, str, str]:
    """What of the name says where this process runs: machine, boot, pid namespace."""
    this = Owner.this_process()
    return this.machine[:8], _digest(this.boot, 8), _digest(this.namespace, 6)


def _new_name() -> str:
    this = Owner.this_process()
    return "_".join((_PREFIX, *_mark(), str(this.pid), this.started, secrets.token_hex(3)))


def _is_left(name: str) -> bool:
    """Whether a database is one of ours that nobody will use any more."""
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    if name in _left:
        return True
    machine, boot, namespace, pid, started = match.groups()
    here = _mark()
    if machine != here[0]:
        return False
    this = Owner.this_process()
    same = (boot == here[1], namespace == here[2])
    # What differs here differs in full too.
    owner = Owner(this.machine, this.boot if same[0] else "", this.namespace if same[1] else "", int(pid), started)
    return owner.is_dead()


def _drop_left(connection: "psycopg.Connection[Any]") -> None:
    """Drops what was left behind; another process may be about it too, or this user may not."""
    import psycopg
    from psycopg import sql

    query = "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, %s)"
    for (name,) in connection.execute(query, (f"{_PREFIX}_",)).fetchall():
        if _is_left(name):
            with suppress(psycopg.Error):
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
                _left.discard(name)


class _Table:
    """A table of the database."""

    def __init__(self, schema: str, own: str, kind: str, size: int, key: list[str], binary: list[str]):
        self.full = f"{schema}.{own}"
        self.name = own if schema == "public" else self.full
        self.size, self.key = size, key
        self._schema, self._own, self._kind, self._binary = schema, own, kind, binary

    def rows(self, connection: "psycopg.Connection[Any]", limit: int) -> list[Row]:
        """Its rows; those of a table that inherits from it are that table's, those of its partitions its own."""
        from psycopg import sql
        from psycopg.adapt import Loader

        class Raw(Loader):
            def load(self, data: Any) -> bytes:
                return bytes(data)

        query = sql.SQL("SELECT row_to_json(t) FROM {} {} t LIMIT {}").format(
            sql.SQL("ONLY" if self._kind == "r" else ""),
            sql.Identifier(self._schema, self._own),
            sql.Literal(limit),
        )
        cursor = connection.cursor()
        cursor.adapters.register_loader("json", Raw)
        return [self._row(data) for (data,) in cursor.stream(query)]

    def _row(self, data: bytes) -> Row:
        text = data.decode(errors="surrogateescape")  # a database without an encoding may hold anything
        row = json.loads(text, parse_int=_number, parse_float=_number)
        for column in self._binary:
            if row[column] is not None:
                row[column] = binary(bytes.fromhex(row[column][2:]))
        return {column: _checked(value) for column, value in row.items()}


def _checked(value: Any) -> Any:
    """A value whose texts are as `text_cell` has them."""
    if isinstance(value, str):
        return text_cell(value.encode(errors="surrogateescape"))
    if isinstance(value, list):
        return [_checked(item) for item in value]
    if isinstance(value, dict):
        return {key: _checked(item) for key, item in value.items()}
    return value


def _number(text: str) -> Any:
    """A number of PostgreSQL's: an integer, a float that means the same, or, where none does, its digits as text."""
    from decimal import Decimal

    exact = Decimal(text)
    if len(text) <= _LONGEST and exact == exact.to_integral_value() and "e" not in text.lower():
        return int(exact)
    near = float(text)
    if Decimal(repr(near)) == exact if abs(near) != float("inf") else False:
        return near
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text.lower() else text


_LONGEST = 1000
"""Digits of an integer that is one; Python reads no more than some thousands."""


def _definitions(connection: "psycopg.Connection[Any]") -> tuple[list[Row], Sequence[str]]:
    rows = [
        {"table": name if schema == "public" else f"{schema}.{name}", "column": column, "type": type}
        | {"not_null": not_null, "default": default}
        for schema, name, column, type, not_null, default in connection.execute(_COLUMNS)
    ]
    return rows, ("table", "column")


def _check_size(tables: Sequence[_Table]) -> None:
    size = sum(table.size for table in tables)
    if size > MAX_BYTES:
        largest = max(tables, key=lambda table: table.size)
        raise InfraError(
            f"The tables whose rows are the state have {size} bytes, and more than {MAX_BYTES} are not looked at; the "
            f'largest is {largest.name!r}. Name those that tell success, as "tables" of "database" under "toolgym" in '
            "mcp.json."
        )
