"""The menu's versions: seen, taken into use and put back by supervisors."""

import structlog

from dashboards.problems import Refusal, bad_files, not_found
from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import MenuVersionList, MenuVersionView, WantedVersion
from store.source import BadFile
from store.versions import NoSuchVersion, Version

audit = structlog.get_logger("audit")


async def list_menu_versions(call: Call) -> Answer:
    """Every version that was in use, the newest first."""
    menu = call.ports.menu
    return MenuVersionList(
        versions=[_view(version, menu.version) for version in reversed(await menu.versions())]
    )


async def reload_menu(call: Call) -> Answer:
    """Give new callers the menu as the files have it now; callers inside keep theirs."""
    try:
        version = await call.ports.menu.reload(call.who.account)
    except BadFile as error:
        raise _refused(error) from None
    return _in_use(call, version)


async def roll_back_menu(call: Call) -> Answer:
    """Put an earlier version's files back and give new callers that menu."""
    wanted = call.body_as(WantedVersion)
    try:
        version = await call.ports.menu.roll_back(wanted.number, call.who.account)
    except NoSuchVersion:
        raise not_found("version") from None
    except BadFile as error:
        raise _refused(error) from None
    return _in_use(call, version)


def _in_use(call: Call, version: Version) -> MenuVersionView:
    audit.info("menu version", account=call.who.account, version=version.number, note=version.note)
    return _view(version, call.ports.menu.version)


def _view(version: Version, current: int) -> MenuVersionView:
    return MenuVersionView(
        number=version.number,
        at=version.at,
        author=version.author,
        note=version.note,
        in_use=version.number == current,
    )


def _refused(error: BadFile) -> Refusal:
    return bad_files("broken-menu", "callers keep the menu they have", error)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/menus/versions",
        run=list_menu_versions,
        summary="Every version of the menu that was in use, the newest first",
        answer=MenuVersionList,
        roles=SUPERVISORS,
        of_leader=True,
    ),
    Route(
        method="POST",
        path="/api/v1/menus/reload",
        run=reload_menu,
        summary="Take the menu's files into use; 422 names file, line and mend of each mistake",
        answer=MenuVersionView,
        roles=SUPERVISORS,
    ),
    Route(
        method="POST",
        path="/api/v1/menus/rollback",
        run=roll_back_menu,
        summary="Go back to an earlier version of the menu",
        body=WantedVersion,
        answer=MenuVersionView,
        roles=SUPERVISORS,
    ),
)
