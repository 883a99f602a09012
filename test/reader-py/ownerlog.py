"""docs/wire.md "Owner log" and "Card", docs/wire/claim.md "Owner set" and "Certificate".

Written from those texts alone: the log as the device orders it, word for word.
"""

import json
import re

from conventions import CLASSES, Cursor, Malformed, good_sign_key, need, sha256, unbase64url, verify

_EVENT = re.compile(r'\{"payload":"([A-Za-z0-9_-]+)","signatures":\[(.*)\]\}\Z')
_SIGNATURE = re.compile(r'\{"protected":"([A-Za-z0-9_-]+)","signature":"([A-Za-z0-9_-]+)"\}')
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
READERS = 32
LOG_BYTES = 4_194_304


def utf16(text):
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def words(value, most):
    need(isinstance(value, str) and utf16(value) <= most and not _CONTROL.search(value), "text")
    return value


def count(value):
    need(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53, "number")
    return value


def key(value, n=32):
    need(isinstance(value, str), "bytes")
    data = unbase64url(value)
    need(len(data) == n, "length of bytes")
    return data


def members(payload):
    try:
        value = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Malformed("JSON") from error
    need(isinstance(value, dict), "JSON")
    return value


# Owner set, certificate


def read_owner_set(data):
    """[(Ed25519 key, X25519 key)]"""
    c = Cursor(data)
    m, n = c.number(1), c.number(1)
    need(1 <= m <= n <= 8, "m of n")
    entries = [(c.take(32), c.take(32), c.take(32)) for _ in range(n)]
    owners = [(sign, box) for sign, box, _ in entries]
    digests = [digest for _, _, digest in entries if digest != bytes(32)]
    need(owners == sorted(owners) and len({o[0] for o in owners}) == n, "order of owners")
    need(all(good_sign_key(sign) for sign, _ in owners), "key")
    need(len(digests) == len(set(digests)), "digests")
    recovery = c.number(1)
    need(recovery in (0, 1), "recovery")
    c.take(32 * recovery)
    c.end()
    return owners


def read_certificate(data):
    need(len(data) == 199, "length")
    c = Cursor(data)
    need(c.number(1) == 1, "version")
    sign, box = c.take(32), c.take(32)
    out = {"sign": sign, "box": box, "incarnation": c.number(4), "discriminator": c.number(2), "owners": c.take(32)}
    c.take(32)
    need(verify(sign, b"wattle-claim/1 certificate" + data[:135], data[135:]), "signature")
    return out


# Events


def read_jws(text, owners):
    """Payload, when every signature is by one of `owners` and verifies."""
    need(len(text.encode("utf-8")) <= 8192, "too long")
    whole = _EVENT.match(text)
    need(whole, "not the one form")
    entries = whole.group(2).split(",{")
    entries = [entries[0], *("{" + entry for entry in entries[1:])]
    need(1 <= len(entries) <= 16, "number of signatures")
    kids = []
    for entry in entries:
        fields = _SIGNATURE.fullmatch(entry)
        need(fields, "not the one form")
        header = unbase64url(fields.group(1)).decode("utf-8", "replace")
        named = re.fullmatch(r'\{"alg":"EdDSA","kid":"([A-Za-z0-9_-]{43})"\}', header)
        need(named, "header")
        kid = unbase64url(named.group(1))
        need(kid in owners, "not an owner")
        signed = f"{fields.group(1)}.{whole.group(1)}".encode("ascii")
        need(verify(kid, signed, unbase64url(fields.group(2))), "signature")
        kids.append(named.group(1))
    need(kids == sorted(set(kids)), "order of signatures")
    return unbase64url(whole.group(1))


