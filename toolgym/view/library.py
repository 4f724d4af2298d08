"""What is open: the sources, their indexes, and the thread that keeps both up to date."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from toolgym.errors import ConfigError, LockedError
from toolgym.view.corpus import CorpusIndexer, size_of
from toolgym.view.indexing import FileIndexer
from toolgym.view.inspect_logs import InspectIndexer
from toolgym.view.sources import Source, check_paths, find, is_link
from toolgym.view.store import Store, cache_folder, connect, store_path

__all__ = ["Library"]

_SLICE_S = 0.3
_IDLE_S = 0.5
_LOOK_S = 3.0


class Library:
    """The paths that were opened, and what is known of them.

    Args:
        paths: files and folders. Nothing outside them is ever read, but links within them are not followed.
        cache: where indexes are kept; by default in the user's cache folder.

    Raises:
        ConfigError: a path that is not there, or a file that is nothing that can be shown.
    """

    def __init__(self, paths: Sequence[Path], cache: Path | None = None):
        check_paths(paths)
        self.paths = list(paths)
        self.cache = cache_folder(cache)
        self.sources: dict[str, Source] = {}
        self.failures: dict[str, str] = {}
        """Source -> why it cannot be read at present."""
        self.counted: dict[str, tuple[int, float, dict[str, Any]]] = {}
        """Source -> how far it was read when its episodes were counted, until when that is shown, and the figures."""
        self._indexers: dict[str, FileIndexer | CorpusIndexer | InspectIndexer] = {}
        self._anew: set[str] = set()
        """Sources whose index was damaged, and was begun anew."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked = 0.0
        self.look()

    def look(self) -> None:
        """Looks for what has come and gone under the paths."""
        self.sources = {source.id: source for source in find(self.paths)}
        for id in [id for id, indexer in self._indexers.items() if id not in self.sources]:
            self._drop(id, remove=not self._indexers[id].path.exists())
        self._looked = time.monotonic()

    def start(self) -> None:
        """Begins to read in the background, until `close`."""
        self._thread = threading.Thread(target=self._keep_up, name="toolgym-view-index", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the reading. Closing twice is harmless."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        for indexer in self._indexers.values():
            indexer.store.close()
        self._indexers = {}

    def read_all(self) -> None:
        """Reads everything that is there now, in this thread."""
        while self._round():
            pass

    def _keep_up(self) -> None:
        while not self._stopping.is_set():
            if time.monotonic() - self._looked > _LOOK_S:
                self.look()
            if not self._round():
                self._stopping.wait(_IDLE_S)

    def _round(self) -> bool:
        """A slice of reading for each source; whether there was anything to read."""
        read = False
        for source in list(self.sources.values()):
            if self._stopping.is_set():
                return False
            try:
                indexer = self._indexer(source)
                if indexer is not None:
                    read = indexer.advance(_SLICE_S) or read
                    self.failures.pop(source.id, None)
            except LockedError:
                continue  # another viewer is at it: what it has found is shown
            except (OSError, sqlite3.Error, ValueError) as error:
                self.failures[source.id] = str(error)
                self._drop(source.id)
                read = self._begun_anew(source, error) or read
            except ModuleNotFoundError as error:
                self.failures[source.id] = f"This needs {error.name}: pip install 'toolgym[train]'"
                self._drop(source.id)
        return read

    def _indexer(self, source: Source) -> FileIndexer | CorpusIndexer | InspectIndexer | None:
        if source.episodes is None:
            return None
        made = self._indexers.get(source.id)
        if made is not None and not made.store.path.exists():  # the cache was emptied meanwhile
            self._drop(source.id)
            made = None
        if made is None:
            store = Store(store_path(self.cache, source.episodes))
            try:
                if source.kind == "corpus":
                    made = CorpusIndexer(source.episodes, store)
                elif source.of_inspect:
                    made = InspectIndexer(source.episodes, store)
                else:
                    made = FileIndexer(source.episodes, store, tokens_of(source))
            except BaseException:
                store.close()
                raise
            self._indexers[source.id] = made
        return made

    def _begun_anew(self, source: Source, error: Exception) -> bool:
        """Throws an index away that is damaged further in than where it begins; whether it did: once a source."""
        if type(error) is not sqlite3.DatabaseError or source.episodes is None or source.id in self._anew:
            return False
        self._anew.add(source.id)
        with contextlib.suppress(OSError, sqlite3.Error, LockedError):
            Store(store_path(self.cache, source.episodes), anew=True).close()
        return True

    def _drop(self, id: str, remove: bool = False) -> None:
        if (indexer := self._indexers.pop(id, None)) is not None:
            with contextlib.suppress(sqlite3.Error):
                indexer.store.remove() if remove else indexer.store.close()

    def source(self, id: str) -> Source:
        """The source of an id.

        Raises:
            ConfigError: there is none.
        """
        if (found := self.sources.get(id)) is None:
            raise ConfigError("There is no such run any more")
        return found

    @contextlib.contextmanager
    def index(self, source: Source) -> Iterator[sqlite3.Connection | None]:
        """The index of a source, to be read; None where there is none yet."""
        connection = None
        if source.episodes is not None:
            with contextlib.suppress(sqlite3.Error):
                connection = connect(store_path(self.cache, source.episodes))
        try:
            yield connection
        finally:
            if connection is not None:
                connection.close()

    @staticmethod
    def size(source: Source) -> int:
        """The bytes of its episodes now."""
        with contextlib.suppress(OSError):
            if source.kind == "corpus" and source.episodes is not None:
                return size_of(source.episodes)
            if source.episodes is not None:
                return source.episodes.stat().st_size
        return 0


def tokens_of(source: Source) -> Path | None:
    """The file with the tokens of a run's episodes."""
    if source.episodes is None or source.kind == "corpus" or source.of_inspect:
        return None
    beside = source.episodes.with_name("tokens.jsonl")
    return beside if beside.is_file() and not is_link(beside) else None
