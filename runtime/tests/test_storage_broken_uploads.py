"""Uploads that break off in their middle, against a real S3 server behind a proxy that cuts."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from servers.cutting_proxy import CuttingProxy, cutting_proxy
from servers.versitygw import S3Server, run_versitygw

from trainer_runtime.reasons import RunError
from trainer_runtime.storage import MANIFEST_NAME, Place, Places, publish_tree, read_complete
from trainer_runtime.storage.retry_policy import RetryPolicy

MIB = 1 << 20


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with run_versitygw(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("results")
        yield server


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[CuttingProxy]:
    port = urlsplit(s3.endpoint).port
    assert port is not None
    with cutting_proxy(port) as running:
        yield running


def open_place(s3: S3Server, proxy: CuttingProxy, name: str, *, attempts: int) -> Place:
    environ = {**s3.environ(), "AWS_ENDPOINT_URL": proxy.endpoint}
    retry = RetryPolicy(attempts=attempts, request_retries=0, first_pause_seconds=0.01)
    return Places(environ, retry=retry).artifacts(f"s3://results/{name}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"a" * MIB)
    (folder / "large.bin").write_bytes(b"0123456789abcdef" * (20 * MIB // 16))
    (folder / "z.json").write_text("{}")
    return folder


@pytest.mark.parametrize("cut_after", [1000, 3 * MIB, 6 * MIB])
def test_a_cut_connection_is_taken_up_again(
    s3: S3Server, proxy: CuttingProxy, tree: Path, tmp_path: Path, cut_after: int
) -> None:
    place = open_place(s3, proxy, f"again-{cut_after}", attempts=4)
    proxy.cut_after, proxy.cuts = cut_after, 2
    manifest = publish_tree(place, tree)
    assert proxy.was_cut == 2
    assert read_complete(place) == manifest
    place.download_file("large.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tree / "large.bin").read_bytes()


def test_a_storage_that_stays_away_ends_without_complete(
    s3: S3Server, proxy: CuttingProxy, tree: Path
) -> None:
    place = open_place(s3, proxy, "away", attempts=2)
    proxy.cut_after, proxy.cuts = 3 * MIB, 1 << 30
    with pytest.raises(RunError) as caught:
        publish_tree(place, tree)
    assert (caught.value.code, caught.value.exit_status) == ("UPLOAD_FAILED", 5)
    proxy.cuts = 0
    assert place.exists("a.bin")
    assert not place.exists(MANIFEST_NAME)
    assert not place.exists("large.bin")


def test_doing_it_again_sends_only_the_rest(s3: S3Server, proxy: CuttingProxy, tree: Path) -> None:
    place = open_place(s3, proxy, "rest", attempts=1)
    proxy.cut_after, proxy.cuts = 1000 * MIB, 0
    place.upload_file(tree / "large.bin", "large.bin")
    put_large = b"/results/rest/large.bin?partNumber"
    first = bytes(proxy.sent).count(put_large)
    assert first == 3
    proxy.sent.clear()
    publish_tree(place, tree)
    sent = bytes(proxy.sent)
    assert sent.count(put_large) == 0
    assert sent.count(b"PUT /results/rest/a.bin") == 1


def test_a_file_that_changed_is_sent_again(s3: S3Server, proxy: CuttingProxy, tree: Path) -> None:
    place = open_place(s3, proxy, "changed", attempts=1)
    publish_tree(place, tree)
    (tree / "a.bin").write_bytes(b"b" * MIB)
    publish_tree(place, tree)
    assert place.read("a.bin") == b"b" * MIB


def test_a_cut_download_is_taken_up_again(
    s3: S3Server, proxy: CuttingProxy, tree: Path, tmp_path: Path
) -> None:
    place = open_place(s3, proxy, "down", attempts=4)
    place.upload_file(tree / "large.bin", "large.bin")
    proxy.cut_answers_after, proxy.answer_cuts = 5 * MIB, 2
    place.download_file("large.bin", tmp_path / "back")
    assert proxy.was_cut == 2
    assert (tmp_path / "back").read_bytes() == (tree / "large.bin").read_bytes()
