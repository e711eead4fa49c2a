"""Gets what the tests need beside Python packages: a Chromium, a Postfix; says loudly what it could not get."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    "chromium": ("chromium", "fonts-dejavu-core", "fonts-noto-color-emoji"),
    "swaks": ("swaks",),
    "postfix": ("postfix",),
}
# The tests start a Postfix of their own: the machine's stays unconfigured, and is not started.
ANSWERS = "postfix postfix/main_mailer_type select No configuration\n"


SBIN = "/usr/sbin:/sbin"  # where servers and what packages are set up with lie; not in everybody's PATH


def main() -> None:
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
    missing = [name for name in PACKAGES if shutil.which(name) is None]
    wanted = [name for name in missing if not (name == "postfix" and has_other_mail_server())]
    if wanted and os.geteuid() == 0 and shutil.which("apt-get"):
        install([package for name in wanted for package in PACKAGES[name]])
    for name in missing:
        if shutil.which(name) is None:
            print(f"!!! {name} could not be installed: the tests that need it are left out", file=sys.stderr)


def has_other_mail_server() -> bool:
    """Debian keeps one mail server: a new one would put the machine's out."""
    return Path("/usr/sbin/sendmail").exists()


def install(packages: list[str]) -> None:
    print(f"Installing {', '.join(packages)} for the tests ...", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"stdout": subprocess.DEVNULL, "env": env}
    subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
    if "postfix" in packages and shutil.which("debconf-set-selections"):
        subprocess.run(["debconf-set-selections"], input=ANSWERS, text=True, check=False, env=env)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(command, check=False, **quiet)


if __name__ == "__main__":
    main()
