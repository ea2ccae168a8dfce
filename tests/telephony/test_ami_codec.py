import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.ami_codec import (
    VALUE_LIMIT,
    AmiMessage,
    Framer,
    event_name,
    serialise,
    variable_field,
)

# As Asterisk 22.10 wrote them, with channelvars=HUAWU_CONTACT.
HANGUP = (
    "Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/trunk-00000001\r\nChannelState: 6\r\n"
    "ChannelStateDesc: Up\r\nCallerIDNum: 13800138000\r\nCallerIDName: 王小明\r\n"
    "ConnectedLineNum: <unknown>\r\nConnectedLineName: <unknown>\r\nLanguage: zh\r\n"
    "AccountCode: \r\nContext: huawu-wait\r\nExten: 8000\r\nPriority: 3\r\n"
    "Uniqueid: huawu-1763760000.12\r\nLinkedid: huawu-1763760000.12\r\n"
    "ChanVariable: HUAWU_CONTACT=huawu-1763760000.12\r\nCause: 16\r\n"
    "Cause-txt: Normal Clearing"
).encode()
BRIDGE_ENTER = (
    b"Event: BridgeEnter\r\nPrivilege: call,all\r\nBridgeUniqueid: b1\r\nBridgeType: basic\r\n"
    b"Channel: PJSIP/agent8001-00000002\r\nUniqueid: huawu-1763760001.13\r\n"
    b"ChanVariable: HUAWU_CONTACT=huawu-1763760000.12"
)
RESPONSE = b"Response: Success\r\nActionID: x1\r\nMessage: Originate successfully queued"
END = b"\r\n\r\n"


class TestFramer:
    def test_cuts_at_empty_lines(self):
        assert Framer().feed(HANGUP + END + RESPONSE + END) == [HANGUP, RESPONSE]

    def test_a_message_waits_for_its_end(self):
        framer = Framer()
        assert framer.feed(HANGUP) == []
        assert framer.feed(b"\r\n\r") == []
        assert framer.feed(b"\n" + RESPONSE) == [HANGUP]
        assert framer.feed(END) == [RESPONSE]

    def test_no_cut_loses_a_byte_of_a_chinese_name(self):
        stream = HANGUP + END
        for cut in range(len(stream)):
            framer = Framer()
            messages = framer.feed(stream[:cut]) + framer.feed(stream[cut:])
            assert [AmiMessage(raw).get("CallerIDName") for raw in messages] == ["王小明"], cut

    @given(st.lists(st.integers(1, 60)))
    def test_the_chunks_of_tcp_do_not_matter(self, sizes):
        stream = (HANGUP + END) * 2 + RESPONSE + END + BRIDGE_ENTER + END
        framer, found, at = Framer(), [], 0
        for size in [*sizes, len(stream)]:
            found += framer.feed(stream[at : at + size])
            at += size
        assert found == [HANGUP, HANGUP, RESPONSE, BRIDGE_ENTER]

    @given(st.lists(st.binary(max_size=40), max_size=20), st.lists(st.integers(1, 30), max_size=30))
    def test_random_bytes_cut_anyhow_give_the_same_messages(self, pieces, sizes):
        stream = END.join(pieces)
        whole = Framer(limit=64)
        expected = whole.feed(stream) + whole.feed(END)
        framer, found, at = Framer(limit=64), [], 0
        for size in [*sizes, len(stream) + 1]:
            found += framer.feed(stream[at : at + size])
            at += size
        found += framer.feed(END)
        assert found == expected
        assert framer.oversized == whole.oversized

    def test_an_empty_line_too_many_is_nothing(self):
        assert Framer().feed(END + HANGUP + b"\r\n\r\n\r\n\n" + RESPONSE + END) == [
            HANGUP,
            RESPONSE,
        ]

    def test_a_bare_line_feed_ends_nothing(self):
        assert Framer().feed(b"Event: A\n\nEvent: B" + END) == [b"Event: A\n\nEvent: B"]

    def test_a_message_without_end_is_thrown_away_and_memory_is_bounded(self):
        framer = Framer(limit=1000)
        for _ in range(100):
            assert framer.feed(b"Event: Endless\r\nX: " + b"x" * 300) == []
            assert len(framer._tail) <= 1003
        assert framer.feed(b"tail\r\n\r\n" + HANGUP + END) == [HANGUP]
        assert framer.oversized == 1

    def test_a_whole_message_over_the_limit_is_thrown_away(self):
        framer = Framer(limit=100)
        assert framer.feed(b"Event: X\r\nA: " + b"a" * 100 + END + RESPONSE + END) == [RESPONSE]
        assert framer.oversized == 1


