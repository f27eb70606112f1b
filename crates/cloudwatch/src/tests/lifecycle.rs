//! Alarms as resources: described, updated, tagged, deleted, and there again after a restart.

use std::collections::BTreeMap;

use pontoon_api::cloudwatch::*;

use super::*;

fn put_alarm(bench: &mut Bench, input: PutMetricAlarmInput) {
    bench.call::<PutMetricAlarmOutput>(Request::PutMetricAlarm(input)).unwrap();
}

const ARN: &str = "arn:aws:cloudwatch:us-east-1:111111111111:alarm:alarm";

/// Recorded as `describe_minimal_metric_alarm`.
#[test]
fn an_alarm_is_described_as_it_was_put() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm_input());
    let now = Some(bench.now);
    let expected = MetricAlarm {
        alarm_name: Some("alarm".into()),
        alarm_arn: Some(ARN.into()),
        alarm_configuration_updated_timestamp: now,
        actions_enabled: Some(true),
        ok_actions: Some(vec![]),
        alarm_actions: Some(vec![]),
        insufficient_data_actions: Some(vec![]),
        state_value: Some("INSUFFICIENT_DATA".into()),
        state_reason: Some("Unchecked: Initial alarm creation".into()),
        state_updated_timestamp: now,
        state_transitioned_timestamp: now,
        metric_name: Some("m".into()),
        namespace: Some("app".into()),
        statistic: Some("Sum".into()),
        dimensions: Some(vec![]),
        period: Some(60),
        evaluation_periods: Some(1),
        threshold: Some(5.0),
        comparison_operator: Some("GreaterThanThreshold".into()),
        ..Default::default()
    };
    assert_eq!(bench.alarm(), expected);
    bench.restart();
    assert_eq!(bench.alarm(), expected);
    let for_metric = |metric_name: &str, statistic: &str| {
        Request::DescribeAlarmsForMetric(DescribeAlarmsForMetricInput {
            metric_name: metric_name.into(),
            namespace: "app".into(),
            statistic: Some(statistic.into()),
            ..Default::default()
        })
    };
    for (name, statistic, found) in [("m", "Sum", 1), ("m", "Average", 0), ("n", "Sum", 0)] {
        let output: DescribeAlarmsForMetricOutput = bench.call(for_metric(name, statistic)).unwrap();
        assert_eq!(output.metric_alarms.unwrap().len(), found);
    }
}

#[test]
fn an_update_replaces_everything_but_the_state_and_the_tags() {
    let mut bench = Bench::new();
    let tags = Some(vec![Tag { key: "k".into(), value: "v".into() }]);
    put_alarm(
        &mut bench,
        PutMetricAlarmInput { tags, alarm_description: Some("old".into()), ..alarm_input() },
    );
    bench.put("m", 9.0);
    bench.pass(70);
    let other = Some(vec![Tag { key: "other".into(), value: "v".into() }]);
    put_alarm(&mut bench, PutMetricAlarmInput { tags: other, threshold: Some(100.0), ..alarm_input() });
    let alarm = bench.alarm();
    assert_eq!((alarm.state_value.as_deref(), alarm.alarm_description), (Some("ALARM"), None));
    assert_eq!(
        bench.cloudwatch.alarm(bench.scope, "alarm").unwrap().tags,
        BTreeMap::from([("k".into(), "v".into())])
    );
    bench.pass(60);
    assert_eq!(bench.alarm_state(), "OK");
    assert_eq!(bench.summaries()[1], "Alarm \"alarm\" updated");
}

#[test]
fn alarms_go_on_after_a_restart() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm_input());
    bench.put("m", 9.0);
    bench.pass(30);
    bench.restart();
    bench.pass(35);
    assert_eq!(bench.alarm_state(), "ALARM");
    bench.restart();
    bench.put("m", 1.0);
    bench.pass(60);
    assert_eq!(bench.alarm_state(), "OK");
    assert_eq!(bench.summaries().len(), 3, "history outlives the process");
    assert_eq!(bench.cloudwatch.metrics.count(), 1, "a metric keeps its number");
}

