"""Bounds for one row, so that no file can fill the memory."""

from typing import Final

#: A row of a million tokens has some 4 MB.
MAX_ROW_BYTES: Final = 64 << 20
TOO_LONG: Final = f"begins a row of more than {MAX_ROW_BYTES >> 20} MiB"
