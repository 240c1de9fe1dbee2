"""Lets a torch built for CUDA be imported on a machine without NVIDIA's libraries. For tests only.

    slim_torch.py ENVIRONMENT

torch's shared objects name CUDA libraries that the loader must find before any code runs, although
nothing of them is called without a GPU. For each that is missing this builds a stub: a library
of that name which defines the undefined symbols. Needs gcc and readelf.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

#: What the loader finds on every Linux.
SYSTEM = re.compile(
    r"^(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|gomp.*|util|numa)\.so.*|ld-linux.*|linux-vdso.*)$"
)
CUDA = re.compile(r"^lib(cu|nv|nccl)")


def read_elf(path: Path) -> tuple[set[str], set[str], set[str]]:
    """Names of the libraries needed, of the symbols defined and of those undefined in `path`."""
    dynamic = subprocess.run(
        ["readelf", "-dW", path], capture_output=True, text=True, check=True
    ).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[([^\]]+)\]", dynamic))
    table = subprocess.run(
        ["readelf", "--dyn-syms", "-W", path], capture_output=True, text=True, check=True
    ).stdout
    defined: set[str] = set()
    undefined: set[str] = set()
    for line in table.splitlines():
        words = line.split()
        if len(words) < 8 or not words[0].rstrip(":").isdigit():
            continue
        name = words[7].split("@")[0]
        if words[6] != "UND":
            defined.add(name)
        elif words[4] == "GLOBAL":
            undefined.add(name)
    return needed, defined, undefined


def main(environment: Path) -> None:
    [site] = environment.glob("lib/python3*/site-packages")
    library_folder = site / "torch" / "lib"
    objects = [*library_folder.glob("*.so*"), *(site / "nvidia").rglob("*.so*")]
    present = {path.name for path in objects}
    needed: set[str] = set()
    defined: set[str] = set()
    undefined: set[str] = set()
    for path in objects:
        if not path.is_file():
            continue
        names, given, lacking = read_elf(path)
        needed |= names
        defined |= given
        undefined |= lacking
    missing = sorted(
        name for name in needed - present if CUDA.match(name) and not SYSTEM.match(name)
    )
    symbols = sorted(
        name
        for name in undefined - defined
        if re.match(r"^(cu|nv|nccl|cudnn|cublas|cufft|curand|cusolver|cusparse)", name)
        and re.fullmatch(r"[A-Za-z0-9_]+", name)
    )
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "stub.c"
        source.write_text(
            "#include <stdlib.h>\n"
            + "".join(f"void {name}(void) {{ abort(); }}\n" for name in symbols)
        )
        stub = Path(folder) / "stub.o"
        subprocess.run(["gcc", "-w", "-fPIC", "-c", source, "-o", stub], check=True)
        for name in missing:
            target = library_folder / name
            subprocess.run(
                ["gcc", "-shared", f"-Wl,-soname,{name}", stub, "-o", target], check=True
            )
    # nvidia's own folders are on torch's search path; cudart and cupti were installed for real.
    print(f"slim_torch: {len(missing)} stubs with {len(symbols)} symbols")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
