"""Replays what the real AWS was recorded to answer (`tests/recordings/`): a scenario makes the calls, and each answer is compared.

    @scenario("events/test_events", "TestEvents::test_put_events_without_source")
    def _(aws):
        aws.check("put-events", aws.events.put_events(Entries=[...]))

Every answer of a scenario must be compared, every scenario of a recording that is replayed at all must be written or be named in
`not_replayed` with its reason, and a difference that is meant must be named with its reason and must still be there. Where several scripts share a recording,
each says with `part_of` what it has; `coverage.py` sees that together they have all.
"""

import datetime
import json
import pathlib
import random
import re
import sys
import traceback

from .session import Session, refusal_of

RECORDINGS = pathlib.Path(__file__).parents[2] / "recordings"
ACCOUNT_RECORDED = "111111111111"
# What an instant is recorded as.
INSTANTS = {"datetime", "timestamp", "date", "<datetime>", "<timestamp>", "<date>"}
# A placeholder; instants in the reasons of alarms have one of their own.
TOKEN = re.compile(r"<<[a-z-]+>:\d+>|<[A-Za-z][^<>]*>|MM/DD/YY HH:MM:SS")
# Placeholders without a number are of one value throughout a scenario, as those with one are, but for these, which stand for any value of a form.
VARYING = {
    "<approximate-first-receive-timestamp>": r"\d{13}",
    "<code-size>": r"\d+",
    "<duration>": r"[\d.]+",
    "<layer-location>": r"https?://\S+",
    "<location>": r"https?://\S+",
    "<md5-body>": r"[0-9a-f]{32}",
    "<md5-hash>": r"[0-9a-f]{32}",
    "<memory>": r"\d+",
    "<remaining-time-in-millis>": r"\d+",
    "<signature>": r"[A-Za-z0-9+/]+=*",
}
# How an instant is written where it is no number.
INSTANT_FORMS = [
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z| ?UTC|[+-]\d\d:?\d\d)?",
    r"\d{10}(\d{3})?",
]
# What keys hold whose values were recorded as the keys' own words.
FORMS = {
    "Timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*",
    "SentTimestamp": r"\d{13}",
    "CodeSha256": r"[A-Za-z0-9+/]{43}=",
    "MD5OfBody": r"[0-9a-f]{32}",
    "ApiDestinationArn": r"arn:aws:events:.*:api-destination/.+",
    "ConnectionArn": r"arn:aws:events:.*:connection/.+",
    "TopicArn": r"arn:aws:sns:.+",
    "MaximumBatchingWindowInSeconds": r"\d+",
    "SigningCertURL": r"https?://.+\.pem",
    "UnsubscribeURL": r"https?://.+Action=Unsubscribe.+",
    "eventId": r"\d+|[0-9a-f-]+",
}

_scenarios = {}
_not_replayed = {}
_parts = {}


class Difference(Exception):
    """What was answered is not what was recorded."""


def scenario(recording, *names):
    """Marks the calls of one scenario, or of several that differ in their parameter (`...::test_x[a]`), which they are then given."""

    def mark(calls):
        for name in names:
            _scenarios[recording, name] = calls
        return calls

    return mark


def not_replayed(recording, reason, *names):
    """Names scenarios that are not replayed, and why: what they need that Pontoon does not have. `test_x*` names all that begin so and are not replayed."""
    for name in names:
        _not_replayed[recording, name] = reason


def part_of(recording, *beginnings):
    """Says that the script need have only those scenarios of a recording whose names begin with one of these; others have the rest."""
    _parts.setdefault(recording, []).extend(beginnings)


def missed(recording, names, part=("",)):
    """Those of a recording's scenarios that are neither replayed nor named with a reason, of those that begin so, and what is named that is not there."""
    replayed = {name for of, name in _scenarios if of == recording}
    named = {name for of, name in _not_replayed if of == recording}
    beginnings = {name[:-1] for name in named if name.endswith("*")}
    exact = named - {f"{beginning}*" for beginning in beginnings}
    left = set(names) - replayed - exact
    for name in sorted(name for name in left if name.startswith(part) and not name.startswith(tuple(beginnings))):
        yield f"{recording} {name}\n  neither replayed nor named with a reason"
    for name in sorted((replayed | exact) - set(names)):
        yield f"{recording} {name}\n  nothing of that name is recorded"
    for name in sorted(replayed & exact):
        yield f"{recording} {name}\n  replayed, and named as not replayed"
    for beginning in sorted(beginnings):
        if not any(name.startswith(beginning) for name in left):
            yield f"{recording} {beginning}*\n  nothing of that name is left"


