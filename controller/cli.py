"""The `huawu` command line. Each command imports what it needs only when it runs.

Exit codes: 0 done, 1 a problem that was printed, 2 wrong usage, 130 interrupted.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from controller.problems import ProblemError

if TYPE_CHECKING:
    from controller.change import Change
    from controller.settings import Settings
    from store.versions import Versions

app = typer.Typer(
    name="huawu",
    help="Huawu, a telephone customer-service centre on Asterisk.",
    epilog="Begin with: ./huawu up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ivr = typer.Typer(help="The voice menu: check, draw, record, take into use.", no_args_is_help=True)
user = typer.Typer(help="Web accounts: list, add, new password, close.", no_args_is_help=True)
app.add_typer(ivr, name="ivr")
emergency = typer.Typer(
    help="An announcement or another flow in front of everything, or of a queue.",
    no_args_is_help=True,
)
ivr.add_typer(emergency, name="emergency")
app.add_typer(user, name="user")
rules = typer.Typer(
    help="Queues, agents and routing: check the files, take them into use, go back.",
    no_args_is_help=True,
)
app.add_typer(rules, name="rules")

# Commands with a parser of their own get every word, `--help` too.
_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def main() -> NoReturn:
    """Run the command of this process' arguments and leave with its exit code."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not _can_be_mended(error):
            raise
        print(f"\nhuawu: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)


def _can_be_mended(error: Exception) -> bool:
    """Whether the text alone helps; anything else is a defect and shows where it came from."""
    if isinstance(error, ProblemError):
        return True
    # Imported here, because these rooms take a second to load and most commands need none.
    from ivr.emergency import CannotSwitch
    from store.database import DatabaseAddressError
    from store.source import BadFile
    from store.versions import NoSuchVersion

    return isinstance(error, BadFile | CannotSwitch | DatabaseAddressError | NoSuchVersion)


def _settings() -> "Settings":
    from controller.settings import load_settings

    return load_settings()


def _leave(code: int) -> NoReturn:
    raise typer.Exit(code)


@app.command(epilog="Example: HUAWU_WEB_PORT=8081 ./huawu up --controllers 2")
def up(
    controllers: Annotated[
        int | None, typer.Option(min=1, max=4, help="One decides, the others stand by.")
    ] = None,
) -> None:
    """Set up what is missing, start everything, print addresses and accounts."""
    from controller.lifecycle import up as start_all
    from controller.setup.progress import Progress

    if controllers is not None:
        os.environ["HUAWU_CONTROLLERS"] = str(controllers)  # the supervisor reads it, too
    start_all(_settings(), Progress())


@app.command(epilog="Example: ./huawu down")
def down() -> None:
    """End everything that `up` started; calls end too."""
    from controller.lifecycle import stop

    if not stop(_settings()):
        raise ProblemError("Something is still there; `./huawu status` shows what.")
    print("All ended.")


@app.command(epilog="Example: ./huawu status --json | python3 -m json.tool")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What runs, since when. Exit code 0 only when all of it runs and serves."""
    from controller.lifecycle import as_running, roles, status_json, why_not_ready
    from controller.lifecycle import status as states_of

    settings = as_running(_settings())
    states = states_of(settings)
    reason, found = why_not_ready(settings), roles(settings)
    if as_json:
        print(status_json(settings, states, reason, found))
    else:
        for state in states:
            since = f"process {state.pid}, {state.seconds:.0f} s" if state.runs else "-"
            print(f"  {state.name:<12} {'runs' if state.runs else 'DOWN':<6} {since}")
        for role in found[:0] if settings.controllers == 1 else found:
            print(f"  {role.name:<12} {role.role or 'not ready':<10} {role.url}")
        print(f"  {'serves' if not reason else 'does not serve: ' + reason}  {settings.web_url}")
    _leave(0 if not reason and all(state.runs for state in states) else 1)


@app.command(epilog="Example: ./huawu doctor")
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What is wrong, and how to mend it. Exit code 1 when there is a problem."""
    from controller.doctor import examine, report

    findings = asyncio.run(examine(_settings()))
    print(report(findings, as_json=as_json))
    _leave(1 if any(finding.is_problem for finding in findings) else 0)


@app.command(context_settings=_PASS_ON)
def demo(context: typer.Context) -> None:
    """Simulated customers call, simulated agents answer: life without a phone."""
    from controller.demo import main as run

    _leave(run(context.args))


@app.command(epilog="Example: ./huawu check")
def check() -> None:
    """Formatting, lint, types, import contracts and the fast tests; under a minute."""
    from controller.quality import check as run

    _leave(run())


@app.command("test", epilog="Example: ./huawu test -k wallboard")
def run_tests(
    words: Annotated[list[str] | None, typer.Argument(help="Handed on to pytest.")] = None,
    keyword: Annotated[str, typer.Option("-k", help="Only tests that match.")] = "",
) -> None:
    """Everything of `check`, then real calls on a real Asterisk. Installs what that needs."""
    from controller.quality import test as run

    _leave(run(_settings(), [*(["-k", keyword] if keyword else []), *(words or [])]))


@app.command(epilog="Example: ./huawu bench ami_reader --help", context_settings=_PASS_ON)
def bench(context: typer.Context) -> None:
    """Measure one part; without a name: list what can be measured."""
    from controller.settings import ROOT

    programs = {file.stem: file for file in sorted((ROOT / "bench").glob("[a-z]*.py"))}
    name, *words = context.args or [""]
    if name in programs:
        _leave(subprocess.run([sys.executable, programs[name], *words], check=False).returncode)
    for stem, file in programs.items():
        first = file.read_text(encoding="utf-8").split("\n", 1)[0].strip('"')
        print(f"  {stem:<20} {first}")
    _leave(0 if name in ("", "-h", "--help") else 2)


@app.command(context_settings=_PASS_ON)
def models(context: typer.Context) -> None:
    """Speech models: which are there, which are used."""
    from recordings.models import main as run

    _leave(run(["--models", str(_settings().models_dir), *context.args]))


@ivr.command("check", context_settings=_PASS_ON)
def ivr_check(context: typer.Context) -> None:
    """Everything wrong with the menu files, with file, line and mend."""
    from ivr.check import main as run

    _leave(run(context.args))


@ivr.command("say", context_settings=_PASS_ON)
def ivr_say(context: typer.Context) -> None:
    """Make the recordings of every text that has none yet."""
    from ivr.say import main as run

    _leave(run(["--kept", str(_settings().menus_dir), *context.args]))


_DAY = Annotated[str, typer.Option(help="A date, 2026-01-31, or `today`.")]


@ivr.command("graph", epilog="Example: ./huawu ivr graph --today --out menu.svg")
def ivr_graph(
    *,
    flow: Annotated[str, typer.Option(help="One flow; all of them when not given.")] = "",
    out: Annotated[Path | None, typer.Option(help="A file; printed when not given.")] = None,
    language: Annotated[str, typer.Option(help="zh-CN or en")] = "zh-CN",
    today: Annotated[bool, typer.Option("--today", help="With today's callers.")] = False,
    day: Annotated[str, typer.Option(help="With the callers of this day: 2026-01-31.")] = "",
) -> None:
    """Draw the menu as SVG: its nodes and ways, and how many callers went each way."""
    from controller.menu_figures import draw_menu

    svg = draw_menu(_settings(), flow, language, "today" if today else day)
    if out is None:
        print(svg)
    else:
        out.write_text(svg, encoding="utf-8")
        print(out)


@app.command(epilog="Example: ./huawu report --day 2026-01-31")
def report(
    day: _DAY = "today",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """How a day's callers went through the menu: solved without a person, and where they left."""
    from controller.menu_figures import report as run

    print(run(_settings(), day, as_json=as_json))


@ivr.command("record", context_settings=_PASS_ON)
def ivr_record(context: typer.Context) -> None:
    """Let a person's recording say a prompt instead of the synthesised voice."""
    from ivr.human import main as run

    _leave(run(context.args))


@ivr.command("test", context_settings=_PASS_ON)
def ivr_test(context: typer.Context) -> None:
    """Run scenarios of the menu: in memory, or with --sip over real calls."""
    from controller.scenario_test import main as run

    _leave(run(_settings(), context.args))


@user.command("list", epilog="Example: ./huawu user list")
def user_list() -> None:
    """Every account with its role."""
    from controller.users import list_accounts

    for account in asyncio.run(list_accounts(_settings())):
        closed = "  closed" if account.disabled else ""
        print(f"  {account.name:<16} {account.role:<12} {account.agent}{closed}".rstrip())


@user.command("add", epilog="Example: ./huawu user add mei --role supervisor")
def user_add(
    name: str,
    role: Annotated[str, typer.Option(help="admin, supervisor or agent")] = "supervisor",
    agent: Annotated[str, typer.Option(help="The agent's extension, for role agent.")] = "",
) -> None:
    """Make an account and print its generated password."""
    from controller.users import add_account

    print(asyncio.run(add_account(_settings(), name, role, agent)))


@user.command("password", epilog="Example: ./huawu user password admin")
def user_password(name: str) -> None:
    """Give an account a new password, print it, and sign the account out everywhere."""
    from controller.users import renew_password

    print(asyncio.run(renew_password(_settings(), name)))


@user.command("close", epilog="Example: ./huawu user close mei")
def user_close(
    name: str,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open it again instead.")] = False,
) -> None:
    """Close an account and sign it out everywhere."""
    from controller.users import set_disabled

    asyncio.run(set_disabled(_settings(), name, not reopen))


_AUTHOR = Annotated[str, typer.Option(help="Who changed it; your login if not given.")]
_VERSION = Annotated[int | None, typer.Argument(help="The one before when not given.")]


@ivr.command("reload", epilog="Example: ./huawu ivr reload --author mei")
def ivr_reload(author: _AUTHOR = "") -> None:
    """Give new callers the menu as the files have it now; with any mistake nothing changes.

    Callers inside keep theirs. Queues and attributes are those of the rules in use.
    """
    from controller.change import author_or
    from controller.menus import reload_menu

    _tell_change(reload_menu(_settings(), author_or(author)), "callers keep the menu they have")


@ivr.command("rollback", epilog="Example: ./huawu ivr rollback 12")
def ivr_rollback(version: _VERSION = None, author: _AUTHOR = "") -> None:
    """Put an earlier version's files back and give new callers that menu."""
    from controller.change import author_or
    from controller.menus import roll_back_menu

    change = roll_back_menu(_settings(), version, author_or(author))
    _tell_change(change, "callers keep the menu they have")


@ivr.command("versions", epilog="Example: ./huawu ivr versions")
def ivr_versions() -> None:
    """Every version of the menu that was in use, the newest first: number, time, author."""
    from controller.menus import menu_files

    _list_versions(menu_files(_settings()).kept)


@emergency.command("on", epilog="Example: ./huawu ivr emergency on delays --queue logistics")
def emergency_on(
    preset: Annotated[str, typer.Argument(help="A name that `status` lists.")] = "",
    *,
    say: Annotated[str, typer.Option(help="A prompt instead of a preset.")] = "",
    flow: Annotated[str, typer.Option(help="A flow instead of a preset.")] = "",
    then: Annotated[str, typer.Option(help="go_on, hang_up or voicemail")] = "",
    queue: Annotated[str, typer.Option(help="Only in front of this queue.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    author: _AUTHOR = "",
) -> None:
    """Put an announcement or another flow in front of all callers, at once."""
    from controller.change import author_or
    from controller.emergencies import at_the_terminal
    from ivr.emergency import EVERYTHING

    switch = at_the_terminal(_settings())
    action = switch.wanted(preset=preset, say=say, flow=flow, then=then)
    switch.switch_on(queue or EVERYTHING, action, author=author_or(author), note=note)
    print(f"on, in front of {queue or EVERYTHING}: for every caller from now on")


@emergency.command("off", epilog="Example: ./huawu ivr emergency off --queue logistics")
def emergency_off(
    queue: Annotated[str, typer.Option(help="In front of this queue.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    author: _AUTHOR = "",
) -> None:
    """Take away what stands in front of all callers, or of a queue."""
    from controller.change import author_or
    from controller.emergencies import at_the_terminal
    from ivr.emergency import EVERYTHING

    switch = at_the_terminal(_settings())
    switch.switch_off(queue or EVERYTHING, author=author_or(author), note=note)
    print(f"off, in front of {queue or EVERYTHING}")


@emergency.command("status", epilog="Example: ./huawu ivr emergency status")
def emergency_status() -> None:
    """What is on, what can be switched on, and who switched before."""
    from controller.emergencies import at_the_terminal, status_lines

    settings = _settings()
    for line in status_lines(at_the_terminal(settings), settings.secrets_file):
        print(line)


@app.command(epilog="Example: ./huawu simulate company/traffic.yaml --days 20 --out var/simulation")
def simulate(
    source: Annotated[
        str,
        typer.Argument(help="A traffic file (.yaml), or a recorded day as for `replay`."),
    ] = "",
    *,
    company: Annotated[Path | None, typer.Option(help="Folder of other rules.")] = None,
    days: Annotated[int, typer.Option("--days", "--replications", min=1, max=10_000)] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same days.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for pictures and JSON.")] = None,
    experiment: Annotated[str, typer.Option(help="pooling: 90 agents, 1 to 6 skills.")] = "",
    callers: Annotated[int, typer.Option(min=1000, help="Of the experiment.")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Days of made-up or recorded traffic on the routing itself: figures with intervals."""
    from controller.simulate import pooling
    from controller.simulate import simulate as run

    if experiment not in ("", "pooling"):
        raise typer.BadParameter("the one experiment is: pooling", param_hint="--experiment")
    if experiment:
        pooling(callers=callers, seed=seed, out=out, as_json=as_json)
        return
    run(
        _settings(),
        source=source,
        company=company,
        days=days,
        seed=seed,
        out=out,
        as_json=as_json,
    )


@app.command(epilog="Example: ./huawu replay 2026-01-31 --company new-rules")
def replay(
    day: Annotated[str, typer.Argument(help="A date, `today`, or a file of recorded events.")],
    company: Annotated[Path | None, typer.Option(help="Compare with these other rules.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="For what the day does not tell.")] = 1,
    save: Annotated[Path | None, typer.Option(help="Write the day's events there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Feed a recorded day back. Exit code 1 when a decision comes out differently."""
    from controller.simulate import replay as run

    same = run(_settings(), day=day, company=company, seed=seed, save=save, as_json=as_json)
    _leave(0 if same else 1)


@rules.command("check", epilog="Example: ./huawu rules check")
def rules_check() -> None:
    """Everything wrong with the rules, with file, line and mend. Exit code 1 if there is."""
    from controller.rules import check_rules, load_rules

    settings = _settings()
    problems = check_rules(settings.company)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"{len(problems)} problem(s); the rules in use are others", file=sys.stderr)
        _leave(1)
    found = load_rules(settings.company)
    print(
        f"the rules are good: {len(found.queues)} queues, {len(found.agents)} agents, "
        f"{len(found.routing.rules)} rules"
    )


@app.command(
    "import",
    epilog="Example: ./huawu import /etc/asterisk/queues.conf agents.csv "
    "/var/log/asterisk/queue_log --into company-from-asterisk",
)
def import_from_asterisk(
    queues_conf: Annotated[Path, typer.Argument(help="app_queue's queues.conf.")],
    agents_csv: Annotated[Path, typer.Argument(help="extension,name,queues or skills,penalty")],
    queue_log: Annotated[
        list[Path] | None, typer.Argument(help="Logs; rotated copies beside them are read too.")
    ] = None,
    into: Annotated[Path, typer.Option(help="The new company folder.")] = Path("imported"),
) -> None:
    """Make a checked company folder, with its history, of what app_queue used. Overwrites nothing.

    Lines of the log that are damaged are left out and named; any other mistake stops the import.
    """
    from controller.importing import run

    _leave(run(queues_conf, agents_csv, queue_log or [], into))


@rules.command("reload", epilog="Example: ./huawu rules reload --author mei")
def rules_reload(author: _AUTHOR = "") -> None:
    """Take the files into use while calls go on; with any mistake in them nothing changes."""
    from controller.change import author_or
    from controller.rules_change import reload_rules

    _tell_change(reload_rules(_settings(), author_or(author)), "the rules stay as they are")


@rules.command("rollback", epilog="Example: ./huawu rules rollback 12")
def rules_rollback(version: _VERSION = None, author: _AUTHOR = "") -> None:
    """Put an earlier version's files back and take them into use."""
    from controller.change import author_or
    from controller.rules_change import roll_back_rules

    change = roll_back_rules(_settings(), version, author_or(author))
    _tell_change(change, "the rules stay as they are")


@rules.command("versions", epilog="Example: ./huawu rules versions")
def rules_versions() -> None:
    """Every version that was in use, the newest first: number, time, author."""
    from controller.rules import rule_versions

    _list_versions(rule_versions(_settings().rules_dir))


def _list_versions(versions: "Versions") -> None:
    import datetime

    for version in reversed(versions.all()):
        at = datetime.datetime.fromtimestamp(version.at).astimezone()
        print(f"  {version.number:>4}  {at:%Y-%m-%d %H:%M:%S}  {version.author}  {version.note}")


def _tell_change(change: "Change", unchanged: str) -> NoReturn:
    for problem in change.problems:
        print(problem, file=sys.stderr)
    for note in change.notes:
        print(note, file=sys.stderr if change.problems else sys.stdout)
    if change.version is None:
        print(unchanged, file=sys.stderr)
        _leave(1)
    print(f"version {change.version.number} by {change.version.author}", end=", ")
    print(
        f"in use by {change.controllers} controller(s)"
        if change.controllers
        else "in use from the next start on: no controller runs"
    )
    _leave(0)


@app.command(hidden=True)
def serve() -> None:
    """The controller itself, in the foreground."""
    from controller.service import main as run

    run()


@app.command(hidden=True)
def transcribe() -> None:
    """The transcriber itself, in the foreground."""
    from controller.logs import log_to_stdout
    from recordings.transcriber import TranscriberSettings, run

    settings = _settings()
    log_to_stdout()
    _leave(
        run(
            TranscriberSettings(
                recordings=settings.recordings_dir,
                models=settings.models_dir,
                database_url=settings.effective_database_url,
                redis_url=settings.effective_redis_url,
            )
        )
    )


@app.command(hidden=True)
def hear() -> None:
    """The hearing process itself, in the foreground."""
    from controller.logs import log_to_stdout
    from recordings.hearing import HearingSettings, run

    settings = _settings()
    log_to_stdout()
    _leave(
        run(
            HearingSettings(
                socket=settings.hearing_socket,
                models=settings.models_dir,
                patience=settings.speech_patience,
            )
        )
    )


@app.command(hidden=True)
def supervise() -> None:
    """The supervisor itself, in the foreground (`up` starts it in the background)."""
    from controller.children import children_of
    from controller.supervisor import Supervisor

    settings = _settings()
    restart = not os.environ.get("HUAWU_SUPERVISE_NO_RESTART")
    asyncio.run(Supervisor(settings, children_of(settings), restart=restart).run())


@app.command(hidden=True)
def prepare() -> None:
    """Passwords, database, configuration and speech models, without starting anything."""
    from controller.foreground import prepare as make_ready
    from controller.setup.progress import Progress

    make_ready(_settings(), Progress())


@app.command("run", hidden=True)
def run_one(name: str) -> None:
    """One of the processes alone in the foreground, as `up` starts it (for containers)."""
    from controller.foreground import run

    _leave(run(_settings(), name))


@app.command(hidden=True)
def lock() -> None:
    """Resolve the dependencies in pyproject.toml into requirements/*.txt anew."""
    from controller.locks import write_locks

    for file in write_locks():
        print(file)