class TestAmiMessage:
    def test_an_event(self):
        message = AmiMessage(HANGUP)
        assert message.name == "Hangup"
        assert message.get("Uniqueid") == "huawu-1763760000.12"
        assert message.get("Cause-txt") == "Normal Clearing"
        assert message.get("AccountCode", "none") == ""
        assert message.get("Nothing") == ""
        assert message.get("Nothing", "none") == "none"
        assert message.get("Event") == "Hangup"
        assert message.variables() == {"HUAWU_CONTACT": "huawu-1763760000.12"}
        assert message.fields()[1] == ("Privilege", "call,all")
        assert not message.is_hostile

    def test_a_response(self):
        message = AmiMessage(RESPONSE)
        assert message.name == ""
        assert message.get("Response") == "Success"
        assert message.get("ActionID") == "x1"

    def test_a_key_is_found_whole_and_never_inside_a_value(self):
        raw = b"Event: X\r\nDestChannel: b\r\nData: Channel: c\r\nChannelState: 6\r\nChannel: a"
        assert AmiMessage(raw).get("Channel") == "a"

    def test_the_first_value_wins(self):
        raw = b"Event: X\r\nCallerIDNum: 1\r\nCallerIDNum: 2"
        assert AmiMessage(raw).get("CallerIDNum") == "1"
        raw = b"Event: X\r\nChanVariable: A=1\r\nChanVariable: B=2=3\r\nChanVariable: A=9"
        assert AmiMessage(raw).variables() == {"A": "1", "B": "2=3"}

    @pytest.mark.parametrize(
        "extra",
        [
            b"\r\nChannel: PJSIP/agent8001-00000009",
            b"\r\nUniqueid: huawu-1.1",
            b"\r\nEvent: AgentConnect",
            b"\r\nChanVariable: HUAWU_CONTACT=another",
            b"\r\nUniqueid:huawu-1.1",
        ],
    )
    def test_a_key_of_identity_twice_is_hostile(self, extra):
        forged = HANGUP.replace(b"13800138000", b"138" + extra)
        assert AmiMessage(forged).is_hostile

    def test_variables_of_two_channels_are_no_repetition(self):
        raw = b"Event: DialBegin\r\nChannel: a\r\nChanVariable: A=1\r\nDestChanVariable: A=1"
        assert not AmiMessage(raw).is_hostile
        assert AmiMessage(raw).variables("DestChanVariable") == {"A": "1"}
        assert AmiMessage(raw).variables() == {"A": "1"}

    def test_no_value_ever_has_a_control_character(self):
        raw = b"Event: Ne\x00w\r\nCallerIDName: a\nEvent: Forged\rb\x1b[31m\x7f\tc"
        message = AmiMessage(raw)
        for text in (message.name, message.get("CallerIDName"), *sum(message.fields(), ())):
            assert not any(ord(character) < 32 or ord(character) == 127 for character in text)
        assert not message.is_hostile  # a bare line feed begins no line

    def test_bytes_that_are_no_utf_8_become_text(self):
        assert AmiMessage("Event: X\r\nA: 中".encode("gbk")).get("A") != ""

    @given(st.binary(max_size=300), st.text(max_size=10))
    def test_no_bytes_raise(self, raw, key):
        message = AmiMessage(raw)
        message.get(key), message.fields(), message.variables(), repr(message)
        assert message.is_hostile in {True, False}

    def test_its_repr_holds_nothing_of_a_caller(self):
        assert "138" not in repr(AmiMessage(HANGUP))

    def test_the_name_of_an_event_is_its_first_line(self):
        assert event_name(HANGUP) == b"Hangup"
        assert event_name(b"Event: Bare") == b"Bare"
        assert event_name(b"Privilege: x\r\nEvent: Second") == b""


