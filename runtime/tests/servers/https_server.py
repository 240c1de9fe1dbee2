"""An https server with a certificate of the test's own."""

import contextlib
import datetime
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .loopback import Handler, serve

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class HttpsServer:
    """`answers` maps a path to (status, headers, body) or to a callable that gives one."""

    certificate: Path
    port: int = 0
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    #: (method, path, headers) of every request.
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    #: Bytes of the body after which the connection is cut, once each.
    cuts: list[int] = field(default_factory=list)

    def url(self, path: str, host: str = "localhost") -> str:
        return f"https://{host}:{self.port}{path}"


@contextlib.contextmanager
def run_https_server(folder: Path) -> Iterator[HttpsServer]:
    certificate = make_certificate(folder)
    shared = HttpsServer(certificate)

    class Answering(Handler):
        def do_GET(self) -> None:
            shared.requests.append((self.command, self.path, dict(self.headers)))
            found = shared.answers.get(self.path, (404, {}, b""))
            status, headers, body = found() if callable(found) else found
            length = {"Content-Length": str(len(body))}
            if self.command != "HEAD" and shared.cuts and body:
                body = body[: shared.cuts.pop(0)]
            self.answer(status, body, {**length, **headers})
            self.close_connection = True

        do_HEAD = do_GET

    with serve(Answering, folder) as shared.port:
        yield shared


def make_certificate(folder: Path) -> Path:
    """Writes server.pem and key.pem for localhost; answers ca.pem, which vouches for them."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _name("an authority of the test")
    own = _build(authority, authority, authority_key, is_authority=True).sign(
        authority_key, hashes.SHA256()
    )
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName("data.example")]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    certificate = (
        _build(_name("localhost"), authority, key, is_authority=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    encoding, no_encryption = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, no_encryption)
    (folder / "key.pem").write_bytes(private)
    (folder / "server.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "ca.pem").write_bytes(own.public_bytes(encoding))
    return folder / "ca.pem"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _build(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
