//! Which state data points put an alarm in.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>, whose tables are the tests beneath.

use pontoon_core::Timestamp;

use super::alarm::{Comparison, Definition, Missing, StateValue};

/// How many more data points than N an evaluation looks at, so that a late or missing one does not decide. AWS says that the number depends on period
/// and resolution and shows two in its tables; two it is.
pub const EXTRA_PERIODS: u32 = 2;

/// One period that an evaluation looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where the period begins.
    pub at: Timestamp,
    /// Its value; `None` if it has no data.
    pub value: Option<f64>,
    /// How many samples it is made of, where that is known.
    pub samples: Option<f64>,
}

/// When an alarm fires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// N.
    pub periods: usize,
    /// M.
    pub datapoints: usize,
    /// Whether M was given, which the words of the reason depend on.
    pub datapoints_given: bool,
    /// Comparison.
    pub comparison: Comparison,
    /// Threshold.
    pub threshold: f64,
    /// What missing data count as.
    pub missing: Missing,
}

impl Rule {
    /// The rule of an alarm.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let datapoints = definition.datapoints_to_alarm.unwrap_or(definition.evaluation_periods);
        Self {
            periods: definition.evaluation_periods as usize,
            datapoints: datapoints as usize,
            datapoints_given: definition.datapoints_to_alarm.is_some(),
            comparison: definition.comparison,
            threshold: definition.threshold,
            missing: definition.missing(),
        }
    }

    /// Whether a value breaches.
    #[must_use]
    pub fn breaches(&self, value: f64) -> bool {
        self.comparison.breaches(value, self.threshold)
    }
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The state.
    pub state: StateValue,
    /// The real data points that were evaluated, oldest first.
    pub evaluated: Vec<Point>,
    /// How many missing ones were filled in.
    pub filled: usize,
}

/// Judges the points of the evaluation range, oldest first; `None` if the alarm keeps its state.
#[must_use]
pub fn judge(points: &[Point], rule: &Rule) -> Option<Verdict> {
    let real: Vec<Point> = points.iter().filter(|point| point.value.is_some()).copied().collect();
    let evaluated = real[real.len().saturating_sub(rule.periods)..].to_vec();
    let filled = rule.periods - evaluated.len();
    let breaching =
        evaluated.iter().filter(|point| point.value.is_some_and(|value| rule.breaches(value))).count();
    let by_count =
        |breaching: usize| if breaching >= rule.datapoints { StateValue::Alarm } else { StateValue::Ok };
    let state = match rule.missing {
        _ if filled == 0 => by_count(breaching),
        Missing::Breaching => by_count(breaching + filled),
        Missing::NotBreaching => by_count(breaching),
        // One value within the threshold is enough to say that not all is lost, or to count what there is.
        Missing::Missing | Missing::Ignore if breaching >= rule.datapoints || breaching < evaluated.len() => {
            by_count(breaching)
        }
        Missing::Ignore => return None,
        Missing::Missing if is_old_enough(points, rule) => StateValue::Alarm,
        Missing::Missing => StateValue::InsufficientData,
    };
    Some(Verdict { state, evaluated, filled })
}

