//! Why an alarm is in its state: in words, and in JSON.
//!
//! Words and JSON are those of the recordings in `cloudwatch/test_cloudwatch` and of what AWS's users publish.

use pontoon_core::Timestamp;
use serde::Serialize;

use super::alarm::{Comparison, Missing, StateValue};
use super::evaluation::{Point, Rule, Verdict};

/// An instant as CloudWatch writes it in JSON documents: `2026-01-31T12:34:56.789+0000`.
#[must_use]
pub fn json_time(at: Timestamp) -> String {
    format!("{}+0000", at.iso_millis().trim_end_matches('Z'))
}

/// A number as Java prints a double, which is how CloudWatch words values: `21.5`, `1.0`, `1.0E7`.
#[must_use]
pub fn java_double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some((digits, exponent)) => format!("{digits}E{exponent}"),
        None => text,
    }
}

/// `1 datapoint`, `2 datapoints`.
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn were(count: usize) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// The reason in words.
#[must_use]
pub fn words(verdict: &Verdict, rule: &Rule) -> String {
    if verdict.state == StateValue::InsufficientData {
        let unknown = rule.periods;
        return format!("Insufficient Data: {} {} unknown.", counted(unknown, "datapoint"), were(unknown));
    }
    let alarm = verdict.state == StateValue::Alarm;
    let decisive: Vec<&Point> = verdict
        .evaluated
        .iter()
        .rev()
        .filter(|point| point.value.is_some_and(|v| rule.breaches(v) == alarm))
        .collect();
    if decisive.is_empty() {
        let received = match verdict.evaluated.len() {
            0 => "no datapoints were".to_owned(),
            n => format!("{} {}", counted(n, "datapoint"), were(n)),
        };
        let periods = counted(rule.periods, "period");
        return format!(
            "Threshold Crossed: {received} received for {periods}{}.",
            missing_clause(verdict, rule)
        );
    }
    let count = decisive.len();
    let list: Vec<String> = decisive.iter().map(|point| listed(point)).collect();
    let subject = if rule.datapoints_given {
        format!("{count} out of the last {} datapoints", rule.periods)
    } else {
        counted(count, "datapoint")
    };
    let minimum = match (rule.datapoints_given, alarm) {
        (false, _) => String::new(),
        (true, true) => {
            format!(" (minimum {} for OK -> ALARM transition)", counted(rule.datapoints, "datapoint"))
        }
        (true, false) => {
            let needed = rule.periods - rule.datapoints + 1;
            format!(" (minimum {} for ALARM -> OK transition)", counted(needed, "datapoint"))
        }
    };
    format!(
        "Threshold Crossed: {subject} [{}] {}{} {} the threshold ({}){}{minimum}.",
        list.join(", "),
        were(count),
        if alarm { "" } else { " not" },
        comparison(rule.comparison),
        java_double(rule.threshold),
        missing_clause(verdict, rule),
    )
}

fn missing_clause(verdict: &Verdict, rule: &Rule) -> String {
    let treated = match rule.missing {
        Missing::Breaching => "Breaching",
        Missing::NotBreaching => "NonBreaching",
        Missing::Missing | Missing::Ignore => return String::new(),
    };
    match verdict.filled {
        0 => String::new(),
        n => format!(" and {} {} treated as [{treated}]", counted(n, "missing datapoint"), were(n)),
    }
}

fn listed(point: &Point) -> String {
    let value = java_double(point.value.unwrap_or_default());
    format!("{value} ({})", point.at.zoned().strftime("%d/%m/%y %H:%M:%S"))
}

fn comparison(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::GreaterThanOrEqualToThreshold => "greater than or equal to",
        Comparison::GreaterThanThreshold => "greater than",
        Comparison::LessThanThreshold => "less than",
        Comparison::LessThanOrEqualToThreshold => "less than or equal to",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasonData<'a> {
    version: &'static str,
    query_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<&'a str>,
    period: u64,
    recent_datapoints: Vec<f64>,
    threshold: f64,
    evaluated_datapoints: Vec<Evaluated>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Evaluated {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_count: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
}

/// What was asked for, as far as the reason's JSON names it; math alarms have neither unit nor statistic.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// When the data were read.
    pub at: Timestamp,
    /// Unit.
    pub unit: Option<&'a str>,
    /// Statistic.
    pub statistic: Option<&'a str>,
    /// Seconds.
    pub period_secs: u64,
}

