"""Drawing lots without chance: what is drawn once is drawn again the same way. Pure."""

import hashlib


def lot(what: str) -> float:
    """A number from 0 to below 1 that looks drawn, and depends on ``what`` alone."""
    return int.from_bytes(hashlib.sha256(what.encode()).digest()[:6]) / 2**48
