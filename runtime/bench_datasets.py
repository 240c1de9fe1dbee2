"""How fast data are validated: `python bench_datasets.py [rows]` prints one line for each way.

Each way runs in a process of its own, so that its peak memory is its own. The rows are
conversations of three turns; the file is made once, below the system's temporary folder. Plain ways
to compare with: `json.loads` of every line, pyarrow's JSON reader, and `datasets` where it is
installed; none of them looks at what it read.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 200_000
#: What issue 12 asks for, for 200,000 rows.
SECONDS, MEGABYTES = 3.0, 300.0
WAYS = ("check_datasets", "check and load_rows", "json.loads", "pyarrow", "datasets")


def make_rows(path: Path, rows: int) -> None:
    """Conversations of some 420 bytes each as JSON Lines."""
    with path.open("w") as file:
        for number in range(rows):
            turns = (
                ("system", "You answer briefly."),
                ("user", f"What is {number} plus {number % 977}, and why does it matter? " * 3),
                ("assistant", f"It is {number + number % 977}. " * 8),
            )
            messages = [{"role": role, "content": content} for role, content in turns]
            file.write(json.dumps({"messages": messages}) + "\n")


def run_way(way: str, path: Path, scratch: Path) -> int:
    """Reads the file in one way; answers its rows."""
    if way == "json.loads":
        with path.open("rb") as file:
            return sum(1 for line in file if json.loads(line))
    if way == "pyarrow":
        import pyarrow.json

        return int(pyarrow.json.read_json(path).num_rows)
    if way == "datasets":
        os.environ["HF_HUB_OFFLINE"] = "1"
        import datasets

        cache = str(scratch / "cache")
        return len(
            datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=cache)
        )
    from trainer_runtime.contract import Dataset
    from trainer_runtime.datasets import check_datasets, load_rows
    from trainer_runtime.storage import Places

    class Job:
        datasets = (Dataset(str(path), "jsonl", None, False),)
        evaluation = None
        bad_rows = "fail"

    facts = check_datasets(Job(), Places({}), scratch)
    return facts.rows if way == "check_datasets" else sum(1 for _ in load_rows(facts))


def measure(way: str, path: Path, scratch: Path) -> str:
    """Wall and processor seconds without the interpreter's start, and the process's peak memory."""
    start, busy = time.perf_counter(), time.process_time()
    rows = run_way(way, path, scratch)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = f"{rows:>8,} rows  {seconds:6.2f} s  {busy:6.2f} s of processors  {megabytes:6.0f} MB"
    return f"{way:<20}{figures}"


def main() -> None:
    if len(sys.argv) > 2:
        print(measure(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
        return
    rows = int(sys.argv[1]) if len(sys.argv) == 2 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        make_rows(path, rows)
        size = path.stat().st_size / 1e6
        print(
            f"{rows:,} rows, {size:.0f} MB; wanted: {SECONDS} s and {MEGABYTES:.0f} MB for {ROWS:,}"
        )
        for way in WAYS:
            command = [sys.executable, __file__, way, str(path), folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            last = done.stderr.strip().splitlines()[-1:] or ["no output"]
            print(done.stdout.strip() if done.returncode == 0 else f"{way:<20}not run: {last[0]}")


if __name__ == "__main__":
    main()
