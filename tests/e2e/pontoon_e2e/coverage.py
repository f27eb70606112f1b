"""Whether the scripts of `tests/e2e/recordings` together have every scenario of the recordings, and how many they replay: `python -m pontoon_e2e.coverage`."""

import json
import pathlib
import runpy
import sys

from . import replay

SCRIPTS = pathlib.Path(__file__).parents[1] / "recordings"


def main():
    replay.run = lambda: None
    for script in sorted(SCRIPTS.glob("*.py")):
        runpy.run_path(str(script))
    problems = []
    for path in sorted(replay.RECORDINGS.rglob("*.snapshot.json")):
        recording = str(path.relative_to(replay.RECORDINGS)).removesuffix(".snapshot.json")
        names = [key.partition("::")[2] for key in json.loads(path.read_text())]
        problems += replay.missed(recording, names)
        print(f"{recording}: {sum((recording, name) in replay._scenarios for name in names)} of {len(names)} replayed")
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


main()
