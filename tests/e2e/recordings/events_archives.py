"""Archives and replays, as EventBridge was recorded to answer."""

import datetime

from pontoon_e2e.eventbridge import ENTRY, PATTERN
from pontoon_e2e.inbox import Inbox
from pontoon_e2e.replay import not_replayed, run, scenario
from pontoon_e2e.session import eventually

ARCHIVES = "events/test_archive_and_replay"
BUSES = ("default", "custom")


def bus(aws, name="default"):
    """The ARN of a bus, made unless it is the default one."""
    if name != "default":
        aws.events.create_event_bus(Name=name)
    return aws.events.describe_event_bus(Name=name)["Arn"]


def archive(aws, arn=None, name="archive", **more):
    """The ARN of an archive that is made."""
    return aws.events.create_archive(ArchiveName=name, EventSourceArn=arn or bus(aws), RetentionDays=1, **more)["ArchiveArn"]


@scenario(ARCHIVES, *(f"TestArchive::test_create_list_describe_update_delete_archive[{name}]" for name in BUSES))
def _(aws):
    arn = bus(aws, aws.parameter)
    described = {"Description": "description of the archive", "EventPattern": PATTERN, "RetentionDays": 1}
    created = aws.events.create_archive(ArchiveName="archive", EventSourceArn=arn, **described)
    aws.check("create-archive", created)
    aws.check("list-archives", aws.events.list_archives(NamePrefix="archive"))
    aws.check("describe-archive", aws.events.describe_archive(ArchiveName="archive"))
    updated = aws.events.update_archive(ArchiveName="archive", Description="another", EventPattern=PATTERN, RetentionDays=2)
    aws.check("update-archive", updated)
    aws.check("delete-archive", aws.events.delete_archive(ArchiveName="archive"))


@scenario(ARCHIVES, "TestArchive::test_create_archive_error_unknown_event_bus")
def _(aws):
    arn = f"arn:aws:events:{aws.region}:{aws.account}:event-bus/missing"
    label = "create-archive-unknown-event-bus-error"
    aws.fails(label, aws.events.create_archive, ArchiveName="archive", EventSourceArn=arn, RetentionDays=1)


@scenario(ARCHIVES, *(f"TestArchive::test_create_archive_error_duplicate[{name}]" for name in BUSES))
def _(aws):
    arn = bus(aws, aws.parameter)
    archive(aws, arn)
    aws.fails("create-archive-duplicate-error", aws.events.create_archive, ArchiveName="archive", EventSourceArn=arn)


@scenario(
    ARCHIVES,
    *(f"TestArchive::test_{operation}_archive_error_unknown_archive" for operation in ("describe", "update", "delete")),
)
def _(aws):
    operation = aws.name.partition("_")[2].partition("_")[0]
    label = f"{operation}-archive-unknown-archive-error"
    aws.fails(label, getattr(aws.events, f"{operation}_archive"), ArchiveName="missing")


@scenario(ARCHIVES, *(f"TestArchive::test_list_archive_with_name_prefix[{name}]" for name in BUSES))
def _(aws):
    archive(aws, bus(aws, aws.parameter), "archive-one")
    archive(aws, bus(aws), "other")
    aws.check("list-archives-with-name-prefix", aws.events.list_archives(NamePrefix="archive-"))
    aws.check("list-archives-with-full-name", aws.events.list_archives(NamePrefix="archive-one"))
    aws.check("list-archives-not-existing-archive", aws.events.list_archives(NamePrefix="missing"))


@scenario(ARCHIVES, *(f"TestArchive::test_list_archive_with_source_arn[{name}]" for name in BUSES))
def _(aws):
    arn = bus(aws, aws.parameter)
    archive(aws, arn)
    archive(aws, bus(aws, "elsewhere"), "other")
    aws.check("list-archives-with-source-arn", aws.events.list_archives(EventSourceArn=arn))


