//! Putting, getting and searching events; retention; restarts.

use pontoon_api::cloudwatch;
use pontoon_core::{Direction, KeyRange, Space};
use proptest::prelude::*;
use std::ops::ControlFlow;

use super::*;

fn head(limit: Option<i32>, token: Option<String>) -> GetLogEventsInput {
    GetLogEventsInput { start_from_head: Some(true), limit, next_token: token, ..Default::default() }
}

/// How many keys the store holds of events.
fn stored_keys(bench: &Bench) -> usize {
    let mut count = 0;
    let visit = &mut |_: &[u8], _: &bytes::Bytes| {
        count += 1;
        ControlFlow::Continue(())
    };
    bench.store.scan(Space::Log, &KeyRange::all(), Direction::Ascending, visit).unwrap();
    count
}

#[test]
fn events_come_back_as_they_were_put() {
    let mut bench = Bench::with_stream();
    let put = bench.put("s", &[(-2, "one"), (-1, "two"), (-1, "three")]).unwrap();
    assert_eq!(put.rejected_log_events_info, None);
    assert_eq!(put.next_sequence_token.unwrap().len(), 56);
    let page = bench.get(head(None, None)).unwrap();
    let now = bench.now.millis();
    assert_eq!(messages(&page), ["one", "two", "three"]);
    let first =
        OutputLogEvent { timestamp: Some(now - 2), message: Some("one".into()), ingestion_time: Some(now) };
    assert_eq!(page.events.unwrap()[0], first);
    let stream = &bench.streams(DescribeLogStreamsInput::default()).unwrap().log_streams.unwrap()[0];
    assert_eq!(
        (stream.first_event_timestamp, stream.last_event_timestamp, stream.last_ingestion_time),
        (Some(now - 2), Some(now - 1), Some(now))
    );
    assert!(stream.upload_sequence_token.is_some());
    let groups = bench.groups(DescribeLogGroupsInput::default()).log_groups.unwrap();
    assert_eq!(groups[0].stored_bytes, Some(3 * 26 + 11));
}

#[test]
fn a_page_at_an_end_gives_its_token_back_and_goes_on_when_events_come() {
    let mut bench = Bench::with_stream();
    let empty = bench.get(head(None, None)).unwrap();
    let forward = empty.next_forward_token.clone();
    assert!(forward.as_ref().unwrap().starts_with("f/") && forward.as_ref().unwrap().ends_with("/s"));
    bench.put("s", &[(1, "a"), (2, "b")]).unwrap();
    let page = bench.get(head(None, forward)).unwrap();
    assert_eq!(messages(&page), ["a", "b"]);
    let end = bench.get(head(None, page.next_forward_token.clone())).unwrap();
    assert_eq!(messages(&end), [""; 0]);
    assert_eq!(end.next_forward_token, page.next_forward_token);
    let back = bench.get(head(None, end.next_backward_token)).unwrap();
    assert_eq!(messages(&back), ["a", "b"]);
    let start = bench.get(head(None, back.next_backward_token.clone())).unwrap();
    assert_eq!(messages(&start), [""; 0]);
    assert_eq!(start.next_backward_token, back.next_backward_token);
    bench.put("s", &[(3, "c")]).unwrap();
    assert_eq!(messages(&bench.get(head(None, end.next_forward_token)).unwrap()), ["c"]);
}

#[test]
fn without_a_token_the_latest_events_come_first() {
    let mut bench = Bench::with_stream();
    bench.put("s", &[(1, "a"), (2, "b"), (3, "c")]).unwrap();
    let tail = |limit| GetLogEventsInput { limit: Some(limit), ..Default::default() };
    let page = bench.get(tail(2)).unwrap();
    assert_eq!(messages(&page), ["b", "c"]);
    let older = bench.get(GetLogEventsInput { next_token: page.next_backward_token, ..tail(2) }).unwrap();
    assert_eq!(messages(&older), ["a"]);
    // The start is included, the end is not.
    let now = bench.now.millis();
    let within =
        GetLogEventsInput { start_time: Some(now + 1), end_time: Some(now + 3), ..Default::default() };
    assert_eq!(messages(&bench.get(within).unwrap()), ["a", "b"]);
    let none = GetLogEventsInput { start_time: Some(now + 3), end_time: Some(now + 1), ..Default::default() };
    assert_eq!(messages(&bench.get(none).unwrap()), [""; 0]);
}

