"""The page at `/`: its files come from here, and a browser without network draws the fleet with them."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest

import query.api
from tests.query.api.browser import PROGRAM, Page, browsing
from tests.query.api.fleet import ENERGY, FIRST_ID, GPU_IDS, POWER, SECOND_ID, UTIL, Fleet
from tests.query.api.serving import serving, serving_in_a_thread

FOLDER = Path(query.api.__file__).parent / "page"
needs_a_browser = pytest.mark.skipif(PROGRAM is None, reason="there is no chromium: apt install chromium")


async def test_every_file_of_the_page_is_served_under_a_strict_policy() -> None:
    """Nothing but what comes from here: no script in the page itself, no address elsewhere."""
    async with serving(Fleet(is_empty=True).reader()) as api:
        page = await api.get("/")
        assert "text/html; charset=utf-8" == page.headers["content-type"]
        named = re.findall(r"""(?:src|href)="(/page/[^"]+)\"""", page.text)
        assert {"/page/main.js", "/page/style.css", "/page/icon.svg"} == set(named)
        assert not re.search(r"<script>|<style|style=|\son\w+=", page.text)
        for name in sorted(path.name for path in FOLDER.iterdir()):
            answer = await api.get(f"/page/{name}")
            assert 200 == answer.status_code
            assert (FOLDER / name).read_bytes() == answer.content
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            text = answer.text.replace("http://www.w3.org/", "")
            assert "://" not in text, name
            for imported in re.findall(r'from "\./([^"]+)"', text):
                assert (FOLDER / imported).is_file()


async def test_no_other_file_is_served() -> None:
    """Neither what is not there, nor what is elsewhere."""
    async with serving(Fleet(is_empty=True).reader()) as api:
        for path in ("/page/nope.js", "/page/..%2fapp.py", "/page/%2e%2e/app.py", "/page/"):
            answer = await api.get(path)
            assert (404, "application/problem+json") == (answer.status_code, answer.headers["content-type"])


# --- in a browser --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    fleet = Fleet()
    fleet.add(8)
    return fleet


@pytest.fixture(scope="module")
def page(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Generator[Page]:
    """A browser that shows the fleet."""
    folder = tmp_path_factory.mktemp("browser")
    with serving_in_a_thread(fleet.reader()) as url, browsing(folder / "profile") as page:
        page.call("Page.navigate", url=f"{url}/")
        page.until("document.querySelectorAll('#map .cell').length")
        yield page
        assert all(asked.startswith((url, "data:")) for asked in page.requested), page.requested
        assert [] == page.errors, page.errors


def cell(gpu_id: str) -> str:
    return f"document.querySelector('[data-gpu=\"{gpu_id}\"]')"


def press(page: Page, key: str) -> None:
    code = {"Enter": 13, "Escape": 27, "ArrowRight": 39}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    page.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
    page.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


@needs_a_browser
def test_the_fleet_is_drawn_by_host(page: Page, fleet: Fleet) -> None:
    """A cell for each GPU under its host, in the order of its index, with a colour; stale ones are marked."""
    hosts = page.script(
        "[...document.querySelectorAll('.host')].map(one =>"
        " [one.querySelector('h4').textContent, [...one.querySelectorAll('.cell')].map(c => c.dataset.gpu)])"
    )
    assert [["gpu-node-01", list(GPU_IDS[:2])], ["gpu-node-02", [GPU_IDS[2]]]] == hosts
    assert page.until(f"{cell(FIRST_ID)}.style.backgroundColor").startswith("rgb(")
    page.until(f"{cell(FIRST_ID)}.classList.contains('stale')")
    assert "3" == page.until("document.querySelector('#summary dd')?.textContent")
    assert ["0 %", "50 %", "100 %"] == page.script(
        "[...document.querySelectorAll('#ticks span')].map(one => one.textContent)"
    )


@needs_a_browser
def test_keys_are_enough(page: Page) -> None:
    """Arrows go from cell to cell, and say what it is; Enter opens it, Escape closes it again."""
    page.script(f"{cell(FIRST_ID)}.focus()")
    press(page, "ArrowRight")
    assert SECOND_ID == page.script("document.activeElement.dataset.gpu")
    tip = page.until("document.querySelector('#tip').hidden ? '' : document.querySelector('#tip').innerText")
    assert tip.startswith("7 %\ngpu-node-01, GPU 1\n")
    assert tip.endswith("old: stale")
    press(page, "Enter")
    page.until("!document.querySelector('#panel').hidden")
    press(page, "Escape")
    page.until("document.querySelector('#panel').hidden")
    assert SECOND_ID == page.script("document.activeElement.dataset.gpu")


@needs_a_browser
def test_a_gpu_is_plotted_live(page: Page, fleet: Fleet) -> None:
    """A click opens it; what is applied then appears by itself, blanks as blanks; so does another metric."""
    page.script(f"{cell(FIRST_ID)}.click()")
    page.until("!!document.querySelector('#plot path.mean')")
    page.until("document.querySelector('#live')?.textContent === 'live'")
    newest = (
        f"[...document.querySelectorAll('#values tr')].find(one => one.innerText.includes('{UTIL.name}'))"
        ".cells[1].textContent"
    )
    assert "7 %" == page.until(newest)
    points = "document.querySelector('#plot path.mean').getAttribute('d')"
    before = page.script(points)
    fleet.add(1)
    page.until(f"{newest} === '8 %'")
    old = newest.replace("cells[1]", "cells[2]")
    page.until(f"{old}.endsWith(' h') || {old}.endsWith(' d')")  # as it was observed, whenever it came
    page.until(f"{points} !== {before!r}")
    fleet.add(1)
    page.until(f"{newest} === 'blank'")
    page.until(f"{cell(FIRST_ID)}.classList.contains('blank')")

    page.script(
        f"document.querySelector('#metric').value = '{POWER.name}';"
        "document.querySelector('#metric').dispatchEvent(new Event('change'))"
    )
    page.until(f"!{cell(FIRST_ID)}.classList.contains('blank')")
    page.until("document.querySelector('#plot-title')?.textContent === 'Power drawn'")
    page.until("!!document.querySelector('#plot path.mean')")
    assert f"metric={POWER.name}" in page.script("location.hash")


@needs_a_browser
def test_an_address_that_has_grown_old(fleet: Fleet, tmp_path: Path) -> None:
    """A metric that nobody reports gives way to the usual one; what is no range, to the first one."""
    with serving_in_a_thread(fleet.reader()) as url, browsing(tmp_path / "profile") as page:
        page.call("Page.navigate", url=f"{url}/#metric=DCGM_FI_GONE&gpu=&range=toString")
        page.until("document.querySelectorAll('#map .cell').length === 3")
        assert UTIL.name == page.script("document.querySelector('#metric').value")
        assert page.script("document.querySelector('#panel').hidden")
        page.script(f"{cell(FIRST_ID)}.click()")
        page.until("document.querySelector('#ranges [aria-pressed=true]')?.textContent === '15m'")
        page.until("!!document.querySelector('#plot path.mean')")
        assert [] == page.errors


class ExtremeFleet(Fleet):
    """Values for which a scale is hard to find."""

    @staticmethod
    def value(round_number: int, metric: int) -> float:
        return ((-1) ** round_number * 1.7e308, 5e-324 * round_number, 1e17 + 16 * round_number)[metric]


@needs_a_browser
def test_values_that_are_hard_to_draw(tmp_path: Path) -> None:
    """The largest, the smallest, and those that are closer together than their digits tell, are drawn."""
    fleet = ExtremeFleet()
    fleet.add(5)
    with serving_in_a_thread(fleet.reader()) as url, browsing(tmp_path / "profile") as page:
        page.call("Page.navigate", url=f"{url}/#gpu={FIRST_ID}")
        for metric in (UTIL, POWER, ENERGY):
            page.script(f"location.hash = 'gpu={FIRST_ID}&metric={metric.name}'")
            page.until(f"document.querySelector('#plot-title')?.textContent === {metric.description!r}")
            page.until("!!document.querySelector('#plot path.mean')")
            page.until(f"document.querySelector('#freshness').textContent.startsWith('{metric.name}')")
            assert "NaN" not in page.script("document.documentElement.outerHTML")
        assert [] == page.errors


@needs_a_browser
def test_both_themes_have_their_colours(page: Page, tmp_path: Path) -> None:
    """The ramp is another one in the dark, and the map follows at once."""
    seen = {}
    for theme in ("light", "dark"):
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        page.picture(tmp_path / f"{theme}.png")
        seen[theme] = page.script(
            f"[getComputedStyle(document.body).backgroundColor, {cell(GPU_IDS[2])}.style.backgroundColor]"
        )
    assert seen["light"][0] != seen["dark"][0]
    assert seen["light"][1] != seen["dark"][1]


@needs_a_browser
def test_without_a_view_the_page_says_what_to_do(tmp_path: Path) -> None:
    """And draws the fleet as soon as there is one."""
    fleet = Fleet(is_empty=True)
    with serving_in_a_thread(fleet.reader()) as url, browsing(tmp_path / "profile") as page:
        page.call("Page.navigate", url=f"{url}/")
        assert "gputail up" in page.until("document.querySelector('#notice')?.textContent")
        fleet.write_to(fleet.views.writer(projections={"inventory": 1, "samples": 1}))
        fleet.add(1)
        page.until("document.querySelectorAll('#map .cell').length === 3")
        page.until("document.querySelector('#notice').hidden")
        assert page.script("document.querySelector('#loading').hidden")
