"""Pages out of templates: how figures, times and links are written, and what every page is given."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from callwright.dashboards.assets import bundle_of

if TYPE_CHECKING:
    from callwright.dashboards.console.door import Operator
    from callwright.dashboards.embed import Viewer

NONE = Markup(
    '<span class="none" title="Not assessed"><span aria-hidden="true">—</span>'
    '<span class="screen-reader">not assessed</span></span>'
)
"""What was not assessed: never a 0."""


def render(
    request: Request,
    viewer: "Viewer | Operator | None",
    template: str,
    /,
    status: int = 200,
    **context: Any,  # noqa: ANN401
) -> HTMLResponse:
    """Make a page of a template.

    Args:
        request: Of the page.
        viewer: Who looks at it; None where nobody is logged in at the console.
        template: As `insights.html`.
        status: Of the answer.
        context: What the template shows; it may not forget anything that the template names.
    """
    html = _environment.get_template(template).render(request=request, viewer=viewer, **context)
    return HTMLResponse(html, status)


def render_refusal(
    request: Request, status: int, title: str, text: str, *, renews: bool, headers: Mapping[str, str]
) -> HTMLResponse:
    """Make the plain page of what is refused, whoever looks at it.

    Args:
        request: Of the page.
        status: Of the answer.
        title: What is wrong.
        text: What it means, and what to do.
        renews: Whether it asks the page around it for a fresh token.
        headers: Of the answer.
    """
    html = _environment.get_template("refusal.html").render(
        request=request, viewer=None, status=status, title=title, text=text, renews=renews
    )
    return HTMLResponse(html, status, dict(headers))


def compile_templates() -> None:
    """Compile every template, for some 0.2 s: else the first pages of a process wait for that."""
    for name in _environment.list_templates():
        _environment.get_template(name)


def address(viewer: "Viewer | Operator", path: str, /, **query: object) -> str:
    """The address of a page of ours, which carries on the token, the theme and the agent; `url` in templates.

    Args:
        viewer: Who looks at the page that links to it.
        path: Its path, ids in it percent-encoded.
        query: Further parameters, or others than the viewer's; underscores become hyphens, None leaves one out.
    """
    carried = {"token": viewer.token, "theme": viewer.theme, "agent_id": viewer.agent_id, **query}
    told = {name.replace("_", "-"): str(value) for name, value in carried.items() if value not in (None, "")}
    return f"{path}?{urlencode(told)}"


@pass_context
def _url(context: Context, path: str, /, **query: object) -> str:
    return address(context["viewer"], path, **query)


def _segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def _number(value: float | None, digits: int = 0) -> str:
    """A figure with its thousands set apart."""
    return NONE if value is None else f"{value:,.{digits}f}"


def _percent(value: float | None, digits: int = 0) -> str:
    """A share of 0 to 1 in percent."""
    return NONE if value is None else f"{value * 100:.{digits}f}\N{NARROW NO-BREAK SPACE}%"


def _duration(seconds: float | None) -> str:
    """A length as people say it: `45 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    thin = "\N{NARROW NO-BREAK SPACE}"
    if hours:
        return f"{hours}{thin}h {minutes:02}{thin}min"
    return f"{minutes}{thin}min {rest:02}{thin}s" if minutes else f"{rest}{thin}s"


def _clock(seconds: float) -> str:
    """A moment of a recording: `03:20`, `1:02:05`."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


@pass_context
def _day(context: Context, moment: datetime | None) -> str:
    """A day in the partner's time zone: `24 Nov 2026`."""
    return NONE if moment is None else _written(context, moment, "%-d %b %Y")


@pass_context
def _moment(context: Context, moment: datetime | None) -> str:
    """A day and a time in the partner's time zone, as a `time` element."""
    if moment is None:
        return NONE
    said = _written(context, moment, "%-d %b %Y, %H:%M")
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), said)


def _calendar(day: date) -> str:
    """A day of the partner's: `24 Nov 2026`."""
    return f"{day:%-d %b %Y}"


def _short_day(day: date) -> str:
    """The same where the year is clear: `24 Nov`."""
    return f"{day:%-d %b}"


def _written(context: Context, moment: datetime, form: str) -> str:
    viewer: Viewer | Operator = context["viewer"]
    return moment.astimezone(viewer.time_zone).strftime(form)


_environment = Environment(
    loader=PackageLoader("callwright.dashboards"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.globals |= {"url": _url, "bundle": bundle_of, "NONE": NONE}
_environment.filters |= {
    "calendar": _calendar,
    "clock": _clock,
    "day": _day,
    "duration": _duration,
    "moment": _moment,
    "number": _number,
    "percent": _percent,
    "segment": _segment,
    "short_day": _short_day,
}
