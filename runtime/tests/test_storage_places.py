"""What every place does alike: files of this machine and a bucket of a real S3 server."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.versitygw import STRANGER, Account, S3Server, run_versitygw

from trainer_runtime.reasons import RunError
from trainer_runtime.storage import (
    MANIFEST_NAME,
    Entry,
    Place,
    Places,
    claim,
    fetch_tree,
    locate_for_job,
    publish_tree,
    read_complete,
    remove_tree,
)
from trainer_runtime.storage.retry_policy import RetryPolicy

ONCE = RetryPolicy(attempts=1, request_retries=0, first_pause_seconds=0.01)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with run_versitygw(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("results")
        yield server


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return Places({}).artifacts(f"file://{tmp_path}/out")
    server: S3Server = request.getfixturevalue("s3")
    return Places(server.environ(), retry=ONCE).artifacts(f"s3://results/{tmp_path.name}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub/weights.bin").write_bytes(bytes(range(256)) * 64)
    (folder / "empty").touch()
    return folder


def test_read_what_was_written(place: Place) -> None:
    place.write("a/b.txt", b"one")
    place.write("a/b.txt", b"two")
    assert place.read("a/b.txt") == b"two"
    assert place.child("a").read("b.txt") == b"two"
    assert [(entry.path, entry.size) for entry in place.list()] == [("a/b.txt", 3)]
    assert place.exists("a/b.txt")
    assert not place.exists("a")
    place.delete("a/b.txt")
    place.delete("a/b.txt")
    assert place.list() == []


@pytest.mark.parametrize("name", ["sp ace", "per%cent", "ha#sh", "ä", "a+b", "q?m", "br[a]ck"])
def test_names_of_all_kinds(place: Place, name: str) -> None:
    place.write(f"names/{name}", b"x")
    assert [entry.path for entry in place.list("names")] == [f"names/{name}"]
    assert place.read(f"names/{name}") == b"x"


def test_list_stops_at_the_folder(place: Place) -> None:
    place.write("ab/1", b"")
    place.write("a/1", b"")
    assert [entry.path for entry in place.list("a")] == ["a/1"]


def test_of_two_creators_one_wins(place: Place) -> None:
    start = threading.Barrier(8)
    won: list[int] = []

    def create(number: int) -> None:
        start.wait()
        if place.create_if_absent("marker", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert place.read("marker") == str(won[0]).encode()


def test_what_is_not_there(place: Place) -> None:
    with pytest.raises(RunError, match=r"nothing is not there\.") as caught:
        place.read("nothing")
    assert not caught.value.may_come_back
    assert place.list("nothing") == []


def test_large_file_goes_and_comes_back(place: Place, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"0123456789abcdef" * (1 << 20) + b"rest")  # two parts of 8 MiB and a bit
    place.upload_file(large, "large")
    place.download_file("large", tmp_path / "back/large")
    assert (tmp_path / "back/large").read_bytes() == large.read_bytes()
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["large"]


def test_publish_and_fetch(place: Place, tree: Path, tmp_path: Path) -> None:
    manifest = publish_tree(place, tree, "model", {"step": 7})
    assert manifest["step"] == 7
    assert set(manifest["files"]) == {"config.json", "empty", "sub/weights.bin"}
    assert manifest["files"]["sub/weights.bin"]["size"] == 256 * 64
    assert read_complete(place, "model") == manifest
    assert fetch_tree(place, "model", tmp_path / "back") == manifest
    weights = (tmp_path / "back/sub/weights.bin").read_bytes()
    assert weights == (tree / "sub/weights.bin").read_bytes()


def test_trees_go_and_come_back(place: Place, tree: Path, tmp_path: Path) -> None:
    digests = place.upload_tree(tree, "a/b")
    assert digests["sub/weights.bin"].size == 256 * 64
    assert place.download_tree("a/b", tmp_path / "back") == (
        "config.json",
        "empty",
        "sub/weights.bin",
    )
    assert (tmp_path / "back/sub/weights.bin").stat().st_size == 256 * 64
    assert (tmp_path / "back/empty").read_bytes() == b""


def test_names_in_a_storage_lead_nowhere_else(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("../evil", "a/../../evil", "/evil", "a\\b"):
        monkeypatch.setattr(type(place), "list", lambda self, prefix, n=name: [Entry(n, 1)])
        with pytest.raises(RunError):
            place.download_tree("", tmp_path / "back/inner")
    assert not (tmp_path / "back").exists()


def test_complete_needs_all_files(place: Place, tree: Path, tmp_path: Path) -> None:
    publish_tree(place, tree, "model")
    place.delete("model/sub/weights.bin")
    assert read_complete(place, "model") is None
    with pytest.raises(RunError, match="is not complete"):
        fetch_tree(place, "model", tmp_path / "back")
    place.write("model/sub/weights.bin", b"x" * 256 * 64)
    with pytest.raises(RunError, match=r"sub/weights\.bin is not what COMPLETE\.json says"):
        fetch_tree(place, "model", tmp_path / "back")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', '{"files": {"a": 1}}', "\x00"])
def test_a_broken_manifest_is_none(place: Place, text: str) -> None:
    place.write(f"model/{MANIFEST_NAME}", text.encode())
    assert read_complete(place, "model") is None


def test_a_manifest_leads_nowhere_else(place: Place, tmp_path: Path) -> None:
    place.write("evil", b"x")
    facts = {"size": 1, "sha256": "0"}
    place.write(f"model/{MANIFEST_NAME}", json.dumps({"files": {"../evil": facts}}).encode())
    with pytest.raises(RunError):
        fetch_tree(place, "model", tmp_path / "back/model")
    assert not (tmp_path / "back/evil").exists()


class _Killed(BaseException):
    """Stands for a process that is gone: nothing catches it."""


@pytest.mark.parametrize("is_second_time", [False, True])
def test_complete_never_stands_beside_missing_files(
    place: Place, tree: Path, monkeypatch: pytest.MonkeyPatch, is_second_time: bool
) -> None:
    if is_second_time:
        publish_tree(place, tree, "model")
        (tree / "added").write_text("new")
    names = ["added"] if is_second_time else []
    steps = len(["config.json", "empty", "sub/weights.bin", *names])
    upload = type(place).upload_file
    for killed_at in range(steps + 1):
        done = 0

        def upload_until_killed(self: Place, local: Path, path: str, at: int = killed_at) -> None:
            nonlocal done
            if done == at:
                raise _Killed
            done += 1
            upload(self, local, path)

        monkeypatch.setattr(type(place), "upload_file", upload_until_killed)
        if killed_at < steps:
            with pytest.raises(_Killed):
                publish_tree(place, tree, "model")
            assert not place.exists(f"model/{MANIFEST_NAME}")
            assert read_complete(place, "model") is None
    manifest = publish_tree(place, tree, "model")
    assert read_complete(place, "model") == manifest


def test_remove_takes_complete_first(
    place: Place, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "0-sorts-first").touch()
    publish_tree(place, tree, "old")
    deleted: list[str] = []
    delete = type(place).delete
    monkeypatch.setattr(
        type(place), "delete", lambda self, path: (deleted.append(path), delete(self, path))[1]
    )
    remove_tree(place, "old")
    assert deleted[0] == f"old/{MANIFEST_NAME}"
    assert place.list("old") == []


def test_two_jobs_of_one_output_keep_apart(place: Place) -> None:
    claim(place.child("job-a"), "job-a", "uid-1")
    claim(place.child("job-b"), "job-b", "uid-2")
    claim(place.child("job-a"), "job-a", "uid-1")  # a later run of the same job
    with pytest.raises(RunError, match="another job of the same job_id already") as caught:
        claim(place.child("job-a"), "job-a", "uid-3")
    assert (caught.value.code, caught.value.exit_status) == ("CONFIG_INVALID", 6)
    with pytest.raises(RunError, match="belongs to the job job-b already"):
        claim(place.child("job-b"), "job-a", "uid-1")


def test_two_jobs_at_once_for_one_place(place: Place) -> None:
    start = threading.Barrier(6)
    outcomes: list[str] = []

    def try_to_claim(uid: str) -> None:
        start.wait()
        try:
            claim(place, "job", uid)
            outcomes.append("claimed")
        except RunError:
            outcomes.append("refused")

    threads = [threading.Thread(target=try_to_claim, args=(f"uid-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["claimed"] + ["refused"] * 5


def test_two_jobs_at_once_with_one_output(place: Place, tmp_path: Path) -> None:
    done: list[str] = []

    def run_job(job_id: str) -> None:
        own = place.child(job_id)
        claim(own, job_id, f"uid-of-{job_id}")
        folder = tmp_path / "local" / job_id
        folder.mkdir(parents=True)
        for number in range(10):
            (folder / f"{number}.bin").write_bytes(job_id.encode() * 1000)
        publish_tree(own, folder, "model")
        done.append(job_id)

    threads = [threading.Thread(target=run_job, args=(f"job-{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["job-0", "job-1", "job-2"]
    for number in range(3):
        back = tmp_path / "back" / str(number)
        manifest = fetch_tree(place.child(f"job-{number}"), "model", back)
        assert len(manifest["files"]) == 10
        assert (back / "9.bin").read_bytes() == f"job-{number}".encode() * 1000


def test_writable(place: Place) -> None:
    place.check_writable()
    assert place.list() == []


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/results/", "s3://b/results/j"),
        ("s3://b/results", "s3://b/results/j"),
        ("s3://b/results/j/", "s3://b/results/j"),
        ("/data/j", "/data/j"),
        ("s3://b", "s3://b/j"),
    ],
)
def test_the_jobs_own_folder(uri: str, expected: str) -> None:
    assert locate_for_job(uri, "j") == expected


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (STRANGER, "AccessDenied"),
        (Account("nobody-knows-this-key", "x" * 20), "InvalidAccessKeyId"),
        (Account("root-access-key", "a-wrong-secret-01234"), "SignatureDoesNotMatch"),
    ],
)
def test_refused_keys(s3: S3Server, account: Account, code: str) -> None:
    place = Places(s3.environ(account), retry=ONCE).artifacts("s3://results/refused")
    with pytest.raises(RunError) as caught:
        place.check_writable()
    error = caught.value
    assert (error.code, error.exit_status) == ("UPLOAD_FAILED", 6)
    expected = "does not let these credentials write s3://results/refused/.trainer-write-check"
    assert expected in error.sentence
    assert code in error.sentence
    assert account.secret not in str(error)
    data = Places(s3.environ(account), retry=ONCE).dataset(0, "s3://results/x.jsonl")
    with pytest.raises(RunError) as caught:
        data.stat()
    assert (caught.value.code, caught.value.exit_status) == ("DATASET_UNAVAILABLE", 6)


def test_a_bucket_that_is_not_there(s3: S3Server) -> None:
    place = Places(s3.environ(), retry=ONCE).artifacts("s3://no-such-bucket/x")
    with pytest.raises(RunError, match="The bucket of s3://no-such-bucket/x/") as caught:
        place.check_writable()
    assert caught.value.exit_status == 6


def test_a_server_that_is_away_may_come_back(s3: S3Server) -> None:
    environ = {**s3.environ(), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    place = Places(environ, retry=ONCE).artifacts("s3://results/x")
    with pytest.raises(RunError, match="The storage of s3://results/x/a cannot be") as caught:
        place.write("a", b"")
    assert (caught.value.code, caught.value.exit_status) == ("UPLOAD_FAILED", 5)


@pytest.mark.parametrize(
    "uri", ["gs://bucket/x", "az://c/x", "s3://", "file://host/x", "http://h/x"]
)
def test_addresses_that_are_not_supported(uri: str) -> None:
    with pytest.raises(RunError) as caught:
        Places({}).artifacts(uri)
    assert caught.value.code == "CONFIG_INVALID"


def test_an_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = Places({}).artifacts(str(tmp_path / "file/below"))
    with pytest.raises(RunError) as caught:
        place.check_writable()
    assert caught.value.code == "UPLOAD_FAILED"
    assert caught.value.exit_status == 6


def test_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    def fill(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("trainer_runtime.storage.file_place.os.fsync", fill)
    place = Places({}).artifacts(str(tmp_path))
    with pytest.raises(RunError, match=r"No space is left to write .*/model\.bin"):
        place.write("model.bin", b"x")
    assert list(tmp_path.iterdir()) == []


def test_local_roots_hold_links_and_dots(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.jsonl").write_text("{}")
    (root / "link.jsonl").symlink_to(outside / "secret.jsonl")
    (root / "folder").symlink_to(outside)
    places = Places({"TRAINER_LOCAL_ROOTS": str(root)})
    places.artifacts(str(root / "out")).check_writable()
    for path in (
        str(outside / "secret.jsonl"),
        str(root / "link.jsonl"),
        str(root / "../outside/secret.jsonl"),
        str(root / "folder/secret.jsonl"),
        f"file://{root}/%2e%2e/outside/secret.jsonl",
        "/proc/self/environ",
        "\0",
    ):
        with pytest.raises(RunError) as caught:
            places.dataset(0, path).read()
        assert caught.value.code == "CONFIG_INVALID", path
    with pytest.raises(RunError, match="outside the folders"):
        places.dataset(0, str(root)).list()
    with pytest.raises(RunError, match="outside the folders"):
        places.dataset(0, str(root)).read("../outside/secret.jsonl")
