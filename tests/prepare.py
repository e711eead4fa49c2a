"""Gets what the tests need beside Python packages: a Chromium; says loudly what it could not get."""

import os
import shutil
import subprocess
import sys

PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-noto-color-emoji", "swaks")


def main() -> None:
    missing = [name for name in ("chromium", "swaks") if shutil.which(name) is None]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(missing)} for the tests ...", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES], check=False, **quiet
        )
    for name in ("chromium", "swaks"):
        if shutil.which(name) is None:
            print(f"!!! {name} could not be installed: the tests that need it are left out", file=sys.stderr)


if __name__ == "__main__":
    main()
