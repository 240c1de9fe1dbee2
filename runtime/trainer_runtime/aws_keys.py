"""Keys for S3 that stay valid: static ones, those of an assumed role, or the machine's own.

boto3 and object_store both ignore a role beside static keys, so the role is assumed here, through
STS, and again in time before its keys end.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypedDict

from trainer_runtime.credentials import Credentials
from trainer_runtime.reasons import RunError

#: AWS's own default; the most that a role assumed from a role may have.
_ROLE_SECONDS: Final = 3600
#: Keys are renewed when they are valid for less than this: a long upload of one part fits in it.
RENEW_BEFORE: Final = timedelta(minutes=10)
#: Long enough to sign one more request with.
_STILL_GOOD: Final = timedelta(minutes=1)
_OBSTORE_ASKS_BEFORE: Final = timedelta(minutes=5)
#: boto3 renews the machine's own keys; so often it is asked.
_ASK_AGAIN: Final = timedelta(minutes=15)
_SESSION_NAME: Final = "trainer-runtime"
_BUSY: Final = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded"})
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})


class S3Keys(TypedDict):
    """What obstore's credential callable returns; `expires_at` None means for good."""

    access_key_id: str
    secret_access_key: str
    token: str | None
    expires_at: datetime | None


class KeySource:
    """Gives keys to obstore, and renews them in time. One for a place; any thread may call it."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        code: str,
        on_secret: Callable[..., None] = lambda *_: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        renew_before: timedelta = RENEW_BEFORE,
        retries: int = 4,
    ) -> None:
        self._credentials = credentials
        self._code = code
        self._on_secret = on_secret
        self._now = now
        self._renew_before = renew_before
        self._retries = retries
        self._lock = threading.Lock()
        self._keys: S3Keys | None = None
        self._machine: Any = None
        self.failure: RunError | None = None

    def __call__(self) -> S3Keys:
        """Keys that are valid for a while. Raises `RunError` with `code`, also kept as `failure`.

        obstore asks again 5 minutes before `expires_at`, so that is told as early as keys are to be
        renewed. What is raised here reaches nobody through obstore, hence `failure`.
        """
        with self._lock:
            if self._keys is None or self._ends_within(self._keys, self._renew_before):
                self._renew()
            assert self._keys is not None
            keys = self._keys.copy()
        ends = keys["expires_at"]
        if ends is not None:
            keys["expires_at"] = ends - self._renew_before + _OBSTORE_ASKS_BEFORE
        return keys

    def find(self) -> bool:
        """Whether there are any keys at all; without them only public buckets can be read.

        Raises `RunError` for half a pair of keys, which nothing can be done with.
        """
        own = self._credentials
        if (own.access_key_id is None) is not (own.secret_access_key is None):
            sentence = "Of the AWS keys one half is missing: an id needs its secret."
            raise RunError(self._code, sentence, status=6)
        return own.has_keys or bool(own.role_arn) or self._machine_credentials() is not None

    def _renew(self) -> None:
        """Fetches keys. Where that fails for a while only, those that are still good stay."""
        self.failure = None
        try:
            keys = self._fetch()
        except RunError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a profile or a metadata server at fault
            sentence = f"The AWS keys of this machine cannot be had ({type(error).__name__})."
            failure = RunError(self._code, sentence, may_come_back=True)
        else:
            self._keys = keys
            self._on_secret(keys["access_key_id"], keys["secret_access_key"], keys["token"] or "")
            return
        are_good = self._keys is not None and not self._ends_within(self._keys, _STILL_GOOD)
        if not failure.may_come_back or not are_good:
            self.failure = failure
            raise failure from None

    def _ends_within(self, keys: S3Keys, time: timedelta) -> bool:
        ends = keys["expires_at"]
        return ends is not None and ends - self._now() < time

    def _fetch(self) -> S3Keys:
        own = self._credentials
        if own.role_arn is not None and (own.has_keys or not own.web_identity_token_file):
            return self._assume_role(own.role_arn)
        if own.role_arn is not None:
            return self._exchange_identity(own.role_arn)
        if own.access_key_id is not None and own.secret_access_key is not None:
            return {
                "access_key_id": own.access_key_id,
                "secret_access_key": own.secret_access_key,
                "token": own.session_token,
                "expires_at": None,
            }
        return self._machine_keys()

    def _assume_role(self, role_arn: str) -> S3Keys:
        own = self._credentials
        if own.has_keys:
            first = (own.access_key_id, own.secret_access_key, own.session_token)
        else:
            keys = self._machine_keys()
            first = (keys["access_key_id"], keys["secret_access_key"], keys["token"])
        client = self._sts_client(first)
        answer = self._ask_sts(
            role_arn,
            lambda: client.assume_role(
                RoleArn=role_arn, RoleSessionName=_SESSION_NAME, DurationSeconds=_ROLE_SECONDS
            ),
        )
        return _to_keys(answer)

    def _exchange_identity(self, role_arn: str) -> S3Keys:
        path = Path(self._credentials.web_identity_token_file or "")
        try:
            token = path.read_text().strip()
        except OSError as error:
            sentence = f"The pod's identity token for the role {role_arn} cannot be read."
            raise RunError(self._code, sentence, status=6) from error
        client = self._sts_client(None)
        answer = self._ask_sts(
            role_arn,
            lambda: client.assume_role_with_web_identity(
                RoleArn=role_arn, RoleSessionName=_SESSION_NAME, WebIdentityToken=token
            ),
        )
        return _to_keys(answer)

    def _ask_sts(self, role_arn: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """STS's answer, or one sentence with its code alone: its message may repeat key ids."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask()
        except ClientError as error:
            answer = error.response
            code = str(answer.get("Error", {}).get("Code", ""))
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status >= 500 or code in _BUSY:
                sentence = f"AWS STS cannot let the role {role_arn} be assumed at the moment."
                raise RunError(self._code, sentence, may_come_back=True) from None
            if code in _EXPIRED:
                sentence = f"The keys to assume the role {role_arn} with have expired."
            else:
                word = code if code.isalnum() else "no reason given"
                sentence = f"These credentials may not assume the role {role_arn} ({word})."
            raise RunError(self._code, sentence, status=6) from None
        except BotoCoreError as error:
            kind = type(error).__name__
            sentence = f"AWS STS cannot be reached to assume the role {role_arn} ({kind})."
            raise RunError(self._code, sentence, may_come_back=True) from None

    def _sts_client(self, keys: tuple[str | None, str | None, str | None] | None) -> Any:
        import botocore
        import botocore.session
        from botocore.config import Config

        config: dict[str, Any] = {
            "retries": {"mode": "standard", "total_max_attempts": self._retries + 1}
        }
        if keys is None:
            config["signature_version"] = botocore.UNSIGNED
            keys = (None, None, None)
        key_id, secret, token = keys
        # No session of boto3's own making: it would look for profiles and roles by itself.
        return botocore.session.Session().create_client(
            "sts",
            region_name=self._credentials.region or "us-east-1",
            endpoint_url=self._credentials.sts_endpoint,
            verify=self._credentials.ca_file,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(**config),
        )

    def _machine_keys(self) -> S3Keys:
        found = self._machine_credentials()
        if found is None:
            role = self._credentials.role_arn
            what = f"assume the role {role} with" if role else "open the bucket with"
            raise RunError(self._code, f"There are no AWS keys to {what}.", status=6)
        keys = found.get_frozen_credentials()
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": self._now() + self._renew_before + _ASK_AGAIN,
        }

    def _machine_credentials(self) -> Any:
        """boto3's own chain (profile, container, instance), without the request's variables."""
        if self._machine is None:
            import botocore.session

            session = botocore.session.Session()
            chain = session.get_component("credential_provider")
            # Keys and roles in the environment are a request's, and another place's perhaps.
            for name in ("env", "assume-role-with-web-identity"):
                chain.remove(name)
            self._machine = chain.load_credentials()
        return self._machine


def _to_keys(answer: dict[str, Any]) -> S3Keys:
    keys = answer["Credentials"]
    return {
        "access_key_id": keys["AccessKeyId"],
        "secret_access_key": keys["SecretAccessKey"],
        "token": keys["SessionToken"],
        # obstore takes the one UTC of the standard library, not dateutil's.
        "expires_at": keys["Expiration"].astimezone(UTC),
    }
