//! Archives and replays.

use super::*;
use crate::records::RuleRecord;
use pontoon_core::{Direction, KeyRange, Space, Timestamp};
use std::ops::ControlFlow;

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const ARCHIVE: &str = "arn:aws:events:us-east-1:000000000000:archive/a";
const PATTERN: &str = r#"{"source":["s"]}"#;

impl Bench {
    fn create_archive(
        &mut self,
        pattern: Option<&str>,
        days: Option<i32>,
    ) -> Result<Box<dyn Output>, ApiError> {
        self.call(Request::CreateArchive(CreateArchiveInput {
            archive_name: "a".into(),
            event_source_arn: BUS.into(),
            event_pattern: pattern.map(Into::into),
            retention_days: days,
            ..Default::default()
        }))
    }

    fn archive(&mut self) -> DescribeArchiveOutput {
        output(self.call(Request::DescribeArchive(DescribeArchiveInput { archive_name: "a".into() })))
    }

    fn counts(&mut self) -> (i64, i64) {
        let archive = self.archive();
        (archive.event_count.unwrap(), archive.size_bytes.unwrap())
    }

    /// Puts an event of source `s` that happened at `time`.
    fn put_at(&mut self, time: &str, detail: &str) {
        let entry = PutEventsRequestEntry {
            time: Timestamp::parse_iso(time),
            source: Some("s".into()),
            detail_type: Some("t".into()),
            detail: Some(detail.into()),
            ..Default::default()
        };
        let answer =
            self.call(Request::PutEvents(PutEventsInput { entries: vec![entry], endpoint_id: None }));
        assert_eq!(output::<PutEventsOutput>(answer).failed_entry_count, Some(0));
    }

    fn replay(&mut self, name: &str, from: &str, until: &str) -> Result<Box<dyn Output>, ApiError> {
        self.replay_to(name, (from, until), (BUS, None))
    }

    fn replay_to(
        &mut self,
        name: &str,
        (from, until): (&str, &str),
        (bus, rules): (&str, Option<Vec<String>>),
    ) -> Result<Box<dyn Output>, ApiError> {
        self.call(Request::StartReplay(StartReplayInput {
            replay_name: name.into(),
            description: None,
            event_source_arn: ARCHIVE.into(),
            event_start_time: Timestamp::parse_iso(from).unwrap(),
            event_end_time: Timestamp::parse_iso(until).unwrap(),
            destination: ReplayDestination { arn: bus.into(), filter_arns: rules },
        }))
    }

    fn replayed(&mut self, name: &str) -> DescribeReplayOutput {
        output(self.call(Request::DescribeReplay(DescribeReplayInput { replay_name: name.into() })))
    }

