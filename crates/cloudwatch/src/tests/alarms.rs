//! Alarms: how they are evaluated, and what their changes of state cause.

use pontoon_api::{cloudwatch::*, events, lambda, sns};
use serde_json::{Value, json};

use super::*;

fn put_alarm(bench: &mut Bench, input: PutMetricAlarmInput) {
    bench.call::<PutMetricAlarmOutput>(Request::PutMetricAlarm(input)).unwrap();
}

fn set_state(bench: &mut Bench, state: &str) {
    let input = SetAlarmStateInput {
        alarm_name: "alarm".into(),
        state_value: state.into(),
        state_reason: "testing alarm".into(),
        state_reason_data: None,
    };
    bench.call::<SetAlarmStateOutput>(Request::SetAlarmState(input)).unwrap();
}

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:alerts";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:react";

/// A hop's principal and what it would be called with.
#[derive(Debug)]
enum Told {
    Event(events::PutEventsRequestEntry),
    Message(sns::PublishInput),
    Payload(lambda::InvokeInput),
}

/// Takes the hops made so far, but for events that alarms were configured.
fn told(bench: &mut Bench) -> Vec<(Principal, Told)> {
    all_told(bench)
        .into_iter()
        .filter(|(_, told)| match told {
            Told::Event(event) => event.detail_type.as_deref() == Some("CloudWatch Alarm State Change"),
            Told::Message(_) | Told::Payload(_) => true,
        })
        .collect()
}

/// Takes the hops made so far.
fn all_told(bench: &mut Bench) -> Vec<(Principal, Told)> {
    let hops = std::mem::take(&mut bench.hops);
    let read = |hop: Hop| {
        assert_eq!(
            hop.caller.source_arn.as_deref(),
            Some("arn:aws:cloudwatch:us-east-1:111111111111:alarm:alarm")
        );
        let service = hop.request.operation().service.id;
        let told = match service {
            "events" => match events::Request::try_from(hop.request).unwrap() {
                events::Request::PutEvents(mut input) => Told::Event(input.entries.remove(0)),
                other => panic!("{other:?}"),
            },
            "sns" => match sns::Request::try_from(hop.request).unwrap() {
                sns::Request::Publish(input) => Told::Message(input),
                other => panic!("{other:?}"),
            },
            _ => match lambda::Request::try_from(hop.request).unwrap() {
                lambda::Request::Invoke(input) => Told::Payload(input),
                other => panic!("{other:?}"),
            },
        };
        (hop.caller.principal, told)
    };
    hops.into_iter().map(read).collect()
}

#[test]
fn an_alarm_fires_and_recovers_with_its_metric() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm_input());
    assert_eq!(bench.alarm_state(), "INSUFFICIENT_DATA");
    assert_eq!(bench.alarm().state_reason.as_deref(), Some("Unchecked: Initial alarm creation"));
    bench.put("m", 7.0);
    bench.pass(59);
    assert_eq!(bench.alarm_state(), "INSUFFICIENT_DATA", "the minute is not over");
    bench.pass(6);
    let alarm = bench.alarm();
    assert_eq!(alarm.state_value.as_deref(), Some("ALARM"));
    assert_eq!(
        alarm.state_reason.as_deref(),
        Some(
            "Threshold Crossed: 1 datapoint [7.0 (31/01/26 12:00:00)] was greater than the threshold (5.0)."
        )
    );
    let data: Value = serde_json::from_str(&alarm.state_reason_data.unwrap()).unwrap();
    assert_eq!(
        data,
        json!({
            "version": "1.0",
            "queryDate": "2026-01-31T12:01:05.000+0000",
            "startDate": "2026-01-31T12:00:00.000+0000",
            "statistic": "Sum",
            "period": 60,
            "recentDatapoints": [7.0],
            "threshold": 5.0,
            "evaluatedDatapoints": [{ "timestamp": "2026-01-31T12:00:00.000+0000", "sampleCount": 1.0, "value": 7.0 }],
        })
    );
    bench.put("m", 1.0);
    bench.pass(60);
    assert_eq!(bench.alarm_state(), "OK");
    // The last value is looked at as long as it is in the evaluation range.
    bench.pass(120);
    assert_eq!(bench.alarm_state(), "OK");
    bench.pass(60);
    assert_eq!(bench.alarm().state_reason.as_deref(), Some("Insufficient Data: 1 datapoint was unknown."));
    assert_eq!(
        bench.summaries(),
        [
            "Alarm updated from OK to INSUFFICIENT_DATA",
            "Alarm updated from ALARM to OK",
            "Alarm updated from INSUFFICIENT_DATA to ALARM",
            "Alarm \"alarm\" created",
        ]
    );
}

