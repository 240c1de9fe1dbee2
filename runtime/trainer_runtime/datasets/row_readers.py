"""Reads the rows of one file, whatever its format, with the line on which each begins.

A reader yields `(line, row)`. A row that cannot be read is a `RowFault` in the place of the row, so
that the next one can be read; where nothing more can be read, `FileFault` is raised.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from trainer_runtime.datasets.byte_source import BUFFER_BYTES, open_bytes
from trainer_runtime.datasets.csv_rows import read_csv
from trainer_runtime.datasets.json_values import read_json, whole_characters
from trainer_runtime.datasets.limits import MAX_ROW_BYTES, TOO_LONG
from trainer_runtime.datasets.parquet_rows import read_parquet
from trainer_runtime.datasets.problems import FileFault, RowFault

Numbered = tuple[int, "dict[str, Any] | RowFault"]
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_WIDE_BOMS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def read_rows(path: Path, file_format: str, *, scratch: Path) -> Iterator[Numbered]:
    """The rows of the file at `path`; `file_format` is `jsonl`, `json`, `csv`, `tsv` or `parquet`.

    `scratch` is a folder for what must be unpacked to be read.
    """
    if file_format == "parquet":
        yield from read_parquet(path, scratch)
        return
    with open_bytes(path) as file:
        buffered: Any = file
        start = buffered.peek(4)[:4] if hasattr(buffered, "peek") else b""
        if start.startswith(_WIDE_BOMS):
            raise FileFault("is UTF-16 or UTF-32; save it as UTF-8")
        if start.startswith(b"PAR1"):
            raise FileFault(f"is a Parquet file, not {file_format}")
        if start.startswith(_UTF8_BOM):
            buffered.read(3)
        if file_format in ("csv", "tsv"):
            yield from read_csv(buffered, "\t" if file_format == "tsv" else None)
        elif _holds_lines(buffered, file_format):
            yield from _read_lines(buffered)
        else:
            yield from read_json(buffered)


def _holds_lines(file: Any, file_format: str) -> bool:
    """Whether there is one object a line, whatever the file is called: tools mix the two up.

    Lines can be read on after a bad one, an array or objects over several lines cannot.
    """
    start = file.peek(BUFFER_BYTES).lstrip()
    if file_format == "jsonl":
        return not start.startswith(b"[")
    line, newline, _ = start.partition(b"\n")
    try:
        return bool(newline) and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_lines(file: Any) -> Iterator[Numbered]:
    readline: Callable[[int], bytes] = file.readline
    decoder = json.JSONDecoder()
    scan, decode = decoder.raw_decode, decoder.decode
    number = 0
    while line := readline(MAX_ROW_BYTES):
        number += 1
        if len(line) == MAX_ROW_BYTES:
            raise FileFault(TOO_LONG, number)
        if line.isspace():
            continue
        row: Any
        try:
            text = line.decode()
            row, end = scan(text) if text[0] == "{" else (None, 0)
            if len(text) - end > 1:
                # Something stands before or after: the careful way knows what may.
                row = decode(text)
            if type(row) is not dict:
                row = RowFault("must be a JSON object")
            elif b"\\ud" in line or b"\\uD" in line:
                row = whole_characters(row)
        except UnicodeDecodeError:
            row = RowFault("is not UTF-8")
        except json.JSONDecodeError as error:
            row = RowFault(f"is not JSON (character {error.pos + 1}: {error.msg})")
        except ValueError:
            row = RowFault("holds a number that is too long")
        except RecursionError:
            row = RowFault("is nested too deeply")
        yield number, row