#[test]
fn what_is_not_there_is_told_as_recorded() {
    let mut bench = Bench::with_stream();
    let not_found = "ResourceNotFoundException".to_owned();
    assert_eq!(
        refused(bench.put("x", &[(0, "a")])),
        (not_found.clone(), "The specified log stream does not exist.".into())
    );
    let input = GetLogEventsInput {
        log_group_name: Some("x".into()),
        log_stream_name: "s".into(),
        ..Default::default()
    };
    assert_eq!(
        refused(bench.call::<GetLogEventsOutput>(Request::GetLogEvents(input))),
        (not_found, "The specified log group does not exist.".into())
    );
    let invalid = ("InvalidParameterException".to_owned(), "The specified nextToken is invalid.".to_owned());
    assert_eq!(refused(bench.get(head(None, Some("invalid".into())))), invalid);
    let input = FilterLogEventsInput { next_token: Some("invalid".into()), ..Default::default() };
    assert_eq!(refused(bench.filter(input)), invalid);
    let input = FilterLogEventsInput { filter_pattern: Some("{".into()), ..Default::default() };
    assert_eq!(refused(bench.filter(input)).1, "If a filter pattern starts with '{' it must end with '}'");
}

#[test]
fn a_batch_is_refused_whole_or_in_part_as_recorded() {
    let mut bench = Bench::with_stream();
    let hour = 3_600_000;
    let message = |outcome| refused::<PutLogEventsOutput>(outcome).1;
    assert_eq!(
        message(bench.put("s", &[(1, "b"), (0, "a")])),
        "Log events in a single PutLogEvents request must be in chronological order."
    );
    assert_eq!(
        message(bench.put("s", &[(-25 * hour, "a"), (0, "b")])),
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    );
    let long = "x".repeat(1 << 20);
    assert_eq!(
        message(bench.put("s", &[(0, &long)])),
        "Log event too large: 1048602 bytes exceeds limit of 1048576"
    );
    let half = "x".repeat(1 << 19);
    assert_eq!(
        message(bench.put("s", &[(0, &half), (0, &half)])),
        "Upload too large: 1048628 bytes exceeds limit of 1048576"
    );
    bench.put("s", &[(0, &long[26..])]).unwrap();
    let put = bench.put("s", &[(-400 * hour, "old"), (1, "kept"), (3 * hour, "new")]).unwrap();
    let info = put.rejected_log_events_info.unwrap();
    assert_eq!((info.too_old_log_event_end_index, info.too_new_log_event_start_index), (Some(1), Some(2)));
    assert_eq!(bench.search("kept"), ["kept"]);
    assert_eq!(bench.search("?old ?new"), [""; 0]);
}

