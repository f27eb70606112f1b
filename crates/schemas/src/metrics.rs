//! What the schema registry tells CloudWatch: how many events of a bus were held to their schemas. AWS has no such metrics, as it does not validate; the
//! namespace is Pontoon's own.

use pontoon_core::{Scope, Step, Timestamp, Unit};

use crate::Schemas;

const NAMESPACE: &str = "Pontoon/Schemas";

/// How an event stands to its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It keeps to it.
    Valid,
    /// It does not.
    Invalid,
    /// The registry has none for it.
    Unknown,
}

impl Schemas {
    /// Counts an event that was held to its schema, by bus.
    pub(crate) fn count_judged(&mut self, now: Timestamp, scope: Scope, bus: &str, judged: Judged) {
        let name = match judged {
            Judged::Valid => "ValidEvents",
            Judged::Invalid => "InvalidEvents",
            Judged::Unknown => "UnknownEvents",
        };
        let dimensions = vec![("EventBusName".into(), bus.to_owned())];
        self.book.add(now, scope, (NAMESPACE, name, Unit::Count), dimensions, 1.0);
    }

    /// Ends the minute and publishes it.
    pub(crate) fn end_minute(&mut self, step: &mut Step<'_>) {
        for (scope, datum) in self.book.close() {
            step.scope = scope;
            step.metric(datum);
        }
    }
}
