"""Room on the journal's disk: intake leaves a reserve, so that what was kept can be carried out to its end."""

import logging
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("lapor.journal")

RESERVE = 256_000_000  # bytes
SHARE = 20  # on small disks a twentieth of them
FULL = 100_000
LOOK_SECONDS = 1.0
TAKEN_AWAY = "the folder was taken away or another one is in its place: put it back, or start anew"


def lack_of_room(folder: Path) -> str | None:
    """Why no new message is taken: the disk under the folder has less than its reserve left. Raises OSError."""
    disk = shutil.disk_usage(folder)
    reserve = min(RESERVE, disk.total // SHARE)
    if disk.free >= reserve:
        return None
    return f"{disk.free // 1_000_000} MB are free, messages are refused under {reserve // 1_000_000} MB"


def is_full(place: Path) -> bool:
    """Whether nothing more can be written beside a file or into a folder: no bytes are left, or no names."""
    disk = os.statvfs(there_already(place))
    return disk.f_bavail * disk.f_frsize < FULL or (disk.f_files > 0 and disk.f_favail == 0)


def there_already(place: Path) -> Path:
    """The file or folder, or the nearest one above that is there."""
    return next(each for each in (place, *place.absolute().parents) if each.exists())


class Room:
    """The same for each message of a flood: the disk is looked at once a second at most.

    Also, and each time, whether the folder is the one that it was: what is open in one that somebody deleted, or
    whose disk was unmounted, is written to without an error, and nobody would find it again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is = _identity(folder)
        self._look_at = 0.0
        self._lack: str | None = None

    def is_enough(self) -> bool:
        now = time.monotonic()
        if now >= self._look_at or (self._lack is None and self._has_gone()):
            self._look_at = now + LOOK_SECONDS
            self._look()
        return self._lack is None

    def _look(self) -> None:
        before = self._lack
        with suppress(OSError):  # a disk that does not answer: the write itself will tell
            self._lack = TAKEN_AWAY if self.is_taken_away() else lack_of_room(self._folder)
        if self._lack and not before:
            log.error("the disk under the journal: %s", self._lack)
        elif before and not self._lack:
            log.warning("the disk under the journal has room again: messages are kept")

    def _has_gone(self) -> bool:
        with suppress(OSError):
            return self.is_taken_away()
        return False

    def is_taken_away(self) -> bool:
        return _identity(self._folder) != self._is


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which folder of which disk it is; None where there is none."""
    try:
        found = os.stat(folder)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
