"""Takes credentials out of whatever the runtime writes, in every form that a log may show them in.

The rules are those of the service (`watch.md`, Logs): values of 8 characters and more of credential
fields, of Secrets of the operator and of words of the command line that give a credential, and
values of `trainer_env` whose name is a credential's or that look like one; plain, JSON- and
URL-escaped, and in base64 at each of the three alignments, also where a text comes in chunks.
"""

import base64
import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from trainer_runtime.credential_words import is_word_variable, secrets_of_word
from trainer_runtime.secret_names import is_credential_name, is_public

MASK: Final = "[redacted]"
#: Shorter values (`1`, `true`, `INFO`) are found in harmless texts.
MIN_SECRET_LENGTH: Final = 8
#: With more of them a log would take longer to mask than to train: nothing of it is shown then.
_MAX_SECRETS: Final = 2000
#: A value without a space and this long looks like a credential.
_LOOKS_SECRET_LENGTH: Final = 20
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>]+")
_ENCODING: Final = ("utf-8", "surrogateescape")


class Masker:
    """Replaces every known secret by `[redacted]`. Safe to use from several threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._secrets: frozenset[str] = frozenset()
        self._needles: tuple[bytes, ...] = ()
        #: There are too many secrets to look for.
        self.hides_all = False
        self.add(*secrets)

    @property
    def needles(self) -> tuple[bytes, ...]:
        """Every form of every secret, as bytes, longest first."""
        return self._needles

    def add(self, *secrets: str) -> None:
        """Masks these from now on, too (keys that were issued while running)."""
        with self._lock:
            texts = {part for text in secrets for part in _parts(text)}
            known = self._secrets | {text for text in texts if len(text) >= MIN_SECRET_LENGTH}
            if known == self._secrets:
                return
            self.hides_all = len(known) > _MAX_SECRETS
            searched = frozenset() if self.hides_all else known
            needles = {form for secret in searched for form in _forms(secret)}
            self._secrets = known
            self._needles = tuple(sorted(needles, key=lambda form: (-len(form), form)))

    def mask_text(self, text: str) -> str:
        """`text` with each secret replaced; where secrets overlap, one mark covers them all."""
        return self.mask_bytes(text.encode(*_ENCODING)).decode(*_ENCODING)

    def mask_bytes(self, data: bytes) -> bytes:
        """The same for bytes of any encoding that agrees with ASCII."""
        if self.hides_all:
            return MASK.encode() if data else b""
        stream = self.stream()
        return stream.feed(data) + stream.flush()

    def stream(self) -> "MaskStream":
        """A masker for one stream that comes in chunks."""
        return MaskStream(self)


class MaskStream:
    """Masks one stream of bytes; a secret that is cut by a chunk's end is still found.

    It holds back only what may be the start of a secret, so whole lines pass at once.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""
        #: So many leading bytes of `_held` are already covered by a mark that was written.
        self._covered = 0

    def feed(self, data: bytes) -> bytes:
        """What of the stream so far may be written now."""
        needles = self._masker.needles
        buffer = self._held + data
        return self._write(buffer, _tail_start(buffer, needles), needles)

    def flush(self) -> bytes:
        """What was held back; the stream may go on afterwards."""
        return self._write(self._held, len(self._held), self._masker.needles)

    def _write(self, buffer: bytes, end: int, needles: tuple[bytes, ...]) -> bytes:
        if self._masker.hides_all:
            self._held = b""
            return (MASK.encode() + b"\n") * buffer.count(b"\n")
        written: list[bytes] = []
        position = self._covered
        for start, stop in _find_spans(buffer, needles):
            if start >= end:
                break
            if start >= position:
                written += [buffer[position:start], MASK.encode()]
            position = max(position, stop)
        if position < end:
            written.append(buffer[position:end])
        self._held = buffer[end:]
        self._covered = max(0, position - end)
        return b"".join(written)


def build_masker(environ: Mapping[str, str]) -> Masker:
    """A masker for every secret that the training container's environment holds."""
    return Masker(_collect_secrets(environ))


