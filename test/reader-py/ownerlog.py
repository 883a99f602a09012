"""docs/wire.md "Owner log" and "Card", docs/wire/owners.md, docs/wire/claim.md "Owner set" and "Certificate".

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
KEY_STEPS = 16


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
    """{"m", "owners": [(Ed25519 key, X25519 key, digest of the successor or None)], "recovery"}"""
    c = Cursor(data)
    m, n = c.number(1), c.number(1)
    need(1 <= m <= n <= 8, "m of n")
    owners = [(c.take(32), c.take(32), c.take(32)) for _ in range(n)]
    keys = [sign for sign, _, _ in owners]
    digests = [digest for _, _, digest in owners if digest != bytes(32)]
    need(keys == sorted(keys) and len(set(keys)) == n, "order of owners")
    need(all(good_sign_key(sign) for sign in keys), "key")
    need(len(digests) == len(set(digests)), "digests")
    flag = c.number(1)
    need(flag in (0, 1), "recovery")
    recovery = c.take(32) if flag else None
    c.end()
    return {"m": m, "owners": [(s, b, None if d == bytes(32) else d) for s, b, d in owners], "recovery": recovery}


def write_owner_set(owner_set):
    out = bytes([owner_set["m"], len(owner_set["owners"])])
    for sign, box, digest in owner_set["owners"]:
        out += sign + box + (digest or bytes(32))
    return out + (b"\x00" if owner_set["recovery"] is None else b"\x01" + owner_set["recovery"])


def owner_in(owner_set, sign):
    return next((owner for owner in owner_set["owners"] if owner[0] == sign), None)


def read_certificate(data):
    need(len(data) == 199, "length")
    c = Cursor(data)
    need(c.number(1) == 1, "version")
    sign, box = c.take(32), c.take(32)
    need(good_sign_key(sign), "key")
    out = {"sign": sign, "box": box, "incarnation": c.number(4), "discriminator": c.number(2), "owners": c.take(32)}
    out["transcript"] = c.take(32)
    need(verify(sign, b"wattle-claim/1 certificate" + data[:135], data[135:]), "signature")
    return out


# Policy (docs/wire/owners.md "Policy")

FINEST = ("none", "day", "15min", "raw")
RELAY = ("nobody", "owners", "readers", "anyone")
WEIGHTS = ("signatures", "answers", "storing", "relaying", "equivocation")
FACTORY = {
    "v": 1,
    "grants": {"days": 90, "finest": "raw"},
    "relay": {"for": "nobody", "kBps": 64},
    "retention": {"days": 7},
    "announce": {"lan": True, "dht": False},
    "reputation": {
        "weights": dict.fromkeys(WEIGHTS, 1),
        "halfLifeHours": 24,
        "pins": [],
        "blocks": [],
        "vouchers": [],
    },
}


def read_policy(value):
    def has(thing, *names):
        need(isinstance(thing, dict) and set(thing) == set(names), "members of a policy")

    def whole(number, least, most):
        need(isinstance(number, int) and not isinstance(number, bool) and least <= number <= most, "number")

    has(value, "v", "grants", "relay", "retention", "announce", "reputation")
    whole(value["v"], 1, 1)
    has(value["grants"], "days", "finest")
    whole(value["grants"]["days"], 1, 3650)
    need(value["grants"]["finest"] in FINEST, "finest")
    has(value["relay"], "for", "kBps")
    need(value["relay"]["for"] in RELAY, "relay")
    whole(value["relay"]["kBps"], 1, 10_000)
    has(value["retention"], "days")
    whole(value["retention"]["days"], 1, 400)
    has(value["announce"], "lan", "dht")
    need(all(isinstance(value["announce"][name], bool) for name in ("lan", "dht")), "announce")
    judgement = value["reputation"]
    has(judgement, "weights", "halfLifeHours", "pins", "blocks", "vouchers")
    has(judgement["weights"], *WEIGHTS)
    for name in WEIGHTS:
        whole(judgement["weights"][name], 0, 4)
    whole(judgement["halfLifeHours"], 1, 8760)
    for name in ("pins", "blocks", "vouchers"):
        need(isinstance(judgement[name], list) and len(judgement[name]) <= 16, "list")
        need(len({key(k) for k in judgement[name]}) == len(judgement[name]), "twice")
    return value


def looser(before, after):
    """Allows more."""
    judged, judges = before["reputation"], after["reputation"]
    return (
        after["grants"]["days"] > before["grants"]["days"]
        or FINEST.index(after["grants"]["finest"]) > FINEST.index(before["grants"]["finest"])
        or RELAY.index(after["relay"]["for"]) > RELAY.index(before["relay"]["for"])
        or after["relay"]["kBps"] > before["relay"]["kBps"]
        or after["retention"]["days"] > before["retention"]["days"]
        or any(after["announce"][name] and not before["announce"][name] for name in ("lan", "dht"))
        or set(judges["pins"]) - set(judged["pins"]) != set()
        or set(judges["vouchers"]) - set(judged["vouchers"]) != set()
        or set(judged["blocks"]) - set(judges["blocks"]) != set()
        or judges["weights"] != judged["weights"]
        or judges["halfLifeHours"] != judged["halfLifeHours"]
    )


# Events


def read_jws(text, keys_of):
    """Payload and kids, when every signature is by a key that `keys_of` knows and verifies."""
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
        named = re.fullmatch(r'\{"alg":"EdDSA","kid":"([A-Za-z0-9_.-]{43,87})"\}', header)
        need(named, "header")
        sign = keys_of(named.group(1))
        need(sign, "nobody")
        signed = f"{fields.group(1)}.{whole.group(1)}".encode("ascii")
        need(verify(sign, signed, unbase64url(fields.group(2))), "signature")
        kids.append(named.group(1))
    need(kids == sorted(set(kids)), "order of signatures")
    return unbase64url(whole.group(1)), kids


def read_event(payload):
    event = members(payload)
    need(event.get("v") == 1 and not isinstance(event.get("v"), bool), "version")
    out = {
        "device": key(event.get("device")),
        "seq": count(event.get("seq")),
        "prev": key(event.get("prev")),
        "at": count(event.get("at")),
        "type": event.get("type"),
    }
    kind = out["type"]
    if kind == "DEVICE_ADDED":
        words(event.get("name"), 64)
    elif kind == "AUTHORIZED":
        out["grant"] = key(event.get("grant"), 16)
        need(event.get("class") in CLASSES, "class")
        out["class"] = CLASSES.index(event["class"])
        words(event.get("name"), 64)
        words(event.get("domain"), 253)
        words(event.get("purpose"), 500)
        out["sign"], out["box"] = key(event.get("sign")), key(event.get("box"))
        need(count(event.get("until")) > count(event.get("since")), "until")
        out["since"], out["until"] = event["since"], event["until"]
    elif kind == "AUTHORIZATION_REVOKED":
        out["grant"] = key(event.get("grant"), 16)
    elif kind in ("PAUSED", "RESUMED"):
        out["grant"] = key(event["grant"], 16) if "grant" in event else None
    elif kind in ("OWNERS_CHANGED", "RECOVERY_STARTED"):
        need(isinstance(event.get("set"), str), "set")
        out["set"] = read_owner_set(unbase64url(event["set"]))
    elif kind == "POLICY_SET":
        out["policy"] = read_policy(event.get("policy"))
    elif kind == "DEVICE_KEY_REPLACED":
        out["certificate"], out["by"] = key(event.get("certificate"), 199), key(event.get("by"), 64)
    elif kind == "DEVICE_KEY_REVOKED":
        out["successor"] = key(event["successor"], 199) if "successor" in event else None
    else:
        need(kind in ("DEVICE_DELETED", "RECOVERY_FINISHED", "RECOVERY_CANCELLED"), "type")
    return out


class OwnerLog:
    def __init__(self, certificate, owner_set):
        about = read_certificate(certificate)
        need(sha256(owner_set) == about["owners"], "another owner set")
        self.keys, self.set, self.policy, self.heirs = [about["sign"]], read_owner_set(owner_set), FACTORY, None
        self.seq, self.head, self.bytes = 0, sha256(certificate), 0
        self.deleted = self.all_paused = False
        self.readers, self.used, self.paused = {}, set(), set()

    @property
    def device(self):
        return self.keys[-1]

    # Who signed

    def _successor(self, kid):
        """(owner, key, digest of the one after it), where the kid is that of a successor."""
        if len(kid) != 87 or kid[43] != ".":
            return None
        sign, following = unbase64url(kid[:43]), unbase64url(kid[44:])
        owner = next((o for o in self.set["owners"] if o[2] == sha256(sign)), None)
        return owner and (owner, sign, following)

    def _key_of(self, kid):
        successor = self._successor(kid)
        if successor:
            return successor[1]
        if len(kid) != 43:
            return None
        sign = unbase64url(kid)
        known = (
            owner_in(self.set, sign)
            or (self.heirs and owner_in(self.heirs, sign))
            or sign == self.device
            or (self.set["recovery"] is not None and sha256(sign) == self.set["recovery"])
        )
        return sign if known else None

    def _signers(self, kids):
        owners, revealed, heirs, paper, device = [], {}, [], False, False
        for kid in kids:
            successor = self._successor(kid)
            if successor:
                revealed.setdefault(successor[0][0], successor[2])
                continue
            sign = unbase64url(kid)
            if owner_in(self.set, sign):
                owners.append(owner_in(self.set, sign))
            if self.heirs and owner_in(self.heirs, sign):
                heirs.append(sign)
            device = device or sign == self.device
            paper = paper or (self.set["recovery"] is not None and sha256(sign) == self.set["recovery"])
        return {"owners": owners, "revealed": revealed, "heirs": heirs, "paper": paper, "device": device}

    def _leaves(self, after, by):
        if len(by["owners"]) != 1 or owner_in(after, by["owners"][0][0]):
            return False
        rest = [owner for owner in self.set["owners"] if owner != by["owners"][0]]
        same = after["m"] == self.set["m"] and after["recovery"] == self.set["recovery"]
        return same and after["owners"] == rest

    def _signatures(self, event, by):
        """The table of "Signatures"."""
        kind, m, several = event["type"], self.set["m"], len(self.set["owners"]) > 1
        agreed = len(by["owners"]) >= m
        full = [o for o in by["owners"] if o[2] is None or o[0] in by["revealed"]]
        in_full, one, revealed = len(full) >= m, len(by["owners"]) > 0, len(by["revealed"]) > 0
        paper, device = by["paper"], by["device"]
        stray = paper or device or revealed
        if kind == "OWNERS_CHANGED":
            leaves = self._leaves(event["set"], by)
            enough, stray = (True, stray) if leaves else (in_full, paper or device)
        elif kind == "POLICY_SET":
            enough, stray = (in_full if looser(self.policy, event["policy"]) else one), paper or device
        elif kind == "RECOVERY_STARTED":
            enough, stray = paper, device or revealed
        elif kind == "RECOVERY_FINISHED":
            enough = len(by["heirs"]) > 0
        elif kind == "RECOVERY_CANCELLED":
            enough, stray = (agreed, stray) if several else (device, paper or one or revealed)
        elif kind == "DEVICE_KEY_REPLACED":
            enough = agreed
        elif kind == "DEVICE_KEY_REVOKED" and event["successor"] is not None:
            enough, stray = in_full, paper or device
        elif kind == "AUTHORIZED":
            grants = self.policy["grants"]
            short = event["until"] - event["since"] <= grants["days"] * 86_400_000
            alone = short and 3 - event["class"] <= FINEST.index(grants["finest"])
            enough = one if alone else agreed
        else:
            enough = one
        return "malformed" if stray else None if enough else "needs-signatures"

    def take(self, text):
        """ "applied", or the word of the refusal."""
        try:
            payload, kids = read_jws(text, self._key_of)
            event = read_event(payload)
        except Malformed:
            return "malformed"
        by = self._signers(kids)
        word = self._misplaced(event, text) or self._signatures(event, by) or self._unfit(event)
        if word is None:
            word, after = self._leads_to(event, by)
        if word is None:
            self._apply(event, text, after)
        return word or "applied"

    def _misplaced(self, event, text):
        if event["device"] != self.device:
            return "other-device"
        if self.deleted:
            return "deleted"
        if event["seq"] != self.seq + 1 or event["prev"] != self.head:
            return "stale"
        waits = event["type"] in ("AUTHORIZED", "RESUMED", "POLICY_SET", "DEVICE_KEY_REPLACED")
        waits = waits or (event["type"] == "AUTHORIZATION_REVOKED" and event["grant"] not in self.readers)
        if event["type"] == "DEVICE_KEY_REPLACED" and len(self.keys) > KEY_STEPS:
            return "log-full"
        if waits and self.bytes + len(text.encode("utf-8")) > LOG_BYTES:
            return "log-full"
        if (event["type"] == "DEVICE_ADDED") != (self.seq == 0):
            return "out-of-order"
        return None

    def _unfit(self, event):
        kind = event["type"]
        if kind in ("DEVICE_KEY_REPLACED", "DEVICE_KEY_REVOKED"):
            try:
                self._next_key(event)
            except Malformed:
                return "bad-key"
        if kind == "AUTHORIZED":
            if len(self.readers) + len(self.set["owners"]) >= READERS:
                return "too-many-readers"
            if event["grant"] in self.used:
                return "double-grant"
            if not good_sign_key(event["sign"]):
                return "bad-key"
        if kind == "AUTHORIZATION_REVOKED" and event["grant"] not in self.used:
            return "unknown-grant"
        if kind == "OWNERS_CHANGED" and len(self.readers) + len(event["set"]["owners"]) > READERS:
            return "too-many-readers"
        if kind == "RECOVERY_STARTED" and self.heirs:
            return "recovery-pending"
        if kind in ("PAUSED", "RESUMED"):
            grant = event["grant"]
            if grant is not None and grant not in self.readers:
                return "unknown-grant"
            rests = self.all_paused if grant is None else grant in self.paused
            if rests == (kind == "PAUSED"):
                return "out-of-order"
        if kind in ("RECOVERY_FINISHED", "RECOVERY_CANCELLED") and not self.heirs:
            return "no-recovery"
        return None

    def _next_key(self, event):
        """What "Device key" asks of a certificate; None where a revocation names no successor."""
        data = event["certificate"] if event["type"] == "DEVICE_KEY_REPLACED" else event["successor"]
        if data is None:
            return None
        about = read_certificate(data)
        need(about["sign"] not in self.keys, "a key that it had")
        if event["type"] == "DEVICE_KEY_REPLACED":
            place = sha256(b"wattle-key/1 follows" + self.device + event["prev"])
            need(about["transcript"] == place, "another place")
            need(about["owners"] == sha256(write_owner_set(self.set)), "other owners")
            need(verify(self.device, b"wattle-key/1 by" + data, event["by"]), "not by the key of now")
        return about["sign"]

    def _leads_to(self, event, by):
        """(refusal, the owner set after it)"""
        kind = event["type"]
        if kind in ("OWNERS_CHANGED", "RECOVERY_STARTED"):
            asked = event["set"]
        elif kind == "RECOVERY_FINISHED":
            asked = self.heirs
        elif kind == "POLICY_SET" and by["revealed"]:
            asked = self.set
        else:
            return None, self.set
        after = self._next_set(asked, by)
        if after is None:
            return "bad-set", None
        return None, self.set if kind == "RECOVERY_STARTED" else after

    def _next_set(self, asked, by):
        for owner in asked["owners"]:
            old = owner_in(self.set, owner[0])
            if old and old != owner:
                return None
        owners = [(s, b, by["revealed"].get(s, d)) for s, b, d in asked["owners"]]
        if by["paper"] and asked["recovery"] == self.set["recovery"]:
            return None
        digests = [d for _, _, d in owners if d is not None]
        digests += [asked["recovery"]] if asked["recovery"] is not None else []
        known = [d for s, _, d in self.set["owners"] if s in by["revealed"]] + [sha256(s) for s, _, _ in owners]
        if len(set(digests)) != len(digests) or any(d in known for d in digests):
            return None
        return {**asked, "owners": owners}

    def _apply(self, event, text, after):
        data, kind, before = text.encode("utf-8"), event["type"], self.set
        self.seq, self.head, self.bytes = event["seq"], sha256(data), self.bytes + len(data)
        self.set = after
        if kind == "AUTHORIZED":
            self.readers[event["grant"]] = event
            self.used.add(event["grant"])
        elif kind == "AUTHORIZATION_REVOKED":
            self.readers.pop(event["grant"], None)
            self.paused.discard(event["grant"])
        elif kind in ("PAUSED", "RESUMED"):
            if event["grant"] is None:
                self.all_paused = kind == "PAUSED"
            elif kind == "PAUSED":
                self.paused.add(event["grant"])
            else:
                self.paused.discard(event["grant"])
        elif kind == "OWNERS_CHANGED":
            self.heirs = None
            if not any(owner_in(after, sign) for sign, _, _ in before["owners"]):
                self.readers = {}
        elif kind == "RECOVERY_STARTED":
            self.heirs = event["set"]
        elif kind in ("RECOVERY_FINISHED", "RECOVERY_CANCELLED"):
            self.heirs = None
        elif kind == "POLICY_SET":
            self.policy = event["policy"]
        elif kind == "DEVICE_KEY_REPLACED":
            self.keys.append(read_certificate(event["certificate"])["sign"])
        elif kind in ("DEVICE_DELETED", "DEVICE_KEY_REVOKED"):
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
