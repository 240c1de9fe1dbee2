"""Measures the runtime against a plain TRL script, and the validation of many rows. On a CPU.

    python bench.py [--quick] [--report FILE]

Goals: steps a second at least 0.97 of the plain loop's; start to first step at most 1.15 times as
long; 200,000 rows validated in under 3 s and 300 MB. `--quick` sees whether every measurement runs.
Each pair is run several times in alternation and compared by its medians, since other programs on
the machine disturb single runs.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "tests")]

from measured_runs import Setup, run_plain, run_runtime, tail  # noqa: E402

LEAST_PACE = 0.97
MOST_START = 1.15
MOST_SECONDS = 3.0
MOST_MB = 300.0

#: In a process of its own, so that its memory is the validation's alone.
_VALIDATE = textwrap.dedent(
    """
    import json, resource, sys, time
    from pathlib import Path
    from trainer_runtime.contract import read_job
    from trainer_runtime.datasets import check_datasets
    from trainer_runtime.storage import Places

    request = json.loads(Path(sys.argv[1]).read_text())
    environ = {"TRAINING_REQUEST_JSON": json.dumps(request)}
    began = time.perf_counter()
    facts = check_datasets(read_job(environ), Places.from_environ(environ), Path(sys.argv[2]))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": facts.rows, "seconds": seconds, "mb": peak}))
    """
)


def measure_pace(folder: Path, is_quick: bool) -> dict[str, float]:
    """Both ratios, of medians."""
    from tiny_model import chat_rows, make_model, write_rows

    model = make_model(folder / "model")
    texts = [{"text": " ".join(m["content"] for m in row["messages"])} for row in chat_rows()]
    rows = write_rows(folder / "texts.jsonl", texts)
    steps, rounds = (6, 1) if is_quick else (150, 3)
    setup = Setup(model, rows, "lora", "fp32", True, steps, 8, 1, 128, 1e-3)
    paces: dict[str, list[float]] = {"ours": [], "plain": []}
    starts: dict[str, list[float]] = {"ours": [], "plain": []}
    for round_number in range(rounds):
        ours = run_runtime(setup, folder, f"ours-{round_number}")
        plain = run_plain(setup, folder, f"plain-{round_number}")
        for name, run in (("ours", ours), ("plain", plain)):
            if run.status != 0:
                raise SystemExit(tail(folder, f"{name}-{round_number}", 40))
            paces[name].append(run.steps_per_second)
            starts[name].append(run.to_first_step)
    pace = {name: statistics.median(values) for name, values in paces.items()}
    start = {name: statistics.median(values) for name, values in starts.items()}
    return {
        "steps_per_second": pace["ours"],
        "plain_steps_per_second": pace["plain"],
        "pace_ratio": pace["ours"] / pace["plain"],
        "to_first_step_s": start["ours"],
        "plain_to_first_step_s": start["plain"],
        "start_ratio": start["ours"] / start["plain"],
    }


def measure_validation(folder: Path, rows: int) -> dict[str, float]:
    """Seconds and peak memory of the validation of `rows` conversations."""
    from training_jobs import build_request

    path = folder / "many.jsonl"
    with path.open("w") as file:
        for index in range(rows):
            row = {
                "messages": [
                    {"role": "user", "content": f"Question {index}: what is {index} plus one?"},
                    {"role": "assistant", "content": f"It is {index + 1}."},
                ]
            }
            file.write(json.dumps(row) + "\n")
    request = folder / "request.json"
    request.write_text(json.dumps(build_request(folder, "org/model", path)))
    work = folder / "validation"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-c", _VALIDATE, request, work],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(HERE), "PATH": "/usr/bin:/bin"},
    )
    return dict(json.loads(done.stdout))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        validation = measure_validation(folder, 2_000 if options.quick else 200_000)
        pace = measure_pace(folder, options.quick)
    figures = {"validation": validation, "training": pace}
    print(json.dumps(figures, indent=1))
    if options.report:
        options.report.write_text(json.dumps(figures, indent=1))
    if options.quick:
        return 0
    goals = {
        f"pace at least {LEAST_PACE}": pace["pace_ratio"] >= LEAST_PACE,
        f"start at most {MOST_START}": pace["start_ratio"] <= MOST_START,
        f"validation under {MOST_SECONDS:g} s": validation["seconds"] < MOST_SECONDS,
        f"validation under {MOST_MB:g} MB": validation["mb"] < MOST_MB,
    }
    for goal, is_met in goals.items():
        print(f"{'met' if is_met else 'MISSED'}: {goal}")
    return 0 if all(goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