class Aws(Session):
    """The clients that a scenario calls, in an account of its own, and the answers that it is compared with."""

    def __init__(self, endpoint, name, recorded):
        super().__init__(endpoint, account=f"{random.randrange(10**12):012}")
        self.name, self.recorded = name, recorded
        self.parameter = name[name.index("[") + 1 : -1] if name.endswith("]") else None
        self.bound = {"<region>": self.region, "<partition>": "aws", "<account-id>": self.account}
        self.compared = set()
        # What differs so far; a scenario goes on, so that one replay shows everything.
        self.differing = []
        # What stands for a value of the scenario in its recording without being marked as a placeholder (`"target-id"`).
        self.stand_ins = {}

    def check(self, label, answer, differs=None, unordered=False):
        """Compares an answer with the one recorded as `label`.

        `differs` maps the path of a difference that is meant (`Rules[0].Arn`) to its reason; `unordered` compares lists without their order.
        """
        if label not in self.recorded:
            raise Difference(f"nothing is recorded as {label!r}; there is {sorted(self.recorded)}")
        self.compared.add(label)
        found = list(self._differences("", self.recorded[label], answer, unordered))
        meant = set(differs or {})
        self.differing += [f"{label}: {path}: {what[:1000]}" for path, what in found if path not in meant]
        if gone := meant - {path for path, _ in found}:
            self.differing.append(f"{label}: no longer different: {sorted(gone)}")
        return answer

    def fails(self, label, call, differs=None, **arguments):
        """Compares the error that a call is answered with."""
        refusal = refusal_of(call, **arguments)
        if refusal is None:
            raise Difference(f"{label}: answered without an error")
        return self.check(label, refusal, differs)

    def skip(self, label, reason):
        """Leaves an answer uncompared, and says why."""
        assert reason and label in self.recorded, label
        self.compared.add(label)

    def _differences(self, path, recorded, answer, unordered):
        if isinstance(recorded, str):
            recorded = self._stood_in_for(recorded)
        # Some bytes were recorded as Python prints them: `b'abc'`.
        if isinstance(recorded, str) and isinstance(answer, bytes) and recorded != str(answer):
            answer = answer.decode(errors="replace")
        if isinstance(recorded, (dict, list)) and isinstance(answer, (str, bytes)):
            # Documents in strings were recorded parsed.
            try:
                answer = json.loads(answer)
            except ValueError:
                pass
        if isinstance(recorded, dict):
            yield from self._differences_of_maps(path, recorded, answer, unordered)
        elif isinstance(recorded, list):
            yield from self._differences_of_lists(path, recorded, answer, unordered)
        elif isinstance(recorded, str) and recorded in INSTANTS and recorded != answer:
            # A list of instants was recorded as one.
            instants = answer if isinstance(answer, list) else [answer]
            if not all(map(_is_instant, instants)):
                yield path, f"{answer!r} instead of an instant"
        elif isinstance(recorded, str) and (TOKEN.search(recorded) or ACCOUNT_RECORDED in recorded):
            if not self._binds(recorded, str(answer)):
                yield path, f"{answer!r} instead of {self._known(recorded)!r}"
        elif isinstance(answer, bytes) and recorded == str(answer):
            pass
        elif recorded != answer or isinstance(recorded, bool) != isinstance(answer, bool):
            yield path, f"{answer!r} instead of {recorded!r}"

    def _stood_in_for(self, recorded):
        """What stands for a recorded text, or for words in it that are no placeholders."""
        if recorded in self.stand_ins:
            return self.stand_ins[recorded]
        for word, value in self.stand_ins.items():
            if f"<{word}>" not in recorded and word in recorded:
                recorded = recorded.replace(word, value)
        return recorded

    def _differences_of_maps(self, path, recorded, answer, unordered):
        if not isinstance(answer, dict):
            yield path, f"{answer!r} instead of a structure"
            return
        recorded = self._with_names_of(answer, recorded)
        for key in sorted(recorded.keys() | answer.keys()):
            inner = f"{path}.{key}" if path else key
            if key == "ResponseMetadata" and (not path or "HTTPStatusCode" in recorded.get(key, {})):
                if key in recorded and recorded[key]["HTTPStatusCode"] != answer[key]["HTTPStatusCode"]:
                    yield inner, f"status {answer[key]['HTTPStatusCode']} instead of {recorded[key]['HTTPStatusCode']}"
            elif key not in recorded:
                yield inner, f"{answer[key]!r} instead of nothing"
            elif key not in answer:
                yield inner, f"nothing instead of {self._known(json.dumps(recorded[key]))}"
            elif recorded[key] == _words(key) and recorded[key] != answer[key]:
                # What varies was recorded as its key's own words.
                if not _is_of_form(key, answer[key]):
                    yield inner, f"{answer[key]!r} instead of what varies"
            else:
                yield from self._differences(inner, recorded[key], answer[key], unordered)

    def _with_names_of(self, answer, recorded):
        """A recorded structure with the keys that are names of the scenario's own (`<queue-name>`) as the answer has them."""
        named = dict(recorded)
        for name in recorded:
            if TOKEN.search(name) and name not in answer:
                if key := next((key for key in answer if key not in named and self._binds(name, key)), None):
                    named[key] = named.pop(name)
        return named

    def _differences_of_lists(self, path, recorded, answer, unordered):
        if not isinstance(answer, (list, tuple)):
            yield path, f"{answer!r} instead of a list"
            return
        if len(recorded) != len(answer):
            yield path, f"{len(answer)} instead of {len(recorded)} entries: {answer!r} instead of {recorded!r}"
            return
        if not unordered:
            for index, (one, other) in enumerate(zip(recorded, answer)):
                yield from self._differences(f"{path}[{index}]", one, other, unordered)
            return
        left = list(answer)
        for index, one in enumerate(recorded):
            for other in left:
                bound = dict(self.bound)
                if not list(self._differences("", one, other, unordered)):
                    left.remove(other)
                    break
                self.bound = bound
            else:
                yield f"{path}[{index}]", f"none of {left!r} is {one!r}"

    def _known(self, recorded):
        return TOKEN.sub(lambda token: self.bound.get(token[0], token[0]), recorded).replace(ACCOUNT_RECORDED, self.account)

    def _binds(self, recorded, answer):
        """Whether an answer is what was recorded, with the same value for the same placeholder throughout the scenario."""
        pattern, groups, at = "", {}, 0
        recorded = recorded.replace(ACCOUNT_RECORDED, self.account)
        for token in TOKEN.finditer(recorded):
            pattern += re.escape(recorded[at : token.start()])
            name, at = token[0], token.end()
            if name in self.bound:
                pattern += re.escape(self.bound[name])
            elif name in groups:
                pattern += f"(?P={groups[name]})"
            elif name in VARYING:
                pattern += VARYING[name]
            else:
                groups[name] = f"g{len(groups)}"
                pattern += f"(?P<{groups[name]}>.+?)"
        matched = re.fullmatch(pattern + re.escape(recorded[at:]), answer, re.DOTALL)
        if not matched:
            return False
        new = {name: matched[group] for name, group in groups.items()}
        # Different placeholders of a kind (`<uuid:1>`, `<uuid:2>`) were different values.
        taken = {(_kind(name), value) for name, value in self.bound.items() if _is_numbered(name)}
        if any((_kind(name), value) in taken for name, value in new.items() if _is_numbered(name)):
            return False
        self.bound.update(new)
        return True


