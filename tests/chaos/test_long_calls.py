"""A worker dies in the middle of a long call, and the next try puts only the rest of it into words."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import numpy as np

import sound
from chaos.house import a_house
from chaos.speech import IN_PIECES, heard_by, said_of, wav
from local_server import serve

TIMES = 6
DIES_AT = 12
"""Of some twenty pieces."""

PATIENCE_SECONDS = 240.0


async def test_a_death_in_the_middle_of_a_long_call_repeats_the_piece_at_hand_alone(
    tmp_path: Path, database_url: str
) -> None:
    async with serve() as speech:
        engine = f"openai:{speech.url('')}#m"
        async with a_house(tmp_path, database_url, program=IN_PIECES, TRANSCRIBER=engine) as house:
            asked: list[bytes] = []

            async def hear(request: bytes, writer: asyncio.StreamWriter) -> None:
                asked.append(heard_by(request))
                if len(asked) == DIES_AT:
                    house.processes["worker-1"].send()
                    await asyncio.Event().wait()
                writer.write(said_of(f"piece {len(set(asked))} of it"))

            speech.routes["/v1/audio/transcriptions"] = hear
            once = sound.demo("price-mishandled.wav")
            # A little quieter each time, so that no two pieces are the same.
            call = np.concatenate([sound.quieter(once, 0.5 * time) for time in range(TIMES)], axis=1)
            url = house.recordings.answer("/long.wav", wav(call))
            await house.push([house.record("long", url, transcript=None, callback_url=house.callback_url)])
            figures = await house.settled(PATIENCE_SECONDS)
            async with house.looking() as connection:
                body = json.loads(await connection.fetchval("SELECT body::text FROM transcripts"))
                kept = await connection.fetchval("SELECT count(*) FROM transcript_pieces")
            assert house.processes["worker-1"].ends == [-9]
    assert (figures.completed, figures.failed) == (1, 0)
    pieces = Counter(asked)
    assert len(pieces) > DIES_AT + 3
    assert {piece: times for piece, times in pieces.items() if times > 1} == {asked[DIES_AT - 1]: 2}
    said = " ".join(turn["text"] for turn in body["turns"])
    assert all(f"piece {number} of it" in said for number in range(1, len(pieces) + 1)), "the whole call is there"
    assert kept == 0, "what was kept on the way goes with it"
