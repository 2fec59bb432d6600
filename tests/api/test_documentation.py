"""The reference for partners, as a document and as a page."""

import base64
import hashlib
import re

import pytest

from callwright.api.openapi import openapi_document
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_document(door: Door) -> None:
    answer = await door.client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == openapi_document()


async def test_page_tells_of_everything(door: Door) -> None:
    page = (await door.client.get("/docs")).text
    for path, item in openapi_document()["paths"].items():
        assert path in page
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page
    for link in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{link}"' in page


async def test_page_loads_nothing_from_elsewhere(door: Door) -> None:
    answer = await door.client.get("/docs")
    assert not re.search(r"<(script|link|img|iframe)|@import|url\(", answer.text)
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