#[test]
fn a_search_merges_streams_in_order_of_time() {
    let mut bench = Bench::with_stream();
    bench.create_stream("g", "t").unwrap();
    bench.put("s", &[(1, "a ERROR"), (3, "c ERROR"), (5, "e")]).unwrap();
    bench.put("t", &[(2, "b ERROR"), (3, "d ERROR"), (4, "f")]).unwrap();
    assert_eq!(bench.search("ERROR"), ["a ERROR", "b ERROR", "c ERROR", "d ERROR"]);
    let now = bench.now.millis();
    let mut chosen = |input: FilterLogEventsInput| -> Vec<String> {
        let page = bench.filter(input).unwrap();
        assert_eq!(page.searched_log_streams, Some(vec![]));
        page.events.unwrap().into_iter().map(|event| event.message.unwrap()).collect()
    };
    let all = FilterLogEventsInput::default;
    assert_eq!(
        chosen(FilterLogEventsInput { log_stream_names: Some(vec!["t".into()]), ..all() }),
        ["b ERROR", "d ERROR", "f"]
    );
    assert_eq!(chosen(FilterLogEventsInput { log_stream_name_prefix: Some("s".into()), ..all() }).len(), 3);
    // Both ends are included.
    let within = FilterLogEventsInput { start_time: Some(now + 2), end_time: Some(now + 3), ..all() };
    assert_eq!(chosen(within), ["b ERROR", "c ERROR", "d ERROR"]);
    let absent = FilterLogEventsInput { log_stream_names: Some(vec!["x".into()]), ..all() };
    assert_eq!(refused(bench.filter(absent)).1, "The specified log stream does not exist.");
    let page = bench.filter(all()).unwrap().events.unwrap();
    let mut ids: Vec<String> = page.into_iter().map(|event| event.event_id.unwrap()).collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 56));
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[test]
fn a_search_of_chosen_streams_merges_them_over_many_pieces() {
    let mut bench = Bench::with_stream();
    let mut expected = Vec::new();
    for (stream, step) in [("s", 3), ("t", 1), ("u", 7)] {
        if stream != "s" {
            bench.create_stream("g", stream).unwrap();
        }
        let texts: Vec<String> = (0..2_500).map(|n| format!("{stream}{n}")).collect();
        let events: Vec<(i64, &str)> =
            texts.iter().enumerate().map(|(n, text)| (n as i64 * step, text.as_str())).collect();
        bench.put(stream, &events).unwrap();
        expected.extend(
            events.iter().map(|(at, text)| (*at, expected.len(), (*text).to_owned())).collect::<Vec<_>>(),
        );
    }
    for (names, pattern) in
        [(vec!["s", "u"], ""), (vec!["s"], ""), (vec!["t", "u"], "%7$%"), (vec!["s", "t", "u"], "")]
    {
        let mut wanted: Vec<_> = expected
            .iter()
            .filter(|(_, _, text)| names.contains(&&text[..1]) && (pattern.is_empty() || text.ends_with('7')))
            .collect();
        wanted.sort_by_key(|(at, order, _)| (*at, *order));
        let mut found = Vec::new();
        let mut input = FilterLogEventsInput {
            log_stream_names: Some(names.iter().map(|name| (*name).into()).collect()),
            filter_pattern: Some(pattern.into()),
            limit: Some(999),
            ..Default::default()
        };
        loop {
            let page = bench.filter(input.clone()).unwrap();
            found.extend(page.events.unwrap().into_iter().map(|event| event.message.unwrap()));
            input.next_token = page.next_token;
            if input.next_token.is_none() {
                break;
            }
        }
        let wanted: Vec<&String> = wanted.into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{names:?}");
    }
}

#[test]
fn retention_hides_events_on_time_and_removes_them_soon() {
    let mut bench = Bench::with_stream();
    let input = PutRetentionPolicyInput { log_group_name: "g".into(), retention_in_days: 1 };
    bench.call::<PutRetentionPolicyOutput>(Request::PutRetentionPolicy(input)).unwrap();
    let day = 24 * 3_600_000;
    let put = bench.put("s", &[(-day - 1, "expired"), (-day, "last"), (-1, "new")]).unwrap();
    assert_eq!(put.rejected_log_events_info.unwrap().expired_log_event_end_index, Some(1));
    assert_eq!(bench.search(""), ["last", "new"]);
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.search(""), ["new"]);
    assert_eq!(messages(&bench.get(head(None, None)).unwrap()), ["new"]);
    // The stream, the event and its index.
    assert_eq!(stored_keys(&bench), 3);
    let stream = &bench.streams(DescribeLogStreamsInput::default()).unwrap().log_streams.unwrap()[0];
    assert_eq!(stream.first_event_timestamp, Some(1_800_000_000_000 - 1));
    bench.restart();
    bench.advance(Duration::from_secs(2 * 24 * 3600));
    assert_eq!(stored_keys(&bench), 1);
    let groups = bench.groups(DescribeLogGroupsInput::default()).log_groups.unwrap();
    assert_eq!(groups[0].stored_bytes, Some(0));
}

