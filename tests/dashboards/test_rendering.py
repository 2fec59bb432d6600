"""How figures and times are written."""

from callwright.dashboards import rendering


def test_figures_are_written_for_people() -> None:
    narrow = "\N{NARROW NO-BREAK SPACE}"
    assert [rendering._duration(seconds) for seconds in (0, 59.6, 200, 7500)] == [
        f"0{narrow}s",
        f"1{narrow}min 00{narrow}s",
        f"3{narrow}min 20{narrow}s",
        f"2{narrow}h 05{narrow}min",
    ]
    assert [rendering._clock(seconds) for seconds in (0, 200.9, 3725)] == ["00:00", "03:20", "1:02:05"]
    assert [rendering._number(12345), rendering._percent(0.024, 1)] == ["12,345", f"2.4{narrow}%"]
    assert {f(None) for f in (rendering._number, rendering._percent, rendering._duration)} == {rendering.NONE}
