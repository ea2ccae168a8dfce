"""Health, readiness and metrics."""

from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from acd.company import Company
from dashboards.live import LIVE
from tests.dashboards.conftest import NOW, Browser, House
from tests.dashboards.live_page import until
from tests.dashboards.story import busy_day


async def test_alive_and_ready_say_why_not(
    browser: Browser, house: House, app: web.Application
) -> None:
    await until(lambda: app[LIVE].loaded)
    assert (await browser.get("/healthz")).status == 200
    assert await (await browser.get("/readyz")).json() == {
        "ok": True, "reasons": [], "role": "leader",
    }  # fmt: skip
    house.not_alive.append("stuck")
    house.not_ready.append("no link to Asterisk")
    answer = await browser.get("/healthz")
    assert (answer.status, await answer.json()) == (
        503,
        {"ok": False, "reasons": ["stuck"], "role": "leader"},
    )
    answer = await browser.get("/readyz")
    assert answer.status == 503
    assert (await answer.json())["reasons"] == ["no link to Asterisk"]


async def test_not_ready_before_the_day_is_read(browser: Browser, app: web.Application) -> None:
    await until(lambda: app[LIVE].loaded)
    app[LIVE].loaded = False
    assert (await browser.get("/readyz")).status == 503


async def test_metrics_can_be_read_by_prometheus(
    house: House, company: Company, app: web.Application, browser: Browser
) -> None:
    await until(lambda: app[LIVE].loaded)  # until then the board may be replaced
    board = app[LIVE].board
    for event in busy_day(company, NOW, hours=1).in_order():
        board.apply(event)
    text = await (await browser.get("/metrics")).text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    values = {tuple(s.labels.values()): s.value for s in families["huawu_queue_waiting"].samples}
    assert values[("logistics",)] == 2
    waits = families["huawu_queue_longest_wait_seconds"].samples
    assert max(sample.value for sample in waits) == 34
    calls = {
        (s.labels["queue"], s.labels["outcome"]): s.value for s in families["huawu_calls"].samples
    }
    assert calls["order", "answered"] == board.queue("order", NOW).answered
    assert families["huawu_ami_events"].type == "counter"
    strays = {s.labels["kind"]: s.value for s in families["huawu_stray_events"].samples}
    assert strays == {"LegHungUp": 2, "timer": 1}
    assert families["huawu_ami_connected"].samples[0].value == 1
    assert "138" not in {value for s in text.splitlines() for value in s.split('"')}
