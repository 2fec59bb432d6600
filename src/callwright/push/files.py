"""Opens a partner's file by what its name ends with."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callwright.errors import SetupError
from callwright.push.rows import Layout, Source
from callwright.push.text_files import open_csv, open_jsonl
from callwright.push.workbook import open_workbook

ENDINGS = (".csv", ".jsonl", ".xlsx")


@contextmanager
def open_source(path: Path, encoding: str | None, layout: Layout | None = None) -> Iterator[Source]:
    """Open a file of calls.

    Args:
        path: The file.
        encoding: Of a .csv file that is not in Unicode.
        layout: How the lines of a .csv file are written; None for those of most.

    Raises:
        SetupError: It cannot be read, or is none of these; also while its rows are read.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise SetupError(f"{path.name} ends with none of {', '.join(ENDINGS)}", "Save it as one of them; .csv in UTF-8")
    if layout is not None and ending != ".csv":
        raise SetupError(f"{path.name} is no .csv file", "headings and quotes of a mapping are for .csv alone")
    try:
        with path.open("rb") as raw:
            if ending == ".csv":
                with open_csv(raw, path.name, encoding, layout or Layout()) as source:
                    yield source
            elif ending == ".jsonl":
                yield open_jsonl(raw)
            else:
                with open_workbook(raw, path.name) as source:
                    yield source
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror or error}", "Name a file that can") from None


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        SetupError: It cannot be read.
    """
    try:
        with path.open("rb") as raw:
            return hashlib.file_digest(raw, "sha256").hexdigest()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror or error}", "Name a file that can") from None