/// The alarm of the order system: messages in the dead-letter queue, summed over five minutes.
#[test]
fn dead_letters_raise_the_alarm_and_their_end_lowers_it() {
    let mut bench = Bench::new();
    put_alarm(
        &mut bench,
        PutMetricAlarmInput {
            metric_name: Some("ApproximateNumberOfMessagesVisible".into()),
            namespace: Some("AWS/SQS".into()),
            dimensions: Some(vec![Dimension { name: "QueueName".into(), value: "dlq".into() }]),
            period: Some(300),
            threshold: Some(1.0),
            ..alarm_input()
        },
    );
    let mut states = Vec::new();
    for minute in 0..14 {
        // One dead letter lies in the queue from the second minute to the sixth.
        let visible = if (2..7).contains(&minute) { 1.0 } else { 0.0 };
        let begun = bench.now;
        bench.pass(60);
        // Queues publish at the same instant at which the minute ends.
        bench.measure(&queue_datum("ApproximateNumberOfMessagesVisible", begun, visible));
        states.push(bench.alarm_state().chars().next().unwrap());
    }
    // State as seen at the end of each minute, before that minute was evaluated.
    assert_eq!(states.iter().collect::<String>(), "IOOOAAAAAAAOOO");
    assert_eq!(
        bench.alarm().state_reason.as_deref(),
        Some(
            "Threshold Crossed: 1 datapoint [1.0 (31/01/26 12:06:00)] was not greater than the threshold (1.0)."
        )
    );
}

#[test]
fn periods_end_at_the_last_whole_minute() {
    let mut bench = Bench::new();
    bench.pass(3 * 60);
    put_alarm(&mut bench, PutMetricAlarmInput { period: Some(300), ..alarm_input() });
    bench.put("m", 9.0);
    bench.pass(65);
    let reason = bench.alarm().state_reason.unwrap();
    assert!(reason.contains("[9.0 (31/01/26 11:59:00)]"), "{reason}");
}

#[test]
fn alarms_of_less_than_a_minute_are_evaluated_every_ten_seconds() {
    for (period, states) in [(10, "OAAAO"), (20, "OAAAA"), (30, "OAAAA")] {
        let mut bench = Bench::new();
        put_alarm(
            &mut bench,
            PutMetricAlarmInput {
                period: Some(period),
                treat_missing_data: Some("notBreaching".into()),
                ..alarm_input()
            },
        );
        bench.pass(6);
        bench.put_datum(MetricDatum {
            metric_name: "m".into(),
            value: Some(9.0),
            storage_resolution: Some(1),
            ..Default::default()
        });
        let seen: String = (0..5)
            .map(|n| {
                bench.pass(if n == 0 { 8 } else { 10 });
                bench.alarm_state().chars().next().unwrap()
            })
            .collect();
        assert_eq!(seen, states, "period {period}");
    }
}