/// The reason in JSON. Of real data points AWS names only the newest as evaluated; without any, every missing one, newest first.
#[must_use]
pub fn data(verdict: &Verdict, points: &[Point], rule: &Rule, asked: Asked<'_>) -> String {
    let evaluated: Vec<&Point> = match verdict.evaluated.last() {
        Some(newest) => vec![newest],
        None => points.iter().rev().take(rule.periods).collect(),
    };
    let data = ReasonData {
        version: "1.0",
        query_date: json_time(asked.at),
        start_date: verdict.evaluated.first().map(|oldest| json_time(oldest.at)),
        unit: asked.unit,
        statistic: asked.statistic,
        period: asked.period_secs,
        recent_datapoints: verdict.evaluated.iter().filter_map(|point| point.value).collect(),
        threshold: rule.threshold,
        evaluated_datapoints: evaluated
            .into_iter()
            .map(|point| Evaluated {
                timestamp: json_time(point.at),
                sample_count: point.samples,
                value: point.value,
            })
            .collect(),
    };
    // Plain strings and numbers always have a JSON form.
    serde_json::to_string(&data).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::evaluation::judge;

    fn rule(periods: usize, datapoints: Option<usize>, missing: Missing) -> Rule {
        Rule {
            periods,
            datapoints: datapoints.unwrap_or(periods),
            datapoints_given: datapoints.is_some(),
            comparison: Comparison::GreaterThanThreshold,
            threshold: 21.0,
            missing,
        }
    }

    fn points(values: &[Option<f64>]) -> Vec<Point> {
        let start = Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap().secs();
        let at = |n: usize| Timestamp::from_secs(start + 60 * n as i64);
        values
            .iter()
            .enumerate()
            .map(|(n, value)| Point { at: at(n), value: *value, samples: value.map(|_| 2.0) })
            .collect()
    }

    #[track_caller]
    fn check(rule: Rule, values: &[Option<f64>], expected: &str) {
        let verdict = judge(&points(values), &rule).unwrap();
        assert_eq!(words(&verdict, &rule), expected);
    }

    #[test]
    fn reasons_read_as_recorded() {
        check(
            rule(1, None, Missing::Ignore),
            &[None, None, Some(21.5)],
            "Threshold Crossed: 1 datapoint [21.5 (31/01/26 12:02:00)] was greater than the threshold (21.0).",
        );
        check(
            rule(2, None, Missing::Breaching),
            &[None; 4],
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
        );
        check(
            rule(1, None, Missing::NotBreaching),
            &[None; 3],
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
        );
        check(rule(5, None, Missing::Missing), &[None; 7], "Insufficient Data: 5 datapoints were unknown.");
        check(rule(1, None, Missing::Missing), &[None; 3], "Insufficient Data: 1 datapoint was unknown.");
    }

    #[test]
    fn m_out_of_n_says_so_when_it_was_asked_for() {
        check(
            rule(3, Some(1), Missing::NotBreaching),
            &[None, None, None, Some(613.0), None],
            "Threshold Crossed: 1 out of the last 3 datapoints [613.0 (31/01/26 12:03:00)] was greater than the threshold \
             (21.0) and 2 missing datapoints were treated as [NonBreaching] (minimum 1 datapoint for OK -> ALARM transition).",
        );
        check(
            rule(3, Some(2), Missing::Missing),
            &[Some(1.0), Some(2.0), Some(1e7)],
            "Threshold Crossed: 2 out of the last 3 datapoints [2.0 (31/01/26 12:01:00), 1.0 (31/01/26 12:00:00)] were not \
             greater than the threshold (21.0) (minimum 2 datapoints for ALARM -> OK transition).",
        );
        check(
            rule(3, Some(2), Missing::Breaching),
            &[None, None, Some(0.0), None, None],
            "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as [Breaching].",
        );
    }

    #[test]
    fn the_data_of_a_reason_are_in_order() {
        let rule = rule(2, None, Missing::Missing);
        let points = points(&[None, None, Some(1.0), Some(0.0)]);
        let verdict = judge(&points, &rule).unwrap();
        let at = Timestamp::parse_iso("2026-01-31T12:07:25.504Z").unwrap();
        let asked = Asked { at, unit: None, statistic: Some("Sum"), period_secs: 60 };
        assert_eq!(
            data(&verdict, &points, &rule, asked),
            r#"{"version":"1.0","queryDate":"2026-01-31T12:07:25.504+0000","startDate":"2026-01-31T12:02:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[1.0,0.0],"threshold":21.0,"evaluatedDatapoints":[{"timestamp":"2026-01-31T12:03:00.000+0000","sampleCount":2.0,"value":0.0}]}"#,
        );
    }

    #[test]
    fn doubles_read_as_in_java() {
        for (value, expected) in [
            (0.0, "0.0"),
            (21.5, "21.5"),
            (-3.0, "-3.0"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.25e10, "1.25E10"),
            (0.0001, "1.0E-4"),
            (0.001, "0.001"),
        ] {
            assert_eq!(java_double(value), expected);
        }
    }
}