@scenario(ARCHIVES, "TestArchive::test_list_archive_error_unknown_source_arn")
def _(aws):
    arn = f"arn:aws:events:{aws.region}:{aws.account}:event-bus/missing"
    aws.fails("list-archives-unknown-event-bus-error", aws.events.list_archives, EventSourceArn=arn)


@scenario(ARCHIVES, *(f"TestArchive::test_list_archive_state_enabled[{name}]" for name in BUSES))
def _(aws):
    archive(aws, bus(aws, aws.parameter))
    aws.check("list-archives-state-enabled", aws.events.list_archives(State="ENABLED"))


@scenario(
    ARCHIVES,
    *(f"TestArchive::test_list_archive_with_events[{pattern}-{name}]" for pattern in (True, False) for name in BUSES),
)
def _(aws):
    with_pattern, _, name = aws.parameter.partition("-")
    pattern = {"EventPattern": PATTERN} if with_pattern == "True" else {}
    archive(aws, bus(aws, name), Description="description of the archive", **pattern)
    aws.events.put_events(Entries=[ENTRY | {"EventBusName": name} for _ in range(10)])
    # What an event counts is the size of its text, so that of the recorded ones; and the default bus had others, of the services.
    size = "the size of other events"
    aws.check("list-archives", aws.events.list_archives(NamePrefix="archive"), {"Archives[0].SizeBytes": size})
    aws.check("describe-archive", aws.events.describe_archive(ArchiveName="archive"), {"SizeBytes": size})


def start(aws, archive_arn, arn, name="replay", filters=None, end=None, **more):
    """The calls' arguments of a replay of the last hour."""
    destination = {"Arn": arn} | ({"FilterArns": filters} if filters else {})
    now = aws.now()
    return {
        "ReplayName": name,
        "EventSourceArn": archive_arn,
        "EventStartTime": now - datetime.timedelta(hours=1),
        "EventEndTime": end or now + datetime.timedelta(minutes=1),
        "Destination": destination,
        **more,
    }


def completed(aws, name):
    """Waits for the end of a replay, which AWS took its time for."""

    def look():
        aws.advance(1)
        return aws.events.describe_replay(ReplayName=name)["State"] == "COMPLETED"

    eventually(f"the replay {name} is done", look)


@scenario(ARCHIVES, *(f"TestReplay::test_start_list_describe_canceled_replay[{name}]" for name in BUSES))
def _(aws):
    arn, inbox = bus(aws, aws.parameter), Inbox(aws)
    rule = aws.events.put_rule(Name="rule", EventBusName=aws.parameter, EventPattern=PATTERN)["RuleArn"]
    aws.events.put_targets(Rule="rule", EventBusName=aws.parameter, Targets=[{"Id": "target", "Arn": inbox.arn}])
    archived = archive(aws, arn)
    aws.events.put_events(Entries=[ENTRY | {"EventBusName": aws.parameter} for _ in range(3)])
    inbox.messages(3)
    aws.advance(2)
    described = {"Description": "description of the replay"}
    aws.check("start-replay", aws.events.start_replay(**start(aws, archived, arn, filters=[rule], **described)))
    aws.check("replay-messages", inbox.messages(3))
    completed(aws, "replay")
    aws.check("list-replays", aws.events.list_replays(NamePrefix="replay"))
    aws.check("describe-replay", aws.events.describe_replay(ReplayName="replay"))
    aws.freeze()
    aws.events.start_replay(**start(aws, archived, arn, "canceled", filters=[rule], **described))
    aws.check("cancel-replay", aws.events.cancel_replay(ReplayName="canceled"))
    aws.check("describe-replay-canceled", aws.events.describe_replay(ReplayName="canceled"))
    aws.resume()


not_replayed(
    ARCHIVES,
    "nothing: no answer was recorded",
    *(f"TestReplay::test_start_replay_error_unknown_event_bus[{what}]" for what in ("missing", "cross_account", "cross_region")),
)


