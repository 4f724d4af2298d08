"""Where rows come from, how they are divided, and what a broken one is told as."""

import json
import subprocess
import sys

import pytest

from toolgym.envs.calls.sources import open_sources
from toolgym.envs.calls.store import RowStore
from toolgym.errors import ConfigError, TaskError
from toolgym.opening import open_env


def make(data, **options):
    return open_env("ToolGym/Calls-v0", data=data, **options)


def ids(data, **options):
    return [task.id for task in make(data, **options).tasks]


def test_a_parquet_file_and_data_sets_give_the_same_rows(given, tmp_path, rows_file):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Dataset, DatasetDict

    rows = [given.bonn(), given.bonn(gold=[{"name": "weather", "arguments": {"city": "Bonn"}}])]
    texts = [{name: json.dumps(value) for name, value in row.items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(texts), tmp_path / "a.parquet", row_group_size=1)
    # Columns of structs give each row all keys: those of other rows are null.
    data_set = Dataset.from_list(rows)
    data_set.save_to_disk(str(tmp_path / "saved"))
    DatasetDict({"train": data_set, "test": data_set}).save_to_disk(str(tmp_path / "parts"))
    (tmp_path / "list.json").write_text(json.dumps(rows))
    sources = [rows_file(*rows), str(tmp_path / "a.parquet"), data_set, str(tmp_path / "saved"), rows]
    sources += [str(tmp_path / "parts"), str(tmp_path / "list.json")]
    gold = []
    for data in sources:
        env = make(data)
        gold.append([[call.arguments for call in task.gold_calls] for task in env.tasks])
    assert gold == [[[{"city": "Bonn", "days": 2}], [{"city": "Bonn"}]]] * len(sources)
    assert ids(str(tmp_path / "parts"), split="test") == ["test-1", "test-2"]


def test_rows_of_a_folder_are_of_the_splits_that_its_files_are_named_after(given, rows_file):
    rows_file(given.bonn(), name="data/train-00.jsonl")
    rows_file(given.bonn(), given.bonn(), name="data/test.jsonl")
    folder = rows_file(given.bonn(), name="data/valid.jsonl").removesuffix("/valid.jsonl")
    assert ids(folder) == ["train-00-1"]
    assert ids(folder, split="test") == ["test-1", "test-2"]
    assert ids(folder, split="validation") == ["valid-1"]


def test_files_of_one_name_are_told_apart(given, rows_file):
    folder = rows_file(city(given, 1), name="data/a/rows.jsonl").removesuffix("/a/rows.jsonl")
    rows_file(city(given, 2), name="data/b/rows.jsonl")
    rows_file(given.toolace(), name="data/more.jsonl")  # three examples: more-1-1 to more-1-3
    rows_file(city(given, 3), name="data/more-1.jsonl")
    env = make(folder, test_share=0.0)
    names = ["a/rows.jsonl-1", "b/rows.jsonl-1", "more-1.jsonl-1", "more-1-1", "more-1-2", "more-1-3"]
    assert [task.id for task in env.tasks] == names
    for task in env.tasks:
        observation, _ = env.reset(options={"task": task.id})
        assert env.task.request == task.request
        assert task.request in observation


def test_a_row_may_name_its_split(given, rows_file):
    path = rows_file(given.bonn(split="test"), given.bonn(split="train"), given.bonn(split="train"))
    assert ids(path, split="test") == ["rows-1"]
    assert ids(path) == ["rows-2", "rows-3"]


def city(given, number):
    return given.bonn(messages=[{"role": "user", "content": f"How is the weather in town {number}?"}])


class TestDividing:
    def test_a_tenth_is_held_out_and_no_row_is_in_two_splits(self, given, rows_file):
        path = rows_file(*(city(given, number) for number in range(40)))
        splits = {split: ids(path, split=split) for split in ("train", "validation", "test")}
        assert [len(found) for found in splits.values()] == [32, 4, 4]
        assert len(set().union(*splits.values())) == 40
        assert ids(path, split="test") == splits["test"]
        assert ids(path, split="test", split_seed=1) != splits["test"]
        assert len(ids(path, split="test", test_share=0.25)) == 10
        assert len(ids(path, test_share=0)) == 40

    def test_equal_rows_and_turns_of_one_conversation_stay_together(self, given, rows_file):
        rows = [city(given, number // 2) | {"id": number} for number in range(20)]
        store = RowStore(open_sources(rows_file(*rows, given.toolace())), "turn", 0.2, 0)
        split = [store.task(place).split for place in range(len(store))]
        assert all(split[at] == split[at + 1] for at in range(0, 20, 2))
        assert len(set(split[20:])) == 1
        assert set(split) == {"train", "validation", "test"}

    def test_too_few_rows_are_all_in_every_split(self, given, rows_file):
        path = rows_file(given.bonn(), city(given, 1))
        assert ids(path) == ids(path, split="test") == ["rows-1", "rows-2"]


class TestBrokenRows:
    def test_each_is_told_with_its_file_and_line(self, given, rows_file):
        path = rows_file(given.bonn(), "", "{not json", given.bonn(tools=[]), given.bonn(split="tests"))
        with pytest.raises(TaskError, match="3 broken rows") as error:
            make(path)
        for told in (
            f"{path}, line 3: it is not JSON",
            f"{path}, line 4: the gold calls 'weather'",
            "line 5: its split",
        ):
            assert told in str(error.value)

    def test_they_can_be_left_out(self, given, rows_file):
        path = rows_file("{not json", given.bonn())
        assert ids(path, skip_broken=True) == ["rows-2"]
        with pytest.raises(TaskError, match="no row can be read"):
            make(rows_file("{not json"), skip_broken=True)

    def test_many_are_told_as_the_first_and_a_number(self, rows_file):
        with pytest.raises(TaskError, match=r"30 broken rows: .*line 10: .*; and 20 more"):
            make(rows_file(*["[]"] * 30))

    def test_the_command_lists_them_all(self, given, rows_file):
        path = rows_file(given.bonn(), *["[]"] * 12)
        done = subprocess.run(
            [sys.executable, "-m", "toolgym.envs.calls", path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stdout.count("broken: ") == 12
        assert f"{path}, line 13: a row is an object, not list" in done.stdout

    def test_files_that_are_none_are_told(self, tmp_path):
        for name, told in (("a.json", "is not JSON"), ("a.parquet", "is no Parquet file"), ("a.txt", "ends with none")):
            (tmp_path / name).write_text("{")
            with pytest.raises((ConfigError, TaskError), match=told):
                make(str(tmp_path / name))
        (tmp_path / "none").mkdir()
        with pytest.raises(ConfigError, match="has no file that ends with"):
            make(str(tmp_path / "none"))


def test_what_is_held_of_a_row_does_not_grow_with_it(given, rows_file):
    """Counted in the arrays of the store: 18 bytes an example, however long its row is."""
    for words in (1, 1000):
        rows = (city(given, f"{number} {'x ' * words}") for number in range(200))
        store = RowStore(open_sources(rows_file(*rows)), "turn", 0.1, 0)
        arrays = [value for value in vars(store).values() if hasattr(value, "itemsize")]
        assert sum(value.itemsize * len(value) for value in arrays) <= 18 * 200
        for place in range(200):
            store.task(place)
        assert store.example.cache_info().maxsize == 512


def test_a_file_that_changed_is_told(given, rows_file):
    path = rows_file(given.bonn(), given.bonn())
    env = make(path)
    rows_file("[" * 10, "[" * 10)
    with pytest.raises(TaskError, match="is not what it was when it was opened"):
        env.reset(seed=0)
