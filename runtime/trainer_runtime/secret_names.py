"""Which names stand for a credential: the service's own rule, so that both mask the same."""

import re

#: Fields of a request that hold a credential, whatever their value looks like.
_FIELDS = frozenset(
    {
        "auth_token",
        "huggingface_token",
        "auth_header",
        "token",
        "username",
        "password",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
    }
)
_FREE_NAME = re.compile(
    r"(^|[-_.])(secret|password|passwd|credentials?|authorization|api[-_]?key"
    r"|(access|private|secret)[-_]?key"
    r"|(?<!pad[-_])(?<!eos[-_])(?<!bos[-_])(?<!unk[-_])(?<!sep[-_])(?<!cls[-_])(?<!mask[-_])"
    r"(?<!special[-_])(?<!max[-_])token)$",
    re.IGNORECASE,
)
_HUMP = re.compile(r"([a-z0-9])([A-Z])")
#: Values that admit nobody, and stand in addresses that people have to read.
_PUBLIC_NAME = re.compile(r"(^|[-_.])(region|role[-_.]?arn)$", re.IGNORECASE)
_ENDPOINT_NAME = re.compile(r"(^|[-_.])endpoint([-_.]?url([-_.](s3|sts))?)?$", re.IGNORECASE)
#: A path, a query or a user name may be what keeps others from an endpoint.
_BARE_ENDPOINT = re.compile(r"https?://[\w.-]+(:\d+)?/?", re.IGNORECASE)
#: The end of a name decides, and no longer one is looked at.
_MAX_NAME_LENGTH = 64
#: Variables of the training container that hold a credential field of the request.
_VARIABLE = re.compile(
    r"^(HF_TOKEN|HUGGING_FACE_HUB_TOKEN|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)"
    r"|TRAINING_(ARTIFACTS|DATASET_\d+)_(TOKEN|USERNAME|PASSWORD"
    r"|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)))$"
)


def is_public(name: str, value: str) -> bool:
    """Whether a value of a Secret of the operator's may be seen, by its key or its variable."""
    if _PUBLIC_NAME.search(name):
        return True
    return bool(_ENDPOINT_NAME.search(name) and _BARE_ENDPOINT.fullmatch(value))


def is_credential_name(name: str) -> bool:
    """Whether a key of a request or a variable's name says that its value is a credential."""
    if name in _FIELDS or _VARIABLE.match(name):
        return True
    spaced = _HUMP.sub(r"\1_\2", name[-_MAX_NAME_LENGTH:])
    return _FREE_NAME.search(spaced) is not None
