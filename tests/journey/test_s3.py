"""A call whose recording is kept in S3, from the batch to the player and to its erasure."""

from pathlib import Path

import httpx

from callwright.db import Pool
from callwright.recordings import key_of
from callwright.recordings.listening import copy_key
from callwright.recordings.store import Store
from journey_house import RECORDINGS, built, working

BASE = "/api/v1/partner"
WORDS = [{"speaker": "agent", "start": 0.5, "end": 2.5, "text": "Good morning, is it a good time?"}]


async def test_a_call_with_its_recording_in_s3(
    pool: Pool, rows: Pool, database_url: str, tmp_path: Path, s3_url: str
) -> None:
    in_s3 = {"store_url": s3_url, "store_encryption": "AES256", "play_from_store": True}
    async with built(pool, database_url, tmp_path, **in_s3) as house:
        recording = RECORDINGS / "nobody-there.wav"
        await house.push(house.record("call-1", house.serve(recording), transcript=WORDS))
        async with working(house.settings):
            call = await house.ended("call-1")
        assert (call["status"], call["callback_status"]) == ("completed", "delivered"), call["failure"]
        store = Store(**house.settings.store())
        key = key_of(await rows.fetchval("SELECT partner_id FROM partners"), "call-1")
        assert await store.read(key, 0, 10**9) == recording.read_bytes()
        assert not (tmp_path / "data" / "store").exists(), "nothing of it is kept here"

        token = (await house.client.get(f"{BASE}/dashboard/auth/token")).json()["data"]["token"]
        heard = await house.client.get("/call-recording/call-1", params={"token": token})
        assert heard.status_code == 307
        async with httpx.AsyncClient() as browser:
            part = await browser.get(heard.headers["location"], headers={"range": "bytes=0-99"})
        assert (part.status_code, len(part.content)) == (206, 100)
        assert part.headers["x-amz-server-side-encryption"] == "AES256"
        played = copy_key(key) if part.headers["content-type"] == "audio/mpeg" else key
        assert part.content == await store.read(played, 0, 100)
        assert part.headers["cache-control"] == "no-store"

        answer = await house.client.delete(f"{BASE}/calls/call-1")
        told = answer.json()["data"]
        assert (answer.status_code, told["status"]) == (200, "erased")
        assert told["files"] == len({key, played})
        assert (await store.size(key), await store.size(copy_key(key))) == (None, None)
        gone = await house.client.get("/call-recording/call-1", params={"token": token})
        assert (gone.status_code, "location" in gone.headers) == (404, False)
        async with httpx.AsyncClient() as browser:
            assert (await browser.get(heard.headers["location"])).status_code == 404, "no link outlives what it opens"
