"""The parts of the GPU check: what each runs, and when what it measured is right."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from measured_runs import (
    TIMED_OUT,
    Measured,
    Setup,
    run_plain,
    run_runtime,
    run_script,
    tail,
)

#: Of the plain loop's tokens a second, the least that counts as as fast.
LEAST_RATIO = 0.97
#: A turn of the large model's pair: 18 s to each first step, the steps, and saving.
SECONDS_OF_TURN = 75
#: The peaks, beside the report.
MEMORY = "memory-gpu.json"
#: How far losses of the same settings may be apart in bf16 (kernels reorder sums).
LOSS_TOLERANCE = 0.05


class TimeIsUp(Exception):
    """A run was cut off since the check's time is over, which says nothing of what it ran."""


class Check:
    """Runs the parts in order while there is time; keeps a line for each."""

    def __init__(
        self, folder: Path, machine: dict, report: Path | None, *, is_smoke: bool, seconds: float
    ) -> None:
        self.folder = folder
        self.is_smoke = is_smoke
        self.ends_at = time.monotonic() + seconds
        self.lines: list[dict] = []
        self._machine = machine
        self._report = report

    def note(self, name: str, ok: bool | None, **facts: object) -> None:
        """`ok` None: could not be tried, `why` says so."""
        self.lines.append({"name": name, "ok": ok, **facts})
        # After each part, so that its figures survive whatever ends this process.
        if self._report is not None:
            told = {"machine": self._machine, "runs": self.lines}
            self._report.write_text(json.dumps(told, indent=1))
        word = {True: "ok", False: "WRONG", None: "not run"}[ok]
        shown = ", ".join(f"{key} {_short(value)}" for key, value in facts.items() if key != "log")
        print(f"{word:8} {name}: {shown}", flush=True)
        if ok is False and facts.get("log"):
            print(facts["log"], flush=True)

    def seconds_left(self) -> float:
        return max(1.0, self.ends_at - time.monotonic())

    def part(self, name: str, seconds: float, run: Callable[[], object]) -> None:
        """Runs a part that takes `seconds` at least, and says so where they are not left."""
        try:
            if time.monotonic() + seconds > self.ends_at:
                raise TimeIsUp
            run()
        except TimeIsUp:
            self.note(name, None, why="no time is left, --seconds gives more")

    def _run_runtime(self, setup: Setup, name: str, **options: Any) -> Measured:
        return _in_time(
            run_runtime(setup, self.folder, name, timeout=self.seconds_left(), **options)
        )

    def _run_plain(self, setup: Setup, name: str) -> Measured:
        return _in_time(run_plain(setup, self.folder, name, timeout=self.seconds_left()))

    def memory(self, models: list[dict]) -> None:
        """The peaks of `models` (see measured_memory.py), each with its cases."""
        out = (self._report or self.folder / "report").resolve().with_name(MEMORY)
        out.unlink(missing_ok=True)
        # What a GPU needs 80 s for is no reason to measure no speed.
        seconds = min(100.0, self.seconds_left() / 4)
        settings = self.folder / "memory-settings.json"
        settings.write_text(json.dumps({"out": str(out), "seconds": seconds, "models": models}))
        began = time.monotonic()
        status = run_script("measured_memory.py", settings, self.folder, "memory", seconds + 90)
        measured = json.loads(out.read_text()) if out.exists() else {"models": []}
        out.write_text(json.dumps({"machine": self._machine, **measured}, indent=2) + "\n")
        for model in measured["models"]:
            for case in model["cases"]:
                self._note_memory(model["name"], case)
        done = sum(len(model["cases"]) for model in measured["models"])
        asked = sum(len(model["cases"]) for model in models)
        self.note(
            "memory",
            status == 0,
            status=status,
            cases=done,
            left_out=asked - done,
            seconds=time.monotonic() - began,
            log=tail(self.folder, "memory"),
        )

    def _note_memory(self, model: str, case: dict) -> None:
        name = f"memory of {model}: {case['name']}"
        if "error" in case:
            self.note(name, False, error=case["error"])
            return
        facts = {f"{term}_gb": count / 1e9 for term, count in case["bytes"].items()}
        facts |= {
            key.replace("_bytes", "_gb"): value / 1e9
            for key, value in case.items()
            if key.endswith("_bytes")
        }
        # A case that holds what the one before left would tell too little.
        self.note(name, case.get("left_bytes", 0) <= 0.01 * case.get("peak_bytes", 0), **facts)

    def pair(self, name: str, setup: Setup, *, turns: int = 1) -> None:
        """The runtime and the plain loop with the same settings, `turns` times where time is left.

        The faster run of each side is taken: other work on the machine only makes one slower. With
        one turn the speed is told and is not judged.
        """
        runs: dict[str, list[Measured]] = {"ours": [], "plain": []}
        for turn in range(1, turns + 1):
            if turn > 1 and self.seconds_left() < SECONDS_OF_TURN:
                break
            # Whoever comes first in one turn comes second in the next.
            for side in ("ours", "plain") if turn % 2 else ("plain", "ours"):
                run = f"{name}-{side}-{turn}"
                measured = (self._run_runtime if side == "ours" else self._run_plain)(setup, run)
                if measured.status != 0:
                    log = tail(self.folder, run)
                    self.note(
                        name, False, run=run, status=measured.status, end=measured.end, log=log
                    )
                    return
                runs[side].append(measured)
        ours, plain = (max(runs[side], key=_pace) for side in ("ours", "plain"))
        apart = max(
            (abs(a - b) for a, b in zip(ours.losses, plain.losses, strict=False)), default=math.inf
        )
        ratio = ours.tokens_per_second / plain.tokens_per_second
        is_same = apart <= LOSS_TOLERANCE and len(ours.losses) == len(plain.losses)
        is_fast = self.is_smoke or len(runs["ours"]) == 1 or ratio >= LEAST_RATIO
        self.note(
            name,
            is_same and is_fast,
            tokens_per_second=ours.tokens_per_second,
            plain_tokens_per_second=plain.tokens_per_second,
            ratio=ratio,
            runs=[round(_pace(run)) for run in runs["ours"]],
            plain_runs=[round(_pace(run)) for run in runs["plain"]],
            peak_gb=ours.peak_gb,
            plain_peak_gb=plain.peak_gb,
            first_loss=ours.losses[0],
            last_loss=ours.losses[-1],
            losses_apart=apart,
            to_first_step_s=ours.to_first_step,
            plain_to_first_step_s=plain.to_first_step,
        )

    def out_of_memory(self, setup: Setup) -> None:
        """Asks for far more than the card has; the end must say so, within a minute."""
        if self.is_smoke:
            self.note("out-of-memory", None, why="needs a GPU")
            return
        huge = replace(setup, micro=4096, accumulation=1, steps=2, method="full")
        ours = self._run_runtime(huge, "out-of-memory")
        self.note(
            "out-of-memory",
            ours.status == 6 and ours.end.startswith("OUT_OF_MEMORY"),
            status=ours.status,
            end=ours.end,
            seconds=ours.seconds,
            log=tail(self.folder, "out-of-memory"),
        )

    def resume(self, setup: Setup) -> None:
        """A job ends at half of its steps with checkpoints; another goes on from the last one."""
        steps = setup.steps
        # So few minutes: a checkpoint after every step but the last.
        saving = {"TRAINER_CHECKPOINT_MINUTES": "0.000001"}
        first = self._run_runtime(replace(setup, steps=steps // 2), "half", environment=saving)
        second = self._run_runtime(setup, "resumed", extra={"resume_from": "half"})
        log = (self.folder / "resumed.log").read_text(errors="replace")
        went_on = f"going on after step {steps // 2 - 1}" in log
        self.note(
            "resume",
            first.status == 0 and second.status == 0 and went_on and len(second.losses) == steps,
            steps=len(second.losses),
            last_loss=second.losses[-1] if second.losses else None,
            end=second.end if second.status else "",
            log=tail(self.folder, "half") + tail(self.folder, "resumed"),
        )


def _in_time(run: Measured) -> Measured:
    if run.status == TIMED_OUT:
        raise TimeIsUp
    return run


def _pace(run: Measured) -> float:
    return run.tokens_per_second


def _short(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, int) else str(value)[:200]
