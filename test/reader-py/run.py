"""Runs the published vectors: `python3 run.py [docs/vectors]`. TAP on stdout; exit 1 where one fails."""

import json
import os
import sys

import messages
import ownerlog
from channel import Keys, binding, box_tag, first_chain_key, slot_key, step
from conventions import Malformed, hpke_open
from reading import Reader
from telegrams import Telegrams, read_summary


def unhex(text):
    return bytes.fromhex(text)


def reading_case(case):
    """Every step: verdict, payload, gap and place, in the words of docs/wire.md "Reading"."""
    device, who = case["device"], case["reader"]
    keys = Keys(unhex(device["sign"]), unhex(device["box"]), unhex(who["sign"]), unhex(who["boxSecret"]))
    reader = Reader(keys, case["class"])
    for n, wanted in enumerate(case["steps"], 1):
        reader.payloads, reader.gaps = [], []
        got = {"out": getattr(reader, wanted["in"])(unhex(wanted["bytes"]))}
        if reader.payloads:
            got["payload"] = reader.payloads[0].hex()
        if reader.gaps:
            got["gap"] = [*reader.gaps[0][0], *reader.gaps[0][1]]
        place = reader.place
        got["place"] = place and [place.epoch, place.index, place.chain_key is not None]
        if got != {key: wanted[key] for key in ("out", "payload", "gap", "place") if key in wanted}:
            return f"step {n}: {got}, wanted {({**wanted, 'bytes': '…'})}"
    return None


def keys_case(case):
    """Every derivation of "Keys" by itself."""
    who, nonce, cls = case["reader"], unhex(case["nonce"]), case["class"]
    device, secret, grant_id = case["device"], unhex(who["boxSecret"]), unhex(who["grantId"])
    chain_key = first_chain_key(unhex(case["secret"]), nonce, cls)
    if chain_key.hex() != case["firstChainKey"]:
        return f"first chain key {chain_key.hex()}"
    for n, wanted in enumerate(case["steps"]):
        frame_key, chain_key = step(chain_key)
        if [frame_key.hex(), chain_key.hex()] != [wanted["frameKey"], wanted["next"]]:
            return f"step {n}: {frame_key.hex()} {chain_key.hex()}"
    slot = slot_key(secret, unhex(device["box"]), grant_id)
    if [slot.hex(), box_tag(slot, nonce, cls).hex()] != [case["slotKey"], case["tag"]]:
        return f"slot key {slot.hex()}"
    for box in case["boxes"]:
        name = f"wattle/{box['name']}/1\0".encode("ascii")
        info = binding(name, unhex(device["sign"]), cls, case["epoch"], case["index"], nonce)
        plain = hpke_open(secret, info, unhex(who["box"]) + grant_id, unhex(box["box"]))
        if plain is None or plain.hex() != box["plain"]:
            return f"box {box['name']}: {plain}"
        other = binding(name, unhex(device["sign"]), cls, case["epoch"], case["index"] + 1, nonce)
        if hpke_open(secret, other, unhex(who["box"]) + grant_id, unhex(box["box"])) is not None:
            return f"box {box['name']} opens at another index"
    return None


def message_case(case):
    try:
        got = messages.read(unhex(case["bytes"]))
    except Malformed:
        got = None
    return None if got == case["message"] else f"{got}"


def telegram_case(case):
    held = Telegrams()
    for n, wanted in enumerate(case["steps"], 1):
        got, when = None, None
        try:
            if wanted["in"] == "lost":
                held.lost()
            elif wanted["in"] == "state":
                held.grant(unhex(wanted["bytes"]))
                got = held.last
            else:
                _, when, got = held.payload(unhex(wanted["bytes"]))
        except Malformed:
            got = None
        if (None if got is None else got.decode("latin-1")) != wanted.get("telegram"):
            return f"step {n}: {got}"
        if got and "when" in wanted and when != wanted["when"]:
            return f"step {n}: at {when}"
    return None


def summary_case(case):
    got = read_summary(unhex(case["bytes"]))
    return None if got == case["values"] else f"{got}, wanted {case['values']}"


def log_case(case):
    log = ownerlog.OwnerLog(unhex(case["certificate"]), unhex(case["ownerSet"]))
    for n, wanted in enumerate(case["steps"], 1):
        out = log.take(wanted["text"])
        got = [out, log.seq, log.head.hex(), [grant.hex() for grant in log.readers]]
        got += [log.device.hex(), ownerlog.write_owner_set(log.set).hex()]
        if got != [wanted[name] for name in ("out", "seq", "head", "readers", "device", "set")]:
            return f"step {n}: {got[:3]}, wanted {wanted['out']}"
    return None


def card_case(case):
    try:
        got = ownerlog.read_card(case["text"])
    except Malformed:
        got = None
    return None if got == case["card"] else f"{got}"


RUNNERS = {
    "keys.json": keys_case,
    "reading.json": reading_case,
    "rotation.json": reading_case,
    "messages.json": message_case,
    "telegrams.json": telegram_case,
    "summaries.json": summary_case,
    "owner-log.json": log_case,
    "cards.json": card_case,
}


def main(folder):
    files = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    checks, failures = 0, 0
    for name in files:
        with open(os.path.join(folder, name), encoding="utf-8") as text:
            cases = json.load(text)["cases"]
        for case in cases:
            checks += 1
            problem = RUNNERS[name](case)
            failures += problem is not None
            print(f"{'ok' if problem is None else 'not ok'} {checks} - {name}: {case['name']}")
            if problem is not None:
                print(f"# {problem}")
    print(f"1..{checks}")
    return 1 if failures or checks == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "docs/vectors"))
