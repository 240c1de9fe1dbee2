"""What this machine has, found in milliseconds and without importing a framework."""

import ctypes
import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

from trainer_runtime.operator_settings import cpu_count

_MAJOR, _MINOR = 75, 76  # CUdevice_attribute COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver
_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "unsloth",
    "nemo_automodel",
    "wandb",
)


@dataclass(frozen=True)
class Machine:
    """GPUs that this process may see, what they and the CPU can compute with, what is installed."""

    gpus: int
    #: Of the weakest GPU, as major × 10 + minor (80 for an A100); None without one that says it.
    compute_capability: int | None
    has_cpu_bf16: bool
    cpus: int
    #: Package → version of the packages that decide what can be done.
    packages: dict[str, str]

    @property
    def has_bf16(self) -> bool:
        """Whether bf16 is computed natively on what will train."""
        if self.gpus == 0:
            return self.has_cpu_bf16
        return self.compute_capability is None or self.compute_capability >= 80


def inspect_machine() -> Machine:
    """The machine as it is now; `CUDA_VISIBLE_DEVICES` is obeyed, as the driver obeys it."""
    capabilities = _cuda_capabilities()
    gpus = len(capabilities) or _count_rocm_devices()
    return Machine(
        gpus=gpus,
        compute_capability=min(capabilities) if capabilities else None,
        has_cpu_bf16=_has_cpu_bf16(),
        cpus=cpu_count(),
        packages=installed_packages(),
    )


def installed_packages() -> dict[str, str]:
    """Versions of what is installed, read from its metadata; nothing is imported."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cuda_capabilities() -> list[int]:
    """One entry a GPU; empty without a driver or without a GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return []
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    capabilities = []
    for index in range(count.value):
        device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        driver.cuDeviceGet(ctypes.byref(device), index)
        driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
        capabilities.append(major.value * 10 + minor.value)
    return capabilities


def _count_rocm_devices() -> int:
    if not Path("/dev/kfd").exists():
        return 0
    try:
        driver = ctypes.CDLL("libamdhip64.so")
    except OSError:
        return 0
    count = ctypes.c_int()
    return count.value if driver.hipGetDeviceCount(ctypes.byref(count)) == 0 else 0


def _has_cpu_bf16() -> bool:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return re.search(r"\b(avx512_bf16|amx_bf16|avx_ne_convert|bf16)\b", text) is not None
