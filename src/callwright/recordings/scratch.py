"""A folder for what is worked on, which nobody finds there any more when its process has been killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from callwright.errors import StepFailed
from callwright.recordings.store import AWAY

SCRATCH = "callwright-scratch-"


@contextmanager
def scratch_folder(where: Path) -> Iterator[Path]:
    """A folder for the block's time, without the folders that killed processes left: customers' voices are in them.

    A folder is locked as long as its process lives, and gets its name only once it is.
    """
    for left in where.glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError), _locked(left):
            shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(dir=where, prefix="callwright-new-"))
    with _locked(new):
        folder = new.rename(where / f"{SCRATCH}{new.name.rpartition('-')[2]}")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def our_storage() -> Iterator[None]:
    """Lay what the block runs into to our storage: full, away, or not to be written.

    Raises:
        StepFailed: `storage_unavailable`, which is ours.
    """
    try:
        yield
    except AWAY as error:
        raise StepFailed("storage_unavailable", "Our storage was not available.", ours=True) from error


@contextmanager
def call_folder(scratch: Path) -> Iterator[Path]:
    """A folder in the scratch folder for the block's time, for what is made of one call.

    Raises:
        StepFailed: As `our_storage`, where there can be none.
    """
    folder = scratch / f"call-{uuid4().hex}"
    with our_storage():
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        try:  # what is left in it as a rule are files; to look for more takes longer than to remove them
            for name in os.listdir(folder):  # noqa: PTH208 - as a Path, each would cost what its removal does
                os.unlink(folder / name)  # noqa: PTH108
            folder.rmdir()
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
