"""A request as clients send it → the variables that a training container would have of it."""

from collections.abc import Mapping
from typing import Any

_AWS_FIELDS = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "role_arn": "AWS_ROLE_ARN",
    "aws_region": "AWS_REGION",
}
_LOGIN_FIELDS = {"token": "TOKEN", "username": "USERNAME", "password": "PASSWORD"}
_ACCOUNT_FIELDS = frozenset(_AWS_FIELDS) - {"aws_region"}


def environ_of_request(request: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, str]:
    """`around` with the request's credentials under the names that `credentials` reads.

    An account in the request replaces the one of `around` as a whole.
    """
    environ = dict(around)
    base_model = _section(request, "base_model")
    token = base_model.get("huggingface_token") or base_model.get("auth_token")
    if isinstance(token, str) and token:
        environ["HF_TOKEN"] = token
    datasets = request.get("datasets")
    entries = datasets if isinstance(datasets, list) else []
    auths = [_section(entry, "auth") if isinstance(entry, dict) else {} for entry in entries]
    artifacts = _section(_section(request, "artifacts"), "auth")
    # The artifacts' account is everyone's; without one the first dataset's is.
    shared = next((auth for auth in (artifacts, *auths[:1]) if _has_account(auth)), {})
    if shared:
        for name in _AWS_FIELDS.values():
            environ.pop(name, None)
        environ |= _texts(shared, _AWS_FIELDS)
    environ |= _texts(artifacts, _LOGIN_FIELDS, "TRAINING_ARTIFACTS_")
    for index, auth in enumerate(auths):
        prefix = f"TRAINING_DATASET_{index}_"
        environ |= _texts(auth, _LOGIN_FIELDS, prefix) | _texts(auth, _AWS_FIELDS, prefix)
    return environ


def _has_account(auth: Mapping[str, Any]) -> bool:
    return any(auth.get(name) for name in _ACCOUNT_FIELDS)


def _texts(auth: Mapping[str, Any], names: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    found = {f"{prefix}{name}": auth.get(field) for field, name in names.items()}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _section(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}
