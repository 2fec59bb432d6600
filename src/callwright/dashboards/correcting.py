"""The forms by which a person corrects a call; the token comes in a header, which no other site can send."""

from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from callwright import corrections, db
from callwright.corrections import Given, Kind
from callwright.dashboards.call_details import UNKNOWN, read_page, refuse_impossible, shown
from callwright.dashboards.embed import PageError, PageRoute, Viewer, Viewing
from callwright.dashboards.rendering import render
from callwright.errors import NotFound, ValidationFailed
from callwright.reports.call_page import CallPage
from callwright.reports.corrected import ShownTurn

router = APIRouter(route_class=PageRoute)

LONGEST_FORM: Final = 64 * 1024
MOST_FIELDS: Final = 20
PARTS: Final = {"turn": "call/turn.html", "intent": "call/intent.html", "score": "call/quality.html"}


@router.get("/call-corrections/{call_id:path}")
async def turn_form(request: Request, viewer: Viewing, call_id: str) -> HTMLResponse:
    """Give the form of one turn, or with `as=turn` the turn as it is: forms for all of them would make a heavy page."""
    page = await read_page(request, viewer, call_id)
    turn = _turn(page, request.query_params.get("turn", ""))
    part = "call/turn.html" if request.query_params.get("as") == "turn" else "call/turn_form.html"
    return render(request, viewer, part, turn=turn, form={}, fault=None, **shown(page))


@router.post("/call-corrections/{call_id:path}")
async def correct(request: Request, viewer: Viewing, call_id: str) -> HTMLResponse:
    """Take a form, and give back the part of the page that it is about; 422 and the reason where it is refused."""
    if not request.headers.get("authorization"):
        raise PageError(401, "Nothing was changed", "A correction is sent by the page itself. Open the page again.")
    refuse_impossible(call_id)
    form = await _form(request)
    about = form.get("about", "")
    if about not in PARTS:
        raise PageError(422, "Nothing was changed", "The form is none of ours.")
    fault = await _keep(request, viewer, call_id, form)
    page = await read_page(request, viewer, call_id)
    if about != "turn" and page.judged is None:
        raise PageError(409, "Nothing was changed", "This call has not been judged yet.")
    turn = _turn(page, form.get("subject", "")) if about == "turn" else None
    part = "call/turn_form.html" if about == "turn" and fault else PARTS[about]
    context = {"turn": turn, "form": form if fault else {}, "fault": fault, **shown(page)}
    return render(request, viewer, part, status=422 if fault else 200, saved=not fault, **context)


async def _keep(request: Request, viewer: Viewer, call_id: str, form: dict[str, str]) -> str | None:
    """Keep what a form says, all of it or nothing; gives the reason where it is refused."""
    try:
        async with db.transaction(request.app.state.pool, viewer.scope) as connection:
            for given in _given(form):
                await corrections.correct(connection, viewer.scope, call_id, given)
    except NotFound:
        raise PageError(404, *UNKNOWN) from None
    except ValidationFailed as refused:
        message = refused.faults[0]["message"]
        return message.replace("said_by", "your name").replace("subject", "it").replace("value", "it").capitalize()
    return None


def _given(form: dict[str, str]) -> list[Given]:
    """What a form corrects: of a turn both speaker and text, as far as they are not what they were."""
    by, subject, takes_back = form.get("by", ""), form.get("subject", ""), form.get("take-back")
    if form["about"] != "turn":
        kind: Kind = "intent" if form["about"] == "intent" else "score"
        return [Given(kind, subject, None if takes_back else form.get("value", ""), by)]
    names: tuple[Kind, Kind] = ("speaker", "text")
    if takes_back:
        return [Given(name, subject, None, by) for name in names if takes_back == name]
    changed = [name for name in names if form.get(name, "") != form.get(f"{name}-was", "")]
    return [Given(name, subject, form.get(name, ""), by) for name in changed or names[1:]]


def _turn(page: CallPage, turn_id: str) -> ShownTurn:
    for turn in page.turns:
        if str(turn.machine.id) == turn_id:
            return turn
    raise PageError(404, "This turn is not known here", "The call has no turn of that number.")


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise PageError(413, "Nothing was changed", "That is longer than a correction can be.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise PageError(422, "Nothing was changed", "The form is none of ours.") from None
