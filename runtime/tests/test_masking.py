"""What a log may show of a credential: nothing, in any form, however the bytes are cut."""

import base64
import itertools
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_runtime.masking import MASK, Masker, build_masker
from trainer_runtime.secret_names import is_credential_name

SECRET = 'p+4/ss "wörd"\\x&%'


def masked(text: str, *secrets: str) -> str:
    return Masker(secrets).mask_text(text)


def test_plain() -> None:
    assert masked("key=abcdefgh.", "abcdefgh") == f"key={MASK}."


def test_short_values_are_no_secrets() -> None:
    assert masked("level=INFO true 1", "INFO", "true", "1", "1234567") == "level=INFO true 1"


@pytest.mark.parametrize(
    "form",
    [
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        repr(SECRET)[1:-1],
    ],
)
def test_escaped_forms(form: str) -> None:
    assert masked(f"<{form}>", SECRET) == f"<{MASK}>"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "z", "zy", "zyx"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_in_every_alignment(before: str, after: str, encode) -> None:
    secret = "s3cr3t~~>>??key"
    text = encode(f"{before}{secret}{after}".encode()).decode()
    shown = masked(text, secret)
    assert MASK in shown
    # At most the two characters at each side that mix in a neighbour are left, beside those.
    left = shown.replace(MASK, "").replace("=", "")
    assert len(left) <= 4 * ((len(before) + 2) // 3 + (len(after) + 2) // 3) + 2


def test_secrets_that_overlap_leave_nothing() -> None:
    assert masked("xabcdefghijkly", "abcdefgh", "efghijkl") == f"x{MASK}y"
    assert masked("aaaaaaaaaaaa!", "aaaaaaaa") == f"{MASK}!"


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([b"abcdefgh", b"abcdefghijkl", b"ghijklmn", b"abc", b"x", b"\n", b"aaaa"]),
        max_size=12,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=8),
)
def test_chunks_give_what_the_whole_gives(parts: list[bytes], cuts: list[int]) -> None:
    masker = Masker(["abcdefgh", "abcdefghijkl", "ghijklmn", "aaaaaaaa"])
    text = b"".join(parts)
    stream = masker.stream()
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    out = b"".join(stream.feed(text[a:b]) for a, b in itertools.pairwise(edges)) + stream.flush()
    assert out == masker.mask_bytes(text)
    for secret in (b"abcdefgh", b"ghijklmn", b"aaaaaaaa"):
        assert secret not in out


def test_byte_by_byte() -> None:
    stream = Masker(["topsecretvalue"]).stream()
    out = b"".join(stream.feed(bytes([byte])) for byte in "ä topsecretvalue ö\n".encode())
    assert out + stream.flush() == f"ä {MASK} ö\n".encode()


def test_whole_lines_pass_at_once() -> None:
    assert Masker(["topsecretvalue"]).stream().feed(b"step 1 tops\n") == b"step 1 tops\n"


def test_each_line_of_a_key_file() -> None:
    masker = Masker(["-----BEGIN-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END-----\n"])
    assert masker.mask_text("> MIIEvQIBADANBgkqhkiG9w0 <") == f"> {MASK} <"
    assert masker.mask_text("END") == "END"


def test_keys_added_later_are_masked() -> None:
    masker = Masker()
    stream = masker.stream()
    assert stream.feed(b"renewed-key\n") == b"renewed-key\n"
    masker.add("renewed-key")
    assert stream.feed(b"renewed-key\n") == f"{MASK}\n".encode()


def test_invalid_utf8_passes_unchanged() -> None:
    assert Masker(["topsecretvalue"]).mask_bytes(b"\xff\xfe\x00") == b"\xff\xfe\x00"


def test_what_the_environment_holds() -> None:
    request = {
        "extra_parameters": {"trainer_env_names": ["MY_OPTION", "NOTE", "WANDB_API_KEY", "N"]}
    }
    environ = {
        "TRAINING_REQUEST_JSON": json.dumps(request),
        "TRAINING_OUTPUT_URI": "https://writer:pass-word-1@host/x?sig=signature%2B99",
        "HF_TOKEN": "hf_0123456789",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-0123",
        "AWS_REGION": "eu-central-1-long-name-of-region",
        "TRAINING_DATASET_3_USERNAME": "data-reader",
        "TRAINING_DATASET_3_AWS_SESSION_TOKEN": "session-token-3",
        "TRAINING_ARTIFACTS_PASSWORD": "short",
        "MY_OPTION": "0123456789012345678901234",
        "NOTE": "a sentence that is long enough",
        "WANDB_API_KEY": "wandb-12",
        "N": "INFO",
        "PATH": "/usr/local/bin:/usr/bin:/bin-0123456789",
    }
    text = "\n".join(environ.values()) + "\nsignature+99"
    shown = build_masker(environ).mask_text(text)
    for secret in (
        "pass-word-1",
        "signature+99",
        "signature%2B99",
        "hf_0123456789",
        "aws-secret-0123",
        "data-reader",
        "session-token-3",
        "0123456789012345678901234",
        "wandb-12",
    ):
        assert secret not in shown, secret
    for harmless in ("eu-central-1", "a sentence", "INFO", "/usr/local/bin", "short"):
        assert harmless in shown, harmless


