"""Measures the analysis and the transcription against labels and references: `make evals`."""

import argparse
import asyncio
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from callwright.errors import SetupError, StepFailed
from callwright.settings import Settings, load_settings
from callwright.transcription.engine import EngineOptions, load_engine
from evals.analysis import configured, misses, outcomes
from evals.calls import HELD_OUT, HERE, TUNING, read_calls
from evals.report import analysis_table, speakers_table, words_table
from evals.speech import Confusion, WordErrors, confusion, references, two_channel, word_errors

RESULTS = HERE / "RESULTS.md"
AUDIO = HERE.parents[1] / "shared" / "audio"
PARTS = ("analysis", "words", "speakers")
SPOILT = (
    "SHOW_HELD_OUT is set: what follows names single calls of the held-out third. Whoever reads on and then changes\n"
    "an engine has spoilt the set as a measure, and must say so in evals/README.md."
)
console = Console(stderr=True)


async def measure_analysis(settings: Settings, *, show_held_out: bool) -> list[str]:
    """The table of each configured engine; misses are told on the way, those of the held-out third only if asked."""
    sections = []
    tuning, held_out = read_calls(TUNING), read_calls(HELD_OUT)
    for analyser in configured(settings):
        title = f"{analyser.name} {analyser.version}"
        console.print(Text(f"{title}: {len(tuning)} calls to tune on, {len(held_out)} held out"))
        seen, unseen = await outcomes(analyser, tuning), await outcomes(analyser, held_out)
        failed = sum(outcome.failed for outcome in (*seen, *unseen))
        words = f"{failed} calls without an answer count as nothing found.\n\n" if failed else ""
        model = f", {settings.llm_model}" if analyser.name == "llm" else ""
        sections.append(f"## Analysis by `{title}`{model}\n\n{words}{analysis_table([*seen, *unseen])}")
        tell(f"{title}: misses of the tuning set", list(misses(tuning, seen)))
        if show_held_out:
            tell(f"{SPOILT}\n\n{title}: misses of the held-out third", list(misses(held_out, unseen)))
    return sections


def tell(title: str, lines: Sequence[str]) -> None:
    """Print lines under a title."""
    sys.stdout.write("\n".join((title, *lines)) + "\n\n")


async def measure_words(settings: Settings, audio: Path) -> list[str]:
    """The word error rates of the configured speech engine."""
    options = EngineOptions(
        api_key=settings.transcriber_api_key.get_secret_value() if settings.transcriber_api_key else None,
        ca_file=settings.ca_file,
        models=settings.data_dir / "models",
    )
    engine = load_engine(settings.transcriber, options)
    found: list[WordErrors] = []
    failed: list[str] = []
    for reference in references(audio):
        try:
            found.append(await word_errors(reference, engine))
            console.print(Text(f"{found[-1].name}: {found[-1].errors} of {found[-1].words} words wrong"))
        except StepFailed as error:
            failed.append(f"{reference.path.name}: {error}")
    left_out = "".join(f"\n- left out: {line}" for line in failed)
    return [f"## Words by `{settings.transcriber}`\n\n{words_table(found)}" + (f"\n{left_out}" if left_out else "")]


async def measure_speakers(audio: Path) -> list[str]:
    """The confusion of speakers on mono mixes."""
    found: list[Confusion] = []
    for path in two_channel(audio):
        measured = await confusion(path)
        if measured:
            found.append(measured)
    return [f"## Speakers in a mono mix\n\n{speakers_table(found)}"]


async def measure(parts: Sequence[str], audio: Path, *, show_held_out: bool) -> list[str]:
    """The sections of the report, in the order of `PARTS`."""
    settings = load_settings()
    sections: list[str] = []
    if "analysis" in parts:
        sections += await measure_analysis(settings, show_held_out=show_held_out)
    if "words" in parts:
        sections += await measure_words(settings, audio)
    if "speakers" in parts:
        sections += await measure_speakers(audio)
    return sections


def about(audio: Path) -> str:
    """When the figures were taken, and of what."""
    real = "with" if (audio / "index.tsv").exists() else "without"
    return (
        f"Taken on {dt.datetime.now(dt.UTC):%Y-%m-%d}, {real} real recordings. In brackets the 95 % confidence "
        "interval by a bootstrap over calls or recordings.\nHow to read it: [how the analysis is measured]"
        "(../docs/explanation/how-analysis-is-measured.md)."
    )


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}; all without any")
    parser.add_argument("--audio", type=Path, default=AUDIO, help="a folder with real recordings and their index.tsv")
    parser.add_argument("--write", action="store_true", help="renew RESULTS.md")
    parser.add_argument("--show-held-out", action="store_true", help="name the misses of the held-out third: spoils it")
    arguments = parser.parse_args()
    parts = arguments.parts or list(PARTS)
    if not set(parts) <= set(PARTS):
        parser.error(f"the parts are {', '.join(PARTS)}")
    if arguments.write and set(parts) != set(PARTS):
        parser.error("RESULTS.md holds all parts: leave out ONLY to write it")
    try:
        sections = asyncio.run(measure(parts, arguments.audio, show_held_out=arguments.show_held_out))
    except SetupError as error:
        sys.exit(str(error))
    text = "\n\n".join((about(arguments.audio), *sections)) + "\n"
    sys.stdout.write(text)
    if arguments.write:
        RESULTS.write_text(f"# Results\n\n{text}", "utf-8")


if __name__ == "__main__":
    main()
