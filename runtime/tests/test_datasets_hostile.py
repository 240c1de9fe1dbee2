"""Bytes of no sense in files of every format: a problem or rows, never anything else."""

import json
import tempfile
from pathlib import Path

import pytest
from data_jobs import chat, check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_datasets_formats import COMPRESSIONS, FORMATS, PAIRS, ROWS

from trainer_runtime.datasets import DatasetInvalid, load_rows

FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SUFFIXES = [f"{name}{end}" for name in FORMATS for end in COMPRESSIONS]
VALID = {
    suffix: COMPRESSIONS[f".{suffix.partition('.')[2]}" if "." in suffix else ""](
        FORMATS[suffix.partition(".")[0]]((PAIRS if "csv" in suffix else ROWS)[:20])
    )
    for suffix in SUFFIXES
}


def read(suffix: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"rows.{suffix}"
        source.write_bytes(data)
        try:
            facts = check(source, work_dir=Path(folder))
        except DatasetInvalid as error:
            assert error.problems
            assert len(error.sentence) < 500
            assert all(str(problem).isprintable() for problem in error.problems)
            return
        rows = list(load_rows(facts))
        assert len(rows) == facts.rows > 0
        json.dumps(rows, ensure_ascii=False).encode()


@FUZZ
@given(suffix=st.sampled_from(SUFFIXES), data=st.binary(max_size=300))
def test_any_bytes(suffix: str, data: bytes) -> None:
    read(suffix, data)


@FUZZ
@given(
    suffix=st.sampled_from(SUFFIXES),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 8)), min_size=1, max_size=4
    ),
)
def test_valid_files_with_a_few_bytes_changed(
    suffix: str, edits: list[tuple[float, bytes, int]]
) -> None:
    data = bytearray(VALID[suffix])
    for where, new, removed in edits:
        start = int(where * len(data))
        data[start : start + removed] = new
    read(suffix, bytes(data))


@FUZZ
@given(suffix=st.sampled_from(SUFFIXES), share=st.floats(0, 1))
def test_files_that_are_cut_off(suffix: str, share: float) -> None:
    data = VALID[suffix]
    read(suffix, data[: int(share * len(data))])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
NAMES = """messages conversations prompt completion instruction input output text system tools
role content from value tool_calls"""
KEYS = st.sampled_from(NAMES.split())


@FUZZ
@given(
    rows=st.lists(
        st.dictionaries(
            KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON, max_size=4), max_size=3), max_size=4
        ),
        min_size=1,
        max_size=2,
    ),
    suffix=st.sampled_from(["jsonl", "json"]),
)
def test_rows_with_known_names_and_any_values(rows: list[dict], suffix: str) -> None:
    read(suffix, FORMATS[suffix](rows) if suffix == "json" else _lines(rows))


def _lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_files_themselves_are_valid(suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"rows.{suffix}"
    source.write_bytes(VALID[suffix])
    assert check(source, work_dir=tmp_path).rows == 20


def test_names_of_files_are_no_way_into_a_sentence(tmp_path: Path) -> None:
    source = tmp_path / "rows\n\x1b[31mCODE: fake.jsonl"
    source.write_bytes(b"{}")
    with pytest.raises(DatasetInvalid) as caught:
        check(source, work_dir=tmp_path)
    assert caught.value.sentence.isprintable()
    assert all(str(problem).isprintable() for problem in caught.value.problems)


def test_names_of_fields_are_no_way_into_a_sentence(tmp_path: Path) -> None:
    row = {"x\n\x1b[31mCODE: fake\x00" + "y" * 5000: 1, **{f"k{n}": 1 for n in range(500)}}
    read("jsonl", _lines([row]))
    read("jsonl", _lines([{**chat(), **row}]))
