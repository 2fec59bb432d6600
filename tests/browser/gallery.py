"""A page of every part that the templates share, in each of its forms: what stands on it is sound where it is used."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from callwright.dashboards import rendering
from callwright.dashboards.embed import PageRoute, Viewing

router = APIRouter(route_class=PageRoute)


@router.get("/gallery")
async def gallery(request: Request, viewer: Viewing) -> HTMLResponse:
    """Show every part."""
    template = rendering._environment.from_string(Path(__file__).with_name("gallery.html").read_text("utf-8"))
    return HTMLResponse(template.render(request=request, viewer=viewer))
