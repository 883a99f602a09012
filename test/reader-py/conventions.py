"""docs/wire.md "Conventions" and "Identities": numbers, hashes, keys, HPKE.

Part of a reader that was written from docs/wire.md alone: it shares no line with src/, is slow, and
checks everything. Bytes in, values out; what is not as the text has it raises Malformed.
"""

import base64
import hashlib
import hmac as hmac_module

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLASSES = ("raw", "15min", "day")


class Malformed(Exception):
    """What came is not what the text says it is."""


def need(condition, what):
    if not condition:
        raise Malformed(what)


class Cursor:
    """Takes fields off the front; `end` refuses what is left over."""

    def __init__(self, data):
        self.data = bytes(data)
        self.at = 0

    def take(self, n):
        need(self.at + n <= len(self.data), "too short")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def block(self, most):
        n = self.number(2)
        need(n <= most, "block too long")
        return self.take(n)

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        need(self.at == len(self.data), "too long")


def u(n, size):
    return n.to_bytes(size, "big")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def sha512(*parts):
    return hashlib.sha512(b"".join(parts)).digest()


def hmac256(key, *parts):
    return hmac_module.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(salt, ikm, info, n):
    prk = hmac256(salt, ikm)
    out, block, i = b"", b"", 1
    while len(out) < n:
        block = hmac256(prk, block, info, bytes([i]))
        out += block
        i += 1
    return out[:n]


def aead_open(key, nonce, aad, box):
    """Plain text, or None."""
    if len(box) < 16:
        return None
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, box, aad)
    except InvalidTag:
        return None


def unbase64url(text):
    """The one form: no padding, and bits that are left over are zero."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Malformed("base64url") from error
    need(base64url(data) == text, "base64url in another form")
    return data


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


# Keys, docs/decisions/0002-signatures.md

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
# y of the points of order 1, 2, 4 and 8.
_SMALL = {
    0,
    1,
    _P - 1,
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
}


def _y(point):
    return int.from_bytes(point, "little") & (2**255 - 1)


def good_sign_key(key):
    """Rule 1: canonical, and not of small order."""
    return len(key) == 32 and _y(key) < _P and _y(key) not in _SMALL


def verify(key, text, signature):
    """Rules 2 to 5; a key that is none verifies nothing."""
    if not good_sign_key(key) or len(signature) != 64 or _y(signature[:32]) % _P in _SMALL:
        return False
    if int.from_bytes(signature[32:], "little") >= _ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
        return True
    except (InvalidSignature, ValueError):
        return False


def agree(secret, public):
    """X25519, or None for a key that is not canonical or of small order."""
    if len(public) != 32 or int.from_bytes(public, "little") >= _P:
        return None
    try:
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return None


def x25519_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


# HPKE, RFC 9180 sections 4.1, 5.1, 5.2

_KEM = b"KEM" + u(0x20, 2)
_SUITE = b"HPKE" + u(0x20, 2) + u(1, 2) + u(3, 2)


def _extract(suite, salt, label, ikm):
    return hmac256(salt, b"HPKE-v1", suite, label, ikm)


def _expand(suite, prk, label, info, n):
    text = u(n, 2) + b"HPKE-v1" + suite + label + info
    return hmac256(prk, text, b"\x01")[:n]


def hpke_open(secret, info, aad, box):
    """Plain text of a box, or None."""
    if len(box) < 48:
        return None
    enc = box[:32]
    shared = agree(secret, enc)
    if shared is None:
        return None
    prk = _extract(_KEM, b"", b"eae_prk", shared)
    kem = _expand(_KEM, prk, b"shared_secret", enc + x25519_public(secret), 32)
    context = b"\0" + _extract(_SUITE, b"", b"psk_id_hash", b"") + _extract(_SUITE, b"", b"info_hash", info)
    key = _extract(_SUITE, kem, b"secret", b"")
    return aead_open(_expand(_SUITE, key, b"key", context, 32), _expand(_SUITE, key, b"base_nonce", context, 12), aad, box[32:])
