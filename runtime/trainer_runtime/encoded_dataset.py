"""The rows as tokens on disk, and what became of them: lengths, cut, masked and dropped rows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from trainer_runtime.labels import EncodedRow, RowEncoder

_ROWS_A_BATCH: Final = 1000
_NAMED_ROWS: Final = 20
_SCHEMA = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])


@dataclass
class EncodingFacts:
    """Counts over the rows of one role. Lengths are in tokens, as they are trained on."""

    rows: int = 0
    #: Rows cut to the greatest length.
    truncated: int = 0
    #: Rows dropped, since no token of them carries loss.
    masked: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    longest: int = 0
    longest_index: int = 0
    #: Of all rows, those that are left out included.
    longest_before_cut: int = 0
    #: `file:line` of the first rows of each kind.
    truncated_rows: list[str] = field(default_factory=list)
    masked_rows: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def describe(self) -> list[str]:
        """Sentences for log and warnings; empty when every row is trained on whole."""
        sentences = []
        if self.truncated:
            sentences.append(
                f"{self.truncated} of {self.rows + self.masked} rows are longer than "
                f"max_sequence_length and are cut: {_name(self.truncated_rows, self.truncated)}"
            )
        if self.masked:
            sentences.append(
                f"{self.masked} of {self.rows + self.masked} rows hold nothing to learn within "
                f"max_sequence_length and are left out: {_name(self.masked_rows, self.masked)}"
            )
        return sentences

    def count(self, row: EncodedRow, name: str) -> bool:
        """Notes one row; whether it is trained on."""
        self.longest_before_cut = max(self.longest_before_cut, row.full_length)
        if row.is_truncated:
            self.truncated += 1
            if len(self.truncated_rows) < _NAMED_ROWS:
                self.truncated_rows.append(name)
        if row.is_masked:
            self.masked += 1
            if len(self.masked_rows) < _NAMED_ROWS:
                self.masked_rows.append(name)
            return False
        if len(row.input_ids) > self.longest:
            self.longest, self.longest_index = len(row.input_ids), self.rows
        self.rows += 1
        self.tokens += len(row.input_ids)
        self.trained_tokens += sum(label != -100 for label in row.labels[1:])
        return True


def encode_rows(
    rows: Iterable[tuple[str, int, Mapping[str, Any]]], encoder: RowEncoder, path: Path
) -> EncodingFacts:
    """Writes the tokens of `rows` (file, line, row) to `path`, an Arrow stream that `datasets`
    maps into memory; columns input_ids and labels, lists of int32."""
    facts = EncodingFacts()
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, _SCHEMA) as writer:
        for batch in _batches(_kept(rows, encoder, facts)):
            writer.write_batch(
                pa.record_batch(
                    [
                        pa.array([row.input_ids for row in batch], _SCHEMA.field(0).type),
                        pa.array([row.labels for row in batch], _SCHEMA.field(1).type),
                    ],
                    schema=_SCHEMA,
                )
            )
    return facts


def _kept(
    rows: Iterable[tuple[str, int, Mapping[str, Any]]], encoder: RowEncoder, facts: EncodingFacts
) -> Iterator[EncodedRow]:
    for file, line, row in rows:
        encoded = encoder.encode(row)
        if facts.count(encoded, f"{file}:{line}"):
            yield encoded


def _batches(rows: Iterator[EncodedRow]) -> Iterator[list[EncodedRow]]:
    batch: list[EncodedRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _ROWS_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _name(names: list[str], count: int) -> str:
    return ", ".join(names) + (" and more" if count > len(names) else "")
