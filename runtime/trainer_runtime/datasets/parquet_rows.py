"""Reads Parquet, some rows at a time and only the columns that are known."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from trainer_runtime.datasets.byte_source import find_compression, open_bytes
from trainer_runtime.datasets.problems import FileFault, RowFault
from trainer_runtime.datasets.row_shapes import ALL_FIELDS

_BATCH_ROWS: Final = 256
#: One column of one row group is read whole; writers make it 128 MiB or so.
_MAX_CHUNK_BYTES: Final = 2 << 30


def read_parquet(path: Path, scratch: Path) -> Iterator[tuple[int, "dict[str, Any] | RowFault"]]:
    """`(row number from 1, row)`. Unknown columns are named by a null in the first row only."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _unpacked(path, scratch) as plain:
        try:
            with pq.ParquetFile(plain, memory_map=False, pre_buffer=False) as file:
                names = file.schema_arrow.names
                known = [name for name in names if name in ALL_FIELDS]
                _check_sizes(file.metadata)
                others = dict.fromkeys(name for name in names if name not in ALL_FIELDS)
                number = 0
                for batch in file.iter_batches(_BATCH_ROWS, columns=known, use_threads=False):
                    for row in _to_rows(batch, known):
                        number += 1
                        if isinstance(row, RowFault) or number > 1:
                            yield number, row
                        else:
                            yield number, {**others, **row}
        except (pa.ArrowException, OSError, ValueError, OverflowError, LookupError) as error:
            kind = type(error).__name__
            raise FileFault(f"is no Parquet file that can be read ({kind})") from None


def _to_rows(batch: Any, known: list[str]) -> Iterator["dict[str, Any] | RowFault"]:
    try:
        yield from batch.to_pylist() if known else ({} for _ in range(batch.num_rows))
    except UnicodeDecodeError:
        for index in range(batch.num_rows):
            try:
                yield batch.slice(index, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield RowFault("is not UTF-8")


def _check_sizes(metadata: Any) -> None:
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for column in range(row_group.num_columns):
            if row_group.column(column).total_uncompressed_size > _MAX_CHUNK_BYTES:
                raise FileFault("has row groups of more than 2 GiB in one column")


@contextmanager
def _unpacked(path: Path, scratch: Path) -> Iterator[Path]:
    """The file, or a copy without the compression around it: Parquet is read from its end."""
    with path.open("rb") as file:
        is_plain = find_compression(file.read(8)) is None
    if is_plain:
        yield path
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        copy = Path(folder) / "rows.parquet"
        with open_bytes(path) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield copy
