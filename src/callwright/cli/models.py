"""`callwright models`: the speech models on this machine."""

from typing import Annotated

import typer
from rich.filesize import decimal

from callwright.cli.session import command_settings, out, print_json, print_table

app = typer.Typer(help="Download speech models, and list those that are here.", no_args_is_help=True)


@app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="Its name, as `small` or `owner/name` of a model hub.")],
) -> None:
    """Download a faster-whisper model into the data folder, once."""
    from callwright.transcription.faster_whisper import pull_model  # noqa: PLC0415 - half a second that others save

    folder = pull_model(name, command_settings().data_dir / "models")
    out.print(f"The model is in {folder}. Next: set CALLWRIGHT_TRANSCRIBER=faster-whisper:{name}", markup=False)


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False) -> None:
    """List the models in the data folder."""
    from callwright.transcription.faster_whisper import list_models  # noqa: PLC0415 - as above

    found = list_models(command_settings().data_dir / "models")
    if as_json:
        print_json([{"name": name, "bytes": size} for name, size in found])
        return
    if not found:
        out.print("No model yet; pocketsphinx needs none. Next: callwright models pull small")
        return
    print_table(("Model", "Size"), [(name, decimal(size)) for name, size in found])