/// Recorded as `breaching_alarm_actions`.
#[test]
fn missing_data_that_breach_raise_the_alarm_and_tell_its_topic() {
    let mut bench = Bench::new();
    put_alarm(
        &mut bench,
        PutMetricAlarmInput {
            alarm_description: Some("testing cloudwatch alarms".into()),
            metric_name: Some("my-metric101".into()),
            dimensions: Some(vec![Dimension { name: "InstanceId".into(), value: "abc".into() }]),
            period: Some(10),
            statistic: Some("Average".into()),
            evaluation_periods: Some(2),
            threshold: Some(2.0),
            treat_missing_data: Some("breaching".into()),
            unit: Some("Seconds".into()),
            alarm_actions: Some(vec![TOPIC.into()]),
            ok_actions: Some(vec![TOPIC.into()]),
            ..alarm_input()
        },
    );
    bench.pass(10);
    let told = told(&mut bench);
    let [(bus, Told::Event(event)), (principal, Told::Message(message))] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((bus, principal), (&Principal::Service("cloudwatch.amazonaws.com"), bus));
    assert_eq!(event.source.as_deref(), Some("aws.cloudwatch"));
    assert_eq!(event.detail_type.as_deref(), Some("CloudWatch Alarm State Change"));
    assert_eq!(message.topic_arn.as_deref(), Some(TOPIC));
    assert_eq!(message.subject.as_deref(), Some("ALARM: \"alarm\" in US East (N. Virginia)"));
    let body: Value = serde_json::from_str(&message.message).unwrap();
    assert_eq!(
        body,
        json!({
            "AWSAccountId": "111111111111",
            "ActionExecutedAfterMuteWindow": false,
            "AlarmActions": [TOPIC],
            "AlarmArn": "arn:aws:cloudwatch:us-east-1:111111111111:alarm:alarm",
            "AlarmConfigurationUpdatedTimestamp": "2026-01-31T12:00:00.000+0000",
            "AlarmDescription": "testing cloudwatch alarms",
            "AlarmName": "alarm",
            "InsufficientDataActions": [],
            "NewStateReason": "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
            "NewStateValue": "ALARM",
            "OKActions": [TOPIC],
            "OldStateValue": "INSUFFICIENT_DATA",
            "Region": "US East (N. Virginia)",
            "StateChangeTime": "2026-01-31T12:00:05.000+0000",
            "Trigger": {
                "ComparisonOperator": "GreaterThanThreshold",
                "Dimensions": [{ "name": "InstanceId", "value": "abc" }],
                "EvaluateLowSampleCountPercentile": "",
                "EvaluationPeriods": 2,
                "MetricName": "my-metric101",
                "Namespace": "app",
                "Period": 10,
                "Statistic": "AVERAGE",
                "StatisticType": "Statistic",
                "Threshold": 2.0,
                "TreatMissingData": "breaching",
                "Unit": "Seconds",
            },
        })
    );
    let data: Value = serde_json::from_str(&bench.alarm().state_reason_data.unwrap()).unwrap();
    assert_eq!(data["evaluatedDatapoints"].as_array().unwrap().len(), 2);
    assert_eq!(data["unit"], "Seconds");
    assert_eq!(data.get("startDate"), None);
}

/// Recorded as `alarm_lambda_target`; the event as in the user guide.
#[test]
fn functions_and_the_bus_are_told_of_a_state_that_was_set() {
    let mut bench = Bench::new();
    put_alarm(
        &mut bench,
        PutMetricAlarmInput {
            alarm_description: Some("testing lambda alarm action".into()),
            treat_missing_data: Some("ignore".into()),
            alarm_actions: Some(vec![FUNCTION.into()]),
            ..alarm_input()
        },
    );
    bench.pass(1);
    set_state(&mut bench, "ALARM");
    let told = told(&mut bench);
    let [(_, Told::Event(event)), (principal, Told::Payload(invocation))] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(*principal, Principal::Service("lambda.alarms.cloudwatch.amazonaws.com"));
    assert_eq!(
        (invocation.function_name.as_str(), invocation.invocation_type.as_deref()),
        (FUNCTION, Some("Event"))
    );
    let payload: Value = serde_json::from_slice(invocation.payload.as_ref().unwrap()).unwrap();
    let id = payload["alarmData"]["configuration"]["metrics"][0]["id"].clone();
    let detail = json!({
        "alarmName": "alarm",
        "state": {
            "value": "ALARM",
            "reason": "testing alarm",
            "timestamp": "2026-01-31T12:00:01.000+0000",
        },
        "previousState": {
            "value": "INSUFFICIENT_DATA",
            "reason": "Unchecked: Initial alarm creation",
            "timestamp": "2026-01-31T12:00:00.000+0000",
        },
        "configuration": {
            "description": "testing lambda alarm action",
            "metrics": [{
                "id": id,
                "metricStat": {
                    "metric": { "namespace": "app", "name": "m", "dimensions": {} },
                    "period": 60,
                    "stat": "Sum",
                },
                "returnData": true,
            }],
        },
    });
    assert_eq!(
        payload,
        json!({
            "source": "aws.cloudwatch",
            "alarmArn": "arn:aws:cloudwatch:us-east-1:111111111111:alarm:alarm",
            "accountId": "111111111111",
            "time": "2026-01-31T12:00:01.000+0000",
            "region": "us-east-1",
            "alarmData": detail,
        })
    );
    assert_eq!(serde_json::from_str::<Value>(event.detail.as_ref().unwrap()).unwrap(), detail);
    assert_eq!(
        event.resources.as_deref(),
        Some(["arn:aws:cloudwatch:us-east-1:111111111111:alarm:alarm".to_owned()].as_slice())
    );
    // Missing data are ignored, so the state stays.
    bench.pass(600);
    assert_eq!(bench.alarm_state(), "ALARM");
}

