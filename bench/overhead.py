"""What the pipeline costs on top of a real speech engine: the same recordings through all of it, and by it alone."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.batches import Places
from bench.figures import BenchFailed, Figure
from bench.house import House, a_house, running, tail
from bench.partner import a_partner
from bench.pipeline import accept
from bench.scale import Scale
from callwright import db
from callwright.recordings.audio import decode
from callwright.transcription.conversation import transcribe
from callwright.transcription.engine import Heard, load_engine
from callwright.transcription.vad import Floats

ENGINE = "pocketsphinx"
RECORDINGS = Path(__file__).parents[1] / "demo" / "recordings"
LONGEST_SECONDS = 3600.0
ROUNDS = 3
"""How often the pipeline gets each recording: what its beginning and its end cost is shared by all calls."""


class Timed:
    """An engine that counts the seconds it is at work."""

    def __init__(self) -> None:
        self._engine = load_engine(ENGINE)
        self.name, self.model, self.draft, self.joins = (
            *(self._engine.name, self._engine.model),
            *(self._engine.draft, self._engine.joins),
        )
        self.seconds = 0.0

    def transcribe(self, samples: Floats, languages: tuple[str, ...]) -> Heard:
        """See `Engine.transcribe`."""
        started = time.perf_counter()
        heard = self._engine.transcribe(samples, languages)
        self.seconds += time.perf_counter() - started
        return heard


async def measure(scale: Scale) -> list[Figure]:
    """Figure 6."""
    files = [path for path in sorted(RECORDINGS.iterdir()) if path.suffix == ".wav"]
    files += [path for path in sorted(RECORDINGS.iterdir()) if path.suffix not in (".wav", ".json")]
    chosen = files[: scale.recordings]
    alone = [await _alone(chosen)]
    async with a_house() as house, a_partner(house) as partner:
        for path in chosen:
            target = house.folder / f"recording-{path.name}"
            target.write_bytes(path.read_bytes())
        wall = await through_all(house, chosen * ROUNDS, partner.recordings)
    alone.append(await _alone(chosen))
    seconds = ROUNDS * alone[0][2]
    engine, whole = (ROUNDS * median(each[place] for each in alone) for place in (0, 1))
    return [
        Figure(
            "pipeline with pocketsphinx, wall time",
            f"{wall:.1f} s",
            f"{engine:.1f} s in the engine, one process",
            wall / engine,
            1.05,
            at_most=True,
            note=f"{len(chosen)} recordings of the demo, each {ROUNDS} times, one at a time, from a worker that is "
            "ready to the last call",
        ),
        Figure(
            "audio that one process of pocketsphinx transcribes",
            f"{seconds / wall * 24:,.0f} hours a day",
            note=f"{seconds:.0f} s of audio in {wall:.1f} s, from fetch to the end of the analysis by rules",
        ),
        Figure(
            "pipeline, against transcription alone",
            f"{wall:.1f} s",
            f"{whole:.1f} s, with speech activity and speakers",
            wall / whole,
            at_most=True,
        ),
    ]


async def _alone(files: list[Path]) -> tuple[float, float, float]:
    """The engine's seconds, those of all of the transcription, in a process of its own, and those of the audio."""
    command = [sys.executable, "-m", "bench.overhead", *map(str, files)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchFailed(f"The engine alone failed: {done.stderr[-800:]}")
    engine, whole, audio = json.loads(done.stdout)
    return float(engine), float(whole), float(audio)


def alone(files: list[Path]) -> tuple[float, float, float]:
    """The seconds of the engine, of all of the transcription, and of the recordings, which are decoded already."""
    engine, whole, audio = Timed(), 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="callwright-bench-") as name:
        for path in files:
            decoded = asyncio.run(decode(path, scratch=Path(name)))
            started = time.perf_counter()
            transcribe(decoded.path, decoded.channels, decoded.samples, decoded.seconds, engine=engine)
            whole += time.perf_counter() - started
            audio += decoded.seconds
    return engine.seconds, whole, audio


async def through_all(house: House, files: list[Path], recordings: str) -> float:
    """The seconds from a real worker that is ready to the end of the last call."""
    for path in files:
        await accept(house, Places(f"{recordings}/recording-{path.name}?{{id}}", None), 1)
    environment = {
        **house.environment,
        "CALLWRIGHT_TRANSCRIBER": ENGINE,
        "CALLWRIGHT_WORKER_CONCURRENCY": "1",
    }
    log = house.folder / "worker.log"
    pool = await db.open_pool(house.url, size=1, name="bench")
    with running(["callwright", "worker"], environment, log):
        deadline, started = time.perf_counter() + LONGEST_SECONDS, 0.0
        while time.perf_counter() < deadline:
            if not started and "worker ready" in tail(log):
                started = time.perf_counter()
            async with db.everywhere(pool) as connection:
                ended = await connection.fetchval("SELECT count(*) FROM calls WHERE state = 'completed'")
                failed = await connection.fetchval("SELECT max(failure_message) FROM calls WHERE state = 'failed'")
            if failed:
                raise BenchFailed(f"A call failed: {failed}")
            if ended == len(files):
                await pool.close()
                return time.perf_counter() - started
            await asyncio.sleep(0.02)
    raise BenchFailed(f"The worker did not end; its log ends: {tail(log)}")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(alone([Path(word) for word in sys.argv[1:]])))