#[test]
fn what_is_deleted_is_gone_at_once_and_leaves_the_store() {
    let mut bench = Bench::with_stream();
    bench.create_stream("g", "t").unwrap();
    let many: Vec<(i64, &str)> = (0..2_500).map(|n| (n, "x")).collect();
    bench.put("s", &many).unwrap();
    bench.put("t", &[(0, "kept")]).unwrap();
    let delete = DeleteLogStreamInput { log_group_name: "g".into(), log_stream_name: "s".into() };
    bench.call::<DeleteLogStreamOutput>(Request::DeleteLogStream(delete)).unwrap();
    assert_eq!(bench.search(""), ["kept"]);
    // A restart in between takes the work up again, and a new stream of the same name has none of the old one's events.
    bench.advance(Duration::from_millis(10));
    bench.restart();
    bench.create_stream("g", "s").unwrap();
    bench.put("s", &[(0, "new")]).unwrap();
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.search(""), ["kept", "new"]);
    assert_eq!(stored_keys(&bench), 2 + 2 * 2);
    let delete = Request::DeleteLogGroup(DeleteLogGroupInput { log_group_name: "g".into() });
    bench.call::<DeleteLogGroupOutput>(delete).unwrap();
    bench.restart();
    bench.create_group("g").unwrap();
    assert_eq!(bench.search(""), [""; 0]);
    bench.advance(Duration::from_secs(1));
    assert_eq!(stored_keys(&bench), 0);
}

#[test]
fn a_restart_keeps_everything() {
    let mut bench = Bench::with_stream();
    bench.put("s", &[(0, "a"), (0, "b")]).unwrap();
    let before = bench.get(head(None, None)).unwrap();
    let described = bench.streams(DescribeLogStreamsInput::default()).unwrap();
    bench.restart();
    assert_eq!(bench.get(head(None, None)).unwrap(), before);
    assert_eq!(bench.streams(DescribeLogStreamsInput::default()).unwrap(), described);
    bench.put("s", &[(0, "c")]).unwrap();
    assert_eq!(bench.search(""), ["a", "b", "c"]);
}

#[test]
fn incoming_events_are_counted_by_group_and_in_all() {
    let mut bench = Bench::with_stream();
    bench.put("s", &[(0, "abcd"), (0, "x")]).unwrap();
    bench.now = bench.now.after(Duration::from_secs(60));
    bench.step(|logs, step| logs.run_due(step));
    let found: Vec<_> = bench
        .effects
        .metrics
        .iter()
        .map(|(_, datum)| (datum.name, datum.dimensions.len(), datum.values.clone()))
        .collect();
    assert_eq!(
        found,
        [
            ("IncomingBytes", 0, vec![(57.0, 1.0)]),
            ("IncomingBytes", 1, vec![(57.0, 1.0)]),
            ("IncomingLogEvents", 0, vec![(2.0, 1.0)]),
            ("IncomingLogEvents", 1, vec![(2.0, 1.0)]),
        ]
    );
}

