"""The environment's credentials, by place: the artifacts' and each dataset's own.

Names are the service's (`contract.md`, env of the training container). An account is taken as a
whole, never a mixture of two: what has any variable with its own prefix uses none of the shared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_ACCOUNT_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
)


@dataclass(frozen=True)
class Credentials:
    """What one place may be opened with. Texts that are secret are kept out of `repr`."""

    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    role_arn: str | None = None
    #: A file with a token of the pod's identity, which AWS exchanges for keys of `role_arn`.
    web_identity_token_file: str | None = None
    region: str | None = None
    s3_endpoint: str | None = None
    sts_endpoint: str | None = None
    #: A file with further certificates to trust at the S3 endpoint.
    ca_file: str | None = None
    #: For https: a bearer token, or a login.
    token: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    hf_token: str | None = field(default=None, repr=False)

    @property
    def has_keys(self) -> bool:
        """Whether these are keys of an account, not only the name of a role."""
        return self.access_key_id is not None and self.secret_access_key is not None

    @property
    def is_session_without_role(self) -> bool:
        """Keys that end at a time that nobody knows here, and that cannot be renewed."""
        return self.has_keys and self.session_token is not None and self.role_arn is None


def artifacts_credentials(environ: Mapping[str, str]) -> Credentials:
    """What log and output are written with."""
    return _read(environ, "TRAINING_ARTIFACTS", "")


def dataset_credentials(environ: Mapping[str, str], index: int) -> Credentials:
    """What dataset number `index` (from 0) is read with."""
    prefix = f"TRAINING_DATASET_{index}"
    has_own = any(environ.get(f"{prefix}_{name}") for name in _ACCOUNT_NAMES)
    return _read(environ, prefix, f"{prefix}_" if has_own else "")


def _read(environ: Mapping[str, str], login: str, account: str) -> Credentials:
    def get(name: str) -> str | None:
        return environ.get(name) or None

    shared_endpoint = get("AWS_ENDPOINT_URL")
    return Credentials(
        access_key_id=get(f"{account}AWS_ACCESS_KEY_ID"),
        secret_access_key=get(f"{account}AWS_SECRET_ACCESS_KEY"),
        session_token=get(f"{account}AWS_SESSION_TOKEN"),
        role_arn=get(f"{account}AWS_ROLE_ARN"),
        web_identity_token_file=get("AWS_WEB_IDENTITY_TOKEN_FILE"),
        region=get(f"{login}_AWS_REGION") or get("AWS_REGION") or get("AWS_DEFAULT_REGION"),
        s3_endpoint=get("AWS_ENDPOINT_URL_S3") or shared_endpoint,
        sts_endpoint=get("AWS_ENDPOINT_URL_STS") or shared_endpoint,
        ca_file=get("AWS_CA_BUNDLE") or get("SSL_CERT_FILE"),
        token=get(f"{login}_TOKEN"),
        username=get(f"{login}_USERNAME"),
        password=get(f"{login}_PASSWORD"),
        hf_token=get("HF_TOKEN"),
    )
