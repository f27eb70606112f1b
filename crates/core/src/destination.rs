//! What the ARNs of targets name: one reading for rules, schedules and pipes.

use crate::scope::{Arn, Scope};

/// Where a rule, a schedule or a pipe leads. Which of these each of them takes is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A queue by name.
    Queue(Scope, String),
    /// A topic.
    Topic(Scope),
    /// A function by name, and its version or alias.
    Function(Scope, String, Option<String>),
    /// An event bus by name.
    Bus(Scope, String),
    /// A log group by name.
    LogGroup(Scope, String),
    /// An API destination by name and id.
    Api(Scope, String, String),
    /// A discoverer of the schema registry.
    Discoverer(Scope),
}

/// Why an ARN is not a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDestination<'a> {
    /// It is no ARN, or lacks a part.
    Malformed,
    /// It names something else, of this service.
    Other(&'a str),
}

impl Destination {
    /// Reads the ARN of a target.
    ///
    /// # Errors
    /// If it is malformed, or names nothing that Pontoon leads to.
    pub fn of(text: &str) -> Result<Self, NoDestination<'_>> {
        let arn = Arn::parse(text).ok_or(NoDestination::Malformed)?;
        let resource = arn.resource;
        let scope = || arn.scope().ok_or(NoDestination::Malformed);
        let kind = resource.split_once('/');
        match (arn.service, kind) {
            ("sqs", _) => Ok(Self::Queue(scope()?, resource.to_owned())),
            ("sns", _) => Ok(Self::Topic(scope()?)),
            ("lambda", _) => {
                let (name, qualifier) = arn.function().ok_or(NoDestination::Malformed)?;
                Ok(Self::Function(scope()?, name.to_owned(), qualifier.map(str::to_owned)))
            }
            ("events", Some(("event-bus", name))) => Ok(Self::Bus(scope()?, name.to_owned())),
            ("events", Some(("api-destination", name))) => {
                let (name, id) = name.split_once('/').ok_or(NoDestination::Malformed)?;
                Ok(Self::Api(scope()?, name.to_owned(), id.to_owned()))
            }
            ("logs", _) => {
                let name = arn.log_group().ok_or(NoDestination::Malformed)?;
                Ok(Self::LogGroup(scope()?, name.to_owned()))
            }
            ("schemas", Some(("discoverer", _))) => Ok(Self::Discoverer(scope()?)),
            (service, _) => Err(NoDestination::Other(service)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Destination, NoDestination};

    #[test]
    fn arns_name_destinations() {
        let scope = crate::Scope::default();
        let arn = |service: &str, resource: &str| scope.arn(service, resource);
        for (arn, expected) in [
            (arn("sqs", "q"), Ok(Destination::Queue(scope, "q".into()))),
            (arn("sns", "t"), Ok(Destination::Topic(scope))),
            (
                arn("lambda", "function:f:live"),
                Ok(Destination::Function(scope, "f".into(), Some("live".into()))),
            ),
            (arn("lambda", "layer:l"), Err(NoDestination::Malformed)),
            (arn("events", "event-bus/b"), Ok(Destination::Bus(scope, "b".into()))),
            (arn("events", "api-destination/d/1"), Ok(Destination::Api(scope, "d".into(), "1".into()))),
            (arn("events", "api-destination/d"), Err(NoDestination::Malformed)),
            (arn("events", "rule/r"), Err(NoDestination::Other("events"))),
            (
                arn("logs", "log-group:/aws/events/x:*"),
                Ok(Destination::LogGroup(scope, "/aws/events/x".into())),
            ),
            (arn("schemas", "discoverer/d"), Ok(Destination::Discoverer(scope))),
            (arn("kinesis", "stream/s"), Err(NoDestination::Other("kinesis"))),
            ("arn:aws:sqs:::q".into(), Err(NoDestination::Malformed)),
            ("q".into(), Err(NoDestination::Malformed)),
        ] {
            assert_eq!(Destination::of(&arn), expected, "{arn}");
        }
    }
}