class TestSerialise:
    def test_the_action_id_comes_first(self):
        data = serialise("Redirect", "id1", [("Channel", "PJSIP/a-1"), ("Context", "超")])
        expected = "Action: Redirect\r\nActionID: id1\r\nChannel: PJSIP/a-1\r\nContext: 超\r\n\r\n"
        assert data == expected.encode()

    @pytest.mark.parametrize("bad", ["\r\nAction: Command", "a\nb", "a\rb", "a\0b", "\x1b", "\x7f"])
    def test_a_control_character_in_any_place_is_refused(self, bad):
        for action, action_id, fields in (
            (bad, "1", []),
            ("Ping", bad, []),
            ("Ping", "1", [("Key", bad)]),
            ("Ping", "1", [(f"Key{bad}", "x")]),
        ):
            with pytest.raises(ValueError):
                serialise(action, action_id, fields)

    @pytest.mark.parametrize("bad", ["", "A B", "A:", "1A", "键"])
    def test_a_field_name_is_plain(self, bad):
        with pytest.raises(ValueError, match="bad field name"):
            serialise("Ping", "1", [(bad, "x")])

    def test_long_lines_are_refused_by_their_bytes(self):
        room = VALUE_LIMIT - len("Key: ")
        assert serialise("Ping", "1", [("Key", "x" * room)])
        with pytest.raises(ValueError, match="bytes"):
            serialise("Ping", "1", [("Key", "x" * (room + 1))])
        with pytest.raises(ValueError, match="bytes"):
            serialise("Ping", "1", [("Key", "中" * (room // 3 + 1))])

    def test_too_many_fields_are_refused(self):
        with pytest.raises(ValueError, match="fields"):
            serialise("Ping", "1", [("Key", "x")] * 99)

    def test_half_a_surrogate_pair_is_refused(self):
        with pytest.raises(ValueError):
            serialise("Ping", "1", [("Key", "\ud800")])

    @pytest.mark.parametrize("name", ["FILE(/etc/x)", "SHELL(id)", "a", "A-B", "", "__x", "A B"])
    def test_only_plain_variables_in_capitals(self, name):
        with pytest.raises(ValueError, match="bad variable name"):
            variable_field(name, "x")
        for key in ("Variable", "variable"):
            with pytest.raises(ValueError, match="bad variable name"):
                serialise("Originate", "1", [(key, f"{name}=x")])
            with pytest.raises(ValueError, match="bad variable name"):
                serialise("Setvar", "1", [(key, name), ("Value", "x")])

    def test_a_comma_would_set_a_second_variable(self):
        assert variable_field("__HUAWU_CONTACT", "a=b") == ("Variable", "__HUAWU_CONTACT=a=b")
        with pytest.raises(ValueError, match="comma"):
            variable_field("A", "x,B=c")
        with pytest.raises(ValueError, match="comma"):
            serialise("Originate", "1", [("Variable", "A=x,B=c")])

    @given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=20)), max_size=4))
    def test_whatever_goes_out_is_one_action_of_so_many_lines(self, fields):
        try:
            data = serialise("Ping", "1", fields)
        except ValueError:
            return
        assert data.count(b"\r\n\r\n") == 1
        assert data.endswith(b"\r\n\r\n")
        assert data.count(b"\n") == data.count(b"\r") == len(fields) + 3
