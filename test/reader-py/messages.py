"""docs/wire.md "Channel protocol": what travels on a stream between a reader and a device.

Written from that text alone. `read` gives the fields of a message, or raises Malformed.
"""

from channel import FRAME
from conventions import CLASSES, Cursor, need, u

SUBSCRIBE, WITNESS, FRAMES, GRANT, ENDED, GAP, REFUSED, WAITING, ENTRY = range(1, 10)
MESSAGE = 16_384
FRAMES_AT_ONCE = 60


def subscribe(cls, epoch, index, has_key, grant_id):
    return bytes([SUBSCRIBE, cls]) + u(epoch, 4) + u(index, 6) + bytes([has_key]) + grant_id


def read(data):
    c = Cursor(data)
    out = _fields(c.number(1), c)
    c.end()
    return out


def _class(c):
    cls = c.number(1)
    need(cls < len(CLASSES), "class")
    return cls


def _fields(kind, c):
    if kind == SUBSCRIBE:
        out = {"class": _class(c), "epoch": c.number(4), "index": c.number(6)}
        flags = c.number(1)
        need(flags < 2, "flags")
        return {**out, "hasKey": flags == 1, "grantId": c.take(16).hex()}
    if kind == WITNESS:
        out = {"seq": c.number(4), "head": c.take(32).hex()}
        n = c.number(1)
        need(n <= len(CLASSES), "frames")
        return {**out, "frames": [c.take(FRAME).hex() for _ in range(n)]}
    if kind == FRAMES:
        rest = c.rest()
        n, over = divmod(len(rest), FRAME)
        need(over == 0 and 1 <= n <= FRAMES_AT_ONCE, "frames")
        return {"frames": [rest[i * FRAME : (i + 1) * FRAME].hex() for i in range(n)]}
    if kind == GAP:
        out = {"class": _class(c), "epoch": c.number(4), "index": c.number(6)}
        return {**out, "toEpoch": c.number(4), "toIndex": c.number(6)}
    if kind == REFUSED:
        return {"ending": c.number(1)}
    need(kind == WAITING, "unknown type")
    return {}
