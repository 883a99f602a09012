"""docs/wire.md "Frame", "Keys", "KEY_ROTATION", "GRANT", "ENDED": bytes to values.

Written from that text alone. Nothing here remembers anything; `reading.py` does.
"""

from dataclasses import dataclass

from conventions import (
    CLASSES,
    Cursor,
    aead_open,
    agree,
    hkdf,
    hmac256,
    hpke_open,
    need,
    sha256,
    sha512,
    u,
    verify,
    x25519_public,
)

# Bytes of a frame: header, body, signature; of the plain text in DATA, the first byte counts the rest.
FRAME, HEADER, SIGNATURE = 256, 48, 64
SIGNED = FRAME - SIGNATURE
BODY = SIGNED - HEADER
PLAIN = BODY - 16
USABLE = PLAIN - 1
PAYLOAD = 6144
OWNER_GRANT = bytes(16)
DATA, ROTATION = 1, 2


# Frame


@dataclass
class Frame:
    data: bytes
    type: int
    cls: int
    part: int
    parts: int
    epoch: int
    index: int
    nonce: bytes
    link: bytes
    body: bytes

    def hash(self):
        return sha256(self.data)


def read_frame(data):
    """What can be told before the signature; raises Malformed."""
    need(len(data) == FRAME, "length of a frame")
    c = Cursor(data)
    type_, cls, part, parts = (c.number(1) for _ in range(4))
    epoch, index = c.number(4), c.number(6)
    need(c.number(2) == 0, "bytes 14 and 15 are not zero")
    need(type_ in (DATA, ROTATION), "unknown type")
    need(cls < len(CLASSES), "unknown class")
    need(part < parts, "part is not below parts")
    return Frame(bytes(data), type_, cls, part, parts, epoch, index, c.take(16), c.take(16), c.take(BODY))


def frame_verifies(frame, device):
    return verify(device, b"wattle/frame/1\0" + frame.data[:SIGNED], frame.data[SIGNED:])


def open_body(frame, key):
    """The plain bytes of a DATA frame, or None."""
    return aead_open(key, bytes(12), frame.data[:HEADER], frame.body)


# Keys


def first_chain_key(secret, nonce, cls):
    return hmac256(secret, b"wattle/ck0/1\0", nonce, bytes([cls]))


def step(chain_key):
    """(key of this frame, next chain key)"""
    both = sha512(u(1, 4), chain_key, b"wattle/step/1\0")
    return both[:32], both[32:]


def slot_key(own_secret, other_public, grant_id):
    shared = agree(own_secret, other_public)
    need(shared is not None, "X25519 key")
    return hkdf(grant_id, shared, b"wattle/slot/1\0", 32)


def box_tag(slot, nonce, cls):
    return hmac256(slot, nonce, bytes([cls]))[:8]


def binding(name, device, cls, epoch, index, nonce):
    return name + device + bytes([cls]) + u(epoch, 4) + u(index, 6) + nonce


@dataclass
class Keys:
    """What one reader knows of itself and of the device."""

    device: bytes
    device_box: bytes
    sign: bytes
    box_secret: bytes

    @property
    def box(self):
        return x25519_public(self.box_secret)


# KEY_ROTATION


@dataclass
class Rotation:
    reason: int
    at: int
    prev: tuple
    boxes: list


def rotation_parts(boxes):
    return -(-(54 + 88 * boxes) // BODY)


def read_rotation(body):
    """The bodies of all parts, joined."""
    c = Cursor(body)
    need(c.number(1) == 1, "version")
    reason, count, at = c.number(1), c.number(2), c.number(6)
    prev = (c.number(4), c.number(6), c.take(32))
    need(c.number(2) == 0, "bytes 52 and 53 are not zero")
    need(1 <= reason <= 7, "unknown reason")
    need(count in (4, 8, 16, 32), "number of boxes")
    need(len(body) == BODY * rotation_parts(count), "number of parts")
    return Rotation(reason, at, prev, [(c.take(8), c.take(80)) for _ in range(count)])


MAX_PARTS = rotation_parts(32)


def open_rotation(rotation, keys, place):
    """ck0 of the epoch that `place` (cls, epoch, nonce, grant id) names, or None."""
    cls, epoch, nonce, grant_id = place
    tag = box_tag(slot_key(keys.box_secret, keys.device_box, grant_id), nonce, cls)
    info = binding(b"wattle/rotation/1\0", keys.device, cls, epoch, 0, nonce)
    for theirs, box in rotation.boxes:
        if theirs == tag:
            plain = hpke_open(keys.box_secret, info, keys.box + grant_id, box)
            if plain is not None and len(plain) == 32:
                return plain
    return None


# GRANT


@dataclass
class Grant:
    cls: int
    epoch: int
    nonce: bytes
    index: int
    hash: bytes
    grant_id: bytes
    until: int
    entry: bytes
    chain_key: bytes
    state: bytes


def read_grant(data, keys):
    need(len(data) > 64, "too short")
    text, signature = data[:-64], data[-64:]
    need(verify(keys.device, b"wattle/grant-message/1\0" + keys.sign + text, signature), "signature")
    c = Cursor(text)
    need(c.number(1) == 1, "version")
    cls, epoch, nonce, index = c.number(1), c.number(4), c.take(16), c.number(6)
    hash_, grant_id, until, entry, box = c.take(32), c.take(16), c.number(6), c.take(32), c.block(4192)
    c.end()
    need(cls < len(CLASSES), "class")
    need(epoch != 0, "epoch")
    info = binding(b"wattle/grant/1\0", keys.device, cls, epoch, index, nonce)
    plain = hpke_open(keys.box_secret, info, keys.box + grant_id, box)
    need(plain is not None and len(plain) >= 32, "box")
    return Grant(cls, epoch, nonce, index, hash_, grant_id, until, entry, plain[:32], plain[32:])


# ENDED: the access entry TAKEN (docs/wire/access.md)


@dataclass
class Ended:
    cls: int
    why: int
    epoch: int
    index: int
    grant_id: bytes
    at: int


def read_ended(data, keys):
    need(len(data) == 202 + 64, "length")
    need(verify(keys.device, b"wattle/access-entry/1\0" + data[:202], data[202:]), "signature")
    c = Cursor(data[:202])
    need(c.number(1) == 1, "version")
    need(c.number(1) == 3, "kind")
    cls, why, sign = c.number(1), c.number(1), c.take(32)
    c.take(32)
    need(sign == keys.sign, "another reader")
    need(cls < len(CLASSES), "class")
    need(why > 0, "why")
    grant_id, epoch, index, at = c.take(16), c.number(4), c.number(6), c.number(6)
    return Ended(cls, why, epoch, index, grant_id, at)
