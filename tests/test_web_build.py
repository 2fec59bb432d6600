"""The bundle of the dashboards: made again when its sources change, with a Node.js that is new enough, and packed."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The build, of a folder of its own with one source."""
    spec = importlib.util.spec_from_file_location("web_build", ROOT / "web" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "src").mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc", "vite.config.js", "src/page.js"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(module, "WEB", tmp_path)
    monkeypatch.setattr(module, "STAMP", tmp_path / "sources.sha256")
    return module


def a_node(folder: Path, version: str) -> Path:
    """A folder with a Node.js of a version, and npm."""
    folder.mkdir()
    for name in ("node", "npm"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / name).chmod(0o755)
    return folder


def test_a_bundle_is_fresh_until_a_source_changes(build: ModuleType, tmp_path: Path) -> None:
    assert not build.is_fresh()
    build.STAMP.write_text(build.digest())
    assert build.is_fresh()
    (tmp_path / "src" / "page.js").touch()
    assert build.is_fresh(), "a clone has other times, and the same sources"
    (tmp_path / "src" / "more.js").write_text("")
    assert not build.is_fresh()


@pytest.mark.parametrize(
    ("machines", "packaged", "taken"),
    [
        ("v20.19.0", None, "machine"),
        ("v24.1.0", "v24.19.0", "machine"),
        ("v18.20.4", "v24.19.0", "package"),
        (None, "v24.19.0", "package"),
        ("v18.20.4", None, None),
        (None, None, None),
    ],
)
def test_the_machines_node_is_taken_if_it_is_new_enough(
    build: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    machines: str | None,
    packaged: str | None,
    taken: str | None,
) -> None:
    machine, package = tmp_path / "machine", tmp_path / "package"
    for folder, version in ((machine, machines), (package, packaged)):
        if version is not None:
            a_node(folder, version)
    monkeypatch.setenv("PATH", str(machine))
    monkeypatch.setattr("sys.executable", str(package / "python"))
    assert build.node_folder() == (tmp_path / taken if taken else None)
    if taken is None:
        with pytest.raises(build.NoNode):
            build.bundle()


def test_a_wheel_brings_the_bundle_and_its_licences_along(tmp_path: Path) -> None:
    words = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT)
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    static = [Path(name).name for name in names if name.startswith("callwright/dashboards/static/")]
    assert {"manifest.json", "licences.txt", "sources.sha256"} <= set(static)
    assert {name.rpartition(".")[2] for name in static if name.startswith("page-")} == {"js", "css", "gz", "br"}
    assert "callwright/dashboards/templates/parts/figures.html" in names
    assert not [name for name in names if "node_modules" in name]