def test_values_of_the_operators_secrets_whatever_their_names() -> None:
    request = {"extra_parameters": {"trainer_env_names": ["DB", "MODE", "PIN"]}}
    environ = {
        "TRAINING_REQUEST_JSON": json.dumps(request),
        "TRAINING_SECRET_NAMES": "DB,PIN",
        "DB": "Kd93ksl0Kd93",
        "MODE": "offline-only",
        "PIN": "1234567",
    }
    shown = build_masker(environ).mask_text("Kd93ksl0Kd93 offline-only 1234567")
    assert shown == f"{MASK} offline-only 1234567"


@pytest.mark.parametrize(
    ("name", "value", "is_seen"),
    [
        ("AWS_DEFAULT_REGION", "eu-central-1", True),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/trainer", True),
        ("AWS_ENDPOINT_URL_S3", "https://s3.eu-central-1.example.com", True),
        ("SLACK_ENDPOINT", "https://hooks.example.com/services/T0/x7Jk", False),
        ("AWS_ENDPOINT_URL", "https://user:password@minio:9000", False),
        ("ENDPOINT_TOKEN", "Kd93ksl0Kd93", False),
    ],
)
def test_public_values_of_the_operators_secrets(name: str, value: str, is_seen: bool) -> None:
    masker = build_masker({"TRAINING_SECRET_NAMES": name, name: value})
    assert masker.mask_text(f"<{value}>") == (f"<{value}>" if is_seen else f"<{MASK}>")


@pytest.mark.parametrize(
    "word",
    [
        "hunter2-pass99",
        "--password=hunter2-pass99",
        "--password='hunter2-pass99'",
        "cd /x; PASSWORD=hunter2-pass99; python train.py --lr 1e-4",
        'python train.py --password "hunter2-pass99" --lr 1e-4',
        "password: hunter2-pass99",
    ],
)
@pytest.mark.parametrize("variable", ["TRAINING_ARG_1", "TRAINING_COMMAND_2"])
def test_words_of_the_command_line_that_give_a_credential(variable: str, word: str) -> None:
    masker = build_masker({variable: word})
    said = masker.mask_text("Namespace(lr=0.1, password='hunter2-pass99')")
    assert said == f"Namespace(lr=0.1, password='{MASK}')"


@pytest.mark.parametrize(
    "line",
    [
        "PASSWORD=hunter2-pass99 python train.py",
        'curl -H "Authorization: Bearer hunter2-pass99" https://x.example',
        "git clone https://bot:hunter2-pass99@x.example/y",
        "hf login hf_hunter2-pass99",
    ],
)
def test_of_a_script_only_what_it_gives(line: str) -> None:
    script = f"set -x\n{line}\npython train.py --lr 1e-4 --epochs 3\n"
    masker = build_masker({"HF_TOKEN": "hf_hunter2-pass99", "TRAINING_ARG_1": script})
    said = masker.mask_text(f"+ {line}\n+ python train.py --lr 1e-4 --epochs 3\n")
    assert "+ python train.py --lr 1e-4 --epochs 3\n" in said
    assert MASK in said and "hunter2-pass99" not in said


def test_a_credential_with_blanks_after_its_flag() -> None:
    masker = build_masker({"TRAINING_ARG_1": "correct horse battery"})
    assert masker.mask_text("it is correct horse battery") == f"it is {MASK}"


@pytest.mark.parametrize(
    "text",
    [";token=aaaaaaaa", ";token=aaaaaaaN", "token=\"aaaaaaaN token='aaaaaaaN ", "token='aaaaaaaN;"],
)
def test_a_word_of_many_credentials_is_no_larger_than_a_few_words(text: str) -> None:
    numbered = (text.replace("N", str(10_000 + n)) for n in range(25_000 // len(text)))
    word = f"password=x;{''.join(numbered)}"
    needles = build_masker({"TRAINING_ARG_2": word}).needles
    assert len(needles) <= 2000 * 20
    assert sum(map(len, needles)) < len(word) * 80


def test_too_many_secrets_hide_every_line() -> None:
    masker = Masker([f"secret-{n}" for n in range(10_000, 12_001)])
    stream = masker.stream()
    assert stream.feed(b"a line\nsecret-10000 and") == f"{MASK}\n".encode()
    assert stream.feed(b" more\n") + stream.flush() == f"{MASK}\n".encode()
    assert masker.mask_text("secret-10000") == MASK


def test_references_in_words_are_no_credentials() -> None:
    masker = build_masker({"TRAINING_ARG_1": "--password=$(DB) --mode=offline-only"})
    assert masker.mask_text("offline-only") == "offline-only"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HF_TOKEN", True),
        ("TRAINER_REPORTS_TOKEN", True),
        ("hubToken", True),
        ("api-key", True),
        ("pad_token", False),
        ("max_token", False),
        ("AWS_ACCESS_KEY_ID", True),
        ("TRAINING_DATASET_0_USERNAME", True),
        ("OMP_NUM_THREADS", False),
        ("TOKENIZERS_PARALLELISM", False),
    ],
)
def test_credential_names(name: str, expected: bool) -> None:
    assert is_credential_name(name) is expected
