"""Fills the tables of the page on settings: a row stands where somebody put it, its cells come from the code."""

import re

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from callwright.settings import Settings

_ROW = re.compile(r"^\| `CALLWRIGHT_(?P<name>[A-Z_]+)` \|.*$", re.MULTILINE)
_MADE_AT_START = {
    "data_dir": "`$XDG_DATA_HOME/callwright`, or `~/.local/share/callwright`",
    "worker_concurrency": "the number of processor cores",
}


def settings_filled(text: str) -> str:
    """The page with the default and the meaning of each setting that has a row in it."""

    def fill(row: re.Match[str]) -> str:
        name = row["name"].lower()
        field = Settings.model_fields.get(name)
        if field is None:
            return row[0]
        meaning = str(field.description).replace("|", "\\|")
        return f"| `CALLWRIGHT_{row['name']}` | {_default(name, field)} | {meaning} |"

    return _ROW.sub(fill, text)


def _default(name: str, field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return _MADE_AT_START[name]
    if field.default is None:
        return "not set"
    if isinstance(field.default, tuple):
        return f"`{','.join(map(str, field.default))}`" if field.default else "none"
    return f"`{field.default}`"
