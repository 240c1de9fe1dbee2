"""What is told of all data at once, and what is done with rows that are bad or held out."""

import json
import random
import sys
from pathlib import Path

import pytest
from data_jobs import DatasetOrder, EvaluationOrder, chat, check, write_jsonl

from trainer_runtime.datasets import (
    REJECTED_NAME,
    DatasetFacts,
    DatasetInvalid,
    load_numbered_rows,
    load_rows,
)
from trainer_runtime.reasons import RunError


def texts(count: int, start: int = 0) -> list[dict[str, str]]:
    return [{"text": f"row {number}"} for number in range(start, start + count)]


def test_problems_of_all_files_at_once(tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", [chat(), {"messages": []}, {"messages": 3}])
    two = write_jsonl(tmp_path / "two.jsonl", [chat("a", "")])
    with pytest.raises(DatasetInvalid) as caught:
        check(one, two, work_dir=tmp_path)
    error = caught.value
    assert [str(problem) for problem in error.problems] == [
        "one.jsonl:2: messages is empty",
        "one.jsonl:3: messages must be a list of messages",
        "two.jsonl:1: messages holds no answer of an assistant",
    ]
    assert error.sentence == "one.jsonl:2: messages is empty (2 more problems)."


def test_twenty_problems_at_most_and_all_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid) as caught:
        check(write_jsonl(tmp_path / "bad.jsonl", [{"text": ""}] * 50), work_dir=tmp_path)
    assert len(caught.value.problems) == 20
    assert caught.value.total == 50
    assert len(caught.value.sentence) < 500


def test_no_words_of_the_rows_are_repeated(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": 5, "note": "my-secret"}\n{"text": "my-secret\n"my-secret"\n')
    with pytest.raises(DatasetInvalid) as caught:
        check(source, work_dir=tmp_path)
    assert "my-secret" not in " ".join(map(str, caught.value.problems))


@pytest.mark.parametrize("content", ["", "\n \n\n", "[]", "[ ]\n"])
def test_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(DatasetInvalid, match=r"rows\.jsonl: holds no rows\."):
        check(tmp_path / "rows.jsonl", work_dir=tmp_path)


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"gone\.jsonl is not there") as caught:
        check(tmp_path / "gone.jsonl", work_dir=tmp_path)
    assert (caught.value.code, caught.value.exit_status) == ("DATASET_UNAVAILABLE", 3)


def test_one_job_is_of_one_kind_of_rows(tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", [chat()])
    two = write_jsonl(tmp_path / "two.jsonl", texts(1))
    with pytest.raises(DatasetInvalid, match=r"shape text, but one\.jsonl of messages"):
        check(one, two, work_dir=tmp_path)
    sharegpt = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    three = write_jsonl(tmp_path / "three.jsonl", [{"conversations": sharegpt}])
    assert check(one, three, work_dir=tmp_path).rows == 2


def test_skip_takes_one_percent(tmp_path: Path) -> None:
    rows = [*texts(99), {"text": ""}, *texts(99, 99), {"text": 5}]
    source = write_jsonl(tmp_path / "rows.jsonl", rows)
    with pytest.raises(DatasetInvalid):
        check(source, work_dir=tmp_path)
    work = tmp_path / "work"
    facts = check(source, work_dir=work, bad_rows="skip")
    assert (facts.rows, facts.rejected) == (198, 2)
    assert [row["text"] for row in load_rows(facts)] == [f"row {n}" for n in range(198)]
    lines = [json.loads(line) for line in (work / REJECTED_NAME).read_text().splitlines()]
    assert lines == [
        {"file": "rows.jsonl", "line": 100, "field": "text", "reason": "is empty"},
        {
            "file": "rows.jsonl",
            "line": 200,
            "field": "text",
            "reason": "must be text, not a number",
        },
    ]
    assert any(REJECTED_NAME in warning for warning in facts.warnings)


def test_skip_takes_no_more(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [*texts(197), *[{"text": ""}] * 3])
    with pytest.raises(DatasetInvalid, match=r"3 of the 200 rows of datasets\[0\] are bad") as info:
        check(source, work_dir=tmp_path, bad_rows="skip")
    assert len(info.value.problems) == 3


def test_skip_takes_no_broken_file(tmp_path: Path) -> None:
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(texts(300))[:-1])
    with pytest.raises(DatasetInvalid, match="ends in the middle of its array"):
        check(source, work_dir=tmp_path, bad_rows="skip")


