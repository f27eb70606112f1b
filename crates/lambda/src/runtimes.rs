//! The runtimes that functions name.

use pontoon_core::Region;
use sha2::{Digest, Sha256};

/// The ARN that stands for the present version of a runtime: AWS has one for each patch of a runtime, we one for each runtime.
#[must_use]
pub fn runtime_version_arn(region: Region, runtime: &str) -> String {
    let digest = Sha256::digest(runtime.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:lambda:{region}::runtime:{hex}")
}
