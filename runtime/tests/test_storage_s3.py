"""What only S3 has: keys that end, regions, certificates, buckets that are open to all."""

from pathlib import Path

import pytest
from servers.https_server import make_certificate
from servers.refusing_s3 import run_refusing_s3
from servers.versitygw import run_versitygw

from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Places, publish_tree
from trainer_runtime.storage.etag import part_bytes_for, possible_etag
from trainer_runtime.storage.retry_policy import RetryPolicy

ONCE = RetryPolicy(attempts=1, request_retries=0, first_pause_seconds=0.01)
MIB = 1 << 20
EXPIRED = (
    "The keys for s3://b/x/model.bin have expired: submit it again with new keys, and with this "
    "job's id as extra_parameters.resume_from it goes on from the last checkpoint."
)


@pytest.mark.parametrize(
    ("status", "code", "sentence", "exit_status"),
    [
        (400, "ExpiredToken", EXPIRED, 6),
        (400, "TokenRefreshRequired", EXPIRED, 6),
        (400, "InvalidToken", "does not let these credentials write", 6),
        (403, "AccessDenied", "does not let these credentials write s3://b/x/model.bin", 6),
        (400, "AuthorizationHeaderMalformed", "is in another region; give its region", 6),
        (301, "PermanentRedirect", "is in another region; give its region", 6),
        (400, "EntityTooLarge", "refuses to write s3://b/x/model.bin (EntityTooLarge)", 6),
        (500, "InternalError", "could not write s3://b/x/model.bin (InternalError)", 5),
        (503, "SlowDown", "could not write s3://b/x/model.bin (SlowDown)", 5),
    ],
)
def test_answers_of_a_server(status: int, code: str, sentence: str, exit_status: int) -> None:
    with run_refusing_s3(status, code) as endpoint:
        environ = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "AKIASECRET",
            "AWS_SECRET_ACCESS_KEY": "the-secret-itself",
            "AWS_SESSION_TOKEN": "session-token",
        }
        place = Places(environ, retry=ONCE).artifacts("s3://b/x")
        with pytest.raises(RunError) as caught:
            place.write("model.bin", b"x")
    error = caught.value
    assert sentence in error.sentence
    assert (error.code, error.exit_status) == ("UPLOAD_FAILED", exit_status)
    for secret in ("AKIASECRET", "the-secret-itself", "session-token"):
        assert secret not in str(error)


def test_expired_keys_are_told_although_head_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "adapter.bin").write_bytes(b"x")
    with run_refusing_s3(400, "ExpiredToken") as endpoint:
        environ = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "A", "AWS_SESSION_TOKEN": "T"}
        place = Places(
            {**environ, "AWS_SECRET_ACCESS_KEY": "the-secret-itself"}, retry=ONCE
        ).artifacts("s3://b/x")
        with pytest.raises(RunError, match="have expired"):
            place.stat("model.bin")
        # Looks whether there is a manifest that it may not take away.
        with pytest.raises(RunError, match="have expired"):
            publish_tree(place, tmp_path, "checkpoint-3")


def test_a_server_that_is_busy_is_waited_for() -> None:
    pauses: list[float] = []
    retry = RetryPolicy(4, request_retries=0, first_pause_seconds=0.5, pause=pauses.append)
    with run_refusing_s3(503, "SlowDown") as endpoint:
        environ = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": "s",
        }
        with pytest.raises(RunError):
            Places(environ, retry=retry).artifacts("s3://b/x").write("y", b"")
    assert pauses == [1.0, 2.0, 4.0]


def test_a_certificate_of_the_operators_own(tmp_path: Path) -> None:
    authority = make_certificate(tmp_path)
    with run_versitygw(tmp_path / "s3", (tmp_path / "server.pem", tmp_path / "key.pem")) as server:
        (server.folder / "data").mkdir()
        environ = {**server.environ(), "AWS_CA_BUNDLE": str(authority)}
        place = Places(environ, retry=ONCE).artifacts("s3://data/x")
        place.write("y", b"z")
        assert place.read("y") == b"z"
        del environ["AWS_CA_BUNDLE"]
        with pytest.raises(RunError) as caught:
            Places(environ, retry=ONCE).artifacts("s3://data/x").read("y")
        assert caught.value.exit_status == 5
        environ["AWS_CA_BUNDLE"] = str(tmp_path / "gone.pem")
        with pytest.raises(RunError, match="cannot be read"):
            Places(environ, retry=ONCE).artifacts("s3://data/x")


def test_a_bucket_that_is_open_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with run_versitygw(tmp_path / "s3") as server:
        server.make_bucket("open")
        server.open_to_all("open")
        Places(server.environ()).artifacts("s3://open").write("rows.jsonl", b"rows")
        environ = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1"}
        place = Places(environ, retry=ONCE).dataset(0, "s3://open/rows.jsonl")
        assert place.read() == b"rows"


@pytest.mark.parametrize(
    ("size", "part"),
    [(0, 8 * MIB), (8 * MIB, 8 * MIB), (70 << 30, 8 * MIB), (140 << 30, 16 * MIB)],
)
def test_parts_are_never_more_than_a_server_takes(size: int, part: int) -> None:
    assert part_bytes_for(size) == part
    assert size / part_bytes_for(size) < 10_000


def test_etags_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abcde")
    assert possible_etag(file, 5, 8) == "ab56b4d92b40713acc5af89985d4b786"
    # MD5 of the MD5s of "abc" and "de".
    assert possible_etag(file, 5, 3) == "fd279fa64fe1fa9a3551a4a88ae83424-2"