def _kind(placeholder):
    return placeholder.partition(":")[0]


def _is_numbered(placeholder):
    return re.search(r":\d+>$", placeholder) is not None


def _is_instant(value):
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value > 0
    if isinstance(value, str):
        return any(re.fullmatch(form, value) for form in INSTANT_FORMS)
    return isinstance(value, datetime.datetime)


def _is_of_form(key, value):
    """Whether a value that varies is one that this key can have."""
    if form := FORMS.get(key):
        return re.fullmatch(form, str(value), re.DOTALL) is not None
    return value not in (None, "", [], {})


def _words(key):
    """`ReceiptHandle` as `receipt-handle`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", key).lower()


def run():
    """Replays the scenarios of the script that calls it: `SCRIPT ENDPOINT [PART-OF-A-NAME]`; ends with 1 when any differs."""
    endpoint, part = sys.argv[1], (sys.argv[2:] or [""])[0]
    differ, replayed = [], 0
    for recording in sorted({recording for recording, _ in _scenarios | _not_replayed}):
        contents = json.loads((RECORDINGS / f"{recording}.snapshot.json").read_text())
        for key, content in contents.items():
            name = key.partition("::")[2]
            if part not in name:
                continue
            if calls := _scenarios.get((recording, name)):
                replayed += 1
                if difference := _replay(Aws(endpoint, name, content["recorded-content"]), calls):
                    differ.append(f"{recording} {name}\n  {difference}")
        names = [key.partition("::")[2] for key in contents]
        differ += missed(recording, names, tuple(_parts.get(recording, [""])))
    print("\n".join(differ))
    print(f"{replayed} scenarios replayed, {len(differ)} differ")
    sys.exit(1 if differ or not replayed else 0)


def _replay(aws, calls):
    """What differs, if anything."""
    try:
        calls(aws)
    except Difference as difference:
        return "\n  ".join([*aws.differing, str(difference)])
    except (Exception, SystemExit):  # Any other end of a scenario is a difference too, told with its place.
        return "\n  ".join([*aws.differing, *traceback.format_exc(limit=-3).strip().split("\n")])
    if left := aws.recorded.keys() - aws.compared:
        aws.differing.append(f"not compared: {sorted(left)}")
    return "\n  ".join(aws.differing)
