//! Data: what is taken, and what comes back.

use pontoon_api::cloudwatch::*;
use pontoon_core::{Seq, StoreError, StoreRead, Timestamp};

use super::*;

fn statistics(bench: &Bench, period: i32, back_secs: i64) -> GetMetricStatisticsInput {
    GetMetricStatisticsInput {
        namespace: "app".into(),
        metric_name: "m".into(),
        start_time: Timestamp::from_millis(bench.now.millis() - back_secs * 1000),
        end_time: Timestamp::from_millis(bench.now.millis() + 60_000),
        period,
        statistics: Some(["SampleCount", "Average", "Sum", "Minimum", "Maximum"].map(Into::into).into()),
        ..Default::default()
    }
}

fn get_statistics(bench: &mut Bench, input: GetMetricStatisticsInput) -> Vec<Datapoint> {
    let output: GetMetricStatisticsOutput = bench.call(Request::GetMetricStatistics(input)).unwrap();
    output.datapoints.unwrap()
}

fn stat(id: &str, name: &str, stat: &str, period: i32) -> MetricDataQuery {
    MetricDataQuery {
        id: id.into(),
        metric_stat: Some(MetricStat {
            metric: Metric {
                namespace: Some("app".into()),
                metric_name: Some(name.into()),
                dimensions: None,
            },
            period,
            stat: stat.into(),
            unit: None,
        }),
        ..Default::default()
    }
}

fn expression(id: &str, text: &str) -> MetricDataQuery {
    MetricDataQuery { id: id.into(), expression: Some(text.into()), ..Default::default() }
}

fn data_input(bench: &Bench, queries: Vec<MetricDataQuery>) -> GetMetricDataInput {
    GetMetricDataInput {
        metric_data_queries: queries,
        start_time: Timestamp::from_millis(bench.now.millis() - 600_000),
        end_time: Timestamp::from_millis(bench.now.millis() + 60_000),
        ..Default::default()
    }
}

fn get_data(bench: &mut Bench, queries: Vec<MetricDataQuery>) -> Vec<MetricDataResult> {
    let input = data_input(bench, queries);
    let output: GetMetricDataOutput = bench.call(Request::GetMetricData(input)).unwrap();
    output.metric_data_results.unwrap()
}

/// Recorded as `get_metric_statistics`: ten values from 0 to 9.
#[test]
fn statistics_of_what_was_put() {
    let mut bench = Bench::new();
    (0..10).for_each(|value| bench.put("m", f64::from(value)));
    let input = statistics(&bench, 60, 60);
    let points = get_statistics(&mut bench, input);
    assert_eq!(
        points,
        [Datapoint {
            timestamp: Some(bench.now),
            sample_count: Some(10.0),
            average: Some(4.5),
            sum: Some(45.0),
            minimum: Some(0.0),
            maximum: Some(9.0),
            unit: Some("None".into()),
            extended_statistics: None,
        }]
    );
}

/// Recorded as `put_metric_data_values_list`.
#[test]
fn values_with_counts_and_percentiles() {
    let mut bench = Bench::new();
    bench.put_datum(MetricDatum {
        metric_name: "m".into(),
        values: Some(vec![1.0, 10.0]),
        counts: Some(vec![2.0, 4.0]),
        unit: Some("Count".into()),
        ..Default::default()
    });
    let mut input = statistics(&bench, 60, 60);
    let point = get_statistics(&mut bench, input.clone()).remove(0);
    assert_eq!((point.sum, point.sample_count, point.maximum), (Some(42.0), Some(6.0), Some(10.0)));
    assert_eq!(point.unit.as_deref(), Some("Count"));
    input.statistics = None;
    input.extended_statistics = Some(vec!["p10".into(), "p99.9".into(), "tm90".into()]);
    let extended = get_statistics(&mut bench, input).remove(0).extended_statistics.unwrap();
    assert_eq!((extended["p10"], extended["p99.9"]), (1.0, 10.0));
}

