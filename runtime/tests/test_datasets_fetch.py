"""Where data come from: files, S3, https, the Hub by name, and what an initializer brought."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from data_jobs import DataJob, DatasetOrder, check, write_jsonl
from servers.https_server import run_https_server
from servers.hub_server import HubServer, run_hub_server
from servers.versitygw import STRANGER, S3Server, run_versitygw

from trainer_runtime.datasets import check_datasets, load_rows
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Places


def rows(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with run_versitygw(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("data")
        place = Places(server.environ()).artifacts("s3://data")
        place.write("p/one.jsonl", rows("one"))
        place.write("p/folder/a.jsonl", rows("a"))
        place.write("p/folder/sub/b.jsonl.gz", gzip.compress(rows("b")))
        place.write("p/folder/notes.txt", b"nothing")
        place.write("p/empty/notes.txt", b"nothing")
        yield server


def texts(facts) -> list[str]:
    return [row["text"] for row in load_rows(facts)]


def test_s3_object_and_folder(s3: S3Server, tmp_path: Path) -> None:
    environ = s3.environ()
    one = check("s3://data/p/one.jsonl", work_dir=tmp_path, environ=environ)
    assert texts(one) == ["one"]
    assert one.files[0].name == "one.jsonl"
    for source in ("s3://data/p/folder", "s3://data/p/folder/"):
        assert texts(check(source, work_dir=tmp_path, environ=environ)) == ["a", "b"]


def test_s3_with_an_account_for_each_dataset(s3: S3Server, tmp_path: Path) -> None:
    environ = s3.environ(STRANGER)
    root = s3.environ()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environ[f"TRAINING_DATASET_1_{name}"] = root[name]
    local = write_jsonl(tmp_path / "first.jsonl", [{"text": "first"}])
    facts = check(local, "s3://data/p/one.jsonl", work_dir=tmp_path, environ=environ)
    assert texts(facts) == ["first", "one"]
    with pytest.raises(RunError, match="does not let these credentials read") as caught:
        check("s3://data/p/one.jsonl", work_dir=tmp_path, environ=environ)
    assert (caught.value.code, caught.value.exit_status) == ("DATASET_UNAVAILABLE", 6)


@pytest.mark.parametrize("source", ["s3://data/p/none.jsonl", "s3://data/p/empty", "s3://gone/x"])
def test_s3_that_is_not_there(s3: S3Server, tmp_path: Path, source: str) -> None:
    with pytest.raises(RunError, match="is not there") as caught:
        check(source, work_dir=tmp_path, environ=s3.environ())
    assert (caught.value.code, caught.value.exit_status) == ("DATASET_UNAVAILABLE", 3)


def test_same_names_in_several_folders(s3: S3Server, tmp_path: Path) -> None:
    place = Places(s3.environ()).artifacts("s3://data/same")
    place.write("x/rows.jsonl", rows("x"))
    place.write("y/rows.jsonl", rows("y"))
    facts = check("s3://data/same", work_dir=tmp_path, environ=s3.environ())
    assert texts(facts) == ["x", "y"]
    assert [file.name for file in facts.files] == ["x/rows.jsonl", "y/rows.jsonl"]


def test_https_with_a_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_https_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        server.answers["/d/rows.jsonl.gz?sig=abc"] = (200, {}, gzip.compress(rows("one")))
        facts = check(server.url("/d/rows.jsonl.gz?sig=abc"), work_dir=tmp_path / "work")
        assert texts(facts) == ["one"]
        assert facts.files[0].name == "rows.jsonl.gz"
        # A signed address allows GET alone, so HEAD is never asked.
        assert [method for method, _, _ in server.requests] == ["GET"]


def test_a_full_disk_under_the_downloads(s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "datasets").write_text("a file where the folder should be")
    with pytest.raises(RunError, match="cannot be stored on this machine") as caught:
        check("s3://data/p/one.jsonl", work_dir=tmp_path, environ=s3.environ())
    assert caught.value.code == "DATASET_UNAVAILABLE"


def test_local_roots_hold_data_too(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    write_jsonl(inside / "rows.jsonl", [{"text": "in"}])
    write_jsonl(outside / "rows.jsonl", [{"text": "out"}])
    (inside / "link").symlink_to(outside)
    environ = {"TRAINER_LOCAL_ROOTS": str(inside)}
    assert texts(check(inside / "rows.jsonl", work_dir=tmp_path, environ=environ)) == ["in"]
    for source in (outside / "rows.jsonl", inside / "link/rows.jsonl", inside / "../out"):
        with pytest.raises(RunError, match="outside the folders") as caught:
            check(source, work_dir=tmp_path, environ=environ)
        assert caught.value.code == "CONFIG_INVALID"


def test_what_an_initializer_brought_comes_first(tmp_path: Path) -> None:
    brought = tmp_path / "workspace/dataset"
    write_jsonl(brought / "rows.jsonl", [{"text": "brought"}])
    order = DatasetOrder("s3://nobody/has/this.jsonl", "jsonl")
    facts = check(order, work_dir=tmp_path, initialized=brought)
    assert texts(facts) == ["brought"]
    environ = {"TRAINER_WORKSPACE": str(brought.parent)}
    job = DataJob((order,))
    assert texts(check_datasets(job, Places(environ), tmp_path)) == ["brought"]
    # An initializer works for exactly one dataset.
    two = [write_jsonl(tmp_path / f"{n}.jsonl", [{"text": n}]) for n in "ab"]
    assert texts(check(*two, work_dir=tmp_path, initialized=brought)) == ["a", "b"]
    # On a machine that jobs share, the folder is not the job's own.
    environ = {"TRAINER_LOCAL_ROOTS": str(tmp_path)}
    assert texts(check(two[0], work_dir=tmp_path, initialized=brought, environ=environ)) == ["a"]


def test_a_name_without_its_format_is_a_path(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"is not there.*for a dataset of the Hub give the format hf"
    ):
        check("org/data", work_dir=tmp_path)


def test_an_empty_initializer_folder_is_passed_over(tmp_path: Path) -> None:
    brought = tmp_path / "dataset"
    brought.mkdir()
    source = write_jsonl(tmp_path / "a.jsonl", [{"text": "a"}])
    assert texts(check(source, work_dir=tmp_path, initialized=brought)) == ["a"]


class TestHub:
    @pytest.fixture
    def hub(self) -> Iterator[HubServer]:
        pytest.importorskip("huggingface_hub")
        with run_hub_server() as server:
            server.repos["org/data"] = {
                "README.md": b"# data",
                "data/train-00000-of-00002.jsonl": rows("t0"),
                "data/train-00001-of-00002.jsonl": rows("t1"),
                "data/validation-00000-of-00001.jsonl": rows("v"),
                "script.py": b"raise SystemExit",
            }
            yield server

    def fetch(self, hub: HubServer, tmp_path: Path, name: str, split: str | None = None, **env):
        order = DatasetOrder(name, "hf", split)
        environ = {"HF_ENDPOINT": hub.endpoint, **env}
        return check(order, work_dir=tmp_path, environ=environ)

    def test_by_name(self, hub: HubServer, tmp_path: Path) -> None:
        facts = self.fetch(hub, tmp_path, "org/data")
        assert texts(facts) == ["t0", "t1"]
        assert facts.files[0].name == "org/data/data/train-00000-of-00002.jsonl"
        assert texts(self.fetch(hub, tmp_path, "hf://datasets/org/data", "validation")) == ["v"]
        assert texts(self.fetch(hub, tmp_path, "org/data", "train[1:]")) == ["t1"]
        assert not any("script.py" in path or "README" in path for path in hub.paths)

    def test_the_cards_configuration_decides(self, hub: HubServer, tmp_path: Path) -> None:
        data_files = [
            {"split": "train", "path": "x/*.jsonl"},
            {"split": "holdout", "path": ["y/one.jsonl"]},
        ]
        configs = [
            {"config_name": "other", "data_files": "y/*"},
            {"config_name": "default", "data_files": data_files},
        ]
        hub.repos["org/card"] = {
            "card.json": json.dumps({"configs": configs}).encode(),
            "x/test.jsonl": rows("x"),
            "y/one.jsonl": rows("y"),
        }
        assert texts(self.fetch(hub, tmp_path, "org/card")) == ["x"]
        assert texts(self.fetch(hub, tmp_path, "org/card", "holdout")) == ["y"]
        with pytest.raises(RunError, match="has no split test; it has holdout, train"):
            self.fetch(hub, tmp_path, "org/card", "test")

    def test_a_name_is_never_a_local_folder(
        self, hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_jsonl(tmp_path / "org/data/train.jsonl", [{"text": "local"}])
        write_jsonl(tmp_path / "secrets/train.jsonl", [{"text": "local"}])
        monkeypatch.chdir(tmp_path)
        assert texts(self.fetch(hub, tmp_path / "work", "org/data")) == ["t0", "t1"]
        with pytest.raises(RunError, match="is not on the Hub"):
            self.fetch(hub, tmp_path / "work", "secrets")

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("hf://datasets/org/data@main/data/validation-00000-of-00001.jsonl", ["v"]),
            ("hf://org/data/data", ["t0", "t1"]),
            ("hf://org/data@main", ["t0", "t1"]),
        ],
    )
    def test_paths_inside(
        self, hub: HubServer, tmp_path: Path, source: str, expected: list[str]
    ) -> None:
        assert texts(self.fetch(hub, tmp_path, source)) == expected
        with pytest.raises(RunError, match="holds no JSONL"):
            self.fetch(hub, tmp_path, "hf://org/data/dat")

    def test_tokens(self, hub: HubServer, tmp_path: Path) -> None:
        hub.private.add("org/data")
        with pytest.raises(RunError, match="is not on the Hub, or HF_TOKEN may not see") as caught:
            self.fetch(hub, tmp_path, "org/data")
        assert caught.value.code == "DATASET_UNAVAILABLE"
        assert texts(self.fetch(hub, tmp_path, "org/data", HF_TOKEN=hub.token)) == ["t0", "t1"]
        own = {"HF_TOKEN": "hf_another-token", "TRAINING_DATASET_0_TOKEN": hub.token}
        assert texts(self.fetch(hub, tmp_path, "org/data", **own)) == ["t0", "t1"]

    @pytest.mark.parametrize(
        ("status", "exit_status"), [(500, 5), (503, 5), (429, 5), (400, 3), (401, 6), (403, 6)]
    )
    def test_the_hubs_faults(
        self, hub: HubServer, tmp_path: Path, status: int, exit_status: int
    ) -> None:
        hub.status = status
        with pytest.raises(RunError) as caught:
            self.fetch(hub, tmp_path, "org/data")
        assert (caught.value.code, caught.value.exit_status) == ("DATASET_UNAVAILABLE", exit_status)
        assert "secret" not in str(caught.value)

    def test_gated_revisions_and_nothing_inside(self, hub: HubServer, tmp_path: Path) -> None:
        hub.repos["org/gated"] = {"a.jsonl": rows("a")}
        hub.gated.add("org/gated")
        hub.repos["org/none"] = {"README.md": b""}
        with pytest.raises(RunError, match="is open only to accounts that asked for it"):
            self.fetch(hub, tmp_path, "org/gated")
        with pytest.raises(RunError, match="has no such revision"):
            self.fetch(hub, tmp_path, "org/data@nobranch")
        with pytest.raises(RunError, match="holds no JSONL, JSON, CSV or Parquet file"):
            self.fetch(hub, tmp_path, "org/none")

    def test_a_hub_that_is_away_may_come_back(self, hub: HubServer, tmp_path: Path) -> None:
        order = DatasetOrder("org/data", "hf")
        with pytest.raises(RunError, match="cannot be fetched from the Hub") as caught:
            check(order, work_dir=tmp_path, environ={"HF_ENDPOINT": "http://127.0.0.1:9"})
        assert caught.value.exit_status == 5
