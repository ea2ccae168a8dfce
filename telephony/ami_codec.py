"""The words of Asterisk's manager interface as bytes: cut the stream, read a message, write an
action. Pure: no socket, no clock, no randomness; ``telephony/ami.py`` is the shell around it.

Callers can put hostile text into numbers and names, and that text travels in these messages. So:

* a message is cut only at CRLF CRLF and a line only at CRLF; bytes become text one whole value at
  a time, so a Chinese character that arrives in two pieces stays whole;
* the first value of a key wins, and a message that repeats a key which says *whose* message it
  is (``Event``, ``Channel``, ``Uniqueid``, one of the channel variables) is hostile;
* control characters never come out of a value and never go into an action.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MESSAGE_LIMIT = 64 * 1024  # bytes; Asterisk's largest real one, ListCommands, has about 20 kB
VALUE_LIMIT = 900  # bytes; Asterisk refuses a line of more than about 1,020
FIELD_LIMIT = 100  # Asterisk reads 128 headers of one action

_END = b"\r\n\r\n"
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_CHANNEL_VARIABLE = re.compile(rb"\r\n(\w*ChanVariable): ([^=\r]*)")


class AmiMessage:
    """One event or response. A field becomes text when it is asked for, the rest stays bytes:
    of an event's twenty fields a reader uses about four.

    ``name`` is the event's name, "" for a response.
    """

    __slots__ = ("name", "raw")

    def __init__(self, raw: bytes) -> None:
        """``raw`` is one message without the empty line at its end."""
        self.raw = raw
        self.name = _text(event_name(raw))

    def get(self, key: str, default: str = "") -> str:
        """The first value of ``key`` (spelt as Asterisk spells it), without control characters."""
        raw, mark = self.raw, b"%b:" % key.encode()
        if raw.startswith(mark):
            begin = len(mark)
        else:
            found = raw.find(b"\r\n" + mark)
            if found < 0:
                return default
            begin = found + 2 + len(mark)
        end = raw.find(b"\r\n", begin)
        return _text((raw[begin:] if end < 0 else raw[begin:end]).removeprefix(b" "))

    def fields(self) -> list[tuple[str, str]]:
        """Every field in the order of arrival, repeated keys included."""
        pairs = (line.partition(b":") for line in self.raw.split(b"\r\n"))
        return [
            (_text(key), _text(value.removeprefix(b" "))) for key, colon, value in pairs if colon
        ]

    def variables(self, key: str = "ChanVariable") -> dict[str, str]:
        """Channel variables by name, as ``channelvars`` of manager.conf makes Asterisk add them.

        A variable that is not set comes with the value "". ``key`` is ``DestChanVariable`` for
        the other channel of a two-channel event, and ``Variable`` for those that a ``Status``
        action asked for.
        """
        found: dict[str, str] = {}
        for piece in self.raw.split(b"\r\n%b: " % key.encode())[1:]:
            variable, _, content = piece.partition(b"\r\n")[0].partition(b"=")
            found.setdefault(_text(variable), _text(content))
        return found

    @property
    def is_hostile(self) -> bool:
        """Whether an event has a key twice that says whose it is."""
        raw = self.raw
        if (
            b"\r\nEvent:" in raw
            or raw.count(b"\r\nChannel:") > 1
            or raw.count(b"\r\nUniqueid:") > 1
        ):
            return True
        if raw.count(b"ChanVariable: ") < 2:
            return False
        variables = _CHANNEL_VARIABLE.findall(raw)
        return len(set(variables)) < len(variables)

    def __repr__(self) -> str:
        """Name and size alone: a log line must not hold a caller's number."""
        return f"<AmiMessage {self.name or 'response'} of {len(self.raw)} bytes>"


def event_name(raw: bytes) -> bytes:
    """The name of the event in these bytes, b"" when they are a response or no message at all.

    Asterisk writes ``Event:`` first in every event, so nothing else of it has to be looked at.
    """
    if not raw.startswith(b"Event: "):
        return b""
    end = raw.find(b"\r\n", 7)
    return raw[7:] if end < 0 else raw[7:end]


def _text(raw: bytes) -> str:
    """Text that is safe to show: no control character, whatever the bytes were."""
    text = raw.decode("utf-8", "replace")
    return text if text.isprintable() else _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(slots=True)
class Framer:
    """Cuts the byte stream into messages, however TCP chopped it.

    ``oversized`` counts messages that were thrown away because they did not end within
    ``limit`` bytes; the stream is taken up again at the next empty line.
    """

    limit: int = MESSAGE_LIMIT
    oversized: int = 0
    _tail: bytearray | None = None
    _skipping: bool = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now, without their empty lines."""
        if self._tail is not None:
            searched = max(0, len(self._tail) - 3)
            self._tail += data
            end = self._tail.rfind(_END, searched)
            if end < 0:
                self._bound()
                return []
            data = bytes(self._tail)
            self._tail = None
        messages = data.split(_END)
        rest = messages.pop()
        if self._skipping and messages:
            del messages[0]
            self._skipping = False
        if rest:
            self._tail = bytearray(rest)
            self._bound()
        return self._tidy(messages)

    def _tidy(self, messages: list[bytes]) -> list[bytes]:
        """Asterisk sometimes sends an empty line too many; a message may be over the limit."""
        tidy = []
        for message in messages:
            if message[:1] in b"\r\n" or message[-1:] in b"\r\n":
                message = message.strip(b"\r\n")  # noqa: PLW2901
            if len(message) > self.limit:
                self.oversized += 1
            elif message:
                tidy.append(message)
        return tidy

    def _bound(self) -> None:
        if self._tail is not None and len(self._tail) > self.limit + 3:
            self.oversized += not self._skipping
            self._skipping = True
            del self._tail[:-3]  # an empty line may begin in the last three


def serialise(action: str, action_id: str, fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """The bytes of one action. Everything that is ever sent to Asterisk goes through here.

    Raises:
        ValueError: a name or a value holds a control character (with CR LF in it, a value would
            become a second action), is longer than Asterisk reads, or sets a variable whose name
            is not in capitals (``FILE(/etc/x)`` would write a file).
    """
    lines = list(_lines((("Action", action), ("ActionID", action_id), *fields)))
    if len(lines) > FIELD_LIMIT:
        raise ValueError(f"{action}: {len(lines)} fields, Asterisk reads {FIELD_LIMIT}")
    return b"\r\n".join(lines) + _END


def _lines(fields: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    for name, value in fields:
        if not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"bad field name {name!r}")
        if _CONTROL.search(value):
            raise ValueError(f"{name}: control character in the value")
        if name.lower() == "variable":
            _check_variable(value)
        line = f"{name}: {value}".encode()
        if len(line) > VALUE_LIMIT:
            raise ValueError(f"{name}: {len(line)} bytes, Asterisk reads {VALUE_LIMIT}")
        yield line


def variable_field(name: str, value: str) -> tuple[str, str]:
    """A ``Variable: NAME=value`` field, as ``Originate`` takes it (repeat the field for more).

    Raises:
        ValueError: the name is not ``^[A-Z_][A-Z0-9_]*$``, or the value holds a comma, which
            Asterisk would take for the start of a second variable.
    """
    field = f"{name}={value}"
    _check_variable(field)
    return ("Variable", field)


def _check_variable(field: str) -> None:
    name, equals, value = field.partition("=")
    if not _VARIABLE_NAME.fullmatch(name):
        raise ValueError(f"bad variable name {name!r}")
    if equals and "," in value:
        raise ValueError(f"variable {name}: a comma would set a second variable")