/// Recorded as `handle_different_units` and `get_metric_data_different_units_no_unit_in_query`.
#[test]
fn units_are_kept_apart() {
    let mut bench = Bench::new();
    for (value, unit) in [(5.0, "Count"), (60_000.0, "Milliseconds"), (60.0, "Seconds")] {
        bench.put_datum(MetricDatum {
            metric_name: "m".into(),
            value: Some(value),
            unit: Some(unit.into()),
            ..Default::default()
        });
    }
    let input = statistics(&bench, 60, 60);
    assert_eq!(get_statistics(&mut bench, input.clone()).len(), 3);
    let seconds = GetMetricStatisticsInput { unit: Some("Seconds".into()), ..input };
    assert_eq!(get_statistics(&mut bench, seconds)[0].sum, Some(60.0));
    let result = get_data(&mut bench, vec![stat("m1", "m", "Sum", 60)]).remove(0);
    assert_eq!(result.values, Some(vec![5.0]));
    let message = &result.messages.unwrap()[0];
    assert_eq!(message.code.as_deref(), Some("MultipleUnits"));
    assert_eq!(message.value.as_deref(), Some("Multiple units returned: '[Count, Milliseconds, Seconds]'"));
    let mut query = stat("m1", "m", "Sum", 60);
    query.metric_stat.as_mut().unwrap().unit = Some("Seconds".into());
    let result = get_data(&mut bench, vec![query]).remove(0);
    assert_eq!((result.values, result.messages), (Some(vec![60.0]), None));
}

#[test]
fn another_set_of_dimensions_is_another_metric() {
    let mut bench = Bench::new();
    let dimension = |value: &str| Dimension { name: "D".into(), value: value.into() };
    let datum = |value, dimensions| MetricDatum {
        metric_name: "m".into(),
        value: Some(value),
        dimensions,
        ..Default::default()
    };
    bench.put_datum(datum(1.0, None));
    bench.put_datum(datum(2.0, Some(vec![dimension("a")])));
    bench.put_datum(datum(4.0, Some(vec![dimension("b")])));
    let mut input = statistics(&bench, 60, 60);
    assert_eq!(get_statistics(&mut bench, input.clone())[0].sum, Some(1.0));
    input.dimensions = Some(vec![dimension("b")]);
    assert_eq!(get_statistics(&mut bench, input.clone())[0].sum, Some(4.0));
    input.dimensions = Some(vec![dimension("c")]);
    assert_eq!(get_statistics(&mut bench, input), []);
}

#[test]
fn high_resolution_data_are_kept_by_the_second() {
    let mut bench = Bench::new();
    for (secs, value) in [(0, 1.0), (7, 2.0), (11, 4.0)] {
        bench.put_datum(MetricDatum {
            metric_name: "m".into(),
            value: Some(value),
            storage_resolution: Some(1),
            timestamp: Some(Timestamp::from_millis(bench.now.millis() + secs * 1000)),
            ..Default::default()
        });
    }
    bench.pass(20);
    let sums =
        |points: Vec<Datapoint>| points.into_iter().map(|point| point.sum.unwrap()).collect::<Vec<_>>();
    let input = statistics(&bench, 10, 20);
    assert_eq!(sums(get_statistics(&mut bench, input)), [3.0, 4.0]);
    let input = statistics(&bench, 60, 60);
    assert_eq!(sums(get_statistics(&mut bench, input)), [7.0]);
    // Three hours later the seconds are rolled up into the minute.
    bench.pass(4 * 3600 + 60);
    assert_eq!(bench.keys(Space::Metric), 1);
    let input = statistics(&bench, 60, 5 * 3600);
    assert_eq!(sums(get_statistics(&mut bench, input)), [7.0]);
}

#[test]
fn old_data_are_rolled_up_and_then_gone() {
    let mut bench = Bench::new();
    for value in [1.0, 2.0, 3.0] {
        bench.put("m", value);
        bench.pass(60);
    }
    const DAY: i64 = 86_400;
    assert_eq!(bench.keys(Space::Metric), 3);
    bench.pass(17 * DAY);
    assert_eq!(bench.keys(Space::Metric), 1);
    bench.restart();
    bench.pass(50 * DAY);
    let input = statistics(&bench, 3600, 30 * DAY);
    assert_eq!(get_statistics(&mut bench, input), [], "nothing in the last month");
    let mut input = statistics(&bench, 86_400, 70 * DAY);
    input.end_time = Timestamp::from_millis(input.start_time.millis() + 5 * DAY * 1000);
    let point = get_statistics(&mut bench, input).remove(0);
    assert_eq!((point.sum, point.sample_count, point.maximum), (Some(6.0), Some(3.0), Some(3.0)));
    bench.pass(400 * DAY);
    assert_eq!((bench.keys(Space::Metric), bench.keys(Space::Config)), (0, 0));
    assert_eq!(bench.cloudwatch.metrics.count(), 0);
}

