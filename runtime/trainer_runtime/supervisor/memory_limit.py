"""Whether the kernel ended a process for want of memory, and at which limit."""

from pathlib import Path

_V2 = Path("/sys/fs/cgroup")
_V1 = Path("/sys/fs/cgroup/memory")


def count_kills(v2: Path = _V2, v1: Path = _V1) -> int | None:
    """How often the kernel killed in this control group; None where that is not told."""
    for path in (v2 / "memory.events", v1 / "memory.oom_control"):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.strip().isdigit():
                return int(value)
    return None


def limit_bytes(v2: Path = _V2, v1: Path = _V1) -> int | None:
    """The memory limit of the control group; None without one."""
    for path in (v2 / "memory.max", v1 / "memory.limit_in_bytes"):
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        # cgroup v1 writes "no limit" as a number near 2^63.
        if text.isdigit() and int(text) < 1 << 60:
            return int(text)
    return None
