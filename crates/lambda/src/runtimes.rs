//! The runtimes that functions may name, as CreateFunction judges them.

use pontoon_core::Region;
use sha2::{Digest, Sha256};

/// What AWS accepts, in the order of its error message (recording `test_create_lambda_exceptions`, January 2026).
const SUPPORTED: [&str; 25] = [
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
];

/// What AWS has accepted once.
const DEPRECATED: [&str; 19] = [
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "java8",
    "nodejs",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "provided",
    "python2.7",
    "python3.6",
    "python3.7",
    "ruby2.7",
];

/// How CreateFunction and UpdateFunctionConfiguration judge a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Pontoon runs it.
    Runs,
    /// AWS runs it, Pontoon does not.
    NotHere,
    /// AWS runs it no longer.
    Deprecated,
    /// It is none.
    Unknown,
}

/// Judges a runtime identifier.
pub(crate) fn judge(runtime: &str) -> Judgement {
    if SUPPORTED.contains(&runtime) {
        let runs = ["nodejs", "python3.", "provided."].iter().any(|family| runtime.starts_with(family));
        if runs { Judgement::Runs } else { Judgement::NotHere }
    } else if DEPRECATED.contains(&runtime) || runtime == "ruby2.5" {
        Judgement::Deprecated
    } else {
        Judgement::Unknown
    }
}

/// The list that AWS's error message shows.
pub(crate) fn accepted() -> String {
    SUPPORTED.join(", ")
}

/// The ARN that stands for the present version of a runtime: AWS has one for each patch of a runtime, we one for each runtime.
#[must_use]
pub fn runtime_version_arn(region: Region, runtime: &str) -> String {
    let digest = Sha256::digest(runtime.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:lambda:{region}::runtime:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_judged_as_in_the_recordings() {
        for (runtime, judgement) in [
            ("nodejs22.x", Judgement::Runs),
            ("python3.13", Judgement::Runs),
            ("provided.al2023", Judgement::Runs),
            ("java21", Judgement::NotHere),
            ("go1.x", Judgement::Deprecated),
            ("provided", Judgement::Deprecated),
            ("PYTHON3.9", Judgement::Unknown),
        ] {
            assert_eq!(judge(runtime), judgement, "{runtime}");
        }
    }
}