/// What services publish every minute has to be cheap.
#[test]
fn a_measured_minute_is_one_small_write_and_no_read() {
    let mut bench = Bench::new();
    for minute in 0..60 {
        bench.measure(&queue_datum("NumberOfMessagesSent", bench.now, f64::from(minute)));
        bench.pass(60);
    }
    let mut sizes = Vec::new();
    let all = KeyRange::all();
    let add = &mut |key: &[u8], value: &bytes::Bytes| {
        sizes.push(key.len() + value.len());
        std::ops::ControlFlow::Continue(())
    };
    bench.store.scan(Space::Metric, &all, Direction::Ascending, add).unwrap();
    assert_eq!(sizes, [37; 60]);
    // A store that fails every read would stop the process here.
    bench.store = std::sync::Arc::new(Unreadable);
    bench.measure(&queue_datum("NumberOfMessagesSent", bench.now, 1.0));
}

/// A store that takes everything and gives nothing.
struct Unreadable;

fn unreadable<T>() -> Result<T, StoreError> {
    Err(StoreError::new("nothing may be read"))
}

impl StoreRead for Unreadable {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<bytes::Bytes>, StoreError> {
        unreadable()
    }

    fn scan(
        &self,
        _: Space,
        _: &KeyRange,
        _: Direction,
        _: &mut dyn FnMut(&[u8], &bytes::Bytes) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError> {
        unreadable()
    }
}

impl Store for Unreadable {
    fn apply(&self, _: Batch) -> Result<Seq, StoreError> {
        Ok(Seq(1))
    }

    fn sync(&self) -> Result<Seq, StoreError> {
        Ok(Seq(1))
    }

    fn is_volatile(&self) -> bool {
        true
    }

    fn snapshot(&self) -> Box<dyn StoreRead> {
        Box::new(Self)
    }

