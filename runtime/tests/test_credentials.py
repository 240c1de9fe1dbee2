"""Whose keys open which place, and roles that are assumed and renewed in time."""

import functools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from servers.cutting_proxy import CuttingProxy, cutting_proxy
from servers.sts import run_moto, run_refusing_sts

from trainer_runtime.aws_keys import KeySource
from trainer_runtime.credentials import Credentials, artifacts_credentials, dataset_credentials
from trainer_runtime.masking import MASK, Masker
from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Places
from trainer_runtime.storage.retry_policy import RetryPolicy

ROLE = "arn:aws:iam::123456789012:role/FineTune"
ONCE = RetryPolicy(attempts=1, request_retries=0, first_pause_seconds=0.01)


@pytest.fixture(scope="module")
def moto_port() -> Iterator[int]:
    with run_moto() as port:
        yield port


@pytest.fixture
def proxy(moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[CuttingProxy]:
    # What whoever runs the tests has in the environment is not to be found.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    with cutting_proxy(moto_port) as running:
        yield running


def role_environ(proxy: CuttingProxy) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": proxy.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIASTATICKEY0000001",
        "AWS_SECRET_ACCESS_KEY": "static-secret-0123456789",
        "AWS_ROLE_ARN": ROLE,
    }


def keys_of_requests(proxy: CuttingProxy, service: str) -> list[str]:
    """The access key ids that requests to `service` were signed with, in their order."""
    found = re.findall(rb"Credential=(\w+)/\d+/[\w-]+/(\w+)/", bytes(proxy.sent))
    return [key.decode() for key, name in found if name == service.encode()]


def make_bucket(port: int, name: str) -> None:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    ).create_bucket(Bucket=name)


def test_an_assumed_role_signs_the_requests(proxy: CuttingProxy, moto_port: int) -> None:
    make_bucket(moto_port, "assumed")
    masker = Masker()
    place = Places(role_environ(proxy), masker=masker, retry=ONCE).artifacts("s3://assumed/x")
    for number in range(3):
        place.write(f"{number}", b"x")
    assert keys_of_requests(proxy, "sts") == ["AKIASTATICKEY0000001"]
    signed = keys_of_requests(proxy, "s3")
    assert len(signed) >= 3
    assert set(signed) != {"AKIASTATICKEY0000001"}
    assert len(set(signed)) == 1
    # Keys that nobody sent are masked nevertheless.
    assert masker.mask_text(signed[0]) == MASK


