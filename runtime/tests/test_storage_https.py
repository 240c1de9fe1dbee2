"""Sources behind https://, served with a certificate of the test's own."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.connect_proxy import run_connect_proxy
from servers.https_server import HttpsServer, run_https_server

from trainer_runtime.reasons import RunError
from trainer_runtime.storage import Place, Places
from trainer_runtime.storage.address_policy import AddressPolicy, HostPattern, is_public
from trainer_runtime.storage.retry_policy import RetryPolicy

FAST = RetryPolicy(attempts=3, first_pause_seconds=0.001)
DATA = b'{"text": "a row"}\n' * 10_000


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsServer]:
    with run_https_server(tmp_path) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.certificate))
        running.answers["/rows.jsonl"] = (200, {}, DATA)
        yield running


def open_url(url: str, **environ: str) -> Place:
    return Places(environ, retry=FAST).dataset(0, url)


def test_read(server: HttpsServer, tmp_path: Path) -> None:
    place = open_url(server.url("/rows.jsonl"))
    place.download_file("", tmp_path / "in/rows.jsonl")
    assert (tmp_path / "in/rows.jsonl").read_bytes() == DATA
    assert place.read() == DATA
    found = place.stat()
    assert found is not None
    assert found.size == len(DATA)


def test_a_certificate_that_nobody_vouches_for(
    server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(RunError, match="a certificate that this machine does not trust") as caught:
        open_url(server.url("/rows.jsonl")).read()
    assert (caught.value.code, caught.value.exit_status) == ("DATASET_UNAVAILABLE", 6)


def test_a_certificate_of_another_host(server: HttpsServer) -> None:
    policy = AddressPolicy(resolve=lambda host, port: ["127.0.0.1"])
    url = server.url("/rows.jsonl", host="another.example")
    with pytest.raises(RunError, match="does not trust"):
        Places({}, retry=FAST, policy=policy).dataset(0, url).read()


def test_a_download_that_breaks_off_is_done_again(server: HttpsServer, tmp_path: Path) -> None:
    server.cuts += [1000, 50_000]
    open_url(server.url("/rows.jsonl")).download_file("", tmp_path / "rows.jsonl")
    assert (tmp_path / "rows.jsonl").read_bytes() == DATA
    assert len(server.requests) == 3
    server.cuts += [10, 10, 10]
    with pytest.raises(RunError, match="broke off") as caught:
        open_url(server.url("/rows.jsonl")).download_file("", tmp_path / "again.jsonl")
    assert caught.value.exit_status == 5
    assert not (tmp_path / "again.jsonl").exists()


@pytest.mark.parametrize(
    ("status", "exit_status", "sentence"),
    [
        (401, 6, "does not let these credentials read it"),
        (403, 6, "does not let these credentials read it"),
        (404, 3, "is not there"),
        (410, 3, "is not there"),
        (418, 3, "HTTP 418"),
        (500, 5, "HTTP 500"),
        (429, 5, "HTTP 429"),
    ],
)
def test_answers(server: HttpsServer, status: int, exit_status: int, sentence: str) -> None:
    server.answers["/x"] = (status, {}, b"secret-body")
    with pytest.raises(RunError, match=sentence) as caught:
        open_url(server.url("/x")).read()
    assert caught.value.exit_status == exit_status
    assert "secret" not in str(caught.value)


def test_sentences_hold_no_query_and_no_login(server: HttpsServer) -> None:
    url = server.url("/gone?X-Amz-Signature=abc").replace("https://", "https://me:pass-word@")
    with pytest.raises(RunError) as caught:
        open_url(url).read()
    assert caught.value.sentence == f"{server.url('/gone')} is not there."
    _, path, headers = server.requests[0]
    assert path == "/gone?X-Amz-Signature=abc"
    assert headers["Authorization"].startswith("Basic ")


def test_a_token_is_not_taken_along(server: HttpsServer) -> None:
    other = server.url("/rows.jsonl", host="127.0.0.1")
    server.answers["/here"] = (302, {"Location": other}, b"")
    server.answers["/there"] = (307, {"Location": "/rows.jsonl"}, b"")
    environ = {"TRAINING_DATASET_0_TOKEN": "tok-en"}
    assert open_url(server.url("/here"), **environ).read() == DATA
    assert open_url(server.url("/there"), **environ).read() == DATA
    sent = [headers.get("Authorization") for _, _, headers in server.requests]
    assert sent == ["Bearer tok-en", None, "Bearer tok-en", "Bearer tok-en"]


def test_redirects_that_go_nowhere(server: HttpsServer) -> None:
    server.answers["/loop"] = (302, {"Location": "/loop"}, b"")
    server.answers["/plain"] = (302, {"Location": "http://localhost/x"}, b"")
    with pytest.raises(RunError, match="redirects more than 5 times"):
        open_url(server.url("/loop")).read()
    with pytest.raises(RunError, match="not https://"):
        open_url(server.url("/plain")).read()


def test_private_addresses_are_refused_under_the_public_policy(server: HttpsServer) -> None:
    environ = {"TRAINER_ADDRESS_POLICY": "public"}
    with pytest.raises(RunError, match="TRAINER_LOCAL_ALLOWED_HOSTS") as caught:
        open_url(server.url("/rows.jsonl"), **environ).read()
    assert caught.value.exit_status == 6
    assert server.requests == []
    environ["TRAINER_LOCAL_ALLOWED_HOSTS"] = f"other.example, localhost:{server.port}"
    assert open_url(server.url("/rows.jsonl"), **environ).read() == DATA
    # What is opened for one host is not for where it redirects to.
    inner = server.url("/rows.jsonl", host="127.0.0.1")
    server.answers["/in"] = (302, {"Location": inner}, b"")
    with pytest.raises(RunError, match="not public"):
        open_url(server.url("/in"), **environ).read()


def test_a_name_is_resolved_once_and_what_was_checked_is_dialled(server: HttpsServer) -> None:
    """DNS rebinding: a second look-up would give another answer than the one that was checked."""
    answers = iter([["127.0.0.1"]])
    policy = AddressPolicy(False, (), lambda host, port: next(answers))
    places = Places({}, retry=FAST, policy=policy)
    assert places.dataset(0, server.url("/rows.jsonl", host="data.example")).read() == DATA
    rebinding = AddressPolicy(True, (), lambda host, port: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(PermissionError):
        rebinding.addresses("data.example", 443)


def test_the_operators_proxy(server: HttpsServer) -> None:
    with run_connect_proxy() as proxy:
        name = f"data.example:{server.port}"
        proxy.names[name] = ("127.0.0.1", server.port)
        environ = {"HTTPS_PROXY": f"http://me:pass%2Dword@127.0.0.1:{proxy.port}"}
        url = server.url("/rows.jsonl", host="data.example")
        # This machine cannot resolve the name, and need not.
        policy = AddressPolicy(True, (), unknown_name)
        assert Places(environ, retry=FAST, policy=policy).dataset(0, url).read() == DATA
        login = "Basic " + base64.b64encode(b"me:pass-word").decode()
        assert proxy.asked == [(name, login)]
        # What it can resolve may not be private, proxy or not.
        policy = AddressPolicy(True, (), lambda host, port: ["10.0.0.1"])
        with pytest.raises(RunError, match="not public"):
            Places(environ, retry=FAST, policy=policy).dataset(0, url).read()
        environ["NO_PROXY"] = "localhost"
        assert open_url(server.url("/rows.jsonl"), **environ).read() == DATA
        assert len(proxy.asked) == 1


def unknown_name(host: str, port: int) -> list[str]:
    raise socket.gaierror("unknown name")


def test_https_is_only_read(server: HttpsServer) -> None:
    with pytest.raises(RunError, match="can only be read") as caught:
        Places({}).artifacts(server.url("/out"))
    assert caught.value.code == "CONFIG_INVALID"
    with pytest.raises(RunError, match="can only be read"):
        open_url(server.url("/x")).write("", b"")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::127.0.0.1", False),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@pytest.mark.parametrize(
    ("pattern", "host", "port", "expected"),
    [
        ("*.example.com", "data.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("example.com", "Example.COM.", 443, True),
        ("example.com", "example.com.evil.net", 443, False),
        ("10.0.0.*", "10.0.0.7", 443, True),
        ("[fd00::7]:8443", "fd00::7", 8443, True),
        ("fd00::7", "fd00::7", 443, True),
        ("host:8443", "host", 443, False),
    ],
)
def test_host_patterns(pattern: str, host: str, port: int, expected: bool) -> None:
    assert HostPattern.parse(pattern).matches(host, port) is expected
