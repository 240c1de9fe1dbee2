"""Opens the places of a job: each dataset's with its own credentials, and the artifacts'."""

from collections.abc import Mapping

from trainer_runtime.credentials import Credentials, artifacts_credentials, dataset_credentials
from trainer_runtime.masking import Masker
from trainer_runtime.reasons import RunError
from trainer_runtime.storage.address_policy import AddressPolicy
from trainer_runtime.storage.file_place import FilePlace
from trainer_runtime.storage.guarded_connection import Proxies
from trainer_runtime.storage.https_place import HttpsPlace
from trainer_runtime.storage.local_roots import LocalRoots
from trainer_runtime.storage.locations import parse_path, parse_s3, scheme_of, show
from trainer_runtime.storage.place import Place
from trainer_runtime.storage.retry_policy import RetryPolicy
from trainer_runtime.storage.s3_place import S3Place


class Places:
    """What opens locations under one environment: credentials, allowed folders and addresses."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        masker: Masker | None = None,
        retry: RetryPolicy | None = None,
        policy: AddressPolicy | None = None,
    ) -> None:
        self.environ = environ
        self.roots = LocalRoots.from_environ(environ)
        self._policy = policy or AddressPolicy.from_environ(environ)
        self._masker = masker or Masker()
        self._retry = retry or RetryPolicy()

    @staticmethod
    def from_environ(environ: Mapping[str, str], masker: Masker | None = None) -> "Places":
        """Keys that STS issues while running are added to `masker`."""
        return Places(environ, masker=masker)

    def dataset(self, index: int, uri: str) -> Place:
        """The source of dataset number `index`; its faults are DATASET_UNAVAILABLE."""
        credentials = dataset_credentials(self.environ, index)
        return self._open(uri, credentials, code="DATASET_UNAVAILABLE")

    def artifacts(self, uri: str) -> Place:
        """A place for log or output; its faults are UPLOAD_FAILED."""
        if scheme_of(uri) == "https":
            raise RunError("CONFIG_INVALID", f"{show(uri)} can only be read; give s3:// or a path.")
        return self._open(uri, artifacts_credentials(self.environ), code="UPLOAD_FAILED")

    def model(self, uri: str) -> Place:
        """Where a model is read from that is not at the hub; its faults are MODEL_UNAVAILABLE."""
        return self._open(uri, artifacts_credentials(self.environ), code="MODEL_UNAVAILABLE")

    def _open(self, uri: str, credentials: Credentials, *, code: str) -> Place:
        scheme = scheme_of(uri)
        if scheme == "file":
            return FilePlace(parse_path(uri), roots=self.roots, code=code)
        if scheme == "s3":
            location = parse_s3(uri)
            add = self._masker.add
            return S3Place.open(location, credentials, code=code, on_secret=add, retry=self._retry)
        if scheme == "https":
            return HttpsPlace(
                uri,
                credentials,
                code=code,
                policy=self._policy,
                proxies=Proxies.from_environ(self.environ),
                retry=self._retry,
            )
        sentence = f"{scheme}:// addresses are not supported; use s3://, https:// or a path."
        raise RunError("CONFIG_INVALID", sentence)