    /// Entries of archives in the store.
    fn stored(&self) -> usize {
        let mut count = 0;
        let range = KeyRange::prefix(b"a");
        let visit = &mut |_: &[u8], _: &bytes::Bytes| {
            count += 1;
            ControlFlow::Continue(())
        };
        self.store.scan(Space::Event, &range, Direction::Ascending, visit).unwrap();
        count
    }
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn an_archive_counts_what_it_keeps_and_lets_go_of_it_when_it_is_old() {
    let mut bench = Bench::new();
    let created: CreateArchiveOutput = output(bench.create_archive(Some(PATTERN), Some(2)));
    assert_eq!((created.archive_arn.as_deref(), created.state.as_deref()), (Some(ARCHIVE), Some("ENABLED")));
    assert_eq!(bench.counts(), (0, 0));
    bench.put_event("default", "other", "{}");
    assert_eq!(bench.counts(), (0, 0));
    // What it is about may be long past: it is kept from when it came.
    bench.put_at("2020-01-01T00:00:00Z", "{}");
    bench.advance(DAY);
    bench.put_event("default", "s", r#"{"n":1}"#);
    let one = 193;
    assert_eq!(bench.counts(), (2, 2 * one + 5));
    bench.restart();
    assert_eq!(bench.counts(), (2, 2 * one + 5));
    bench.advance(DAY);
    assert_eq!(bench.counts(), (1, one + 5));
    bench.restart();
    bench.advance(DAY);
    assert_eq!(bench.counts(), (0, 0));
    assert_eq!(bench.stored(), 1, "its tally alone is left");
}

#[test]
fn an_archive_without_retention_keeps_events_until_it_has_one() {
    let mut bench = Bench::new();
    bench.create_archive(None, None).unwrap();
    bench.put_event("default", "x", "{}");
    bench.advance(DAY * 400);
    assert_eq!(bench.counts().0, 1);
    bench
        .call(Request::UpdateArchive(UpdateArchiveInput {
            archive_name: "a".into(),
            retention_days: Some(1),
            ..Default::default()
        }))
        .unwrap();
    bench.advance(Duration::ZERO);
    assert_eq!(bench.counts().0, 0);
}

#[test]
fn an_updated_archive_keeps_what_its_new_pattern_matches() {
    let mut bench = Bench::new();
    bench.create_archive(Some(PATTERN), Some(1)).unwrap();
    let update = |pattern: &str| {
        Request::UpdateArchive(UpdateArchiveInput {
            archive_name: "a".into(),
            event_pattern: Some(pattern.into()),
            description: Some("d".into()),
            ..Default::default()
        })
    };
    assert!(message(bench.call(update("{"))).starts_with("InvalidEventPatternException"));
    bench.call(update(r#"{"source":["other"]}"#)).unwrap();
    bench.put_event("default", "s", "{}");
    bench.put_event("default", "other", "{}");
    let archive = bench.archive();
    assert_eq!(archive.event_count, Some(1));
    assert_eq!(archive.event_pattern.as_deref(), Some(r#"{"source":["other"]}"#));
    assert_eq!((archive.description.as_deref(), archive.retention_days), (Some("d"), Some(1)));
}

#[test]
fn a_deleted_archive_leaves_nothing_and_one_of_its_name_begins_anew() {
    let mut bench = Bench::new();
    bench.create_archive(None, None).unwrap();
    for _ in 0..800 {
        bench.put_event("default", "s", "{}");
    }
    assert_eq!(bench.stored(), 1601);
    bench.call(Request::DeleteArchive(DeleteArchiveInput { archive_name: "a".into() })).unwrap();
    bench.create_archive(None, None).unwrap();
    assert_eq!(bench.counts(), (0, 0));
    // Interrupted between two batches.
    let due = bench.events.next_due().unwrap();
    assert!(due <= bench.now);
    bench.restart();
    bench.put_event("default", "s", "{}");
    bench.advance(Duration::ZERO);
    assert_eq!(bench.stored(), 3);
    assert_eq!(bench.counts().0, 1);
    assert_eq!(bench.events.next_due(), bench.events.metrics.due());
}

#[test]
fn a_replay_gives_events_in_the_order_of_their_times_with_its_name_and_is_not_archived() {
    let mut bench = Bench::with_rule(to(queue("q")));
    bench.create_archive(Some(PATTERN), Some(1)).unwrap();
    for (time, detail) in [
        ("2026-01-31T11:03:00Z", r#"{"n":3}"#),
        ("2026-01-31T11:01:00Z", r#"{"n":1}"#),
        ("2026-01-31T11:05:00Z", r#"{"n":5}"#),
        ("2026-01-31T11:02:00Z", r#"{"n":2}"#),
        ("2026-01-31T11:04:00.500Z", r#"{"n":4}"#),
    ] {
        bench.put_at(time, detail);
    }
    let before: Vec<String> = bench.sent.drain(..).map(|sent| sent.content).collect();
    let started: StartReplayOutput =
        output(bench.replay("again", "2026-01-31T11:02:00Z", "2026-01-31T11:05:00Z"));
    assert_eq!(started.state.as_deref(), Some("STARTING"));
    assert_eq!(started.replay_arn.as_deref(), Some("arn:aws:events:us-east-1:000000000000:replay/again"));
    assert!(bench.sent.is_empty());
    bench.advance(Duration::from_secs(1));
    let details: Vec<&str> =
        bench.sent.iter().map(|sent| sent.content.rsplit_once(r#""detail":"#).unwrap().1).collect();
    assert_eq!(details, [r#"{"n":2}}"#, r#"{"n":3}}"#, r#"{"n":4}}"#, r#"{"n":5}}"#]);
    let expected = before[3].replace(r#","resources""#, r#","replay-name":"again","resources""#);
    assert_eq!(bench.sent[0].content, expected, "the same event, with the replay's name");
    assert_eq!(bench.counts().0, 5);
    let replay = bench.replayed("again");
    assert_eq!(replay.state.as_deref(), Some("COMPLETED"));
    assert_eq!(replay.event_last_replayed_time, Timestamp::parse_iso("2026-01-31T11:05:00Z"));
    assert!(replay.replay_end_time > replay.replay_start_time);
    assert_eq!(replay.event_source_arn.as_deref(), Some(ARCHIVE));
    // It is remembered for a while.
    bench.advance(DAY * 91);
    let gone = bench.call(Request::DescribeReplay(DescribeReplayInput { replay_name: "again".into() }));
    assert_eq!(message(gone), "ResourceNotFoundException: Replay again does not exist.");
}

#[test]
fn a_replay_goes_to_the_chosen_rules_only() {
    let mut bench = Bench::with_rule(to(queue("q")));
    bench.put_rule("default", "other", PATTERN).unwrap();
    bench.put_target("default", "other", to(queue("other"))).unwrap();
    bench.create_archive(None, None).unwrap();
    bench.put_event("default", "s", "{}");
    bench.sent.clear();
    let rule = "arn:aws:events:us-east-1:000000000000:rule/other".to_owned();
    let times = ("2026-01-31T11:00:00Z", "2026-01-31T13:00:00Z");
    bench.replay_to("one", times, (BUS, Some(vec![rule]))).unwrap();
    bench.advance(Duration::from_secs(1));
    let resources: Vec<&str> = bench.sent.iter().map(|sent| sent.resource.as_str()).collect();
    assert_eq!(resources, [queue("other")]);
    bench.replay("all", times.0, times.1).unwrap();
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.sent.len(), 3);
}

#[test]
fn a_replay_goes_on_where_it_was_after_a_restart_and_ends_when_it_is_cancelled() {
    let mut bench = Bench::with_rule(to(queue("q")));
    bench.create_archive(None, None).unwrap();
    for _ in 0..1_700 {
        bench.put_event("default", "s", "{}");
    }
    bench.sent.clear();
    let times = ("2026-01-31T11:00:00Z", "2026-01-31T13:00:00Z");
    bench.replay("again", times.0, times.1).unwrap();
    for turn in 1..=3 {
        bench.advance(Duration::from_millis(100));
        assert_eq!(bench.sent.len(), turn * 500);
        assert_eq!(bench.replayed("again").state.as_deref(), Some("RUNNING"));
        bench.restart();
    }
    bench.advance(Duration::from_millis(100));
    assert_eq!(bench.sent.len(), 1_700, "each once");
    assert_eq!(bench.replayed("again").state.as_deref(), Some("COMPLETED"));

    bench.sent.clear();
    bench.replay("stopped", times.0, times.1).unwrap();
    bench.advance(Duration::from_millis(100));
    let cancel = |name: &str| Request::CancelReplay(CancelReplayInput { replay_name: name.into() });
    let cancelled: CancelReplayOutput = output(bench.call(cancel("stopped")));
    assert_eq!(cancelled.state.as_deref(), Some("CANCELLING"));
    assert_eq!(bench.replayed("stopped").state.as_deref(), Some("CANCELLING"));
    bench.advance(DAY);
    assert_eq!(bench.replayed("stopped").state.as_deref(), Some("CANCELLED"));
    assert_eq!(bench.sent.len(), 500);
    assert_eq!(
        message(bench.call(cancel("stopped"))),
        "IllegalStatusException: Replay stopped is not in a valid state for this operation."
    );

    bench.replay("failed", times.0, times.1).unwrap();
    bench.call(Request::DeleteArchive(DeleteArchiveInput { archive_name: "a".into() })).unwrap();
    bench.advance(DAY);
    let failed = bench.replayed("failed");
    assert_eq!(failed.state.as_deref(), Some("FAILED"));
    assert_eq!(failed.state_reason.as_deref(), Some("Archive a does not exist."));
}

#[test]
fn a_replayed_event_keeps_the_name_of_its_replay_from_bus_to_bus() {
    let mut bench = Bench::with_rule(to(scope().arn("events", "event-bus/second")));
    let second = || "second".to_owned();
    bench
        .call(Request::CreateEventBus(CreateEventBusInput { name: second(), ..Default::default() }))
        .unwrap();
    bench.put_rule("second", "r", PATTERN).unwrap();
    bench.put_target("second", "r", to(queue("q"))).unwrap();
    for (name, bus) in [("a", BUS.to_owned()), ("b", scope().arn("events", "event-bus/second"))] {
        bench
            .call(Request::CreateArchive(CreateArchiveInput {
                archive_name: name.into(),
                event_source_arn: bus,
                ..Default::default()
            }))
            .unwrap();
    }
    bench.put_event("default", "s", "{}");
    bench.sent.clear();
    bench.replay("again", "2026-01-31T11:00:00Z", "2026-01-31T13:00:00Z").unwrap();
    bench.advance(Duration::from_secs(1));
    let (relayed, arrived) = (&bench.sent[0], &bench.sent[1]);
    assert_eq!((relayed.what, arrived.what), ("PutEvents", "SendMessage"));
    assert!(arrived.content.contains(r#""replay-name":"again","resources":["#), "{}", arrived.content);
    let describe = Request::DescribeArchive(DescribeArchiveInput { archive_name: "b".into() });
    let kept: DescribeArchiveOutput = output(bench.call(describe));
    assert_eq!(kept.event_count, Some(1), "no archive on the way keeps it again");
}

#[test]
fn archives_and_replays_are_refused_as_recorded() {
    let mut bench = Bench::new();
    let by_name = |name: &str| name.to_owned();
    let refused = |answer| message(answer);
    let no_bus = |bench: &mut Bench, account: &str| {
        bench.call(Request::CreateArchive(CreateArchiveInput {
            archive_name: "x".into(),
            event_source_arn: format!("arn:aws:events:us-east-1:{account}:event-bus/doesnotexist"),
            ..Default::default()
        }))
    };
    for account in ["123456789012", "000000000000"] {
        assert_eq!(
            refused(no_bus(&mut bench, account)),
            "ResourceNotFoundException: Event bus doesnotexist does not exist."
        );
    }
    assert!(refused(bench.create_archive(Some("[]"), None)).starts_with("InvalidEventPatternException"));
    bench.create_archive(None, None).unwrap();
    assert_eq!(
        refused(bench.create_archive(None, None)),
        "ResourceAlreadyExistsException: Archive a already exists."
    );
    let unknown = "ResourceNotFoundException: Archive x does not exist.";
    let describe = Request::DescribeArchive(DescribeArchiveInput { archive_name: by_name("x") });
    assert_eq!(refused(bench.call(describe)), unknown);
    let delete = Request::DeleteArchive(DeleteArchiveInput { archive_name: by_name("x") });
    assert_eq!(refused(bench.call(delete)), unknown);
    let update =
        Request::UpdateArchive(UpdateArchiveInput { archive_name: by_name("x"), ..Default::default() });
    assert_eq!(
        refused(bench.call(update)),
        "ValidationException: At least one of EventPattern, RetentionDays or Description must be provided."
    );
    let list = Request::ListArchives(ListArchivesInput {
        event_source_arn: Some("arn:aws:events:us-east-1:000000000000:event-bus/doesnotexist".into()),
        ..Default::default()
    });
    assert_eq!(
        refused(bench.call(list)),
        "ResourceNotFoundException: Event bus doesnotexist does not exist."
    );
    let list = Request::ListArchives(ListArchivesInput {
        name_prefix: Some("a".into()),
        state: Some("ENABLED".into()),
        ..Default::default()
    });
    assert!(refused(bench.call(list)).contains("At most one filter is allowed for ListArchives."));

    bench
        .call(Request::CreateEventBus(CreateEventBusInput { name: "b".into(), ..Default::default() }))
        .unwrap();
    let (from, until) = ("2026-01-31T11:00:00Z", "2026-01-31T12:00:00Z");
    let bus = |name: &str| format!("arn:aws:events:us-east-1:000000000000:event-bus/{name}");
    for (times, destination, expected) in [
        ((from, until), bus("x"), "ResourceNotFoundException: Event bus x does not exist."),
        (
            (from, until),
            bus("b"),
            "ValidationException: Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
        ),
        (
            (from, from),
            bus("default"),
            "ValidationException: Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
        (
            (until, from),
            bus("default"),
            "ValidationException: Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
    ] {
        assert_eq!(refused(bench.replay_to("r", times, (&destination, None))), expected);
    }
    let answer = bench.call(Request::StartReplay(StartReplayInput {
        replay_name: "r".into(),
        event_source_arn: "arn:aws:events:us-east-1:000000000000:archive/x".into(),
        event_start_time: Timestamp::parse_iso(from).unwrap(),
        event_end_time: Timestamp::parse_iso(until).unwrap(),
        destination: ReplayDestination { arn: BUS.into(), filter_arns: None },
        ..Default::default()
    }));
    assert_eq!(
        refused(answer),
        "ValidationException: Parameter EventSourceArn is not valid. Reason: Archive x does not exist."
    );
    let describe = Request::DescribeReplay(DescribeReplayInput { replay_name: "r".into() });
    assert_eq!(refused(bench.call(describe)), "ResourceNotFoundException: Replay r does not exist.");
    for number in 0..10 {
        bench.replay(&format!("r{number}"), from, until).unwrap();
    }
    assert_eq!(
        refused(bench.replay("r0", from, until)),
        "ResourceAlreadyExistsException: Replay r0 already exists."
    );
    assert_eq!(
        refused(bench.replay("r10", from, until)),
        "LimitExceededException: The requested resource exceeds the maximum number allowed."
    );
    bench.advance(Duration::from_secs(1));
    bench.replay("r10", from, until).unwrap();
}

#[test]
fn lists_of_archives_and_replays_have_filters_and_pages() {
    let mut bench = Bench::new();
    bench.create_archive(None, Some(1)).unwrap();
    for number in 0..6 {
        bench.replay(&format!("r-{number}"), "2026-01-31T11:00:00Z", "2026-01-31T12:00:00Z").unwrap();
    }
    bench.advance(Duration::from_secs(1));
    let mut list = |input: ListReplaysInput| {
        let found: ListReplaysOutput = output(bench.call(Request::ListReplays(input)));
        let names: Vec<String> =
            found.replays.unwrap().into_iter().map(|replay| replay.replay_name.unwrap()).collect();
        (names.join(" "), found.next_token)
    };
    let (first, token) = list(ListReplaysInput { limit: Some(3), ..Default::default() });
    let (second, end) = list(ListReplaysInput { limit: Some(3), next_token: token, ..Default::default() });
    assert_eq!([first.as_str(), &second], ["r-0 r-1 r-2", "r-3 r-4 r-5"]);
    assert_eq!(end, None);
    let by_source = ListReplaysInput { event_source_arn: Some(ARCHIVE.into()), ..Default::default() };
    assert_eq!(list(by_source).0.len(), "r-0 r-1 r-2 r-3 r-4 r-5".len());
    let running = ListReplaysInput { state: Some("RUNNING".into()), ..Default::default() };
    assert_eq!(list(running).0, "");
    let named = ListReplaysInput { name_prefix: Some("r-4".into()), ..Default::default() };
    assert_eq!(list(named).0, "r-4");
    let mut list = |input: ListArchivesInput| {
        output::<ListArchivesOutput>(bench.call(Request::ListArchives(input))).archives.unwrap()
    };
    let found = list(ListArchivesInput { event_source_arn: Some(BUS.into()), ..Default::default() });
    assert_eq!(found[0].archive_name.as_deref(), Some("a"));
    assert_eq!((found[0].retention_days, found[0].event_count), (Some(1), Some(0)));
    assert!(list(ListArchivesInput { name_prefix: Some("b".into()), ..Default::default() }).is_empty());
    assert_eq!(list(ListArchivesInput { state: Some("ENABLED".into()), ..Default::default() }).len(), 1);
}

#[test]
fn the_rule_of_an_archive_is_shown_and_left_alone() {
    let mut bench = Bench::new();
    bench.create_archive(Some(PATTERN), None).unwrap();
    let name = "Events-Archive-a";
    let described: DescribeRuleOutput = output(
        bench.call(Request::DescribeRule(DescribeRuleInput { name: name.into(), ..Default::default() })),
    );
    assert_eq!(described.managed_by.as_deref(), Some("prod.vhs.events.aws.internal"));
    assert_eq!(
        described.event_pattern.as_deref(),
        Some(r#"{"source":["s"],"replay-name":[{"exists":false}]}"#)
    );
    let targets: ListTargetsByRuleOutput =
        output(bench.call(Request::ListTargetsByRule(ListTargetsByRuleInput {
            rule: name.into(),
            ..Default::default()
        })));
    assert_eq!(targets.targets.unwrap()[0].arn, "arn:aws:events:us-east-1:::");
    let managed = "ManagedRuleException: Events-Archive-a is a managed rule. Set 'force' parameter to true to override.";
    assert_eq!(message(bench.put_rule("default", name, PATTERN)), managed);
    assert_eq!(message(bench.put_target("default", name, to(queue("q")))), managed);
    let disable = DisableRuleInput { name: name.into(), ..Default::default() };
    assert_eq!(message(bench.call(Request::DisableRule(disable))), managed);
    let delete =
        |force| Request::DeleteRule(DeleteRuleInput { name: name.into(), force, ..Default::default() });
    assert_eq!(message(bench.call(delete(None))), managed);
    assert!(message(bench.call(delete(Some(true)))).ends_with("Rule can't be deleted since it has targets."));
    let remove = |force| {
        Request::RemoveTargets(RemoveTargetsInput {
            rule: name.into(),
            ids: vec![name.into()],
            force,
            ..Default::default()
        })
    };
    assert_eq!(message(bench.call(remove(None))), managed);
    bench.call(remove(Some(true))).unwrap();
    bench.put_event("default", "s", "{}");
    assert_eq!(bench.counts().0, 0, "who takes its target away by force has an archive that gets nothing");
    bench.call(delete(Some(true))).unwrap();
    bench.call(Request::DeleteArchive(DeleteArchiveInput { archive_name: "a".into() })).unwrap();
    bench.create_archive(None, None).unwrap();
    bench.call(Request::DeleteArchive(DeleteArchiveInput { archive_name: "a".into() })).unwrap();
    let rules: ListRulesOutput = output(bench.call(Request::ListRules(ListRulesInput::default())));
    assert_eq!(rules.rules, Some(Vec::new()));
}

#[test]
fn rules_stored_before_there_were_archives_are_read() {
    let json = r#"{"pattern":null,"schedule":"rate(1 day)","state":"ENABLED","description":null,"role_arn":null,
        "created_by":"000000000000","tags":{},"targets":[],"modified_millis":0,"anchor_millis":0,"fired_millis":null}"#;
    let record: RuleRecord = serde_json::from_str(json).unwrap();
    assert_eq!((record.managed_by, record.archive), (None, None));
}
