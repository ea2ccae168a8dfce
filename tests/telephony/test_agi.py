import asyncio
import contextlib
import logging
import resource
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.agi import (
    COMMAND_LIMIT,
    AgiCommandRefused,
    AgiConnectionLost,
    AgiFileMissing,
    AgiProtocolError,
    AgiReply,
    AgiTimeout,
    CallerHungUp,
    FastAgiServer,
    command_line,
    environment_of,
)
from tests.telephony.until import until

# As Asterisk 22.10 wrote it for AGI(agi://127.0.0.1:4573/menu?x=1,one,二).
ENVIRONMENT = (
    "agi_network: yes\nagi_network_script: menu?x=1\n"
    "agi_request: agi://127.0.0.1:4573/menu?x=1\nagi_channel: PJSIP/trunk-00000001\n"
    "agi_language: zh\nagi_type: PJSIP\nagi_uniqueid: huawu-1763760000.12\n"
    "agi_version: 22.10.1\nagi_callerid: 13800138000\nagi_calleridname: 王小明\n"
    "agi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\nagi_callingtns: 0\n"
    "agi_dnid: 8000\nagi_rdnis: unknown\nagi_context: huawu\nagi_extension: 8000\n"
    "agi_priority: 4\nagi_enhanced: 0.0\nagi_accountcode: \nagi_threadid: 1400\n"
    "agi_arg_1: one\nagi_arg_2: 二\n\n"
)
DEAD = "511 Command Not Permitted on a dead channel or intercept routine\n"
USAGE = "520-Invalid command syntax.  Proper usage follows:\nUsage: X\n520 End of proper usage.\n"


