"""A caller who writes every byte of a SIP call and of its keys, as no telephone would.

Blocking sockets on loopback: use ``await asyncio.to_thread(...)``.
"""

import hashlib
import re
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

KEYS = "0123456789*#ABCD"
EVENT_TYPE = 101  # RTP payload type of telephone events, RFC 4733
LONGEST = 65_535


class RawCall:
    """One call by the trunk; every header that a caller chooses is the caller's.

    Args:
        port: Asterisk's SIP port.
        secret: of the endpoint ``trunk``.
        target: what is dialled, as it stands in the request's address.
        sender: the whole value of From, without a tag.
        headers: further header lines.
    """

    def __init__(
        self, *, port: int, secret: str, target: str, sender: str, headers: Sequence[str] = ()
    ) -> None:
        self._secret, self._sender = secret, sender
        self._headers = "".join(f"{line}\r\n" for line in headers)
        self._uri = f"sip:{target}@127.0.0.1:{port}"
        self._id, self._cseq = secrets.token_hex(8), 0
        self._to = f"<sip:{target}@127.0.0.1>"
        self._audio = ("127.0.0.1", 0)
        self._sequence, self._timestamp = 0, 0
        self._wire = socket.socket(type=socket.SOCK_DGRAM)
        self._wire.bind(("127.0.0.1", 0))
        self._wire.connect(("127.0.0.1", port))
        self._rtp = socket.socket(type=socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wire.close()
        self._rtp.close()

    # --- the call ----------------------------------------------------------------------------

    def dial(self, limit: float = 5.0) -> int:
        """Call, prove who the trunk is, acknowledge; the final status code, 0 for no answer."""
        code, answer = self._invite("", limit)
        if code == 401:
            code, answer = self._invite(self._proof(answer), limit)
        if code == 200:
            self._to = _header(answer, "To")
            self._uri = _header(answer, "Contact").strip("<>")
            found = re.search(rb"m=audio (\d+)", answer)
            assert found is not None
            self._audio = ("127.0.0.1", int(found[1]))
        return code

    def _invite(self, proof: str, limit: float) -> tuple[int, bytes]:
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._rtp.getsockname()[1]} RTP/AVP 8 {EVENT_TYPE}\r\n"
            f"a=rtpmap:8 PCMA/8000\r\na=rtpmap:{EVENT_TYPE} telephone-event/8000\r\n"
        )
        self._cseq += 1
        branch = self._send("INVITE", body, "application/sdp", proof + self._headers)
        code, answer = self._final("INVITE", limit)
        if code:
            if code >= 300:
                self._to_of(answer, branch)
            else:
                self._to = _header(answer, "To")
                self._send("ACK")
        return code, answer

    def _to_of(self, answer: bytes, branch: str) -> None:
        kept, self._to = self._to, _header(answer, "To")
        self._send("ACK", branch=branch)
        self._to = kept

    def _proof(self, answer: bytes) -> str:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', _header(answer, "WWW-Authenticate")))

        def digest(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        own = digest(f"trunk:{fields['realm']}:{self._secret}")
        what = digest(f"INVITE:{self._uri}")
        proof = digest(f"{own}:{fields['nonce']}:00000001:abcd:auth:{what}")
        return (
            f'Authorization: Digest username="trunk", realm="{fields["realm"]}", '
            f'nonce="{fields["nonce"]}", uri="{self._uri}", response="{proof}", algorithm=MD5, '
            f'opaque="{fields.get("opaque", "")}", qop=auth, nc=00000001, cnonce="abcd"\r\n'
        )

    def info(self, body: str, kind: str = "application/dtmf-relay") -> int:
        """Send an INFO; its status code."""
        self._cseq += 1
        self._send("INFO", body, kind)
        return self._final("INFO", 3)[0]

    def hang_up(self) -> int:
        """Send a BYE; its status code."""
        self._cseq += 1
        self._send("BYE")
        return self._final("BYE", 5)[0]

    # --- keys --------------------------------------------------------------------------------

    def press(self, digits: str, *, pause: float = 0.002) -> None:
        """Press keys faster than a hand can, ``pause`` seconds from one to the next."""
        for digit in digits:
            self.event(KEYS.index(digit))
            time.sleep(pause)

    def event(self, number: int) -> None:
        """One telephone event of this number: its begin and its end."""
        for marker, end, length in ((0x80, 0, 160), (0, 0x80, 800)):
            self._sequence += 1
            head = (0x80, marker | EVENT_TYPE, self._sequence & 0xFFFF, self._timestamp, 7)
            packet = struct.pack("!BBHII", *head) + struct.pack("!BBH", number, end | 10, length)
            self._rtp.sendto(packet, self._audio)
        self._timestamp = (self._timestamp + 1600) & 0xFFFFFFFF

    # --- messages ----------------------------------------------------------------------------

    def _send(
        self, method: str, body: str = "", kind: str = "", more: str = "", branch: str = ""
    ) -> str:
        own = self._wire.getsockname()[1]
        branch = branch or f"z9hG4bK{secrets.token_hex(6)}"
        lines = [
            f"{method} {self._uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch={branch};rport",
            f"Max-Forwards: 70\r\nFrom: {self._sender};tag={self._id}\r\nTo: {self._to}",
            f"Call-ID: {self._id}\r\nCSeq: {self._cseq} {method}",
            f"Contact: <sip:raw@127.0.0.1:{own}>",
        ]
        if kind:
            lines.append(f"Content-Type: {kind}")
        data = body.encode()
        text = "\r\n".join(lines) + f"\r\n{more}Content-Length: {len(data)}\r\n\r\n"
        self._wire.send(text.encode() + data)
        return branch

    def _final(self, method: str, limit: float) -> tuple[int, bytes]:
        deadline = time.monotonic() + limit
        while (left := deadline - time.monotonic()) > 0:
            self._wire.settimeout(left)
            try:
                message = self._wire.recv(LONGEST)
            except (TimeoutError, ConnectionError):
                break
            words = message.split(None, 2)
            ours = _header(message, "CSeq") == f"{self._cseq} {method}"
            if words[0] == b"SIP/2.0" and ours and (code := int(words[1])) >= 200:
                return code, message
        return 0, b""


def _header(message: bytes, name: str) -> str:
    found = re.search(rf"(?mi)^{name}: *(.*?)\r?$", message.decode("utf-8", "replace"))
    return found[1] if found else ""
