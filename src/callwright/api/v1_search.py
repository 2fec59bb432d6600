"""Words in transcripts (contract, section 7: `GET search`): a subtenant's, a tenant's, or all of a partner's."""

from fastapi import APIRouter, Request

from callwright.api.auth import Admitted, AdmittedPartner
from callwright.api.envelope import Envelope, success
from callwright.api.queries import PAGE, moment, read_query
from callwright.api.search_models import (
    SEARCH_QUERY,
    WHOLE_SEARCH_QUERY,
    WholeSearchQuery,
    cursor_of_search,
    place_of_search,
)
from callwright.reports.search import Wanted, Within, find_turns, tenant_of

router = APIRouter(prefix="/api/v1/partner/search")


@router.get("")
async def search(request: Request, caller: Admitted) -> Envelope:
    """Find turns in the calls of the subtenant, or of the whole tenant."""
    query = read_query(request, SEARCH_QUERY)
    within = Within(caller.scope.partner_id, (caller.scope.subtenant_no,))
    if query.get("scope") == "tenant":
        async with request.app.state.reads.transaction(within.partner_id) as connection:
            within = await tenant_of(connection, within.partner_id, caller.tenant_id)
    return await _found(request, within, query)


@router.get("/all")
async def search_all(request: Request, partner: AdmittedPartner) -> Envelope:
    """Find turns in the calls of all tenants of the partner."""
    return await _found(request, Within(partner.partner_id, None), read_query(request, WHOLE_SEARCH_QUERY))


async def _found(request: Request, within: Within, query: WholeSearchQuery) -> Envelope:
    wanted = Wanted(
        query["q"],
        since=moment(query.get("since")),
        until=moment(query.get("until")),
        agent_id=query.get("agent_id"),
        customer_id=query.get("customer_id"),
        speaker=query.get("speaker"),
    )
    after = place_of_search(query["cursor"]) if "cursor" in query else None
    most = int(query.get("limit", PAGE))
    page, place = await find_turns(request.app.state.reads, within, wanted, most=most, after=after)
    return success({"hits": page, "next_cursor": place and cursor_of_search(place)})
