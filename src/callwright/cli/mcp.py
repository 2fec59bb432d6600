"""`callwright mcp`: a language model reads a subtenant's calls over standard input and output."""

import asyncio
from importlib.util import find_spec

from callwright.cli.partner_side import ApiKey, SecretFile, Subtenant, Tenant, Url, caller, secret_of
from callwright.errors import SetupError


def mcp(
    url: Url = None,
    api_key: ApiKey = None,
    api_secret_file: SecretFile = None,
    tenant: Tenant = None,
    subtenant: Subtenant = None,
) -> None:
    """Let a language model read a subtenant's calls, by the Model Context Protocol over standard input and output."""
    if find_spec("mcp") is None:
        raise SetupError("The Model Context Protocol is not installed", "pip install 'callwright[mcp]'")
    from callwright.mcp_server import serve  # noqa: PLC0415 - an extra, loaded only when it is chosen
    from callwright_client import AsyncClient  # noqa: PLC0415 - only here

    who = caller(url, api_key, api_secret_file, tenant, subtenant)
    try:
        client = AsyncClient(who.url, who.api_key, secret_of(who), who.tenant_id, who.sub_tenant_id)
    except ValueError as error:
        raise SetupError(f"{who.url}, {who.tenant_id}: {error}", "See docs/reference/settings.md") from None
    asyncio.run(serve(client))