/// Where all data there are breach but are too few: whether the oldest is at least M periods old, so that no later value can speak against the alarm
/// any more. Until then the alarm would be premature.
fn is_old_enough(points: &[Point], rule: &Rule) -> bool {
    let oldest = points.iter().position(|point| point.value.is_some());
    oldest.is_some_and(|at| points.len() - at >= rule.datapoints)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `0` within the threshold, `X` breaching, `-` missing; the newest on the right.
    fn points(text: &str) -> Vec<Point> {
        let value = |c| match c {
            'X' => Some(10.0),
            '0' => Some(0.0),
            _ => None,
        };
        let cells = text.chars().filter(|c| !c.is_whitespace()).enumerate();
        cells
            .map(|(n, c)| Point { at: Timestamp::from_secs(n as i64 * 60), value: value(c), samples: None })
            .collect()
    }

    /// One row of AWS's tables: the state under missing, ignore (`None`: kept), breaching, notBreaching.
    #[track_caller]
    fn check(datapoints: usize, text: &str, filled: usize, expected: [Option<StateValue>; 4]) {
        let treatments = [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching];
        for (missing, expected) in treatments.into_iter().zip(expected) {
            let rule = Rule {
                periods: 3,
                datapoints,
                datapoints_given: true,
                comparison: Comparison::GreaterThanThreshold,
                threshold: 5.0,
                missing,
            };
            let verdict = judge(&points(text), &rule);
            assert_eq!(
                verdict.as_ref().map(|verdict| verdict.state),
                expected,
                "{datapoints} of 3, {text}, {missing:?}"
            );
            assert!(verdict.is_none_or(|verdict| verdict.filled == filled), "{text}");
        }
    }

    use StateValue::{Alarm, InsufficientData, Ok};

    #[test]
    fn three_out_of_three_as_in_the_first_table() {
        check(3, "0 - X - X", 0, [Some(Ok); 4]);
        check(3, "0 - - - -", 2, [Some(Ok); 4]);
        check(3, "- - - - -", 3, [Some(InsufficientData), None, Some(Alarm), Some(Ok)]);
        check(3, "0 X X - X", 0, [Some(Alarm); 4]);
        check(3, "- - X - -", 2, [Some(Alarm), None, Some(Alarm), Some(Ok)]);
    }

    #[test]
    fn two_out_of_three_as_in_the_second_table() {
        check(2, "0 - X - X", 0, [Some(Alarm); 4]);
        check(2, "0 0 X 0 X", 0, [Some(Alarm); 4]);
        check(2, "0 - X - -", 1, [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]);
        check(2, "- - - - 0", 2, [Some(Ok), Some(Ok), Some(Alarm), Some(Ok)]);
        check(2, "- - - X -", 2, [Some(Alarm), None, Some(Alarm), Some(Ok)]);
    }

    #[test]
    fn an_alarm_is_not_raised_before_a_later_value_can_speak_against_it() {
        for text in ["- - - - X", "- - - X -"] {
            check(3, text, 2, [Some(InsufficientData), None, Some(Alarm), Some(Ok)]);
        }
        check(3, "X - - - -", 2, [Some(Alarm), None, Some(Alarm), Some(Ok)]);
        check(3, "- - X 0 -", 1, [Some(Ok); 4]);
    }

    #[test]
    fn one_out_of_three_needs_only_one() {
        check(1, "- - - - X", 2, [Some(Alarm); 4]);
        check(1, "0 - - X -", 1, [Some(Alarm); 4]);
        check(1, "X 0 0 0 -", 0, [Some(Ok); 4]);
    }

    #[test]
    fn only_the_newest_n_real_points_count() {
        check(3, "X X 0 X X", 0, [Some(Ok); 4]);
        check(3, "0 0 X X X", 0, [Some(Alarm); 4]);
    }

    proptest::proptest! {
        /// The words of the user guide, read naively: N real points decide alone, fewer are filled up, and only then does the treatment matter.
        #[test]
        fn a_verdict_is_that_of_a_naive_model(
            text in "[X0-]{1,12}",
            periods in 1..8_usize,
            datapoints in 1..8_usize,
            treatment in 0..4_usize,
        ) {
            let datapoints = datapoints.min(periods);
            let missing =
                [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching][treatment];
            let comparison = Comparison::GreaterThanThreshold;
            let rule = Rule { periods, datapoints, datapoints_given: true, comparison, threshold: 5.0, missing };
            let verdict = judge(&points(&text), &rule).map(|verdict| verdict.state);

            let mut real: Vec<char> = text.chars().filter(|c| *c != '-').collect();
            real.drain(..real.len().saturating_sub(periods));
            let fill = if missing == Missing::Breaching { 'X' } else { '0' };
            let filled: String = real.iter().copied().chain(std::iter::repeat(fill)).take(periods).collect();
            let counted = if filled.matches('X').count() >= datapoints { Alarm } else { Ok };
            let all_breach = real.iter().all(|c| *c == 'X');
            let age = text.find('X').map_or(0, |at| text.len() - at);
            let undecided = real.len() < periods && all_breach && real.len() < datapoints;
            let expected = match missing {
                Missing::Ignore if undecided => None,
                Missing::Missing if undecided && age >= datapoints => Some(Alarm),
                Missing::Missing if undecided => Some(InsufficientData),
                _ => Some(counted),
            };
            proptest::prop_assert_eq!(verdict, expected);
        }
    }
}
