//! What a target is given: the schedule's input with its context attributes, or a notification.
//!
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>

use pontoon_core::{Scope, Timestamp, ids};
use serde_json::json;

/// What the context attributes stand for.
#[derive(Debug, Clone, Copy)]
pub struct Firing<'a> {
    /// Whose schedule.
    pub scope: Scope,
    /// Its ARN.
    pub arn: &'a str,
    /// When it was due.
    pub scheduled: Timestamp,
    /// The firing's id, a UUID's bytes; the execution id is its first half.
    pub id: [u8; 16],
    /// Which attempt, from one.
    pub attempt: u32,
}

impl Firing<'_> {
    /// `d32c5kddcf5bb8c3` in the user guide: sixteen characters.
    #[must_use]
    pub fn execution_id(&self) -> String {
        ids::format_uuid(self.id).replace('-', "").chars().take(16).collect()
    }

    /// The input with the values of its context attributes. They are put in as they stand, also outside of strings.
    #[must_use]
    pub fn fill(&self, input: &str) -> String {
        let mut filled = String::with_capacity(input.len());
        let mut rest = input;
        while let Some(at) = rest.find("<aws.scheduler.") {
            let (before, from) = rest.split_at(at);
            filled.push_str(before);
            let end = from.find('>').map_or(from.len(), |end| end + 1);
            let (keyword, behind) = from.split_at(end);
            match keyword {
                "<aws.scheduler.schedule-arn>" => filled.push_str(self.arn),
                "<aws.scheduler.scheduled-time>" => filled.push_str(&self.scheduled.iso_secs()),
                "<aws.scheduler.execution-id>" => filled.push_str(&self.execution_id()),
                "<aws.scheduler.attempt-number>" => filled.push_str(&self.attempt.to_string()),
                _ => {
                    // No keyword: the text goes on behind its first character, in which another may begin.
                    filled.push('<');
                    rest = &from[1..];
                    continue;
                }
            }
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }

    /// What a target without an input is given.
    #[must_use]
    pub fn notification(&self) -> String {
        json!({
            "version": "0",
            "id": ids::format_uuid(self.id),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": self.scope.account.as_str(),
            "time": self.scheduled.iso_secs(),
            "region": self.scope.region.as_str(),
            "resources": [self.arn],
            "detail": "{}",
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRING: Firing<'_> = Firing {
        scope: Scope { account: pontoon_core::Account::DEFAULT, region: pontoon_core::Region::DEFAULT },
        arn: "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s",
        scheduled: Timestamp::from_secs(1_700_000_000),
        id: [0xab; 16],
        attempt: 3,
    };

    #[test]
    fn context_attributes_are_filled_in() {
        for (input, expected) in [
            ("plain", "plain"),
            ("<aws.scheduler.attempt-number>.", "3."),
            (r#"{"n":<aws.scheduler.attempt-number>}"#, r#"{"n":3}"#),
            ("<<aws.scheduler.scheduled-time>>", "<2023-11-14T22:13:20Z>"),
            ("<aws.scheduler.execution-id>", "abababababababab"),
            ("<aws.scheduler.schedule-arn>", FIRING.arn),
            ("<aws.scheduler.other>", "<aws.scheduler.other>"),
            ("<aws.scheduler.<aws.scheduler.attempt-number>", "<aws.scheduler.3"),
            ("ä<aws.scheduler.", "ä<aws.scheduler."),
        ] {
            assert_eq!(FIRING.fill(input), expected, "{input}");
        }
    }

    #[test]
    fn a_notification_is_a_scheduled_event() {
        let event: serde_json::Value = serde_json::from_str(&FIRING.notification()).unwrap();
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["source"], "aws.scheduler");
        assert_eq!(event["detail"], "{}");
        assert_eq!(event["resources"][0], FIRING.arn);
    }
}