#[test]
fn deleted_alarms_leave_their_history_for_two_weeks() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm_input());
    let delete = DeleteAlarmsInput { alarm_names: vec!["none".into(), "alarm".into()] };
    bench.call::<DeleteAlarmsOutput>(Request::DeleteAlarms(delete)).unwrap();
    let output: DescribeAlarmsOutput = bench.call(Request::DescribeAlarms(Default::default())).unwrap();
    assert_eq!((output.metric_alarms, output.composite_alarms), (Some(vec![]), Some(vec![])));
    assert_eq!(bench.cloudwatch.next_due(), None);
    assert_eq!(bench.keys(Space::Config), 0);
    assert_eq!(bench.summaries(), ["Alarm \"alarm\" deleted", "Alarm \"alarm\" created"]);
    bench.pass(15 * 86_400);
    assert_eq!(bench.summaries(), [""; 0]);
    put_alarm(&mut bench, alarm_input());
    assert_eq!(bench.keys(Space::Metric), 1, "what is too old is removed when something new is remembered");
}

#[test]
fn alarms_are_found_by_name_prefix_state_and_action_page_by_page() {
    let mut bench = Bench::new();
    for n in 0..5 {
        let alarm_actions = (n == 3).then(|| vec!["arn:aws:sns:us-east-1:111111111111:alerts".to_owned()]);
        put_alarm(
            &mut bench,
            PutMetricAlarmInput { alarm_name: format!("a{n}"), alarm_actions, ..alarm_input() },
        );
    }
    let mut names = |input: DescribeAlarmsInput| -> (Vec<String>, Option<String>) {
        let output: DescribeAlarmsOutput = bench.call(Request::DescribeAlarms(input)).unwrap();
        let names = output.metric_alarms.unwrap().into_iter().map(|alarm| alarm.alarm_name.unwrap());
        (names.collect(), output.next_token)
    };
    let base = DescribeAlarmsInput::default;
    let (page, token) = names(DescribeAlarmsInput { max_records: Some(3), ..base() });
    assert_eq!(page, ["a0", "a1", "a2"]);
    assert_eq!(
        names(DescribeAlarmsInput { next_token: token, max_records: Some(3), ..base() }).0,
        ["a3", "a4"]
    );
    let given = Some(vec!["a4".to_owned(), "zz".to_owned()]);
    assert_eq!(names(DescribeAlarmsInput { alarm_names: given, ..base() }).0, ["a4"]);
    assert_eq!(names(DescribeAlarmsInput { alarm_name_prefix: Some("a1".into()), ..base() }).0, ["a1"]);
    assert_eq!(names(DescribeAlarmsInput { action_prefix: Some("arn:aws:sns".into()), ..base() }).0, ["a3"]);
    assert_eq!(names(DescribeAlarmsInput { state_value: Some("ALARM".into()), ..base() }).0, [""; 0]);
    let composite = Some(vec!["CompositeAlarm".to_owned()]);
    assert_eq!(names(DescribeAlarmsInput { alarm_types: composite, ..base() }).0, [""; 0]);
}

/// Recorded as `tagging_metric_alarm`.
#[test]
fn tags_are_added_and_removed() {
    let mut bench = Bench::new();
    let tag = |key: &str| Tag { key: key.into(), value: "v".into() };
    put_alarm(&mut bench, PutMetricAlarmInput { tags: Some(vec![tag("b")]), ..alarm_input() });
    let list = |bench: &mut Bench| -> Vec<String> {
        let input = ListTagsForResourceInput { resource_arn: ARN.into() };
        let output: ListTagsForResourceOutput = bench.call(Request::ListTagsForResource(input)).unwrap();
        output.tags.unwrap().into_iter().map(|tag| tag.key).collect()
    };
    let input = TagResourceInput { resource_arn: ARN.into(), tags: vec![tag("c"), tag("a")] };
    bench.call::<TagResourceOutput>(Request::TagResource(input.clone())).unwrap();
    assert_eq!(list(&mut bench), ["a", "b", "c"]);
    let untag = UntagResourceInput { resource_arn: ARN.into(), tag_keys: vec!["b".into()] };
    bench.call::<UntagResourceOutput>(Request::UntagResource(untag)).unwrap();
    bench.restart();
    assert_eq!(list(&mut bench), ["a", "c"]);
    let delete = DeleteAlarmsInput { alarm_names: vec!["alarm".into()] };
    bench.call::<DeleteAlarmsOutput>(Request::DeleteAlarms(delete)).unwrap();
    assert_eq!(list(&mut bench), [""; 0]);
    let (code, _) = bench.refused::<TagResourceOutput>(Request::TagResource(input));
    assert_eq!(code, "ResourceNotFoundException");
}

