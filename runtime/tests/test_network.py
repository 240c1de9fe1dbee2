"""What k8s/components/proxy-ca sets for trainings: a private CA, a proxy, a hub of one's own.

Each part runs in a process of its own, since clients read these variables when they are imported.
The name that is asked for is one that only the proxy knows.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers.connect_proxy import ConnectProxy, run_connect_proxy
from servers.https_server import make_certificate
from servers.hub_server import HubServer, run_hub_server
from servers.versitygw import run_versitygw

RUNTIME = Path(__file__).parent.parent
NAME = "data.example"

FROM_HUB = """
import json, os
from pathlib import Path
from trainer_runtime.datasets.hub import fetch_hub_dataset
files, _ = fetch_hub_dataset("org/data", None, "hf_test-token-0123", os.environ, Path("hub"))
print(json.dumps([path.read_text() for _, path in files]))
"""
THROUGH_S3 = """
import json, os
from trainer_runtime.storage import Places
from trainer_runtime.storage.retry_policy import RetryPolicy
once = RetryPolicy(attempts=1, request_retries=0, first_pause_seconds=0.01)
place = Places(os.environ, retry=once).artifacts("s3://bucket/place")
place.upload_tree(__import__("pathlib").Path("tree"))
print(json.dumps([place.read("rows.jsonl").decode()]))
"""


@dataclass(frozen=True)
class Network:
    """A folder to work in, a certificate's authority, and a proxy."""

    folder: Path
    authority: Path
    proxy: ConnectProxy

    def component(self) -> dict[str, str]:
        """The variables of a training, as k8s/components/proxy-ca/training.yaml names them."""
        authority = str(self.authority)
        return {
            "SSL_CERT_FILE": authority,
            "REQUESTS_CA_BUNDLE": authority,
            "AWS_CA_BUNDLE": authority,
            "HTTPS_PROXY": f"http://127.0.0.1:{self.proxy.port}",
            "HF_ENDPOINT": f"https://{NAME}",
        }

    def run(self, program: str, environ: dict[str, str]) -> list[str]:
        """What `program` prints last; its standard error where it fails."""
        done = subprocess.run(
            [sys.executable, "-P", "-c", program],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(RUNTIME),
                "HF_HOME": str(self.folder / "cache"),
                "HF_HUB_DISABLE_XET": "1",
                **environ,
            },
        )
        assert done.returncode == 0, done.stderr
        printed: list[str] = json.loads(done.stdout.splitlines()[-1])
        return printed


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    authority = make_certificate(tmp_path)
    with run_connect_proxy() as proxy:
        yield Network(tmp_path, authority, proxy)


@pytest.fixture
def hub(network: Network) -> Iterator[HubServer]:
    pytest.importorskip("huggingface_hub")
    with run_hub_server(network.folder) as server:
        server.repos["org/data"] = {"train.jsonl": b'{"text": "a row"}\n'}
        server.private.add("org/data")
        network.proxy.names[f"{NAME}:443"] = ("127.0.0.1", server.port)
        yield server


def test_the_hub_is_reached_by_the_proxy_and_trusted_by_the_ca(
    network: Network, hub: HubServer
) -> None:
    assert network.run(FROM_HUB, network.component()) == ['{"text": "a row"}\n']
    assert {name for name, _ in network.proxy.asked} == {f"{NAME}:443"}
    assert "GET /datasets/org/data/resolve/" in " ".join(hub.paths)


def test_a_hub_of_another_ca_is_not_trusted(network: Network, hub: HubServer) -> None:
    environ = network.component()
    del environ["SSL_CERT_FILE"]
    with pytest.raises(AssertionError, match=r"DATASET_UNAVAILABLE|cannot be"):
        network.run(FROM_HUB, environ)
    assert hub.paths == []


def test_a_storage_is_reached_by_the_proxy_and_trusted_by_the_ca(network: Network) -> None:
    certificate = (network.folder / "server.pem", network.folder / "key.pem")
    (network.folder / "tree").mkdir()
    (network.folder / "tree" / "rows.jsonl").write_text("a row")
    with run_versitygw(network.folder / "s3", certificate) as s3:
        (s3.folder / "bucket").mkdir()
        port = int(s3.endpoint.rpartition(":")[2])
        network.proxy.names[f"{NAME}:{port}"] = ("127.0.0.1", port)
        environ = {**s3.environ(), **network.component()}
        environ["AWS_ENDPOINT_URL"] = f"https://{NAME}:{port}"
        assert network.run(THROUGH_S3, environ) == ["a row"]
        assert (s3.folder / "bucket/place/rows.jsonl").read_text() == "a row"
        assert {name for name, _ in network.proxy.asked} == {f"{NAME}:{port}"}

        del environ["AWS_CA_BUNDLE"], environ["SSL_CERT_FILE"]
        with pytest.raises(AssertionError, match=r"cannot be reached|does not trust"):
            network.run(THROUGH_S3, environ)