    fn clear(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Recorded as `label_generation` and `get_metric_data_with_zero_and_labels`.
#[test]
fn labels_tell_queries_apart() {
    let mut bench = Bench::new();
    let mut check = |queries: &[(&str, i32)], expected: [&str; 2]| {
        let queries = queries
            .iter()
            .enumerate()
            .map(|(n, (name, period))| stat(&format!("q{n}"), "metric1", name, *period));
        let results = get_data(&mut bench, queries.collect());
        let labels: Vec<_> = results.into_iter().map(|result| result.label.unwrap()).collect();
        assert_eq!(labels, expected);
    };
    check(&[("Sum", 60), ("Minimum", 30)], ["metric1 Sum 60", "metric1 Minimum 30"]);
    check(&[("Sum", 60), ("Minimum", 60)], ["metric1 Sum", "metric1 Minimum"]);
    check(&[("Sum", 60), ("Sum", 30)], ["metric1 60", "metric1 30"]);
    check(&[("Sum", 60), ("Sum", 60)], ["metric1", "metric1"]);
}

#[test]
fn expressions_over_metrics() {
    let mut bench = Bench::new();
    for (errors, requests) in [(1.0, 10.0), (3.0, 4.0)] {
        bench.put("errors", errors);
        bench.put("requests", requests);
        bench.pass(60);
    }
    bench.pass(-60);
    let hidden = |mut query: MetricDataQuery| {
        query.return_data = Some(false);
        query
    };
    let results = get_data(
        &mut bench,
        vec![
            expression("rate", "100 * share"),
            hidden(expression("share", "e / r")),
            hidden(stat("e", "errors", "Sum", 60)),
            hidden(stat("r", "requests", "Sum", 60)),
            expression("all", "METRICS()"),
        ],
    );
    assert_eq!(results[0].values, Some(vec![75.0, 10.0]), "newest first");
    assert_eq!(results[0].label.as_deref(), Some("rate"));
    let all: Vec<_> = results[1..]
        .iter()
        .map(|result| (result.label.clone().unwrap(), result.values.clone().unwrap()))
        .collect();
    assert_eq!(all, [("all errors".into(), vec![3.0, 1.0]), ("all requests".into(), vec![4.0, 10.0])]);
}

#[test]
fn data_come_in_pages() {
    let mut bench = Bench::new();
    for value in 0..5 {
        bench.put("m", f64::from(value));
        bench.put("n", 9.0);
        bench.pass(60);
    }
    let queries = vec![stat("a", "none", "Sum", 60), stat("b", "m", "Sum", 60), stat("c", "n", "Sum", 60)];
    let mut input = data_input(&bench, queries);
    input.max_datapoints = Some(3);
    input.scan_by = Some("TimestampAscending".into());
    let mut pages = Vec::new();
    loop {
        let output: GetMetricDataOutput = bench.call(Request::GetMetricData(input.clone())).unwrap();
        let page: Vec<_> = output
            .metric_data_results
            .unwrap()
            .into_iter()
            .map(|result| (result.id.unwrap(), result.values.unwrap(), result.status_code.unwrap()))
            .collect();
        pages.push(page);
        input.next_token = output.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    let row = |id: &str, values: &[f64], complete: bool| {
        (id.to_owned(), values.to_vec(), if complete { "Complete" } else { "PartialData" }.to_owned())
    };
    assert_eq!(
        pages,
        [
            vec![row("a", &[], true), row("b", &[0.0, 1.0, 2.0], false)],
            vec![row("b", &[3.0, 4.0], true), row("c", &[9.0], false)],
            vec![row("c", &[9.0; 3], false)],
            vec![row("c", &[9.0], true)],
        ]
    );
    input.next_token = Some("nonsense".into());
    let (code, _) = bench.refused::<GetMetricDataOutput>(Request::GetMetricData(input));
    assert_eq!(code, "InvalidNextToken");
}

/// Messages recorded as `put_metric_data_validation`, the others as AWS's users publish them.
#[test]
fn wrong_data_are_refused() {
    let mut bench = Bench::new();
    let good = || MetricDatum { metric_name: "m".into(), value: Some(1.0), ..Default::default() };
    let now = bench.now;
    let mut check = |datum: MetricDatum, code: &str, part: &str| {
        let (got, message) =
            bench.refused::<PutMetricDataOutput>(Request::PutMetricData(put_data(vec![datum])));
        assert_eq!(got, code, "{message}");
        assert!(message.contains(part), "{message}");
    };
    let m = "MetricData.member.1";
    check(
        MetricDatum { values: Some(vec![1.0]), ..good() },
        "InvalidParameterCombination",
        &format!(
            "The parameters {m}.Value and {m}.Values are mutually exclusive and you have specified both."
        ),
    );
    check(
        MetricDatum { statistic_values: Some(StatisticSet::default()), ..good() },
        "InvalidParameterCombination",
        &format!(
            "The parameters {m}.Value and {m}.StatisticValues are mutually exclusive and you have specified both."
        ),
    );
    check(
        MetricDatum { value: None, values: Some(vec![1.0, 2.0]), counts: Some(vec![1.0]), ..good() },
        "InvalidParameterValue",
        &format!("The parameters {m}.Values and {m}.Counts must be of the same size."),
    );
    check(MetricDatum { value: None, ..good() }, "InvalidParameterCombination", "At least one of");
    for value in [f64::NAN, f64::INFINITY, 2.0_f64.powi(361)] {
        check(
            MetricDatum { value: Some(value), ..good() },
            "InvalidParameterValue",
            "MetricData.member.1.Value is invalid",
        );
    }
    let at = |secs: i64| Some(Timestamp::from_millis(now.millis() + secs * 1000));
    check(
        MetricDatum { timestamp: at(2 * 3600 + 1), ..good() },
        "InvalidParameterValue",
        "two hours in the future",
    );
    check(
        MetricDatum { timestamp: at(-14 * 86_400 - 1), ..good() },
        "InvalidParameterValue",
        "past two weeks",
    );
    check(MetricDatum { unit: Some("Apples".into()), ..good() }, "InvalidParameterValue", "Apples");
    check(
        MetricDatum { storage_resolution: Some(5), ..good() },
        "InvalidParameterValue",
        "StorageResolution",
    );
    let dimensions = |count: usize| {
        Some((0..count).map(|n| Dimension { name: format!("d{n}"), value: "v".into() }).collect())
    };
    check(MetricDatum { dimensions: dimensions(31), ..good() }, "InvalidParameterValue", "greater than 30");
    let empty = Some(vec![Dimension { name: "d".into(), value: String::new() }]);
    check(
        MetricDatum { dimensions: empty, ..good() },
        "MissingParameter",
        "Dimensions.member.1.Value is required",
    );
    check(
        MetricDatum { value: None, values: Some(vec![0.0; 151]), ..good() },
        "InvalidParameterValue",
        "150",
    );

    for namespace in ["AWS/SQS", ":x", "a b\u{e9}", "  "] {
        let input = PutMetricDataInput { namespace: namespace.into(), ..put_data(vec![good()]) };
        let (code, message) = bench.refused::<PutMetricDataOutput>(Request::PutMetricData(input));
        assert_eq!(code, "InvalidParameterValue");
        assert_eq!(message, format!("The value {namespace} for parameter Namespace is invalid."));
    }
    let (code, _) =
        bench.refused::<PutMetricDataOutput>(Request::PutMetricData(put_data(vec![good(); 1001])));
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(bench.keys(Space::Metric), 0, "nothing of what is refused is kept");
}

/// Recorded as `invalid_amount_of_datapoints`.
#[test]
fn too_many_datapoints_are_refused() {
    let mut bench = Bench::new();
    let start_time = bench.now;
    let end_time = Timestamp::from_secs(start_time.secs() + 86_400);
    let input = GetMetricStatisticsInput { start_time, end_time, period: 1, ..statistics(&bench, 1, 0) };
    let refused = bench.refused::<GetMetricStatisticsOutput>(Request::GetMetricStatistics(input.clone()));
    assert_eq!(
        refused,
        (
            "InvalidParameterCombination".into(),
            "You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints \
             requested by increasing Period, or decreasing the time range."
                .into()
        )
    );
    let input = GetMetricStatisticsInput { end_time: start_time, ..input };
    let refused = bench.refused::<GetMetricStatisticsOutput>(Request::GetMetricStatistics(input));
    assert_eq!(
        refused,
        (
            "InvalidParameterValue".into(),
            "The parameter StartTime must be less than the parameter EndTime.".into()
        )
    );
}

#[test]
fn questions_of_any_span_are_bounded() {
    let mut bench = Bench::new();
    bench.put("m", 1.0);
    for (start, end) in
        [(i64::MIN, i64::MAX), (0, i64::MAX), (i64::MAX - 1, i64::MAX), (i64::MIN, i64::MIN + 1)]
    {
        let mut input = data_input(&bench, vec![stat("m1", "m", "Sum", 1), expression("e", "FILL(m1, 0)")]);
        input.start_time = Timestamp::from_millis(start);
        input.end_time = Timestamp::from_millis(end);
        let output: GetMetricDataOutput = bench.call(Request::GetMetricData(input)).unwrap();
        for result in output.metric_data_results.unwrap() {
            assert!(result.values.unwrap().len() <= 6 * 3600);
        }
    }
}

#[test]
fn wrong_queries_are_refused() {
    let mut bench = Bench::new();
    let mut check = |queries: Vec<MetricDataQuery>, part: &str| {
        let mut input = data_input(&bench, queries);
        input.start_time = Timestamp::from_secs(bench.now.secs() - 5 * 3600);
        input.end_time = Timestamp::from_secs(bench.now.secs() + 4 * 3600);
        let (code, message) = bench.refused::<GetMetricDataOutput>(Request::GetMetricData(input));
        assert_eq!(code, "ValidationError");
        assert!(message.contains(part), "{message}");
    };
    check(
        vec![stat("5xx", "m", "Sum", 60)],
        "The value 5xx for parameter MetricDataQueries.member.1.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
    );
    check(vec![stat("a", "m", "Sum", 60), stat("a", "m", "Sum", 60)], "not unique");
    check(vec![stat("a", "m", "Sum", 45)], "Period");
    check(vec![stat("a", "m", "p101", 60)], "p101");
    check(vec![MetricDataQuery { id: "a".into(), ..Default::default() }], "must be specified");
    check(vec![expression("e", "SEARCH('x', 'Sum', 60)")], "SEARCH");
    check(vec![expression("e", "e + 1")], "refers to itself");
    check(vec![expression("e", "f"), expression("f", "e")], "refers to itself");
    check(vec![expression("e", "g")], "g is not defined");
    check(vec![expression("e", "1 + 1")], "time series");
    let mixed = vec![stat("a", "m", "Sum", 60), stat("b", "m", "Sum", 300), expression("e", "a + b")];
    check(mixed, "different periods");
    let mut costly: Vec<_> = (0..400).map(|n| stat(&format!("m{n}"), "m", "Sum", 1)).collect();
    costly.extend(["d", "e", "f"].map(|id| expression(id, "SUM(METRICS())")));
    check(costly, "data points");
    let hidden = MetricDataQuery { return_data: Some(false), ..stat("a", "m", "Sum", 60) };
    check(vec![hidden], "ReturnData");
    let labelled = MetricDataQuery { label: Some("${MAX}".into()), ..stat("a", "m", "Sum", 60) };
    check(vec![labelled], "dynamic labels");
}

#[test]
fn metrics_are_listed_by_what_they_are() {
    let mut bench = Bench::new();
    for n in 0..501 {
        bench.put(&format!("m{n:03}"), 1.0);
    }
    bench.measure(&queue_datum("NumberOfMessagesSent", bench.now, 1.0));
    let list = |bench: &mut Bench, input: ListMetricsInput| -> ListMetricsOutput {
        bench.call(Request::ListMetrics(input)).unwrap()
    };
    let first = list(&mut bench, ListMetricsInput::default());
    assert_eq!(first.metrics.as_ref().unwrap().len(), 500);
    let rest = list(&mut bench, ListMetricsInput { next_token: first.next_token, ..Default::default() });
    assert_eq!((rest.metrics.unwrap().len(), rest.next_token), (2, None));
    let of_queue = |value: Option<&str>| ListMetricsInput {
        namespace: Some("AWS/SQS".into()),
        dimensions: Some(vec![DimensionFilter { name: "QueueName".into(), value: value.map(Into::into) }]),
        ..Default::default()
    };
    let found = list(&mut bench, of_queue(None)).metrics.unwrap();
    assert_eq!(found[0].dimensions, Some(vec![Dimension { name: "QueueName".into(), value: "dlq".into() }]));
    assert_eq!(list(&mut bench, of_queue(Some("other"))).metrics.unwrap(), []);
    bench.pass(4 * 3600);
    let recent = ListMetricsInput { recently_active: Some("PT3H".into()), ..Default::default() };
    assert_eq!(list(&mut bench, recent).metrics.unwrap(), []);
    bench.restart();
    let named = ListMetricsInput { metric_name: Some("m007".into()), ..Default::default() };
    assert_eq!(list(&mut bench, named.clone()).metrics.unwrap().len(), 1);
    bench.pass(15 * 86_400);
    assert_eq!(list(&mut bench, named).metrics.unwrap(), [], "what had no data for two weeks is not listed");
    for value in ["a", "b"] {
        bench.measure(&queue_datum("NumberOfMessagesSent", bench.now, 1.0));
        bench.put(value, 1.0);
    }
    let of_app = ListMetricsInput { namespace: Some("app".into()), ..Default::default() };
    assert_eq!(list(&mut bench, of_app.clone()).metrics.unwrap().len(), 2, "and not what follows");
    let named = ListMetricsInput { metric_name: Some("b".into()), ..of_app };
    assert_eq!(list(&mut bench, named).metrics.unwrap().len(), 1);
    let token = ListMetricsInput { next_token: Some("zz".into()), ..Default::default() };
    bench.refused::<ListMetricsOutput>(Request::ListMetrics(token));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 24, ..Default::default() })]

