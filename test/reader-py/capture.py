"""Reads what a device sent to one reader: `python3 capture.py < capture.json`.

The input names the device's keys, the reader's, the class and the messages of one stream in their order
(hex). One JSON line for each telegram or summary comes out, and one at the end that counts the rest.
"""

import json
import sys

import messages
from channel import Keys
from conventions import Malformed
from reading import Reader
from telegrams import Telegrams, read_summary


class Following:
    """One stream: messages in, telegrams out."""

    def __init__(self, keys, cls):
        self.reader, self.telegrams, self.cls = Reader(keys, cls), Telegrams(), cls
        self.counts, self.gaps, self.refused = {}, [], None

    def count(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1

    def message(self, data):
        """What this message released: [(kind, telegram or summary)]."""
        kind, body = data[0], data[1:]
        out = []
        if kind == messages.GRANT:
            word = self.reader.grant(body)
            self.count(f"grant {word}")
            if word == "taken" and self.cls == 0:
                self.telegrams.grant(self.reader.state)
        elif kind == messages.ENDED:
            self.count(f"ended {self.reader.ended(body)}")
        elif kind == messages.ENTRY:
            self.count("entry")
        else:
            fields = messages.read(data)
            if kind == messages.FRAMES:
                for frame in fields["frames"]:
                    out += self._frame(bytes.fromhex(frame))
            elif kind == messages.REFUSED:
                self.refused = fields["ending"]
        self.gaps += self.reader.gaps
        self.reader.gaps = []
        return out

    def _frame(self, frame):
        self.count(self.reader.frame(frame))
        if self.reader.gaps and self.cls == 0:
            self.telegrams.lost()
        payloads, self.reader.payloads = self.reader.payloads, []
        if self.cls == 0:
            return [self.telegrams.payload(payload)[2] for payload in payloads]
        return [read_summary(payload) for payload in payloads]


def main():
    capture = json.load(sys.stdin)
    device, who = capture["device"], capture["reader"]
    fields = (device["sign"], device["box"], who["sign"], who["boxSecret"])
    following = Following(Keys(*(bytes.fromhex(field) for field in fields)), capture["class"])
    for text in capture["messages"]:
        try:
            for got in following.message(bytes.fromhex(text)):
                shown = got.decode("latin-1") if isinstance(got, bytes) else got
                print(json.dumps({"telegram" if capture["class"] == 0 else "summary": shown}))
        except Malformed as error:
            following.count(f"malformed: {error}")
    print(json.dumps({"counts": following.counts, "gaps": following.gaps, "refused": following.refused}))


if __name__ == "__main__":
    main()