#[test]
fn embedded_metrics_go_to_cloudwatch() {
    let mut bench = Bench::with_stream();
    let event = r#"{"_aws":{"Timestamp":1800000000000,"CloudWatchMetrics":[{"Namespace":"Orders","Dimensions":[["Stage"]],
        "Metrics":[{"Name":"Count","Unit":"Count"}]}]},"Stage":"test","Count":3}"#;
    let broken = r#"{"_aws":{"Timestamp":"","CloudWatchMetrics":[]}}"#;
    bench.put("s", &[(0, event), (0, "plain"), (0, broken)]).unwrap();
    assert_eq!(bench.effects.hops.len(), 1);
    let mut hop = bench.effects.hops.pop().unwrap();
    let ticket = hop.ticket.take().unwrap();
    let refusal = Err(ApiError::client("InvalidParameterValue", "no such unit"));
    bench.step(|logs, step| logs.settled(step, ticket.token, refusal));
    assert_eq!(hop.caller.principal, Principal::Service("logs.amazonaws.com"));
    let request = hop.request.into_any().downcast::<cloudwatch::Request>().unwrap();
    let cloudwatch::Request::PutMetricData(input) = *request else { panic!("another operation") };
    assert_eq!(input.namespace, "Orders");
    let data = input.metric_data.unwrap();
    assert_eq!((data[0].metric_name.as_str(), data[0].values.as_deref()), ("Count", Some(&[3.0][..])));
    assert_eq!(data[0].dimensions.as_ref().unwrap()[0].value, "test");
    bench.now = bench.now.after(Duration::from_secs(60));
    bench.step(|logs, step| logs.run_due(step));
    for name in ["EMFParsingErrors", "EMFValidationErrors"] {
        assert!(bench.effects.metrics.iter().any(|(_, datum)| datum.name == name), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pages_make_up_the_whole(
        batches in prop::collection::vec((any::<bool>(), prop::collection::vec(0_i64..50, 1..8)), 1..8),
        limit in 1..6,
    ) {
        let mut bench = Bench::with_stream();
        bench.create_stream("g", "t").unwrap();
        let mut model: Vec<(i64, usize, bool)> = Vec::new();
        for (is_first, mut times) in batches {
            times.sort_unstable();
            let texts: Vec<String> = (0..times.len()).map(|n| (model.len() + n).to_string()).collect();
            let events: Vec<(i64, &str)> =
                times.iter().zip(&texts).map(|(at, text)| (*at, text.as_str())).collect();
            bench.put(if is_first { "s" } else { "t" }, &events).unwrap();
            model.extend(times.iter().enumerate().map(|(n, at)| (*at, n, is_first)).map(|(at, _, s)| (at, 0, s)));
        }
        for (n, event) in model.iter_mut().enumerate() {
            event.1 = n;
        }
        model.sort_unstable();
        let text = |(_, n, _): &(i64, usize, bool)| n.to_string();
        let all: Vec<String> = model.iter().map(text).collect();
        let of_s: Vec<String> = model.iter().filter(|event| event.2).map(text).collect();

        let mut found = Vec::new();
        let mut input = FilterLogEventsInput { limit: Some(limit), ..Default::default() };
        loop {
            let page = bench.filter(input.clone()).unwrap();
            let events = page.events.unwrap();
            prop_assert!(events.len() <= limit as usize);
            found.extend(events.into_iter().map(|event| event.message.unwrap()));
            input.next_token = page.next_token;
            if input.next_token.is_none() { break }
        }
        prop_assert_eq!(found, all);

        let mut forward: Vec<String> = Vec::new();
        let mut token = None;
        loop {
            let page = bench.get(head(Some(limit), token.clone())).unwrap();
            forward.extend(messages(&page).into_iter().map(str::to_owned));
            if page.next_forward_token == token { break }
            token = page.next_forward_token;
        }
        prop_assert_eq!(&forward, &of_s);

        let mut backward: Vec<String> = Vec::new();
        let mut token = None;
        loop {
            let input = GetLogEventsInput { limit: Some(limit), next_token: token.clone(), ..Default::default() };
            let page = bench.get(input).unwrap();
            backward.splice(0..0, messages(&page).into_iter().map(str::to_owned));
            if page.next_backward_token == token { break }
            token = page.next_backward_token;
        }
        prop_assert_eq!(&backward, &of_s);
    }
}