    /// Data of any age and resolution, put in any order, add up to the same before and after they are rolled up.
    #[test]
    fn rolling_up_loses_nothing(
        data in proptest::collection::vec((0..14 * 86_400_i64, 1..100_i32, proptest::bool::ANY), 1..40),
        days in 1..200_i64,
    ) {
        let mut bench = Bench::new();
        let begun = bench.now;
        for (age, value, high) in &data {
            bench.put_datum(MetricDatum {
                metric_name: "m".into(),
                value: Some(f64::from(*value)),
                timestamp: Some(Timestamp::from_secs(begun.secs() - age)),
                storage_resolution: high.then_some(1),
                ..Default::default()
            });
        }
        bench.pass(days * 86_400);
        let mut input = statistics(&bench, 86_400, 0);
        input.start_time = Timestamp::from_secs(begun.secs() - 15 * 86_400);
        input.end_time = Timestamp::from_secs(begun.secs() + 86_400);
        let points = get_statistics(&mut bench, input);
        let total = |of: fn(&Datapoint) -> Option<f64>| points.iter().filter_map(of).sum::<f64>();
        let sum: i32 = data.iter().map(|(_, value, _)| value).sum();
        proptest::prop_assert_eq!(total(|point| point.sum), f64::from(sum));
        proptest::prop_assert_eq!(total(|point| point.sample_count), data.len() as f64);
        let largest = data.iter().map(|(_, value, _)| *value).max().unwrap();
        let found = points.iter().filter_map(|point| point.maximum).fold(0.0, f64::max);
        proptest::prop_assert_eq!(found, f64::from(largest));
    }
}
