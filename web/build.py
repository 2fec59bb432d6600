"""Bundles the dashboards' scripts and styles into the package, where what lies there was made of other sources."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
STATIC = WEB.parent / "src" / "callwright" / "dashboards" / "static"
STAMP = STATIC / "sources.sha256"
"""Of what the bundle was made; beside it, so that it travels with it."""

INSTALLED = WEB / "node_modules" / ".package-lock.json"
NODE_LOCK = WEB.parent / "requirements" / "node.lock"
OLDEST_NODE = (20, 19)
"""Of Vite's own (`engines` of its package)."""


class NoNode(Exception):
    """There is no Node.js that is new enough, nor a way to get one."""


def sources() -> list[Path]:
    """What the bundle is made of."""
    named = [WEB / name for name in ("package.json", "package-lock.json", ".npmrc", "vite.config.js")]
    return [*named, *sorted(path for path in (WEB / "src").rglob("*") if path.is_file())]


def digest() -> str:
    """One hash over all of them."""
    total = hashlib.sha256()
    for path in sources():
        content = path.read_bytes()
        total.update(f"{path.relative_to(WEB)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def is_fresh() -> bool:
    """Whether the bundle was made of the present sources."""
    return STAMP.is_file() and STAMP.read_text().strip() == digest()


def node_folder() -> Path | None:
    """Where Node.js and npm are: the machine's, if it is new enough, else beside this Python; None where neither is."""
    for search in (None, str(Path(sys.executable).parent)):
        node, npm = shutil.which("node", path=search), shutil.which("npm", path=search)
        if node is None or npm is None:
            continue
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"v(\d+)\.(\d+)", told)
        if version and (int(version[1]), int(version[2])) >= OLDEST_NODE:
            return Path(node).parent
    return None


def bundle() -> None:
    """Make the bundle, if the one that is there was made of other sources.

    Raises:
        NoNode: It has to be made, and nothing here can.
        subprocess.CalledProcessError: npm or Vite failed; they have said why.
    """
    if is_fresh():
        return
    folder = node_folder()
    if folder is None and (uv := Path(sys.executable).with_name("uv")).is_file():
        print("web: no Node.js of at least 20.19 here: taking one from a Python package", flush=True)
        wanted = ["--require-hashes", "-r", str(NODE_LOCK)]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", sys.executable, *wanted], check=True)
        folder = node_folder()
    if folder is None:
        raise NoNode("The dashboards' scripts are made with Node.js 20.19 or newer and npm, and there is none here")
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    lock = WEB / "package-lock.json"
    if not INSTALLED.is_file() or INSTALLED.stat().st_mtime < lock.stat().st_mtime:
        print("web: fetching what the dashboards' scripts are made of", flush=True)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-progress"], cwd=WEB, env=environment, check=True)
    made_of = digest()
    subprocess.run(
        ["npm", "run", "--silent", "build", "--", "--logLevel", "warn"], cwd=WEB, env=environment, check=True
    )
    STAMP.write_text(f"{made_of}\n")


if __name__ == "__main__":
    try:
        bundle()
    except (NoNode, subprocess.CalledProcessError) as error:
        sys.exit(f"web: {error}")
