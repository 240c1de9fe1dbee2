"""Which ETag S3 gives to a file, so that one that is there already is known without reading it."""

import hashlib
from pathlib import Path
from typing import Final

_MIB: Final = 1 << 20
_SMALLEST_PART: Final = 8 * _MIB
#: S3 takes 10,000; a little less leaves room for rounding.
_MOST_PARTS: Final = 9_000


def part_bytes_for(size: int) -> int:
    """How large the parts of a file of `size` bytes are, in whole MiB."""
    needed = -(-size // _MOST_PARTS)
    return max(_SMALLEST_PART, -(-needed // _MIB) * _MIB)


def possible_etag(path: Path, size: int, part_bytes: int) -> str:
    """The ETag without quotes that S3 gives when nothing is encrypted with keys of one's own.

    Another value at the server proves nothing; the same one proves the same bytes.
    """
    if size <= part_bytes:
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    digests = []
    with path.open("rb") as file:
        while part := file.read(part_bytes):
            digests.append(hashlib.md5(part, usedforsecurity=False).digest())
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    return f"{whole}-{len(digests)}"
