"""The rubrics that come with Callwright, each a file in `rubrics/`."""

from functools import cache
from importlib.resources import files

from callwright.analysis.rubric import Rubric
from callwright.analysis.rubric_file import read_file

NAMES = ("inside-sales", "collections", "support")
DEFAULT = "inside-sales"
"""By what the calls of a subtenant are judged that has applied no rubric of its own."""


@cache
def built_in(name: str) -> Rubric:
    """The rubric of this name, of version 0.

    Raises:
        KeyError: There is none.
    """
    if name not in NAMES:
        raise KeyError(name)
    return read_file(built_in_file(name))


def built_in_file(name: str) -> bytes:
    """Its file, with its comments."""
    return files("callwright.analysis").joinpath("rubrics", f"{name}.yaml").read_bytes()


INSIDE_SALES = built_in(DEFAULT)
