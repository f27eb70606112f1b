"""Whether `replay.py` tells what differs from a recording and takes what does not: `python -m pontoon_e2e.comparisons`."""

import datetime
import sys

from .replay import Aws

NOW = datetime.datetime(2026, 1, 31)
# What was recorded, what is answered, and the paths that differ.
CASES = [
    ({"A": 1}, {"A": 1}, []),
    ({"A": 1}, {"A": True}, ["A"]),
    ({"A": 1}, {}, ["A"]),
    ({}, {"A": 1}, ["A"]),
    ({"A": [1, 2]}, {"A": [2, 1]}, ["A[0]", "A[1]"]),
    ({"A": [1]}, {"A": [1, 1]}, ["A"]),
    ({"A": {"B": 1}}, {"A": '{"B": 1}'}, []),
    ({"A": {"B": 1}}, {"A": '{"B": 2}'}, ["A.B"]),
    # Instants
    ({"A": "datetime"}, {"A": NOW}, []),
    ({"A": "timestamp"}, {"A": "2026-01-31T12:00:00.000Z"}, []),
    ({"A": "timestamp"}, {"A": "soon"}, ["A"]),
    ({"A": "date"}, {"A": ""}, ["A"]),
    ({"A": "date"}, {"A": None}, ["A"]),
    ({"A": "timestamp"}, {"A": [NOW, "soon"]}, ["A"]),
    # Placeholders: one value each, and different ones for different numbers
    ({"A": "<uuid:1>", "B": "<uuid:1>"}, {"A": "x", "B": "x"}, []),
    ({"A": "<uuid:1>", "B": "<uuid:1>"}, {"A": "x", "B": "y"}, ["B"]),
    ({"A": "<uuid:1>", "B": "<uuid:2>"}, {"A": "x", "B": "x"}, ["B"]),
    ({"A": "<bus-name>", "B": "<bus-name>"}, {"A": "x", "B": "y"}, ["B"]),
    ({"A": "<bus-name>"}, {"A": ""}, ["A"]),
    ({"A": "bus/<bus-name>"}, {"A": "rule/x"}, ["A"]),
    ({"A": "<region>"}, {"A": "us-east-1"}, []),
    ({"A": "<region>"}, {"A": "eu-west-1"}, ["A"]),
    ({"A": "111111111111"}, {"A": "999999999999"}, ["A"]),
    # What varies has a form all the same
    ({"A": "<code-size>", "B": "<code-size>"}, {"A": 1, "B": 2}, []),
    ({"A": "<code-size>"}, {"A": "much"}, ["A"]),
    ({"A": "<md5-hash>"}, {"A": "no hash"}, ["A"]),
    ({"SentTimestamp": "sent-timestamp"}, {"SentTimestamp": "1769860800000"}, []),
    ({"SentTimestamp": "sent-timestamp"}, {"SentTimestamp": "now"}, ["SentTimestamp"]),
    ({"ReceiptHandle": "receipt-handle"}, {"ReceiptHandle": "x"}, []),
    ({"ReceiptHandle": "receipt-handle"}, {"ReceiptHandle": ""}, ["ReceiptHandle"]),
    # Names of the scenario's own as keys
    ({"<name:1>": {"A": 1}}, {"x": {"A": 1}}, []),
    ({"<name:1>": {"A": 1}}, {"x": {"A": 2}}, ["x.A"]),
    ({"<name:1>": 1}, {}, ["<name:1>"]),
    ({"<name:1>": 1}, {"x": 1, "y": 1}, ["y"]),
]


def main():
    wrong = []
    for recorded, answer, expected in CASES:
        aws = Aws("http://127.0.0.1:0", "comparison", {})
        paths = [path for path, _ in aws._differences("", recorded, answer, False)]
        if paths != expected:
            wrong.append(f"{answer} against {recorded}: {paths} instead of {expected}")
    print("\n".join(wrong))
    print(f"{len(CASES)} comparisons, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


main()