/// Recorded as `set_alarm_invalid_input`.
#[test]
fn the_state_of_no_alarm_cannot_be_set() {
    let mut bench = Bench::new();
    let input = SetAlarmStateInput {
        alarm_name: "none".into(),
        state_value: "OK".into(),
        state_reason: "r".into(),
        state_reason_data: None,
    };
    let refused = bench.refused::<SetAlarmStateOutput>(Request::SetAlarmState(input.clone()));
    assert_eq!(refused, ("ResourceNotFound".into(), String::new()));
    put_alarm(&mut bench, alarm_input());
    let input =
        SetAlarmStateInput { alarm_name: "alarm".into(), state_reason_data: Some("{".into()), ..input };
    let (code, _) = bench.refused::<SetAlarmStateOutput>(Request::SetAlarmState(input));
    assert_eq!(code, "InvalidFormat");
}

#[test]
fn history_is_found_by_kind_and_time_page_by_page() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm_input());
    for state in ["ALARM", "OK", "ALARM"] {
        let input = SetAlarmStateInput {
            alarm_name: "alarm".into(),
            state_value: state.into(),
            state_reason: "r".into(),
            state_reason_data: Some(r#"{"a":1}"#.into()),
        };
        bench.call::<SetAlarmStateOutput>(Request::SetAlarmState(input)).unwrap();
    }
    let mut items = |input: DescribeAlarmHistoryInput| -> (Vec<AlarmHistoryItem>, Option<String>) {
        let output: DescribeAlarmHistoryOutput = bench.call(Request::DescribeAlarmHistory(input)).unwrap();
        (output.alarm_history_items.unwrap(), output.next_token)
    };
    let base = || DescribeAlarmHistoryInput { max_records: Some(2), ..Default::default() };
    let summaries = |items: &[AlarmHistoryItem]| -> Vec<String> {
        items.iter().map(|item| item.history_summary.clone().unwrap()).collect()
    };
    let (first, token) = items(base());
    assert_eq!(summaries(&first), ["Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"]);
    let data: serde_json::Value = serde_json::from_str(first[0].history_data.as_ref().unwrap()).unwrap();
    assert_eq!(data["newState"]["stateReasonData"]["a"], 1);
    let (rest, token) = items(DescribeAlarmHistoryInput { next_token: token, ..base() });
    assert_eq!(summaries(&rest)[1], "Alarm \"alarm\" created");
    assert_eq!(token, None);
    let ascending = DescribeAlarmHistoryInput { scan_by: Some("TimestampAscending".into()), ..base() };
    let (oldest, _) = items(ascending);
    assert_eq!(summaries(&oldest)[0], "Alarm \"alarm\" created");
    let created: serde_json::Value = serde_json::from_str(oldest[0].history_data.as_ref().unwrap()).unwrap();
    assert_eq!(
        (&created["type"], &created["createdAlarm"]["alarmName"]),
        (&"Create".into(), &"alarm".into())
    );
    let updates =
        DescribeAlarmHistoryInput { history_item_type: Some("ConfigurationUpdate".into()), ..base() };
    assert_eq!(items(updates).0.len(), 1);
    let other = DescribeAlarmHistoryInput { alarm_name: Some("none".into()), ..base() };
    assert_eq!(items(other).0.len(), 0);
    let later = DescribeAlarmHistoryInput {
        start_date: Some(Timestamp::from_secs(i64::from(i32::MAX))),
        end_date: Some(Timestamp::from_millis(i64::MIN)),
        ..base()
    };
    assert_eq!(items(later).0.len(), 0);
}
