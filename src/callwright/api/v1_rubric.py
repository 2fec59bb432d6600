"""By what the calls of a subtenant are judged: partners read the rubric and apply their own."""

import asyncio

from fastapi import APIRouter, Request

from callwright import db, rubrics
from callwright.analysis.rubric import Rubric
from callwright.analysis.rubric_check import MAX_BYTES, RubricRefused, read_document
from callwright.analysis.rubric_document import document_of
from callwright.api.auth import Admitted
from callwright.api.body import read_json
from callwright.api.envelope import Envelope, success
from callwright.api.queries import read_query
from callwright.api.rubric_models import RUBRIC_QUERY
from callwright.errors import ValidationFailed

router = APIRouter(prefix="/api/v1/partner")


@router.get("/rubric")
async def read(request: Request, caller: Admitted) -> Envelope:
    """Read the rubric in force, or another version."""
    version = read_query(request, RUBRIC_QUERY).get("version")
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        found = await rubrics.read(connection, caller.scope, None if version is None else int(version))
    document = document_of(found.rubric)
    return success({"version": found.rubric.version, "applied_at": found.applied_at, "rubric": document})


@router.put("/rubric")
async def apply(request: Request, caller: Admitted) -> Envelope:
    """Apply a rubric; answered once it is in force."""
    value = await read_json(request, most=MAX_BYTES)
    rubric = await asyncio.to_thread(
        _checked, value
    )  # a tenth of a second, where every key of a large body is at fault
    async with db.transaction(request.app.state.pool, caller.scope) as connection:
        version, changed = await rubrics.apply(connection, caller.scope, rubric, "api")
    return success({"version": version, "changed": changed})


def _checked(value: object) -> Rubric:
    try:
        return read_document(value)
    except RubricRefused as refused:
        raise ValidationFailed([{"field": each.field, "message": each.message} for each in refused.faults]) from None