@scenario(ARCHIVES, "TestReplay::test_start_replay_error_unknown_event_bus")
def _(aws):
    archived = archive(aws)
    missing = f"arn:aws:events:{aws.region}:{aws.account}:event-bus/missing"
    aws.fails("start-replay-unknown-event-bus-error", aws.events.start_replay, **start(aws, archived, missing))
    aws.fails("start-replay-wrong-event-bus-error", aws.events.start_replay, **start(aws, archived, bus(aws, "other")))


@scenario(ARCHIVES, "TestReplay::test_start_replay_error_unknown_archive")
def _(aws):
    missing = f"arn:aws:events:{aws.region}:{aws.account}:archive/missing"
    aws.fails("start-replay-unknown-archive-error", aws.events.start_replay, **start(aws, missing, bus(aws)))


@scenario(
    ARCHIVES,
    "TestReplay::test_start_replay_error_duplicate_name_same_archive",
    "TestReplay::test_start_replay_error_duplicate_different_archive",
)
def _(aws):
    one = archive(aws)
    two = archive(aws, bus(aws), "other") if aws.name.endswith("different_archive") else one
    aws.events.start_replay(**start(aws, one, bus(aws)))
    aws.fails("start-replay-duplicate-error", aws.events.start_replay, **start(aws, two, bus(aws)))


@scenario(ARCHIVES, *(f"TestReplay::test_start_replay_error_invalid_end_time[{seconds}]" for seconds in (0, 10)))
def _(aws):
    call = start(aws, archive(aws), bus(aws))
    call["EventEndTime"] = call["EventStartTime"] - datetime.timedelta(seconds=int(aws.parameter))
    aws.fails("start-replay-invalid-end-time-error", aws.events.start_replay, **call)


@scenario(ARCHIVES, "TestReplay::test_describe_replay_error_unknown_replay")
def _(aws):
    aws.fails("describe-replay-unknown-replay-error", aws.events.describe_replay, ReplayName="missing")


@scenario(ARCHIVES, "TestReplay::tests_concurrency_error_too_many_active_replays")
def _(aws):
    arn = bus(aws)
    archived = archive(aws, arn)
    aws.freeze()
    for number in range(10):
        aws.events.start_replay(**start(aws, archived, arn, f"replay-{number}"))
    aws.fails("list-replays-with-limit", aws.events.start_replay, **start(aws, archived, arn, "replay-10"))
    aws.resume()


@scenario(ARCHIVES, "TestReplay::test_list_replays_with_prefix", "TestReplay::test_list_replays_with_event_source_arn")
def _(aws):
    arn = bus(aws)
    archived, other = archive(aws, arn), archive(aws, arn, "other")
    for of, name in ((archived, "one-test-replay"), (other, "two-test-replay")):
        aws.events.start_replay(**start(aws, of, arn, name))
        completed(aws, name)
    if aws.name.endswith("prefix"):
        aws.check("list-replays-with-full-name", aws.events.list_replays(NamePrefix="one-test-replay"))
        aws.check("list-replays-with-prefix", aws.events.list_replays(NamePrefix="one"))
    else:
        aws.check("list-replays-with-event-source-arn", aws.events.list_replays(EventSourceArn=archived))


@scenario(ARCHIVES, "TestReplay::test_list_replay_with_limit")
def _(aws):
    arn = bus(aws)
    archived = archive(aws, arn)
    for number in range(6):
        aws.events.start_replay(**start(aws, archived, arn, f"one-test-replay-{number}"))
        completed(aws, f"one-test-replay-{number}")
    first = aws.check("list-replays-with-limit", aws.events.list_replays(NamePrefix="one", Limit=3))
    more = aws.events.list_replays(NamePrefix="one", Limit=3, NextToken=first["NextToken"])
    aws.check("list-replays-with-limit-next-token", more)


run()
