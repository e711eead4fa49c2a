"""Room on the journal's disk: intake leaves a reserve, so that what was kept can be carried out to its end."""

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("lapor.journal")

RESERVE = 256_000_000  # bytes
SHARE = 20  # on small disks a twentieth of them
LOOK_SECONDS = 1.0


def lack_of_room(folder: Path) -> str | None:
    """Why no new message is taken: the disk under the folder has less than its reserve left. Raises OSError."""
    disk = shutil.disk_usage(folder)
    reserve = min(RESERVE, disk.total // SHARE)
    if disk.free >= reserve:
        return None
    return f"{disk.free // 1_000_000} MB are free, messages are refused under {reserve // 1_000_000} MB"


class Room:
    """The same for each message of a flood: the disk is looked at once a second at most."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._look_at = 0.0
        self._lack: str | None = None

    def is_enough(self) -> bool:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._look()
        return self._lack is None

    def _look(self) -> None:
        before = self._lack
        with suppress(OSError):  # a disk that does not answer: the write itself will tell
            self._lack = lack_of_room(self._folder)
        if self._lack and not before:
            log.error("the disk under the journal: %s", self._lack)
        elif before and not self._lack:
            log.warning("the disk under the journal has room again: messages are kept")
