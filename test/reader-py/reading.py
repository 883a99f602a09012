"""docs/wire.md "Reading": what a reader of one class does with what comes.

Written from that text alone. `frame`, `grant` and `ended` give a verdict in the words of the text;
`payloads` and `gaps` collect what the step released and reported.
"""

from channel import (
    DATA,
    MAX_PARTS,
    PAYLOAD,
    USABLE,
    frame_verifies,
    open_body,
    open_rotation,
    read_ended,
    read_frame,
    read_grant,
    read_rotation,
    step,
)
from conventions import Malformed

SKIP = 700_000
REMEMBERED = 256
REPAIRED = 7


class Place:
    def __init__(self, grant_id, epoch, nonce, index, hash_, chain_key):
        self.grant_id, self.epoch, self.nonce = grant_id, epoch, nonce
        self.index, self.hash, self.chain_key = index, hash_, chain_key

    def at(self):
        return (self.epoch, self.index)


class Reader:
    def __init__(self, keys, cls):
        self.keys, self.cls = keys, cls
        self.place = None
        self.known = {}
        self.gathered = None
        self.rotation = None
        self.payloads, self.gaps = [], []
        self.state = None
        self.ending = None

    # GRANT, ENDED

    def grant(self, data):
        try:
            grant = read_grant(data, self.keys)
        except Malformed:
            return "refused"
        if grant.cls != self.cls:
            return "refused"
        place, there = self.place, (grant.epoch, grant.index)
        if place and place.chain_key and there <= place.at():
            return "ignored"
        if place and place.chain_key and there > place.at() and grant.hash != place.hash:
            self.gaps.append((place.at(), there))
        self._become(Place(grant.grant_id, grant.epoch, grant.nonce, grant.index, grant.hash, grant.chain_key))
        self.state = grant.state
        return "taken"

    def ended(self, data):
        try:
            ended = read_ended(data, self.keys)
        except Malformed:
            return "refused"
        if ended.cls != self.cls:
            return "refused"
        self.ending = ended
        return "taken"

    # Frames

    def frame(self, data):
        place = self.place
        try:
            frame = read_frame(data)
        except Malformed:
            return "bad"
        if frame.cls != self.cls:
            return "bad"
        if place and frame.epoch < place.epoch:
            return "old"
        same = place and frame.epoch == place.epoch
        if same and frame.nonce == place.nonce and frame.index < place.index:
            return "old"
        if not frame_verifies(frame, self.keys.device):
            return "bad"
        if same and frame.nonce != place.nonce:
            return "fork"
        if frame.type != DATA:
            return self._rotation_part(frame)
        if not same or place.chain_key is None:
            return "closed"
        return self._data(frame)

    def _data(self, frame):
        place = self.place
        if frame.index == place.index:
            if frame.link != place.hash[:16]:
                return "fork"
        else:
            if frame.index - place.index > SKIP:
                return "closed"
            self.gaps.append((place.at(), (frame.epoch, frame.index)))
            self.gathered = None
        chain_key = place.chain_key
        for _ in range(frame.index - place.index + 1):
            key, chain_key = step(chain_key)
        plain = open_body(frame, key)
        if plain is None:
            return "fork"
        place.chain_key = chain_key
        self._move(frame)
        return self._gather(frame, plain)

    def _gather(self, frame, plain):
        n = plain[0]
        if frame.part == 0:
            self.gathered = b""
        # A part is missing, or one before the last was not full.
        if self.gathered is None or len(self.gathered) != frame.part * USABLE:
            return "part"
        if n > USABLE or len(self.gathered) + n > PAYLOAD:
            self.gathered = None
            return "bad"
        self.gathered += plain[1 : 1 + n]
        if frame.part + 1 < frame.parts:
            return "part"
        self.payloads.append(self.gathered)
        self.gathered = None
        return "opened"

    # KEY_ROTATION

    def _rotation_part(self, frame):
        place = self.place
        if frame.index != frame.part or frame.parts > MAX_PARTS:
            return "bad"
        if place and frame.epoch == place.epoch:
            if frame.index == place.index and place.chain_key:
                _, place.chain_key = step(place.chain_key)
                self._move(frame)
            return "part"
        if frame.part == 0:
            self.rotation = []
        held = self.rotation
        if held is None or len(held) != frame.part:
            return "part"
        if held and (frame.epoch, frame.nonce, frame.parts) != (held[0].epoch, held[0].nonce, held[0].parts):
            return "part"
        if held and frame.link != held[-1].hash()[:16]:
            return "fork"
        held.append(frame)
        if len(held) < frame.parts:
            return "part"
        self.rotation = None
        return self._enter(held)

    def _enter(self, parts):
        place, first = self.place, parts[0]
        try:
            rotation = read_rotation(b"".join(part.body for part in parts))
        except Malformed:
            return "bad"
        if place is None:
            return "closed"
        prev = rotation.prev[:2]
        repaired = False
        if prev < place.at():
            remembered = self.known.get(prev)
            repaired = remembered is not None and remembered != rotation.prev[2]
            if repaired and rotation.reason != REPAIRED:
                return "fork"
        chain_key = open_rotation(rotation, self.keys, (self.cls, first.epoch, first.nonce, place.grant_id))
        if repaired:
            self.gaps.append((place.at(), (first.epoch, 0)))
        elif prev >= place.at() and place.chain_key:
            self.gaps.append((place.at(), (prev[0], prev[1] + 1)))
        if chain_key:
            for _ in parts:
                _, chain_key = step(chain_key)
        self._become(Place(place.grant_id, first.epoch, first.nonce, len(parts), parts[-1].hash(), chain_key))
        return "rotated" if chain_key else "closed"

    # Place

    def _move(self, frame):
        self.place.index = frame.index + 1
        self.place.hash = frame.hash()
        self._remember(frame.epoch, frame.index, self.place.hash)

    def _remember(self, epoch, index, hash_):
        self.known[(epoch, index)] = hash_
        while len(self.known) > REMEMBERED:
            del self.known[next(iter(self.known))]

    def _become(self, place):
        self.place = place
        self.gathered = None
        if place.index > 0:
            self._remember(place.epoch, place.index - 1, place.hash)
