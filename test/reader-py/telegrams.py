"""docs/wire/telegrams.md, and docs/wire.md "Telegram payload": payload to the meter's own bytes.

Written from those texts alone; dictionary 1 is read out of the page itself.
"""

import os
import re
from zlib import crc32

from conventions import Cursor, Malformed, need

TELEGRAM = 4096
_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/wire/telegrams.md")


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def _dictionary():
    with open(_PAGE, encoding="latin-1") as page:
        block = re.search(r"## 6\. Dictionary 1.*?```\n(.*?)```", page.read(), re.S).group(1)
    data = block.replace("\n", "\r\n").encode("latin-1")
    assert len(data) == 3346 and crc16(data) == 0xC8C5
    return data


DICTIONARY = _dictionary()


def unpack(packed, reference=None):
    """Sections 2 to 4; raises Malformed, gives out nothing by halves."""
    need(len(packed) > 0, "empty")
    form = packed[0]
    if form == 0:
        need(len(packed) - 1 <= TELEGRAM, "too long")
        return packed[1:]
    need(form in (1, 2), "unknown form")
    if form == 2:
        need(reference is not None, "no reference")
        need(len(packed) >= 5 and int.from_bytes(packed[1:5], "big") == crc32(reference), "another reference")
    ref = DICTIONARY if form == 1 else reference
    nibbles = [n for b in packed[1 if form == 1 else 5 :] for n in (b >> 4, b & 15)]
    at, p, out = 0, 0, bytearray()

    def number(n):
        nonlocal at
        need(at + n <= len(nibbles), "ends before its end")
        value = 0
        for nibble in nibbles[at : at + n]:
            value = value << 4 | nibble
        at += n
        return value

    while True:
        op = number(1)
        if op == 0:
            break
        if op == 1:
            out += b"!"
            out += b"%04X" % crc16(out)
            break
        if op == 5:
            p = number(3)
            continue
        if op == 7:
            n = number(1) + 1
            out += bytes(number(2) for _ in range(n))
        elif op >= 8:
            n = op - 7 if op < 15 else number(1) + 8
            out += b"".join(b"%X" % number(1) for _ in range(n))
        else:
            if op in (4, 6):
                end = ref.find(b"\n" if op == 4 else b"(", p)
                need(end >= 0, "copy past the end")
                n = end + 1 - p
            else:
                n = number(1) + 1 if op == 2 else number(2) + 17
            need(p + n <= len(ref), "copy past the end")
            out += ref[p : p + n]
        p += n
        need(len(out) <= TELEGRAM, "too long")
    need(len(out) <= TELEGRAM, "too long")
    need(nibbles[at:] in ([], [0]) and len(nibbles) - at < 2, "something behind the end")
    return bytes(out)


class Telegrams:
    """The reference and the last, by the table of "Telegram payload"."""

    def __init__(self):
        self.reference = self.last = None

    def grant(self, state):
        if state:
            self.reference = self.last = unpack(state)

    def lost(self):
        self.last = None

    def payload(self, data):
        """(kind, when, telegram); the telegram is None where it cannot be unpacked."""
        need(len(data) >= 7, "too short")
        kind, when, packed = data[0], int.from_bytes(data[1:7], "big"), data[7:]
        if kind == 3:
            self.reference = self.last
        try:
            need(kind in (1, 2, 3), "unknown kind")
            # Kind 1 is key or raw, the others delta or raw.
            need(len(packed) > 0 and packed[0] in ((0, 1) if kind == 1 else (0, 2)), "form")
            need(kind == 1 or self.reference is not None, "no reference")
            self.last = unpack(packed, self.reference)
        except Malformed:
            self.last = None
            return kind, when, None
        if kind == 1:
            self.reference = self.last
        return kind, when, self.last


def read_summary(data):
    """Section 7; None stands for "no value"."""
    c = Cursor(data)
    need(c.number(1) == 1, "version")

    def value(n):
        got = c.number(n)
        return None if got == (1 << 8 * n) - 1 else got

    kind, flags, _ = c.number(1), c.number(1), c.number(1)
    need(kind in (1, 2), "kind")
    out = {"kind": kind, "gap": flags & 1 == 1}
    for name, n in (("start", 4), ("end", 4), ("readings", 4), ("energyInAtEndWh", 6), ("energyInWh", 4)):
        out[name] = value(n)
    for name, n in (("energyOutAtEndWh", 6), ("energyOutWh", 4), ("gasAtEndDm3", 6), ("gasDm3", 4)):
        out[name] = value(n)
    for name in ("maxPowerInW", "maxPowerInAt", "maxPowerOutW", "maxPowerOutAt"):
        out[name] = value(4)
    for name in ("minVoltageV", "maxVoltageV"):
        volts = value(1)
        out[name] = None if volts is None else volts + 100
    c.end()
    return out
