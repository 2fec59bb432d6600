"""How much each bench does: a quick run shows that everything works, a full one gives the figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of a run.

    Attributes:
        rounds: Rounds of each rate, ours and the other's in turns; their median counts.
        seconds: Length of a round.
        paced_seconds: How long batches are sent at a fixed pace.
        piped: Calls that go through the pipeline.
        callbacks: Callbacks that are delivered.
        few, many: Calls after which memory is read; `decoded` of 10 of them have a recording.
        stored: Calls in the small and in the large database.
        recordings: Recordings for the real speech engine.
    """

    quick: bool
    rounds: int
    seconds: float
    paced_seconds: float
    piped: int
    callbacks: int
    few: int
    many: int
    decoded: int
    stored: tuple[int, int]
    recordings: int


QUICK = Scale(
    quick=True,
    rounds=2,
    seconds=1,
    paced_seconds=5,
    piped=200,
    callbacks=500,
    few=250,
    many=1_000,
    decoded=1,
    stored=(5_000, 50_000),
    recordings=1,
)
FULL = Scale(
    quick=False,
    rounds=5,
    seconds=5,
    paced_seconds=90,
    piped=3_000,
    callbacks=20_000,
    few=1_000,
    many=100_000,
    decoded=1,
    stored=(10_000, 5_000_000),
    recordings=12,
)