#[test]
fn a_state_that_was_set_lasts_until_the_next_evaluation() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm_input());
    set_state(&mut bench, "ALARM");
    let set_at = bench.alarm().state_updated_timestamp;
    bench.pass(10);
    let alarm = bench.alarm();
    assert_eq!(alarm.state_value.as_deref(), Some("INSUFFICIENT_DATA"));
    assert!(alarm.state_updated_timestamp > set_at);
    assert_eq!(alarm.state_transitioned_timestamp, alarm.state_updated_timestamp);
}

#[test]
fn setting_the_state_that_it_is_in_causes_nothing() {
    let mut bench = Bench::new();
    put_alarm(
        &mut bench,
        PutMetricAlarmInput { insufficient_data_actions: Some(vec![TOPIC.into()]), ..alarm_input() },
    );
    bench.pass(1);
    set_state(&mut bench, "INSUFFICIENT_DATA");
    assert_eq!(told(&mut bench).len(), 0);
    let alarm = bench.alarm();
    assert_eq!(alarm.state_reason.as_deref(), Some("testing alarm"));
    assert!(alarm.state_updated_timestamp > alarm.state_transitioned_timestamp);
}

/// As in the samples of the user guide.
#[test]
fn the_bus_is_told_of_configurations() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, alarm_input());
    bench.pass(1);
    put_alarm(&mut bench, PutMetricAlarmInput { threshold: Some(80.0), ..alarm_input() });
    let delete = DeleteAlarmsInput { alarm_names: vec!["alarm".into()] };
    bench.call::<DeleteAlarmsOutput>(Request::DeleteAlarms(delete)).unwrap();
    let details: Vec<Value> = all_told(&mut bench)
        .into_iter()
        .map(|(_, told)| match told {
            Told::Event(event) => {
                assert_eq!(event.detail_type.as_deref(), Some("CloudWatch Alarm Configuration Change"));
                serde_json::from_str(&event.detail.unwrap()).unwrap()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let operations: Vec<_> = details.iter().map(|detail| detail["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["create", "update", "delete"]);
    let update = &details[1];
    assert_eq!(
        update["state"],
        json!({ "value": "INSUFFICIENT_DATA", "timestamp": "2026-01-31T12:00:00.000+0000" })
    );
    assert_eq!(
        update["configuration"],
        json!({
            "evaluationPeriods": 1,
            "threshold": 80.0,
            "comparisonOperator": "GreaterThanThreshold",
            "metrics": update["configuration"]["metrics"],
            "alarmName": "alarm",
            "actionsEnabled": true,
            "timestamp": "2026-01-31T12:00:01.000+0000",
            "okActions": [],
            "alarmActions": [],
            "insufficientDataActions": [],
        })
    );
    assert_eq!(update["previousConfiguration"]["threshold"], 5.0);
    assert_eq!(details[2].get("previousConfiguration"), None);
}

/// Recorded as `enable_disable_alarm_actions`.
#[test]
fn disabled_actions_are_not_carried_out() {
    let mut bench = Bench::new();
    let input = PutMetricAlarmInput {
        treat_missing_data: Some("ignore".into()),
        ok_actions: Some(vec![TOPIC.into()]),
        alarm_actions: Some(vec![TOPIC.into()]),
        ..alarm_input()
    };
    put_alarm(&mut bench, input);
    let names = vec!["alarm".to_owned(), "none".to_owned()];
    let disable = DisableAlarmActionsInput { alarm_names: names.clone() };
    bench.call::<DisableAlarmActionsOutput>(Request::DisableAlarmActions(disable)).unwrap();
    set_state(&mut bench, "ALARM");
    assert_eq!(told(&mut bench).len(), 1, "the bus is told, the topic is not");
    assert_eq!(bench.alarm().actions_enabled, Some(false));
    let enable = EnableAlarmActionsInput { alarm_names: names };
    bench.call::<EnableAlarmActionsOutput>(Request::EnableAlarmActions(enable)).unwrap();
    set_state(&mut bench, "OK");
    assert_eq!(told(&mut bench).len(), 2);
}

#[test]
fn history_tells_how_actions_ended() {
    let mut bench = Bench::new();
    put_alarm(&mut bench, PutMetricAlarmInput { alarm_actions: Some(vec![TOPIC.into()]), ..alarm_input() });
    set_state(&mut bench, "ALARM");
    let publish = bench.hops.pop().unwrap();
    bench.settle(publish, Ok(Box::new(sns::PublishOutput::default())));
    set_state(&mut bench, "OK");
    bench.hops.clear();
    set_state(&mut bench, "ALARM");
    let publish = bench.hops.pop().unwrap();
    bench.settle(publish, Err(ApiError::client("NotFound", "Topic does not exist")));
    let actions: Vec<String> =
        bench.summaries().into_iter().filter(|summary| summary.contains("action")).collect();
    assert_eq!(
        actions,
        [
            format!("Failed to execute action {TOPIC}. Received error: \"Topic does not exist\""),
            format!("Successfully executed action {TOPIC}"),
        ]
    );
}

#[test]
fn percentiles_of_few_samples_wait_if_asked_to() {
    for (low_samples, expected) in [("ignore", "INSUFFICIENT_DATA"), ("evaluate", "ALARM")] {
        let mut bench = Bench::new();
        put_alarm(
            &mut bench,
            PutMetricAlarmInput {
                statistic: None,
                extended_statistic: Some("p90".into()),
                evaluate_low_sample_count_percentile: Some(low_samples.into()),
                ..alarm_input()
            },
        );
        let datum = |counts: f64| MetricDatum {
            metric_name: "m".into(),
            values: Some(vec![50.0]),
            counts: Some(vec![counts]),
            ..Default::default()
        };
        bench.put_datum(datum(99.0));
        bench.pass(65);
        assert_eq!(bench.alarm_state(), expected);
        bench.put_datum(datum(101.0));
        bench.pass(60);
        assert_eq!(bench.alarm_state(), "ALARM");
    }
}

#[test]
fn an_alarm_can_watch_an_expression() {
    let mut bench = Bench::new();
    let stat = |id: &str, name: &str| MetricDataQuery {
        id: id.into(),
        metric_stat: Some(MetricStat {
            metric: Metric {
                namespace: Some("app".into()),
                metric_name: Some(name.into()),
                dimensions: None,
            },
            period: 60,
            stat: "Sum".into(),
            unit: None,
        }),
        return_data: Some(false),
        ..Default::default()
    };
    let expression = MetricDataQuery {
        id: "rate".into(),
        expression: Some("100 * errors / requests".into()),
        label: Some("Error rate".into()),
        return_data: Some(true),
        ..Default::default()
    };
    let queries = vec![expression.clone(), stat("errors", "errors"), stat("requests", "requests")];
    let input = PutMetricAlarmInput {
        metric_name: None,
        namespace: None,
        statistic: None,
        period: None,
        metrics: Some(queries.clone()),
        alarm_actions: Some(vec![TOPIC.into()]),
        ..alarm_input()
    };
    put_alarm(&mut bench, input.clone());
    assert_eq!(bench.alarm().metrics.unwrap().len(), 3);
    bench.put("errors", 1.0);
    bench.put("requests", 10.0);
    bench.pass(65);
    assert_eq!(
        bench.alarm().state_reason.as_deref(),
        Some(
            "Threshold Crossed: 1 datapoint [10.0 (31/01/26 12:00:00)] was greater than the threshold (5.0)."
        )
    );
    let told = told(&mut bench);
    let Some((_, Told::Message(message))) = told.last() else { panic!("{told:?}") };
    let body: Value = serde_json::from_str(&message.message).unwrap();
    assert_eq!(body["Trigger"]["Metrics"][0]["Expression"], "100 * errors / requests");
    assert_eq!(body["Trigger"].get("MetricName"), None);

    let mut check = |queries: Vec<MetricDataQuery>, part: &str| {
        let input = PutMetricAlarmInput { metrics: Some(queries), ..input.clone() };
        let (code, message) = bench.refused::<PutMetricAlarmOutput>(Request::PutMetricAlarm(input));
        assert_eq!(code, "ValidationError");
        assert!(message.contains(part), "{message}");
    };
    check(vec![stat("a", "m"), stat("b", "m")], "Exactly one element");
    let scalar = MetricDataQuery { expression: Some("SUM(a)".into()), ..expression.clone() };
    check(vec![scalar, stat("a", "m")], "one time series");
    let band = MetricDataQuery { expression: Some("ANOMALY_DETECTION_BAND(a)".into()), ..expression };
    check(vec![band, stat("a", "m")], "ANOMALY_DETECTION_BAND");
}

#[test]
fn wrong_alarms_are_refused() {
    let mut bench = Bench::new();
    let mut check = |input: PutMetricAlarmInput, part: &str| {
        let (code, message) = bench.refused::<PutMetricAlarmOutput>(Request::PutMetricAlarm(input));
        assert_eq!(code, "ValidationError");
        assert!(message.contains(part), "{message}");
    };
    let good = alarm_input;
    check(
        PutMetricAlarmInput { period: Some(45), ..good() },
        "Period must be 10, 20, 30 or a multiple of 60",
    );
    check(PutMetricAlarmInput { period: None, ..good() }, "'period'");
    check(PutMetricAlarmInput { statistic: None, ..good() }, "Statistic");
    check(PutMetricAlarmInput { extended_statistic: Some("p90".into()), ..good() }, "mutually exclusive");
    check(PutMetricAlarmInput { statistic: None, extended_statistic: Some("p101".into()), ..good() }, "p101");
    check(PutMetricAlarmInput { evaluation_periods: Some(1441), ..good() }, "more than a day");
    check(
        PutMetricAlarmInput { period: Some(86_400), evaluation_periods: Some(8), ..good() },
        "more than a week",
    );
    check(PutMetricAlarmInput { datapoints_to_alarm: Some(2), ..good() }, "DatapointsToAlarm");
    check(PutMetricAlarmInput { threshold: None, ..good() }, "'threshold'");
    check(PutMetricAlarmInput { threshold: Some(f64::NAN), ..good() }, "finite");
    check(PutMetricAlarmInput { treat_missing_data: Some("none".into()), ..good() }, "TreatMissingData");
    check(PutMetricAlarmInput { threshold_metric_id: Some("t".into()), ..good() }, "anomaly detection");
    check(
        PutMetricAlarmInput { comparison_operator: Some("GreaterThanUpperThreshold".into()), ..good() },
        "GreaterThanUpperThreshold",
    );
    check(PutMetricAlarmInput { evaluation_interval: Some(60), ..good() }, "PromQL");
    check(PutMetricAlarmInput { metric_name: None, ..good() }, "MetricName");
    for (action, part) in [
        ("alerts", "Invalid arn syntax"),
        ("arn:aws:autoscaling:us-east-1:111111111111:scalingPolicy:p", "does not support the alarm action"),
        ("arn:aws:automate:us-east-1:ec2:stop", "does not support the alarm action"),
        ("arn:aws:sns:eu-west-1:111111111111:alerts", "Invalid region eu-west-1 specified"),
    ] {
        check(PutMetricAlarmInput { alarm_actions: Some(vec![action.into()]), ..good() }, part);
    }
    assert_eq!(bench.keys(Space::Config), 0, "nothing of what is refused is kept");
}
