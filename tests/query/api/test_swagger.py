"""The documentation: served from here, drawn by a browser that has no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.query.api.browser import PROGRAM, browsing
from tests.query.api.fleet import GPU_IDS, Fleet
from tests.query.api.serving import serving, serving_in_a_thread


async def test_the_page_names_files_that_are_here() -> None:
    """Every file that the page loads comes from this server; nothing in it points elsewhere."""
    async with serving(Fleet().reader()) as api:
        page = (await api.get("/schema/swagger")).text
        head = page[: page.index("<body>")]
        assert "://" not in head
        files = re.findall(r"""(?:src|href)=["']([^"']+)["']""", head)
        assert 4 == len(files)
        for file in files:
            answer = await api.get(file)
            assert 200 == answer.status_code
            assert len(answer.content) > 1000
            assert "max-age" in answer.headers["cache-control"]


async def test_the_document_is_there_before_any_view() -> None:
    """As JSON, OpenAPI 3.1; `/schema` leads to the page."""
    async with serving(Fleet(is_empty=True).reader()) as api:
        answer = await api.get("/schema/openapi.json")
        assert "application/json" == answer.headers["content-type"]
        assert answer.json()["openapi"].startswith("3.1.")
        assert "text/html; charset=utf-8" == (await api.get("/schema")).headers["content-type"]


@pytest.mark.skipif(PROGRAM is None, reason="there is no chromium: apt install chromium")
def test_a_browser_without_network_draws_every_operation(tmp_path: Path) -> None:
    """As many operations as the document has; "Try it out" on `/api/v1/gpus` shows the fleet."""
    fleet = Fleet()
    fleet.add(3)
    with serving_in_a_thread(fleet.reader()) as url, browsing(tmp_path / "profile") as page:
        page.call("Page.navigate", url=f"{url}/schema/swagger")
        page.until("document.querySelectorAll('.opblock').length")
        drawn = page.script(
            "[...document.querySelectorAll('.opblock-summary-path')]"
            ".map(one => one.textContent.replaceAll('\\u200b', ''))"
        )
        document = page.script(
            "(() => { const ask = new XMLHttpRequest(); ask.open('GET', '/schema/openapi.json', false);"
            " ask.send(); return JSON.parse(ask.responseText); })()"
        )
        assert sorted(path for path, item in document["paths"].items() for _ in item) == sorted(drawn)

        block = "document.querySelector('#operations-GPUs-listGPUs')"
        page.script(f"{block}.querySelector('.opblock-summary-control').click()")
        page.until(f"!!{block}.querySelector('.try-out__btn')")
        page.script(f"{block}.querySelector('.try-out__btn').click()")
        page.until(f"!!{block}.querySelector('.execute')")
        page.script(f"{block}.querySelector('.execute').click()")
        answer = f"{block}.querySelector('.live-responses-table')"
        status = page.until(
            f"{answer} ? {answer}.querySelector('tbody .response-col_status').textContent : ''"
        )
        page.picture(tmp_path / "swagger.png")
        assert status.startswith("200")
        shown = page.until(f"{answer}.querySelector('.highlight-code').textContent")
        assert all(gpu_id in shown for gpu_id in GPU_IDS)
        assert all(asked.startswith((url, "data:")) for asked in page.requested), page.requested
        assert [] == page.errors, page.errors
