"""A disk that is slower on purpose: a shim, compiled here and preloaded, waits before each fsync and fdatasync."""

import asyncio
import shutil
from pathlib import Path

ADDED_MS = 2
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static int after(const char *name, int descriptor) {
    struct timespec added = {0, ADDED_NS};
    nanosleep(&added, 0);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(descriptor);
}

int fsync(int descriptor) { return after("fsync", descriptor); }
int fdatasync(int descriptor) { return after("fdatasync", descriptor); }
"""


async def shim(folder: Path) -> dict[str, str] | None:
    """The environment that makes a process's fsync slower by ADDED_MS; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    source, library = folder / "slow_disk.c", folder / "slow_disk.so"
    source.write_text(SOURCE.replace("ADDED_NS", str(ADDED_MS * 1_000_000)))
    command = (compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl")
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    return None if await process.wait() else {"LD_PRELOAD": str(library)}
