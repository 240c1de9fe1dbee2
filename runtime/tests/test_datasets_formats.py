"""JSON Lines, JSON, CSV and Parquet, each also compressed, and each as odd as files come."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_jobs import DatasetOrder, chat, check, write_jsonl

from trainer_runtime.datasets import DatasetInvalid, load_numbered_rows, load_rows

ROWS = [chat(f"What is {n}?\nSay it.", f'It is "{n}", ünïcode 🙂') for n in range(600)]
PAIRS = [{"prompt": f"a {n},\n{n}", "completion": f'b "{n}"; ü'} for n in range(600)]


def to_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows).encode()


def to_json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps(rows, indent=2).encode()


def to_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    for row in rows:
        cells = {k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()}
        writer.writerow(cells)
    return text.getvalue().encode()


def to_parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=100)
    return out.getvalue()


def to_zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows", data)
        archive.writestr("__MACOSX/._rows", b"junk")
    return out.getvalue()


def to_zstd(data: bytes) -> bytes:
    import pyarrow

    return pyarrow.compress(data, codec="zstd", asbytes=True)


FORMATS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "jsonl": to_jsonl,
    "json": to_json,
    "csv": to_csv,
    "parquet": to_parquet,
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": to_zstd,
    ".zip": to_zip,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("rows", [ROWS, PAIRS], ids=["messages", "pairs"])
def test_every_format_compressed(
    tmp_path: Path, rows: list[dict[str, Any]], file_format: str, compression: str
) -> None:
    source = tmp_path / f"rows.{file_format}{compression}"
    source.write_bytes(COMPRESSIONS[compression](FORMATS[file_format](rows)))
    facts = check(source, work_dir=tmp_path / "work")
    assert facts.rows == len(rows)
    assert facts.files[0].format == file_format
    assert list(load_rows(facts)) == rows


@pytest.mark.parametrize("compression", [".gz", ".bz2", ".xz"])
def test_compressed_in_several_members(tmp_path: Path, compression: str) -> None:
    compress = COMPRESSIONS[compression]
    source = tmp_path / f"rows.jsonl{compression}"
    source.write_bytes(compress(to_jsonl(ROWS[:3])) + compress(to_jsonl(ROWS[3:5])))
    assert check(source, work_dir=tmp_path).rows == 5


@pytest.mark.parametrize(
    ("name", "asked", "data", "expected"),
    [
        ("data", "jsonl", to_jsonl(ROWS[:2]), "jsonl"),
        ("data", "auto", to_jsonl(ROWS[:2]), "jsonl"),
        ("data", "auto", gzip.compress(to_json(ROWS[:2])), "json"),
        ("data", "auto", to_parquet(ROWS[:2]), "parquet"),
        ("data.json", "jsonl", to_json(ROWS[:2]), "json"),
        ("data.jsonl", "jsonl", to_json(ROWS[:2]), "jsonl"),
        ("data.json", "json", to_jsonl(ROWS[:2]), "json"),
        ("data.json", "json", b"\xef\xbb\xbf" + to_json(ROWS[:2]), "json"),
        ("data.jsonl", "auto", b"\xef\xbb\xbf" + to_jsonl(ROWS[:2]), "jsonl"),
        ("data.csv", "auto", b"\xef\xbb\xbf" + to_csv(PAIRS[:2]), "csv"),
        ("data.ndjson", "auto", b"\n\n" + to_jsonl(ROWS[:2]), "jsonl"),
        ("data.tsv", "csv", b"prompt\tcompletion\na\tb\nc\td\n", "tsv"),
        ("data.txt", "nemo", b'{"input": "a", "output": "b"}\n' * 2, "jsonl"),
    ],
)
def test_what_a_file_is(tmp_path: Path, name: str, asked: str, data: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(data)
    facts = check(DatasetOrder(str(tmp_path / name), asked), work_dir=tmp_path / "work")
    assert facts.files[0].format == expected
    assert facts.rows == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_of_any_spreadsheet(tmp_path: Path, delimiter: str) -> None:
    lines = ["prompt", "completion", "note"], ["a", '"b ""x""\n\nc"', ""], ["d", "e", "f"]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (tmp_path / "rows.csv").write_text(text + "\r\n\r\n", newline="")
    facts = check(tmp_path / "rows.csv", work_dir=tmp_path)
    assert list(load_numbered_rows(facts)) == [
        ("rows.csv", 2, {"prompt": "a", "completion": 'b "x"\n\nc'}),
        ("rows.csv", 5, {"prompt": "d", "completion": "e"}),
    ]


PROBLEMS: list[tuple[str, bytes, list[str]]] = [
    ("jsonl", b'{"text": "a"}\n{"text": \n', ["rows.jsonl:2: is not JSON (character 11: "]),
    ("jsonl", b'{"text": "a"}{"text": "b"}\n', ["rows.jsonl:1: is not JSON (character 14: Extra"]),
    (
        "jsonl",
        b'{"text": "a\x00b"}\n',
        ["rows.jsonl:1: is not JSON (character 12: Invalid control"],
    ),
    ("jsonl", b'{"text": "\xff"}\n', ["rows.jsonl:1: is not UTF-8"]),
    ("jsonl", b'{"text": "\\ud800"}\n', ["rows.jsonl:1: holds half of a character"]),
    ("jsonl", '{"text": "a"}\n'.encode("utf-16"), ["rows.jsonl: is UTF-16"]),
    ("jsonl", to_parquet(PAIRS[:1]), ["rows.jsonl: is a Parquet file, not jsonl"]),
    ("jsonl", b'{"text":' + b"[" * 100_000 + b"\n", ["rows.jsonl:1: is nested too deeply"]),
    ("jsonl", b'{"n": ' + b"9" * 5000 + b"}\n", ["rows.jsonl:1: holds a number that is too long"]),
    ("jsonl", b"null\n3\n", ["rows.jsonl:1: must be a JSON object", "rows.jsonl:2: must be"]),
    ("json", b'[{"text": "a"},\n\n{"text": 3}]', ["rows.json:3: text must be text, not a number"]),
    ("json", b'[{"text": "a"}\n {"text": "b"}]', ["rows.json:2: is not JSON: a comma is missing"]),
    ("json", b'[{"text": "a"},\n{"text":: "b"}]', ["rows.json:2: is not JSON (Expecting value)"]),
    ("json", b'[{"text": "a"}] x', ["rows.json:1: has something after its array"]),
    ("json", b'[{"text": "a"}', ["rows.json:1: ends in the middle of its array"]),
    ("json", b"[1, 2]", ["rows.json:1: must be a JSON object", "rows.json:1: must be"]),
    ("json", b"[" * 100_000, ["rows.json:1: is nested too deeply"]),
    ("json", b'[{"text": "\xff"}]', ["rows.json:1: is not UTF-8"]),
    ("csv", b"text,b\na\n", ["rows.csv:2: has 1 cells, the header 2"]),
    ("csv", b"text,text\na,b\n", ["rows.csv:1: names a column twice in its header"]),
    ("csv", b'text\n"a"b\n', ["rows.csv:2: is not CSV ("]),
    ("csv", b'text\nx\n"a\nb\n', ["rows.csv:3: is not CSV (unexpected end of data)"]),
    ("csv", b"text\nx\na\x00b\n", ["rows.csv:3: holds NUL bytes"]),
    ("csv", b"text\n\xff\n", ["rows.csv:2: is not UTF-8"]),
    ("csv", b'messages\n"[{"\n', ["rows.csv:2: messages holds a text that is not JSON"]),
    ("csv", b"a,b\n1,2\n", ["rows.csv:2: has the fields a, b; expected messages"]),
    ("csv", b"prompt,completion\n", ["rows.csv: holds no rows"]),
    ("parquet", b"PAR1" + b"\x00" * 40 + b"PAR1", ["rows.parquet: is no Parquet file"]),
    ("parquet", b"", ["rows.parquet: is no Parquet file"]),
    ("parquet", to_parquet([{"text": 5}]), ["rows.parquet:1: text must be text, not a number"]),
    ("parquet", to_parquet([{"text": b"a"}]), ["rows.parquet:1: text must be text, not bytes"]),
    ("parquet", to_parquet([{"a": 5, "b": 1}]), ["rows.parquet:1: has the fields none; expected"]),
    (
        "parquet",
        to_parquet([{"messages": [{"role": "user", "content": None}]}]),
        ["rows.parquet:1: messages[0].content is missing"],
    ),
    ("jsonl.gz", gzip.compress(b'{"text": "a"}\n')[:-9], ["rows.jsonl.gz: is a broken gzip file"]),
    ("jsonl.xz", lzma.compress(b'{"text": "a"}\n')[:-9], ["rows.jsonl.xz: is a broken xz file"]),
    ("jsonl.zip", b"PK\x03\x04 no zip", ["rows.jsonl.zip: is a broken zip file"]),
    ("dat", b"a sentence", ["rows.dat: has a format that neither its name nor the request tells"]),
]


@pytest.mark.parametrize(
    ("suffix", "data", "expected"), PROBLEMS, ids=[f"{s}-{e[0][:40]}" for s, _, e in PROBLEMS]
)
def test_problems(tmp_path: Path, suffix: str, data: bytes, expected: list[str]) -> None:
    (tmp_path / f"rows.{suffix}").write_bytes(data)
    with pytest.raises(DatasetInvalid) as caught:
        check(tmp_path / f"rows.{suffix}", work_dir=tmp_path / "work")
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(expected)
    for problem, start in zip(told, expected, strict=True):
        assert problem.startswith(start)


def test_parquet_of_nested_and_odd_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    turn = pa.struct([("role", pa.string()), ("content", pa.large_string()), ("extra", pa.int8())])
    columns = {
        "messages": pa.array(
            [[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]] * 3,
            pa.large_list(turn),
        ),
        "system": pa.array(["s", None, ""]).dictionary_encode(),
        "when": pa.array([10**18] * 3, pa.timestamp("ns")),
        "blob": pa.array([b"\xff"] * 3),
        "deep": pa.array([[[[1]]]] * 3),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    facts = check(tmp_path / "rows.parquet", work_dir=tmp_path)
    rows = list(load_rows(facts))
    assert [len(row["messages"]) for row in rows] == [3, 2, 2]
    assert rows[1]["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]
    assert facts.ignored_fields == ("blob", "deep", "when")


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_runtime.datasets.byte_source.FREE_BYTES", 1 << 20)
    monkeypatch.setattr("trainer_runtime.datasets.byte_source.MAX_FACTOR", 2)
    source = tmp_path / "rows.jsonl.gz"
    source.write_bytes(gzip.compress(b"\n" * (8 << 20)))
    with pytest.raises(DatasetInvalid, match="so large when decompressed that it cannot be data"):
        check(source, work_dir=tmp_path)
    packed = tmp_path / "rows.parquet.xz"
    packed.write_bytes(lzma.compress(b"\0" * (8 << 20), preset=0))
    with pytest.raises(DatasetInvalid, match="so large when decompressed"):
        check(packed, work_dir=tmp_path / "work")
    assert not any(path.is_file() for path in (tmp_path / "work").rglob("*"))


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
def test_a_row_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    modules = {"jsonl": "row_readers", "json": "json_values", "csv": "csv_rows"}
    name = f"trainer_runtime.datasets.{modules[file_format]}.MAX_ROW_BYTES"
    monkeypatch.setattr(name, 1 << 20)
    start = {"jsonl": b'{"text": "', "json": b'[{"text": "', "csv": b"text\n"}[file_format]
    source = tmp_path / f"rows.{file_format}"
    source.write_bytes(start + b"a" * (4 << 20))
    with pytest.raises(DatasetInvalid, match="begins a row of more than"):
        check(source, work_dir=tmp_path)


def test_large_rows_within_bounds(tmp_path: Path) -> None:
    rows = [{"text": "a" * (5 << 20)}, {"text": "b"}]
    for file_format in ("jsonl", "json", "csv"):
        source = tmp_path / f"rows.{file_format}"
        source.write_bytes(FORMATS[file_format](rows))
        assert list(load_rows(check(source, work_dir=tmp_path))) == rows


def test_lines_count_as_editors_count_them(tmp_path: Path) -> None:
    text = '\n{"text": "a\\nb"}\n\n{"text": "a\u2028b"}\r\n{"text": ""}'
    (tmp_path / "rows.jsonl").write_text(text, newline="")
    with pytest.raises(DatasetInvalid, match=r"rows\.jsonl:5: text is empty"):
        check(tmp_path / "rows.jsonl", work_dir=tmp_path)


def test_a_zip_of_several_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rows.jsonl.zip", "w") as archive:
        archive.writestr("a.jsonl", "{}")
        archive.writestr("b.jsonl", "{}")
    with pytest.raises(DatasetInvalid, match="is a zip of 2 files"):
        check(tmp_path / "rows.jsonl.zip", work_dir=tmp_path)


def test_write_jsonl_is_what_is_read(tmp_path: Path) -> None:
    assert (
        list(load_rows(check(write_jsonl(tmp_path / "r.jsonl", ROWS), work_dir=tmp_path))) == ROWS
    )