def _collect_secrets(environ: Mapping[str, str]) -> set[str]:
    given_names = _trainer_env_names(environ.get("TRAINING_REQUEST_JSON", ""))
    hidden_names = environ.get("TRAINING_SECRET_NAMES", "").split(",")
    secrets: set[str] = set()
    for name, value in environ.items():
        looks_secret = len(value) >= _LOOKS_SECRET_LENGTH and " " not in value
        is_hidden = is_credential_name(name) or (
            name in hidden_names and not is_public(name, value)
        )
        if is_hidden or (name in given_names and looks_secret):
            secrets.add(value)
        if name.startswith(("TRAINING_", "AWS_ENDPOINT")) or name in given_names:
            secrets |= _url_secrets(value)
    known = [value for value in secrets if len(value) >= MIN_SECRET_LENGTH]
    words = [value for name, value in environ.items() if is_word_variable(name)]
    return secrets.union(*(secrets_of_word(word, known) for word in words))


def _trainer_env_names(request_json: str) -> frozenset[str]:
    """The names of the variables that the request itself brought."""
    try:
        extra = json.loads(request_json)["extra_parameters"]
        names = extra.get("trainer_env_names", [])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return frozenset()
    return frozenset(name for name in names if isinstance(name, str))


def _url_secrets(text: str) -> set[str]:
    """Passwords and query values of the URLs in `text`."""
    if "://" not in text:
        return set()
    secrets: set[str] = set()
    for url in _URL.findall(text):
        try:
            parts = urlsplit(url)
            found = [parts.username, parts.password, *(v for _, v in parse_qsl(parts.query))]
        except ValueError:
            continue
        written = [*re.split("[:]", parts.netloc.rpartition("@")[0])]
        written += [pair.partition("=")[2] for pair in parts.query.split("&")]
        secrets |= {value for value in [*found, *written] if value}
    return secrets


def _parts(secret: str) -> list[str]:
    """The secret, and each line of one that has several (a key file), as logs show them alone."""
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) < 2:
        return [secret]
    return [secret, *(line for line in lines if len(line) >= _LOOKS_SECRET_LENGTH)]


def _forms(secret: str) -> set[bytes]:
    """How `secret` may look in a text."""
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    escaped |= {json.dumps(text)[1:-1] for text in set(escaped)}
    escaped.add(repr(secret)[1:-1])
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        escaped |= {quoted, re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)}
    texts = {secret, secret.strip(), *escaped}
    forms = {text.encode(*_ENCODING) for text in texts if len(text) >= MIN_SECRET_LENGTH}
    return forms | _base64_forms(secret.encode(*_ENCODING))


def _base64_forms(secret: bytes) -> set[bytes]:
    """The characters of a base64 text that depend on `secret` alone, wherever it may begin."""
    forms: set[bytes] = set()
    for skipped in range(3):
        encoded = base64.b64encode(bytes(skipped) + secret)
        # The first characters mix in what stands before, the last ones what comes after.
        first = (0, 2, 3)[skipped]
        mixed_end = (len(secret) + skipped) % 3
        last = len(encoded) if mixed_end == 0 else len(encoded) - (4 - mixed_end)
        core = encoded[first:last]
        if len(core) >= MIN_SECRET_LENGTH:
            forms |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def _find_spans(buffer: bytes, needles: tuple[bytes, ...]) -> list[tuple[int, int]]:
    """Where needles stand in `buffer`, as (start, stop), sorted and joined where they overlap."""
    spans: list[tuple[int, int]] = []
    for needle in needles:
        start = buffer.find(needle)
        while start != -1:
            spans.append((start, start + len(needle)))
            start = buffer.find(needle, start + 1)
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _tail_start(buffer: bytes, needles: tuple[bytes, ...]) -> int:
    """Where the end of `buffer` that may begin a needle starts; its length where none may."""
    start = len(buffer)
    if not buffer:
        return 0
    for needle in needles:
        if buffer[-1] not in needle:
            continue
        longest = min(len(needle) - 1, len(buffer))
        for length in range(longest, len(buffer) - start, -1):
            if buffer.endswith(needle[:length]):
                start = len(buffer) - length
                break
    return start
