#!/usr/bin/env python3
"""libtorrent sessions driven by NDJSON on stdin; every command is answered by one line.

Arguments: listen addresses. The first session is the bootstrap of the others. A command goes to the
session `n`; extra bootstrap nodes come with {"do": "add", "host": ..., "port": ...}.
"""
import binascii
import hashlib
import json
import sys
import tempfile
import time

try:
    import libtorrent as lt
except ImportError:
    print(json.dumps({"missing": "python3-libtorrent"}), flush=True)
    sys.exit(3)

ADDRESSES = sys.argv[1:]


def settings(i):
    return {
        "listen_interfaces": ADDRESSES[i],
        "enable_dht": True,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "dht_bootstrap_nodes": "" if i == 0 else ADDRESSES[0],
        # All nodes share one address here.
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "dht_upload_rate_limit": 2000000000,
        "dht_block_ratelimit": 200000000,
        "dht_block_timeout": 1,
        "alert_mask": lt.alert.category_t.dht_notification
        | lt.alert.category_t.dht_operation_notification
        | lt.alert.category_t.error_notification,
    }


def expanded(seed):
    h = bytearray(hashlib.sha512(seed).digest())
    h[0] &= 248
    h[31] &= 63
    h[31] |= 64
    return bytes(h)


sessions = [lt.session(settings(i)) for i in range(len(ADDRESSES))]


def wait(ses, kinds, seconds=45, accept=lambda a: True):
    end = time.time() + seconds
    while time.time() < end:
        ses.wait_for_alert(50)
        for a in ses.pop_alerts():
            if type(a).__name__ in kinds and accept(a):
                return a
    return None


def text(value):
    if isinstance(value, bytes):
        return binascii.hexlify(value).decode()
    return str(value)


def run(c):
    ses = sessions[c.get("n", 0)]
    ses.pop_alerts()
    do = c["do"]
    if do == "add":
        for s in sessions:
            s.add_dht_node((c["host"], c["port"]))
        return {}
    if do == "put_immutable":
        target = ses.dht_put_immutable_item(binascii.unhexlify(c["value"]))
        a = wait(ses, ("dht_put_alert",))
        return {"target": str(target), "stored": a.num_success if a else -1}
    if do == "get_immutable":
        ses.dht_get_immutable_item(lt.sha1_hash(binascii.unhexlify(c["target"])))
        a = wait(ses, ("dht_immutable_item_alert",))
        if not a or a.item is None:
            return {"value": None}
        return {"value": text(a.item["value"] if isinstance(a.item, dict) else a.item)}
    if do == "put_mutable":
        seed = binascii.unhexlify(c["seed"])
        ses.dht_put_mutable_item(
            expanded(seed), binascii.unhexlify(c["key"]), binascii.unhexlify(c["value"]), c["salt"].encode()
        )
        a = wait(ses, ("dht_put_alert",))
        return {"stored": a.num_success if a else -1, "seq": str(a.seq) if a else None}
    if do == "get_mutable":
        ses.dht_get_mutable_item(binascii.unhexlify(c["key"]), c["salt"].encode())
        a = wait(ses, ("dht_mutable_item_alert",), accept=lambda a: a.authoritative)
        if not a or a.item is None:
            return {"value": None}
        item = a.item
        value = item["value"] if isinstance(item, dict) and "value" in item else item
        return {"value": text(value), "seq": str(a.seq)}
    if do == "announce":
        # session.dht_announce cannot be called from Python in 2.0.8 (its flags have no converter), so a
        # torrent that we know by its hash alone is announced, as any client does.
        params = lt.parse_magnet_uri("magnet:?xt=urn:btih:" + c["topic"])
        params.save_path = tempfile.mkdtemp()
        handle = ses.add_torrent(params)
        handle.force_dht_announce()
        time.sleep(2)
        return {"port": ses.listen_port()}
    if do == "get_peers":
        ses.dht_get_peers(lt.sha1_hash(binascii.unhexlify(c["topic"])))
        a = wait(ses, ("dht_get_peers_reply_alert",), 10)
        return {"peers": [f"{p[0]}:{p[1]}" for p in a.peers()] if a else []}
    return {"error": f"no command {do}"}


print(json.dumps({"ready": True, "version": lt.version}), flush=True)
for line in sys.stdin:
    try:
        out = run(json.loads(line))
    except Exception as error:  # reported, so that the test can say what failed
        out = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(out), flush=True)