def test_the_role_is_assumed_again_before_its_keys_end(
    proxy: CuttingProxy, moto_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bucket(moto_port, "renewed")
    # Keys of an hour count as ending when they must be good for two.
    impatient = functools.partial(KeySource, renew_before=timedelta(hours=2))
    monkeypatch.setattr("trainer_runtime.storage.s3_place.KeySource", impatient)
    place = Places(role_environ(proxy), retry=ONCE).artifacts("s3://renewed/x")
    place.write("1", b"x")
    first = set(keys_of_requests(proxy, "s3"))
    place.write("2", b"x")
    both = set(keys_of_requests(proxy, "s3"))
    assert len(first) == 1
    assert len(both) == 2
    assert set(keys_of_requests(proxy, "sts")) == {"AKIASTATICKEY0000001"}


def test_keys_are_kept_until_they_end_soon(proxy: CuttingProxy) -> None:
    now = datetime.now(UTC)
    own = artifacts_credentials(role_environ(proxy))
    source = KeySource(own, code="UPLOAD_FAILED", now=lambda: now)
    first = source()
    assert first["expires_at"] is not None
    now += timedelta(minutes=45)
    assert source()["access_key_id"] == first["access_key_id"]
    now += timedelta(minutes=10)
    assert source()["access_key_id"] != first["access_key_id"]
    assert len(keys_of_requests(proxy, "sts")) == 2


def test_an_sts_that_is_away_for_a_while_costs_nothing(proxy: CuttingProxy) -> None:
    now = datetime.now(UTC)
    own = artifacts_credentials(role_environ(proxy))
    source = KeySource(own, code="UPLOAD_FAILED", now=lambda: now, retries=0)
    first = source()
    proxy.cut_after, proxy.cuts = 0, 2
    now += timedelta(minutes=55)
    assert source()["access_key_id"] == first["access_key_id"]
    assert source.failure is None
    now += timedelta(minutes=4, seconds=30)
    with pytest.raises(RunError, match="cannot be reached") as caught:
        source()
    assert source.failure is caught.value
    assert source()["access_key_id"] != first["access_key_id"]


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_pair_of_keys(name: str) -> None:
    environ = {name: "half-of-it", "AWS_REGION": "us-east-1"}
    with pytest.raises(RunError, match="one half is missing") as caught:
        Places(environ).artifacts("s3://b/x")
    assert caught.value.exit_status == 6


def test_web_identity(proxy: CuttingProxy, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("header.payload.signature\n")
    environ = {
        "AWS_ENDPOINT_URL": proxy.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
    }
    keys = KeySource(artifacts_credentials(environ), code="UPLOAD_FAILED")()
    assert keys["token"]
    sent = bytes(proxy.sent)
    assert b"AssumeRoleWithWebIdentity" in sent
    assert b"header.payload.signature" in sent
    assert keys_of_requests(proxy, "sts") == []  # nothing signs it: the token is the proof
    token.unlink()
    with pytest.raises(RunError, match="identity token for the role"):
        KeySource(artifacts_credentials(environ), code="UPLOAD_FAILED")()


@pytest.mark.parametrize(
    ("status", "code", "sentence", "exit_status"),
    [
        (403, "AccessDenied", "may not assume the role", 6),
        (400, "ExpiredToken", "have expired", 6),
        (503, "ServiceUnavailable", "at the moment", 5),
        (400, "Throttling", "at the moment", 5),
    ],
)
def test_a_role_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, sentence: str, exit_status: int
) -> None:
    impatient = functools.partial(KeySource, retries=0)
    monkeypatch.setattr("trainer_runtime.storage.s3_place.KeySource", impatient)
    with run_refusing_sts() as sts:
        sts.status, sts.code = status, code
        environ = {
            "AWS_ACCESS_KEY_ID": "AKIASECRET",
            "AWS_SECRET_ACCESS_KEY": "the-secret-itself",
            "AWS_ROLE_ARN": ROLE,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": sts.endpoint,
        }
        place = Places(environ, retry=ONCE).dataset(0, "s3://b/x")
        with pytest.raises(RunError, match=sentence) as caught:
            place.read()
    error = caught.value
    assert (error.code, error.exit_status) == ("DATASET_UNAVAILABLE", exit_status)
    for secret in ("AKIASECRET", "the-secret-itself"):
        assert secret not in str(error)
        assert secret not in repr(dataset_credentials(environ, 0))


def test_an_sts_that_is_away_may_come_back() -> None:
    credentials = Credentials("AKIA", "secret", role_arn=ROLE, sts_endpoint="http://127.0.0.1:9")
    with pytest.raises(RunError, match="cannot be reached") as caught:
        KeySource(credentials, code="UPLOAD_FAILED", retries=0)()
    assert caught.value.exit_status == 5


def test_a_role_without_any_keys(proxy: CuttingProxy, tmp_path: Path) -> None:
    environ = {"AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL": proxy.endpoint}
    with pytest.raises(RunError, match="There are no AWS keys to assume the role"):
        KeySource(artifacts_credentials(environ), code="UPLOAD_FAILED")()


def test_each_dataset_has_its_own_account() -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "shared",
        "AWS_SECRET_ACCESS_KEY": "shared-secret",
        "AWS_SESSION_TOKEN": "shared-token",
        "AWS_REGION": "eu-west-1",
        "TRAINING_DATASET_1_AWS_ACCESS_KEY_ID": "own",
        "TRAINING_DATASET_1_AWS_SECRET_ACCESS_KEY": "own-secret",
        "TRAINING_DATASET_2_AWS_REGION": "us-west-2",
        "TRAINING_DATASET_3_AWS_ROLE_ARN": ROLE,
        "TRAINING_DATASET_3_TOKEN": "bearer",
    }
    shared = artifacts_credentials(environ)
    assert (shared.access_key_id, shared.session_token, shared.region) == (
        "shared",
        "shared-token",
        "eu-west-1",
    )
    assert shared.is_session_without_role
    assert dataset_credentials(environ, 0).access_key_id == "shared"
    own = dataset_credentials(environ, 1)
    # Never a mixture: the session token is the other account's.
    assert (own.access_key_id, own.session_token, own.region) == ("own", None, "eu-west-1")
    assert not own.is_session_without_role
    abroad = dataset_credentials(environ, 2)
    assert (abroad.access_key_id, abroad.region) == ("shared", "us-west-2")
    role = dataset_credentials(environ, 3)
    assert (role.access_key_id, role.role_arn, role.token) == (None, ROLE, "bearer")


def test_endpoints_of_one_service_go_before_the_common_one() -> None:
    environ = {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_STS": "http://sts"}
    found = artifacts_credentials(environ)
    assert (found.s3_endpoint, found.sts_endpoint) == ("http://all", "http://sts")
