"""Which folders of this machine a request may name: `TRAINER_LOCAL_ROOTS`, on a shared machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer_runtime.reasons import RunError


@dataclass(frozen=True)
class LocalRoots:
    """Real paths below which everything must lie; None for a container of the job's own."""

    roots: tuple[Path, ...] | None = None

    @staticmethod
    def from_environ(environ: Mapping[str, str]) -> "LocalRoots":
        """Reads `TRAINER_LOCAL_ROOTS`, folders separated as in `PATH`; unset limits nothing."""
        text = environ.get("TRAINER_LOCAL_ROOTS")
        if not text:
            return LocalRoots()
        folders = [part for part in text.split(os.pathsep) if part]
        return LocalRoots(tuple(Path(os.path.realpath(part)) for part in folders))

    def resolve(self, path: Path) -> Path:
        """`path` with links and `..` resolved; outside the roots `RunError` CONFIG_INVALID."""
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as error:
            raise RunError("CONFIG_INVALID", "A path of the request cannot be resolved.") from error
        if self.roots is None or any(real.is_relative_to(root) for root in self.roots):
            return real
        allowed = os.pathsep.join(str(root) for root in self.roots)
        sentence = (
            f"{path} is outside the folders that jobs may use (TRAINER_LOCAL_ROOTS={allowed})."
        )
        raise RunError("CONFIG_INVALID", sentence)
