"""The most memory that the API's process and the worker's have held, after few calls and after many."""

from functools import partial

from bench.batches import fresh, patched, records, request
from bench.figures import Figure
from bench.house import House, a_house, first_line, peak_megabytes, serving
from bench.load import drive
from bench.partner import Partner, a_partner
from bench.pipeline import stub_worker, until_received
from bench.scale import Scale

BATCH = 50
MOST_MEGABYTES = 300
AHEAD = 2_000
"""How many calls may wait, so that the queue does not grow for the whole bench."""


async def measure(scale: Scale) -> list[Figure]:
    """Figure 8."""
    async with a_house() as house, a_partner(house) as partner, serving(house) as api:
        with stub_worker(house, partner) as (process, log):
            await first_line(process, log)
            peaks = []
            done = 0
            for wanted in (scale.few, scale.many):
                while done < wanted:
                    done += await _post(house, api.port, partner, scale.decoded)
                    await until_received(partner, done - AHEAD, log)
                await until_received(partner, done, log)
                peaks.append((peak_megabytes(api.pid), peak_megabytes(process.pid)))
    (api_few, worker_few), (api_many, worker_many) = peaks
    share = "all of them" if scale.decoded == 10 else f"{scale.decoded} in 10 of them"
    return [
        *_figures("API", api_few, api_many, scale, ""),
        *_figures("worker", worker_few, worker_many, scale, f"stub engines; {share} with a recording, else a 404"),
    ]


def _figures(whose: str, few: float, many: float, scale: Scale, note: str) -> list[Figure]:
    return [
        Figure(
            f"peak memory of the {whose}, growth",
            f"{many:.0f} MB after {scale.many:,} calls",
            f"{few:.0f} MB after {scale.few:,}",
            many / few,
            1.10,
            at_most=True,
            note=note,
        ),
        Figure(
            f"peak memory of the {whose}",
            f"{many:.0f} MB",
            f"{MOST_MEGABYTES} MB",
            many / MOST_MEGABYTES,
            1.0,
            at_most=True,
        ),
    ]


async def _post(house: House, port: int, partner: Partner, decoded: int) -> int:
    """Post a batch for each partner; gives the number of calls."""
    sent = records(BATCH, partner.places())
    for number, each in enumerate(sent):
        if number % 10 >= decoded:
            each["call"]["recording_url"] = each["call"]["recording_url"].replace("/recording", "/missing")
    streams = []
    for account in house.accounts:
        once = iter((patched(request(account, sent), fresh()), None))
        streams.append(partial(next, once))
    await drive(port, streams, b'"accepted":%d,' % BATCH)
    return BATCH * len(streams)