def read_event(text, owners):
    event = members(read_jws(text, owners))
    need(event.get("v") == 1 and not isinstance(event.get("v"), bool), "version")
    out = {
        "device": key(event.get("device")),
        "seq": count(event.get("seq")),
        "prev": key(event.get("prev")),
        "at": count(event.get("at")),
        "type": event.get("type"),
    }
    if out["type"] == "DEVICE_ADDED":
        words(event.get("name"), 64)
    elif out["type"] == "AUTHORIZED":
        out["grant"] = key(event.get("grant"), 16)
        need(event.get("class") in CLASSES, "class")
        out["class"] = CLASSES.index(event["class"])
        words(event.get("name"), 64)
        words(event.get("domain"), 253)
        words(event.get("purpose"), 500)
        out["sign"], out["box"] = key(event.get("sign")), key(event.get("box"))
        need(count(event.get("until")) > count(event.get("since")), "until")
        out["until"] = event["until"]
    elif out["type"] == "AUTHORIZATION_REVOKED":
        out["grant"] = key(event.get("grant"), 16)
    else:
        need(out["type"] == "DEVICE_DELETED", "type")
    return out


class OwnerLog:
    def __init__(self, certificate, owner_set):
        about = read_certificate(certificate)
        need(sha256(owner_set) == about["owners"], "another owner set")
        self.device, self.owners = about["sign"], [sign for sign, _ in read_owner_set(owner_set)]
        self.seq, self.head, self.bytes = 0, sha256(certificate), 0
        self.added = self.deleted = False
        self.readers, self.used = {}, set()

    def take(self, text):
        """ "applied", or the word of the refusal."""
        try:
            event = read_event(text, self.owners)
        except Malformed:
            return "malformed"
        word = self._refusal(event, text)
        if word is None:
            self._apply(event, text)
        return word or "applied"

    def _refusal(self, event, text):
        if event["device"] != self.device:
            return "other-device"
        if self.deleted:
            return "deleted"
        if event["seq"] != self.seq + 1 or event["prev"] != self.head:
            return "stale"
        if event["type"] == "AUTHORIZED" and self.bytes + len(text.encode("utf-8")) > LOG_BYTES:
            return "log-full"
        if (event["type"] == "DEVICE_ADDED") != (self.seq == 0):
            return "out-of-order"
        if event["type"] == "AUTHORIZED":
            if len(self.readers) + len(self.owners) >= READERS:
                return "too-many-readers"
            if event["grant"] in self.used:
                return "double-grant"
            if not good_sign_key(event["sign"]):
                return "bad-key"
        if event["type"] == "AUTHORIZATION_REVOKED" and event["grant"] not in self.used:
            return "unknown-grant"
        return None

    def _apply(self, event, text):
        data = text.encode("utf-8")
        self.seq, self.head, self.bytes = event["seq"], sha256(data), self.bytes + len(data)
        if event["type"] == "AUTHORIZED":
            self.readers[event["grant"]] = event
            self.used.add(event["grant"])
        elif event["type"] == "AUTHORIZATION_REVOKED":
            self.readers.pop(event["grant"], None)
        elif event["type"] == "DEVICE_DELETED":
            self.deleted = True
            self.readers = {}


# Card


def read_card(line):
    need(line.startswith("wattle-provider:") and len(line) <= 4096, "card")
    parts = line[len("wattle-provider:") :].split(".")
    need(len(parts) == 3, "compact JWS")
    header, card = members(unbase64url(parts[0])), members(unbase64url(parts[1]))
    need(header.get("alg") == "EdDSA" and set(header) <= {"alg", "kid", "typ", "cty"}, "header")
    need(card.get("v") == 1, "version")
    out = {name: card.get(name) for name in ("name", "domain", "addresses")}
    need(isinstance(out["name"], str) and 1 <= utf16(out["name"]) <= 64, "name")
    need(isinstance(out["domain"], str) and utf16(out["domain"]) <= 253, "domain")
    need(isinstance(out["addresses"], list) and len(out["addresses"]) <= 8, "addresses")
    need(all(isinstance(a, str) and len(a) < 80 for a in out["addresses"]), "addresses")
    sign = key(card.get("sign"))
    need(verify(sign, f"{parts[0]}.{parts[1]}".encode("ascii"), unbase64url(parts[2])), "signature")
    return {**out, "sign": sign.hex(), "box": key(card.get("box")).hex()}