class Call:
    """The side of Asterisk: one connection, answering as the test says."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, text):
        self.writer.write(text if isinstance(text, bytes) else text.encode())

    async def command(self):
        return (await asyncio.wait_for(self.reader.readline(), 5)).decode().rstrip("\n")

    async def answers(self, *answers):
        """Take a command and answer it, for each of these; the commands."""
        commands = []
        for answer in answers:
            commands.append(await self.command())
            self.send(answer)
        return commands

    async def closed(self, seconds=5.0):
        """What was still sent until the other side closed."""
        try:
            return await asyncio.wait_for(self.reader.read(), seconds)
        except ConnectionError:
            return b""

    def hang_up(self):
        self.writer.close()


def is_closed(one):
    """Whether the other side closed this socket."""
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


class Outcome:
    """Remembers how a route ended."""

    def __init__(self):
        self.session = None
        self.result = None
        self.error = None


@pytest.fixture
async def serve():
    """Starts a server of one route ``menu``; ``dial`` calls it."""
    servers, calls = [], []

    async def start(route, **options):
        server = FastAgiServer({"menu": route}, **{"host": "127.0.0.1", "port": 0, **options})
        await server.start()
        servers.append(server)
        return server

    async def dial(server, environment=ENVIRONMENT):
        call = Call(*await asyncio.open_connection("127.0.0.1", server.port))
        call.send(environment)
        calls.append(call)
        return call

    start.dial = dial
    yield start
    for call in calls:
        call.writer.transport.abort()
    for server in servers:
        await server.stop()


@pytest.fixture
async def dialogue(serve):
    """``await dialogue(action)``: a call whose route awaits ``action(session)``."""

    async def begin(action, environment=ENVIRONMENT, **options):
        outcome = Outcome()

        async def route(session):
            outcome.session = session
            try:
                outcome.result = await action(session)
            except BaseException as error:
                outcome.error = error
                raise

        server = await serve(route, **options)
        outcome.server = server
        outcome.call = await serve.dial(server, environment)
        return outcome

    return begin


async def nothing(session):
    """A route that is done at once."""


class TestEnvironment:
    async def test_what_a_session_knows(self, dialogue):
        outcome = await dialogue(nothing)
        assert await outcome.call.closed() == b""
        session = outcome.session
        assert session.path == "menu"
        assert session.arguments == ("1", "one", "二")
        assert session.channel == "PJSIP/trunk-00000001"
        assert session.uniqueid == "huawu-1763760000.12"
        assert outcome.server.counters.sessions == 1
        await until(lambda: outcome.server.counters.open == 0)

    async def test_nothing_from_the_caller_on_is_trusted(self, dialogue):
        outcome = await dialogue(nothing)
        await outcome.call.closed()
        assert set(outcome.session.environment) == {
            "agi_network", "agi_network_script", "agi_request", "agi_channel", "agi_language",
            "agi_type", "agi_uniqueid", "agi_version",
        }  # fmt: skip
        with pytest.raises(TypeError):
            outcome.session.environment["agi_channel"] = "x"

    async def test_it_may_come_in_any_pieces(self, serve):
        done = asyncio.Event()

        async def route(session):
            assert session.arguments == ("1", "one", "二")
            done.set()

        call = await serve.dial(await serve(route), "")
        for byte in ENVIRONMENT.encode():
            call.send(bytes([byte]))
            await asyncio.sleep(0)
        await asyncio.wait_for(done.wait(), 5)

    @pytest.mark.parametrize(
        "bad",
        [
            ENVIRONMENT.replace("13800138000", "1\nagi_channel: PJSIP/agent8001-00000001"),
            ENVIRONMENT.replace("13800138000", "1\nagi_arg_1: forged"),
            ENVIRONMENT.replace("13800138000", "1\nnonsense"),
            ENVIRONMENT.replace("王小明", "a\0b"),
            "agi_network: yes\n\n",
            "agi_network_script: menu\nagi_channel: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\n",
            "\n\n",
            b"\xff\xfe\x00\x01" * 100 + b"\n\n",
            "agi_network: yes\n" + "x" * 1_000_000,
            "agi_network_script: menu\nagi_channel: x\nagi_uniqueid: 1\nagi_x: "
            + "x" * 20_000
            + "\n\n",
        ],
    )
    async def test_a_bad_one_is_closed_and_counted(self, serve, bad):
        called = []

        async def route(session):
            called.append(session)

        server = await serve(route)
        call = await serve.dial(server, bad)
        assert await call.closed() == b""
        await until(lambda: server.counters.waiting == 0)
        assert called == []
        assert server.counters.bad_environments == 1
        assert server.counters.open == 0

    async def test_a_blank_line_within_the_callers_number_reaches_no_second_command(self, dialogue):
        async def action(session):
            await session.get_variable("A")

        forged = ENVIRONMENT.replace("13800138000", "1\n\n200 result=1 (forged)")
        outcome = await dialogue(action, forged)
        await outcome.call.closed()
        assert isinstance(outcome.error, AgiProtocolError)
        assert outcome.server.counters.protocol_errors == 1

    async def test_an_unknown_path_is_closed(self, serve):
        server = await serve(nothing)
        call = await serve.dial(server, ENVIRONMENT.replace("script: menu", "script: nowhere"))
        assert await call.closed() == b""
        await until(lambda: server.counters.unrouted == 1)
        assert server.counters.sessions == 0
        await until(lambda: server.counters.waiting == 0)

    @given(st.binary(max_size=200))
    def test_no_bytes_raise_anything_else(self, raw):
        with contextlib.suppress(AgiProtocolError):
            environment_of(raw)


class TestCommandLine:
    def test_arguments_are_quoted(self):
        line = command_line("SET VARIABLE", ["X", 'a "b" \\ ${C}', ""])
        assert line == b'SET VARIABLE "X" "a \\"b\\" \\\\ ${C}" ""\n'

    @pytest.mark.parametrize("bad", ["a\nHANGUP", "\r", "\0", "\x1b", "\x7f", "\ud800"])
    def test_control_characters_are_refused(self, bad):
        with pytest.raises(ValueError, match=r"control|surrogates"):
            command_line("SET VARIABLE", ["X", bad])

    @pytest.mark.parametrize("bad", ["", "hangup", "HANGUP\n", "GET  VARIABLE", "EXEC System "])
    def test_a_verb_is_words_in_capitals(self, bad):
        with pytest.raises(ValueError, match="bad AGI command"):
            command_line(bad, [])

    def test_what_asterisk_would_cut_is_refused(self):
        with pytest.raises(ValueError, match="bytes"):
            command_line("SET VARIABLE", ["X", "中" * (COMMAND_LIMIT // 3)])
        with pytest.raises(ValueError, match="bytes"):
            command_line("SET VARIABLE", ["X", '"' * (COMMAND_LIMIT // 2)])

    @given(st.lists(st.text(max_size=20), max_size=4))
    def test_whatever_goes_out_is_one_line(self, arguments):
        try:
            line = command_line("EXEC", arguments)
        except ValueError:
            return
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")


class TestCommands:
    async def test_playing_a_file(self, dialogue):
        async def action(session):
            return [
                await session.stream_file("zh/welcome", "12"),
                await session.stream_file("zh/welcome"),
                await session.wait_for_digit(2.5),
                await session.wait_for_digit(1),
            ]

        outcome = await dialogue(action)
        commands = await outcome.call.answers(
            "200 result=49 endpos=800\n",
            "200 result=0 endpos=8000\n",
            "200 result=35\n",
            "200 result=0\n",
        )
        await outcome.call.closed()
        assert commands == [
            'STREAM FILE "zh/welcome" "12"',
            'STREAM FILE "zh/welcome" ""',
            'WAIT FOR DIGIT "2500"',
            'WAIT FOR DIGIT "1000"',
        ]
        assert outcome.result == ["1", "", "#", ""]

    @pytest.mark.parametrize("code", [0, 1, 32, 34, 36, 39, 43, 70, 92, 123, 127, 178, 1_000_000])
    async def test_what_is_no_key_of_a_telephone_is_no_key(self, dialogue, code):
        outcome = await dialogue(lambda session: session.wait_for_digit(1))
        await outcome.call.answers(f"200 result={code}\n")
        await outcome.call.closed()
        assert outcome.result == ""

    async def test_variables(self, dialogue):
        async def action(session):
            await session.set_variable("HUAWU_NEXT", "wait")
            return [
                await session.get_variable("CALLERID(num)"),
                await session.get_variable("UNSET"),
                await session.get_variable("EMPTY"),
                await session.get_variable("NAME"),
            ]

        outcome = await dialogue(action)
        commands = await outcome.call.answers(
            "200 result=1\n",
            "200 result=1 (13800138000)\n",
            "200 result=0\n",
            "200 result=1 ()\n",
            "200 result=1 (王 (小) 明)\n",
        )
        await outcome.call.closed()
        assert commands[:2] == ['SET VARIABLE "HUAWU_NEXT" "wait"', 'GET VARIABLE "CALLERID(num)"']
        assert outcome.result == ["13800138000", None, "", "王 (小) 明"]

    async def test_a_value_with_a_line_break_does_not_become_an_answer(self, dialogue):
        async def action(session):
            return [await session.get_variable("A"), await session.get_variable("B")]

        outcome = await dialogue(action)
        await outcome.call.answers("200 result=1 (x\n200 result=1 (y\n)\n", "200 result=1 (z)\n")
        await outcome.call.closed()
        assert outcome.result == ["x\ufffd200 result=1 (y\ufffd", "z"]

    @pytest.mark.parametrize("name", ["FILE(/etc/x)", "SHELL(id)", "a", "A B", "", "A=1"])
    async def test_only_plain_variables_are_set(self, dialogue, name):
        async def action(session):
            with pytest.raises(ValueError, match="bad variable name"):
                await session.set_variable(name, "x")

        outcome = await dialogue(action)
        assert await outcome.call.closed() == b""
        assert outcome.error is None

    async def test_the_last_act_is_one_command_and_the_end_behind_it(self, dialogue):
        async def action(session):
            await session.finish({"HUAWU_QUEUE": "order", "HUAWU_SAY": "", "HUAWU_NEXT": "offer"})

        outcome = await dialogue(action)
        sent = await asyncio.wait_for(outcome.call.reader.read(), 5)  # all there is, to its end
        assert sent == b'EXEC "MSet" "HUAWU_QUEUE=order,HUAWU_SAY=,HUAWU_NEXT=offer"\n'
        outcome.call.send("200 result=0\n")
        await until(lambda: outcome.session is not None)
        outcome.call.hang_up()
        assert outcome.error is None

    @pytest.mark.parametrize(
        "value",
        [
            "退换,售后", 'a"b', "a\\b", "a(b", "a)b", "a[b", "x=1", "${CALLERID(num)}", "a;b",
            "a|b", " a", "a ", "'a", "{a}",
        ],
    )  # fmt: skip
    async def test_what_msetting_would_take_apart_travels_alone_and_in_its_turn(
        self, dialogue, value
    ):
        async def action(session):
            await session.finish({"A": "1", "B": value, "C": "3", "HUAWU_NEXT": "wait"})

        outcome = await dialogue(action)
        answers = ("200 result=0\n", "200 result=1\n", "200 result=0\n")
        commands = await outcome.call.answers(*answers)
        await outcome.call.closed()
        assert commands == [
            'EXEC "MSet" "A=1"',
            command_line("SET VARIABLE", ("B", value)).decode().rstrip("\n"),
            'EXEC "MSet" "C=3,HUAWU_NEXT=wait"',
        ]
        assert outcome.error is None

    async def test_more_than_one_command_can_carry_becomes_several(self, dialogue):
        values = {f"V{number}": "x" * 300 for number in range(9)} | {"HUAWU_NEXT": "wait"}

        async def action(session):
            await session.finish(values)

        outcome = await dialogue(action)
        commands = await outcome.call.answers(*["200 result=0\n"] * 3)
        await outcome.call.closed()
        pairs = ",".join(command.split('"')[3] for command in commands).split(",")
        assert pairs == [f"{name}={value}" for name, value in values.items()]
        assert all(len(command) < COMMAND_LIMIT for command in commands)

    @pytest.mark.parametrize("name", ["FILE(/etc/x)", "a", "A B", "", "A=1"])
    async def test_nothing_is_set_when_one_name_is_bad(self, dialogue, name):
        async def action(session):
            with pytest.raises(ValueError, match="bad variable name"):
                await session.finish({"A": "1", name: "x"})

        outcome = await dialogue(action)
        assert await outcome.call.closed() == b""
        assert outcome.error is None

    async def test_a_channel_is_known_to_be_told_until_the_last_answer(self, dialogue):
        async def action(session):
            await session.finish({"A": "1", "B": 'not, "plain"'})

        outcome = await dialogue(action)
        finishing = outcome.server.finishing
        await until(lambda: finishing == {"PJSIP/trunk-00000001"})
        assert await outcome.call.answers("200 result=0\n")
        assert finishing
        assert await outcome.call.answers("200 result=1\n")
        await until(lambda: not finishing)

    async def test_a_last_act_that_failed_is_told(self, dialogue):
        async def action(session):
            with pytest.raises(AgiCommandRefused, match="did not set A"):
                await session.finish({"A": "1"})

        outcome = await dialogue(action)
        await outcome.call.answers("200 result=-2\n")
        await outcome.call.closed()
        assert outcome.error is None

    async def test_a_function_that_writes_text_of_paths_is_not_read(self, dialogue):
        async def action(session):
            for name in ("FILE(/etc/passwd)", "SHELL(id; x)", "A B", ""):
                with pytest.raises(ValueError, match="bad variable name"):
                    await session.get_variable(name)

        outcome = await dialogue(action)
        assert await outcome.call.closed() == b""
        assert outcome.error is None

    async def test_an_answer_in_pieces_after_a_trying(self, dialogue):
        async def action(session):
            return await session.command("EXEC", "Playback", "a")

        outcome = await dialogue(action)
        await outcome.call.command()
        for piece in ("100 result=0 Try", "ing...\n200 re", "sult=0 (x) endpos=9", "\n"):
            outcome.call.send(piece)
            await asyncio.sleep(0.01)
        await outcome.call.closed()
        assert outcome.result == AgiReply(200, "0", "x", 9)

    async def test_one_command_at_a_time(self, dialogue):
        async def action(session):
            first = asyncio.create_task(session.get_variable("A"))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="one command at a time"):
                await session.get_variable("B")
            return await first

        outcome = await dialogue(action)
        await outcome.call.answers("200 result=1 (a)\n")
        await outcome.call.closed()
        assert outcome.result == "a"

    async def test_hanging_up(self, dialogue):
        outcome = await dialogue(lambda session: session.hang_up())
        assert await outcome.call.answers("200 result=1\n") == ["HANGUP"]
        await outcome.call.closed()
        assert outcome.error is None


class TestFaults:
    @pytest.mark.parametrize(
        "answers, error",
        [
            (["HANGUP\n"], CallerHungUp),
            ([DEAD], CallerHungUp),
            (["200 result=-1\n", "200 result=-1\n"], CallerHungUp),
            (["200 result=-1\n", DEAD], CallerHungUp),
            (["200 result=-1\nHANGUP\n"], CallerHungUp),
            (["200 result=-1 endpos=0\n", "200 result=6\n"], AgiFileMissing),
            (["200 result=0 endpos=0\n"], AgiFileMissing),
            (["200 result=-2\n"], AgiCommandRefused),
            (["510 Invalid or unknown command\n"], AgiCommandRefused),
            ([USAGE], AgiCommandRefused),
            (["520 Invalid command syntax.  Proper usage not available.\n"], AgiCommandRefused),
            (["hello\n"], AgiProtocolError),
            (["200 Ok\n"], AgiProtocolError),
            (["\xff\x00\n"], AgiProtocolError),
            (["\n"], AgiProtocolError),
            (["200 result=1 (" + "x" * 30_000], AgiProtocolError),
            (["520-" + "x\n" * 30_000], AgiProtocolError),
        ],
    )
    async def test_each_has_its_type(self, dialogue, answers, error):
        outcome = await dialogue(lambda session: session.stream_file("a"))
        await outcome.call.answers(*answers)
        assert await outcome.call.closed() == b""
        assert type(outcome.error) is error

    async def test_a_refused_command_does_not_end_the_session(self, dialogue):
        async def action(session):
            for _ in range(2):
                with pytest.raises(AgiCommandRefused):
                    await session.command("FOO")
            return await session.get_variable("A")

        outcome = await dialogue(action)
        await outcome.call.answers(USAGE, "510 Invalid or unknown command\n", "200 result=1 (a)\n")
        await outcome.call.closed()
        assert outcome.result == "a"

    async def test_after_a_hang_up_nothing_more_is_sent(self, dialogue):
        async def action(session):
            for _ in range(3):
                with pytest.raises(CallerHungUp):
                    await session.get_variable("A")
            raise CallerHungUp

        outcome = await dialogue(action)
        await outcome.call.answers("HANGUP\n200 result=-1\n")
        assert await outcome.call.closed() == b""
        assert outcome.server.counters.hang_ups == 1

    async def test_a_hang_up_between_two_commands(self, dialogue):
        heard = asyncio.Event()

        async def action(session):
            await session.get_variable("A")
            await heard.wait()
            await session.get_variable("B")

        outcome = await dialogue(action)
        await outcome.call.answers("200 result=0\nHANGUP\n")
        outcome.call.hang_up()
        await until(lambda: outcome.server.counters.open == 0)
        heard.set()
        await until(lambda: outcome.server.counters.hang_ups == 1)
        assert isinstance(outcome.error, CallerHungUp)

    @pytest.mark.parametrize("abort", [False, True])
    async def test_asterisk_dies_in_mid_command(self, dialogue, abort):
        outcome = await dialogue(lambda session: session.wait_for_digit(60))
        await outcome.call.command()
        outcome.call.writer.transport.abort() if abort else outcome.call.hang_up()
        await until(lambda: outcome.error)
        assert type(outcome.error) is AgiConnectionLost
        await until(lambda: outcome.server.counters.lost == 1)

    async def test_a_result_of_minus_one_and_then_nothing_is_a_hang_up(self, dialogue):
        """What Asterisk does with AGIEXITONHANGUP."""
        outcome = await dialogue(lambda session: session.wait_for_digit(60))
        await outcome.call.answers("200 result=-1\n")
        outcome.call.hang_up()
        await until(lambda: outcome.error)
        assert type(outcome.error) is CallerHungUp

    async def test_an_answer_that_does_not_come(self, dialogue):
        outcome = await dialogue(lambda session: session.get_variable("A"), answer_seconds=0.1)
        assert await outcome.call.command()
        assert await outcome.call.closed() == b""
        assert type(outcome.error) is AgiTimeout
        assert outcome.server.counters.timeouts == 1

    async def test_waiting_for_a_digit_has_the_time_it_asked_for(self, dialogue):
        outcome = await dialogue(lambda session: session.wait_for_digit(5.0), answer_seconds=0.1)
        await outcome.call.command()
        await asyncio.sleep(0.4)
        outcome.call.send("200 result=49\n")
        await outcome.call.closed()
        assert outcome.result == "1"

    async def test_answers_to_no_command_end_the_session(self, dialogue):
        async def action(session):
            await session.get_variable("A")
            await session.get_variable("B")

        outcome = await dialogue(action)
        await outcome.call.answers("200 result=0\n200 result=1 (forged)\n")
        await outcome.call.closed()
        assert isinstance(outcome.error, AgiProtocolError)

    async def test_a_bug_in_a_route_ends_its_own_session_alone(self, serve, caplog):
        async def route(session):
            if await session.get_variable("A"):
                raise RuntimeError("a bug")
            await session.get_variable("B")

        server = await serve(route)
        first, second = await serve.dial(server), await serve.dial(server)
        await first.answers("200 result=1 (x)\n")
        await second.answers("200 result=0\n")
        assert await first.closed() == b""
        await second.answers("200 result=0\n")
        assert await second.closed() == b""
        assert server.counters.failures == 1
        assert "13800138000" not in caplog.text

    @given(st.lists(st.binary(max_size=40), max_size=6))
    def test_no_answer_raises_anything_else(self, pieces):
        """Whatever bytes come, the reader ends the session or waits; it never raises."""

        async def play():
            from telephony.agi import _Connection

            server = FastAgiServer({"menu": nothing}, host="", port=0)
            server.loop = asyncio.get_running_loop()
            connection = _Connection(server)
            for piece in pieces:
                connection.data_received(piece)
            connection = _Connection(server)
            connection._task = asyncio.create_task(asyncio.sleep(0))
            for piece in pieces:
                connection._answer = server.loop.create_future()
                connection.data_received(piece)
                if connection._answer.done():
                    connection._answer.exception()
            await connection._task

        asyncio.run(play())


class TestStrangers:
    async def test_connect_and_close(self, serve):
        server = await serve(nothing)
        for _ in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.close()
        await until(lambda: server.counters.bad_environments == 50)
        assert server.counters.waiting == 0
        assert await (await serve.dial(server)).closed() == b""
        assert server.counters.sessions == 1

    async def test_connect_and_sit(self, serve):
        server = await serve(nothing, environment_seconds=0.3)
        call = await serve.dial(server, "")
        assert await call.closed() == b""
        assert server.counters.late_environments == 1

    async def test_one_byte_at_a_time_buys_no_time(self, serve):
        server = await serve(nothing, environment_seconds=0.3)
        call = await serve.dial(server, "")

        async def drip():
            while True:
                call.send("a")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await call.closed() == b""
        dripping.cancel()
        assert server.counters.late_environments == 1

    async def test_the_limit_is_kept_and_not_passed(self, serve):
        server = await serve(nothing, environment_seconds=0.6)
        loop = asyncio.get_running_loop()
        call = await serve.dial(server, "")
        begin = loop.time()
        await call.closed()
        assert loop.time() - begin > 0.3
        assert server.counters.late_environments == 1

    async def test_only_peers_are_heard(self, serve):
        server = await serve(nothing, peers=("10.0.0.0/8",))
        assert await (await serve.dial(server)).closed() == b""
        assert server.counters.strangers == 1
        assert server.counters.sessions == 0

    async def test_no_more_sessions_than_the_limit(self, serve):
        gate = asyncio.Event()

        async def route(session):
            await gate.wait()

        server = await serve(route, connection_limit=3)
        calls = [await serve.dial(server) for _ in range(3)]
        await until(lambda: server.counters.open == 3)
        assert await (await serve.dial(server)).closed() == b""
        assert server.counters.crowded == 1
        gate.set()
        for call in calls:
            assert await call.closed() == b""
        await until(lambda: server.counters.open == 0)

    async def test_a_thousand_that_say_nothing_do_not_keep_a_caller_out(self, serve):
        async def route(session):
            await session.set_variable("HUAWU_NEXT", "wait")

        server = await serve(route, waiting_limit=64)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        crowd = []
        try:
            loop = asyncio.get_running_loop()
            longest = 0.0
            for number in range(1000):
                begin = loop.time()
                crowd.append(socket.socket())
                crowd[-1].setblocking(False)
                await loop.sock_connect(crowd[-1], ("127.0.0.1", server.port))
                crowd[-1].send(b"agi_network: yes\n" * 60)
                longest = max(longest, loop.time() - begin)
                if number % 100 == 99:
                    call = await serve.dial(server)
                    assert await call.answers("200 result=1\n")
                    assert await call.closed() == b""
                assert server.counters.waiting <= 64
            await until(lambda: server.counters.connections == 1010)
            assert server.counters.sessions == 10
            assert server.counters.crowded >= 1000 - 64
            await until(lambda: sum(map(is_closed, crowd)) >= 1000 - 64)
            assert longest < 2  # for a second or two the machine itself may be busy
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB
        finally:
            for one in crowd:
                one.close()


class TestStop:
    async def test_it_ends_sessions_and_those_that_wait(self, serve):
        ended = []

        async def route(session):
            try:
                await session.wait_for_digit(60)
            except asyncio.CancelledError:
                ended.append(session.uniqueid)
                raise

        server = await serve(route)
        talking, waiting = await serve.dial(server), await serve.dial(server, "agi_network: yes\n")
        await talking.command()
        await server.stop()
        assert await talking.closed() == b""
        assert await waiting.closed() == b""
        assert ended == ["huawu-1763760000.12"]
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", server.port)
        await server.stop()

    async def test_a_taken_port_is_an_error(self, serve):
        server = await serve(nothing)
        with pytest.raises(OSError, match="in use"):
            await serve(nothing, port=server.port)

    async def test_nothing_of_a_caller_is_logged(self, dialogue, caplog):
        caplog.set_level(logging.DEBUG)

        async def action(session):
            await session.get_variable("CALLERID(num)")
            raise RuntimeError("a bug")

        outcome = await dialogue(action)
        await outcome.call.answers("200 result=1 (13800138000)\n")
        await outcome.call.closed()
        assert outcome.server.counters.failures == 1
        assert "13800138000" not in caplog.text
        assert "huawu-1763760000.12" in caplog.text
