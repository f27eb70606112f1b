//! How much a service tells in the logs of its resources: one scale for buses and pipes.

use serde::{Deserialize, Serialize};

/// How much is told. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// How the stages went.
    Info,
    /// Every step.
    Trace,
}

impl LogLevel {
    /// The level of AWS's name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Off, Self::Error, Self::Info, Self::Trace].into_iter().find(|level| level.name() == name)
    }

    /// AWS's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Info => "INFO",
            Self::Trace => "TRACE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LogLevel;

    #[test]
    fn levels_have_aws_names_and_include_those_before_them() {
        assert_eq!(LogLevel::of("TRACE"), Some(LogLevel::Trace));
        assert_eq!(LogLevel::of("DEBUG"), None);
        assert!(LogLevel::Off < LogLevel::Error && LogLevel::Info < LogLevel::Trace);
    }
}
