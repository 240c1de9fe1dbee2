"""A stop that comes while nothing trains yet: the run ends, whoever asks."""

import subprocess
import sys
from pathlib import Path

from reports_service import serve_reports
from training_jobs import JobRun, build_request

#: A run whose download never ends; it reports once, at once.
_DOWNLOADS_FOR_EVER = """
import os, sys, threading
from trainer_runtime.supervisor.run import Run, run_job

def download(run, job):
    run._wake()
    threading.Event().wait()

Run._run = download
sys.exit(run_job(os.environ))
"""


def test_an_order_before_the_training_ends_the_process(tmp_path: Path) -> None:
    with serve_reports() as service:
        service.answer = lambda _: (200, {"orders": [{"do": "stop"}]})
        request = build_request(tmp_path, "org/model", tmp_path / "rows.jsonl")
        job = JobRun(tmp_path, request, {"TRAINER_REPORTS_URL": service.url})
        run = subprocess.run(
            [sys.executable, "-P", "-c", _DOWNLOADS_FOR_EVER],
            env=job.variables(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert job.end == "STOPPED: Stopped by order before the training began.", run.stdout
        assert run.returncode == 7, run.stderr
        assert "Traceback" not in run.stdout + run.stderr
        # The first was answered with the order, the second tells the end.
        assert ["log_tail" in report for report in service.reports] == [True, True]
