"""A real S3 server, built once from its Go module into a cache outside the repository."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from servers.processes import free_port, running

_VERSION = "v1.8.0"
_MODULE = "github.com/versity/versitygw/cmd/versitygw"
REGION = "us-east-1"


@dataclass(frozen=True)
class Account:
    """Keys of one user of the server."""

    access: str
    secret: str


ROOT = Account("root-access-key", "root-secret-key-0123456789")
#: Owns nothing: a stranger to every bucket.
STRANGER = Account("stranger-key", "stranger-secret-key-0123456789")


@dataclass(frozen=True)
class S3Server:
    """A running server; `root` may do all, `stranger` nothing, buckets are folders of `folder`."""

    endpoint: str
    folder: Path

    def environ(self, account: Account = ROOT) -> dict[str, str]:
        """The variables with which the runtime reaches it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": account.access,
            "AWS_SECRET_ACCESS_KEY": account.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_bucket(self, name: str) -> str:
        """A new bucket of root's; answers its name."""
        _client(self.endpoint).create_bucket(Bucket=name)
        return name

    def open_to_all(self, bucket: str) -> None:
        """Lets anyone read what is in `bucket`."""
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        policy = json.dumps({"Statement": [statement]})
        _client(self.endpoint).put_bucket_policy(Bucket=bucket, Policy=policy)


def build_versitygw() -> Path:
    """The server's binary. Skips the test, by name, where there is no Go to build it with."""
    cache = Path(
        os.environ.get("TRAINER_TEST_CACHE") or Path.home() / ".cache/trainer-runtime-tests"
    )
    binary = cache / f"versitygw-{_VERSION}"
    if binary.exists():
        return binary
    go = shutil.which("go")
    if go is None:
        pytest.skip("versitygw: no Go here to build the S3 server with")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "versitygw.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            out = cache / "bin"
            env = {**os.environ, "GOBIN": str(out), "GOFLAGS": "-mod=mod"}
            command = [go, "install", f"{_MODULE}@{_VERSION}"]
            subprocess.run(command, env=env, cwd=cache, check=True, capture_output=True)
            (out / "versitygw").rename(binary)
    return binary


@contextlib.contextmanager
def run_versitygw(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[S3Server]:
    """A server over `folder` with the accounts root and stranger; `certificate` and its key."""
    binary = build_versitygw()
    buckets, accounts, sidecar = folder / "buckets", folder / "accounts", folder / "meta"
    for path in (buckets, accounts, sidecar):
        path.mkdir(parents=True)
    port = free_port()
    command = [str(binary), "--port", f"127.0.0.1:{port}", "--access", ROOT.access]
    command += ["--secret", ROOT.secret, "--region", REGION, "--iam-dir", str(accounts), "--quiet"]
    if certificate is not None:
        command += ["--cert", str(certificate[0]), "--key", str(certificate[1])]
    # Metadata beside the files: not every test machine's file system has extended attributes.
    command += ["posix", "--sidecar", str(sidecar), str(buckets)]
    with running(command, port):
        if certificate is not None:
            yield S3Server(f"https://localhost:{port}", buckets)
            return
        endpoint = f"http://127.0.0.1:{port}"
        admin = [str(binary), "admin", "--access", ROOT.access, "--secret", ROOT.secret]
        admin += ["--region", REGION, "--endpoint-url", endpoint]
        user = ["create-user", "--access", STRANGER.access, "--secret", STRANGER.secret]
        subprocess.run([*admin, *user, "--role", "user"], check=True, capture_output=True)
        yield S3Server(endpoint, buckets)


def _client(endpoint: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ROOT.access,
        aws_secret_access_key=ROOT.secret,
    )
