"""Small real disks: images on loop devices that are mounted, cut off from power, and mounted again."""

import fcntl
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_GOING_DOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN: _IOR('X', 125, __u32)
_WITHOUT_LOG = struct.pack("I", 2)  # ..._NOLOGFLUSH: not even the journal in memory is written
SIZES = {"ext4": 64 << 20, "xfs": 320 << 20}


class NoDiskError(Exception):
    """No such disk can be made here; the text says why."""


@dataclass
class Disk:
    """One mounted image. `place` is where it is mounted."""

    image: Path
    place: Path
    options: str = "loop"

    def mount(self) -> None:
        """Mount the image: the journal is replayed."""
        _run("mount", "-o", self.options, str(self.image), str(self.place))

    def write_pages_one_by_one(self) -> None:
        """Give the loop device single pages: of more, it calls those written that found no room."""
        listed = _run("losetup", "-n", "-O", "NAME", "-j", str(self.image)).strip()
        Path("/sys/block", Path(listed).name, "queue/max_sectors_kb").write_text("4", "ascii")

    def unmount(self) -> None:
        """Unmount it."""
        _run("umount", str(self.place))

    def cut_power(self) -> None:
        """Shut the file system down at once; what is in memory only never reaches the image."""
        fd = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _GOING_DOWN, _WITHOUT_LOG)
        finally:
            os.close(fd)

    def come_back(self) -> None:
        """Start again after a power cut."""
        self.unmount()
        self.mount()


@contextmanager
def disk(
    kind: str, folder: Path, options: str = "", *, device: Path | None = None
) -> Iterator[Disk]:
    """Make and mount a disk; it is gone afterwards, whatever happens. Raises NoDiskError.

    `device` is where the image lies, else in the folder.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NoDiskError("only root on Linux mounts a disk")
    image, place = (device or folder) / f"{kind}.img", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZES[kind])
    _run(f"mkfs.{kind}", "-q", *(["-F"] if kind == "ext4" else ["-f"]), str(image))
    made = Disk(image, place, ",".join(filter(None, ["loop", options])))
    with _unmounted_after(place):
        made.mount()
        yield made
    image.unlink()


@contextmanager
def small_memory(folder: Path, size: str) -> Iterator[Path]:
    """Make a file system in memory that soon is full."""
    place = folder / "memory"
    place.mkdir()
    with _unmounted_after(place):
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
        yield place


@contextmanager
def _unmounted_after(place: Path) -> Iterator[None]:
    """Unmount a place in the end, lazily if need be; also when this process is killed.

    A shell waits for the end of its input, which comes with the end of whoever writes it. The loop
    device goes with its mount.
    """
    watch = 'cat; ! mountpoint -q "$0" || umount "$0" || umount -l "$0"'
    command = [_find("sh"), "-c", watch, str(place)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as guard:
        try:
            yield
        finally:
            guard.communicate(timeout=30)


def _find(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise NoDiskError(f"{name} is not installed")
    return found


def _run(name: str, *arguments: str) -> str:
    done = subprocess.run([_find(name), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDiskError(f"{name}: {done.stderr.strip()}")
    return done.stdout
