"""The mapping files that come with Callwright, each for the export of a vendor."""

from dataclasses import dataclass
from pathlib import Path

from callwright.errors import SetupError

FOLDER = Path(__file__).parent / "vendors"


@dataclass(frozen=True, slots=True)
class Preset:
    """A mapping file, and what its first comment says of it.

    Attributes:
        name: As `--preset` takes it.
        path: The file.
        export: Of what vendor, and which export.
        source: Where its columns are documented.
        missing: What the export does not have, so that it has to be given.
    """

    name: str
    path: Path
    export: str
    source: str
    missing: str


def presets() -> list[Preset]:
    """All of them, by name."""
    return [_preset(path) for path in sorted(FOLDER.glob("*.toml"))]


def preset_named(name: str) -> Preset:
    """One of them.

    Raises:
        SetupError: There is none of that name.
    """
    known = {preset.name: preset for preset in presets()}
    if name not in known:
        raise SetupError(f"There is no preset {name!r}", f"Name one of {', '.join(known)}, or write a mapping file")
    return known[name]


def _preset(path: Path) -> Preset:
    lines = path.read_text("utf-8").splitlines()
    said = dict(line.removeprefix("# ").split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    return Preset(path.stem, path, said["Export"], said["Source"], said["Give"])
