"""The training processes: started, listened to, stopped. One alone needs no torchrun."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from trainer_runtime.supervisor.log import RunLog

#: Names that only the first process needs: no training code ever sees them.
_KEPT_BACK = (
    "TRAINER_REPORTS_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HF_TOKEN",
)
_KEPT_BACK_PREFIXES = ("TRAINING_",)

_ALWAYS = {
    "DISABLE_KUBEFLOW_INTEGRATION": "TRUE",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}


class TrainingProcesses:
    """`processes` on this node, of `nodes`; the environment is `environ` without credentials."""

    def __init__(
        self,
        work_dir: Path,
        environ: Mapping[str, str],
        log: RunLog,
        *,
        processes: int,
        nodes: int,
        cores: int,
    ) -> None:
        self._work_dir = work_dir
        self._log = log
        self._pids = work_dir / "pids"
        environment = training_environment(environ)
        command = [sys.executable, "-P", "-m"]
        if processes == 1 and nodes == 1:
            command += ["trainer_runtime.training", str(work_dir)]
        else:
            environment.setdefault("OMP_NUM_THREADS", str(max(1, cores // processes)))
            where = (
                ["--standalone", "--nproc-per-node", str(processes)]
                if nodes == 1
                # Nodes, ranks and addresses stand in PET_* variables, which torchrun reads.
                else ["--nproc-per-node", str(processes)]
            )
            if nodes == 1:
                environment = {k: v for k, v in environment.items() if not k.startswith("PET_")}
            module = "trainer_runtime.training"
            command += ["trainer_runtime.supervisor.torchrun", *where, "-m", module, str(work_dir)]
        environment["TRAINER_PARENT_PID"] = str(os.getpid())
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A signal to the container's group is for the first process, which tells them to save.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._pump = threading.Thread(
            target=log.pump, args=(self._process.stdout,), name="log", daemon=True
        )
        self._pump.start()

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status (negative: the signal), or None when `timeout` seconds passed first."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        # A process of the training that outlives it would hold the pipe open.
        self._pump.join(10)
        return status

    def dump_stacks(self) -> None:
        """Asks every training process for the stacks of its threads; they reach the log."""
        for pid in self.worker_pids():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGUSR1)

    def kill(self) -> None:
        """Ends all of them, without a chance to save; also those that are stopped."""
        pids = self.worker_pids()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def kill_after_stacks(self, seconds: float = 2.0) -> None:
        """The same, with the stacks in the log first."""
        self.dump_stacks()
        time.sleep(seconds)
        self.kill()

    def worker_pids(self) -> list[int]:
        """Of the training processes of this node; each writes its own when it starts."""
        found = []
        for path in self._pids.glob("*"):
            with suppress(ValueError, OSError):
                found.append(int(path.read_text()))
        return found


def training_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` for a process that trains: nothing that opens a storage, the hub or the service."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _KEPT_BACK and not name.startswith(_KEPT_BACK_PREFIXES)
    }
    return kept | _ALWAYS