def test_skip_works_in_lines_called_json(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.json", texts(200))
    source.write_text(source.read_text() + '{"text": \n{"text": "last"}\n')
    facts = check(source, work_dir=tmp_path, bad_rows="skip")
    assert (facts.rows, facts.rejected) == (201, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_file_whose_reading_fails(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match=r"mem: cannot be read \(Input/output error\)"):
        check(DatasetOrder("/proc/self/mem", "jsonl"), work_dir=tmp_path)


def test_facts_cross_to_another_process(tmp_path: Path) -> None:
    facts = check(write_jsonl(tmp_path / "rows.jsonl", texts(5)), work_dir=tmp_path)
    again = DatasetFacts.from_json(json.loads(json.dumps(facts.to_json())))
    assert again == facts
    assert list(load_rows(again)) == texts(5)
    assert [(file, line) for file, line, _ in load_numbered_rows(again)] == [
        ("rows.jsonl", line) for line in range(1, 6)
    ]


def test_the_digest_is_of_data_and_split(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", texts(10))
    first = check(source, work_dir=tmp_path)
    assert check(source, work_dir=tmp_path).sha256 == first.sha256
    part = check(DatasetOrder(str(source), split="train[:5]"), work_dir=tmp_path)
    assert part.sha256 != first.sha256
    source.write_text(source.read_text().replace("row 3", "row 4"))
    assert check(source, work_dir=tmp_path).sha256 != first.sha256


def test_a_file_that_changed_since_is_told(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", texts(3))
    facts = check(source, work_dir=tmp_path)
    source.write_text('{"text": ""}\n')
    with pytest.raises(DatasetInvalid, match="changed since it was checked"):
        list(load_rows(facts))


def test_evaluation_by_share(tmp_path: Path) -> None:
    rows = texts(200) * 2  # each twice: equal rows must stay together
    random.Random(1).shuffle(rows)
    source = write_jsonl(tmp_path / "rows.jsonl", rows)
    facts = check(source, work_dir=tmp_path, evaluation=EvaluationOrder(share=0.1))
    train = [row["text"] for row in load_rows(facts, "train")]
    held_out = [row["text"] for row in load_rows(facts, "evaluation")]
    assert (len(train), len(held_out)) == (facts.rows, facts.evaluation_rows)
    assert len(train) + len(held_out) == 400
    assert 30 <= len(held_out) <= 50
    assert not set(train) & set(held_out)
    again = check(source, work_dir=tmp_path, evaluation=EvaluationOrder(share=0.1))
    assert again == facts
    other = check(source, work_dir=tmp_path, evaluation=EvaluationOrder(share=0.1), seed=7)
    assert list(load_rows(other, "evaluation")) != list(load_rows(facts, "evaluation"))


@pytest.mark.parametrize(("count", "expected"), [(2, 1), (3, 1), (10, 1), (1, 0)])
def test_a_small_share_holds_out_one_row(tmp_path: Path, count: int, expected: int) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", texts(count))
    facts = check(source, work_dir=tmp_path, evaluation=EvaluationOrder(share=0.01))
    assert (facts.rows, facts.evaluation_rows) == (count - expected, expected)
    assert any("share" in warning for warning in facts.warnings) is (expected == 0)


def test_equal_rows_cannot_be_held_out(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", texts(1) * 9)
    facts = check(source, work_dir=tmp_path, evaluation=EvaluationOrder(share=0.5))
    assert (facts.rows, facts.evaluation_rows) == (9, 0)


def test_evaluation_by_dataset(tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", texts(3))
    two = write_jsonl(tmp_path / "two.jsonl", texts(2, 10))
    facts = check(one, two, work_dir=tmp_path, evaluation=EvaluationOrder(dataset=0))
    assert list(load_rows(facts, "train")) == texts(2, 10)
    assert list(load_rows(facts, "evaluation")) == texts(3)
    assert (facts.rows, facts.evaluation_rows) == (2, 3)


def test_rows_on_both_sides_are_told(tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "one.jsonl", texts(10))
    two = write_jsonl(tmp_path / "two.jsonl", texts(5, 7))
    facts = check(one, two, work_dir=tmp_path, evaluation=EvaluationOrder(dataset=1))
    assert "3 row(s) to train on are among those to evaluate on, too" in facts.warnings
    two = write_jsonl(tmp_path / "two.jsonl", texts(5, 10))
    facts = check(one, two, work_dir=tmp_path, evaluation=EvaluationOrder(dataset=1))
    assert facts.warnings == ()


@pytest.mark.parametrize("split", ["validation", "valid", "dev", "eval", "test", "Test[:50%]"])
def test_a_further_dataset_of_such_a_split_is_evaluated(tmp_path: Path, split: str) -> None:
    one = DatasetOrder(str(write_jsonl(tmp_path / "one.jsonl", texts(3))), split="test")
    two = DatasetOrder(str(write_jsonl(tmp_path / "two.jsonl", texts(2, 10))), split=split)
    facts = check(one, two, work_dir=tmp_path)
    assert facts.rows == 3
    assert facts.evaluation_rows == (1 if "[" in split else 2)
    assert any(warning.startswith("datasets[1] has the split") for warning in facts.warnings)


def test_a_share_beside_an_evaluation_dataset_takes_nothing(tmp_path: Path) -> None:
    one = DatasetOrder(str(write_jsonl(tmp_path / "one.jsonl", texts(10))))
    two = DatasetOrder(str(write_jsonl(tmp_path / "two.jsonl", texts(2, 10))), split="test")
    facts = check(one, two, work_dir=tmp_path, evaluation=EvaluationOrder(share=0.2))
    assert (facts.rows, facts.evaluation_rows) == (10, 2)
    assert any("share" in warning for warning in facts.warnings)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (None, range(100)),
        ("train", range(100)),
        ("train[:10%]", range(10)),
        ("train[90%:]", range(90, 100)),
        ("train[10:20]", range(10, 20)),
        ("train[-5:]", range(95, 100)),
        ("train[95:1000]", range(95, 100)),
    ],
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_parts_of_a_split(
    tmp_path: Path, split: str | None, expected: range, is_folder: bool
) -> None:
    if is_folder:
        write_jsonl(tmp_path / "data/b.jsonl", texts(93, 7))
        write_jsonl(tmp_path / "data/a.jsonl", texts(7))
        source = tmp_path / "data"
    else:
        source = write_jsonl(tmp_path / "rows.jsonl", texts(100))
    facts = check(DatasetOrder(str(source), split=split), work_dir=tmp_path)
    assert [row["text"] for row in load_rows(facts)] == [f"row {number}" for number in expected]
    assert facts.rows == len(expected)


def test_a_part_without_rows(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", texts(5))
    with pytest.raises(DatasetInvalid, match=r"holds no rows of the split train\[5:\]"):
        check(DatasetOrder(str(source), split="train[5:]"), work_dir=tmp_path)


@pytest.mark.parametrize("split", ["train+test", "a b", "train[", "../x", "train[::2]"])
def test_splits_that_are_none(tmp_path: Path, split: str) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", texts(5))
    with pytest.raises(RunError, match=r"datasets\[0\]\.split must be a name") as caught:
        check(DatasetOrder(str(source), split=split), work_dir=tmp_path)
    assert caught.value.code == "CONFIG_INVALID"


def test_folders_have_splits_by_their_files_names(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write_jsonl(folder / "train-00001-of-00002.jsonl", texts(1, 1))
    write_jsonl(folder / "train-00000-of-00002.jsonl", texts(1, 0))
    write_jsonl(folder / "validation.jsonl", texts(1, 10))
    write_jsonl(folder / "test/part.jsonl", texts(1, 20))
    (folder / "README.md").write_text("# no rows")
    (folder / "dataset_info.json").write_text("{}")
    (folder / ".hidden.jsonl").write_text("nothing")

    def rows(split: str | None) -> list[str]:
        facts = check(DatasetOrder(str(folder), split=split), work_dir=tmp_path)
        return [row["text"] for row in load_rows(facts)]

    assert rows("train") == ["row 0", "row 1"]
    assert rows("dev") == ["row 10"]
    assert rows("test") == ["row 20"]
    assert rows(None) == ["row 0", "row 1"]
    facts = check(folder, work_dir=tmp_path)
    assert any("only its train files are read" in warning for warning in facts.warnings)
    with pytest.raises(RunError, match="has no files of the split holdout"):
        rows("holdout")


def test_a_folder_of_one_kind_needs_no_split(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "data/eval-0.jsonl", texts(1))
    write_jsonl(tmp_path / "data/eval-1.jsonl", texts(1, 1))
    assert check(tmp_path / "data", work_dir=tmp_path).rows == 2
    with pytest.raises(RunError, match="has no files of the split train; it has test"):
        check(DatasetOrder(str(tmp_path / "data"), split="train"), work_dir=tmp_path)


def test_streaming_is_told(tmp_path: Path) -> None:
    source = str(write_jsonl(tmp_path / "rows.jsonl", texts(2)))
    facts = check(DatasetOrder(source, streaming=True), work_dir=tmp_path)
    assert facts.streaming
    assert list(load_rows(facts)) == texts(2)


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    import subprocess

    source = write_jsonl(tmp_path / "rows.jsonl", texts(2))
    script = f"""
import sys
from pathlib import Path
from data_jobs import check
check({str(source)!r}, work_dir=Path({str(tmp_path)!r}))
heavy = {{"torch", "transformers", "datasets", "pyarrow", "obstore", "boto3", "numpy"}}
print(sorted(heavy & set(sys.modules)))
"""
    command = [sys.executable, "-c", script]
    here = str(Path(__file__).parent)
    path = {"PYTHONPATH": f"{here}:{Path(here).parent}"}
    done = subprocess.run(command, env=path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
