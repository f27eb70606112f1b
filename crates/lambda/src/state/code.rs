//! Deployment packages: what is demanded of them, and where they are kept.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_core::Scope;
use pontoon_core::work;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The largest zip archive that is uploaded directly, in bytes: Lambda's 50 MB.
pub(crate) const ZIPPED_BYTES_MAX: usize = 52_428_800;
/// The most that a package may unpack to, in bytes: Lambda's 250 MB.
pub(crate) const UNZIPPED_BYTES_MAX: u64 = 262_144_000;
/// What an account may keep in packages, in bytes: Lambda's 75 GB.
pub(crate) const STORAGE_BYTES_MAX: u64 = 80_530_636_800;
/// The bucket name that stands for the machine's own directories: the key is then the absolute path of a directory, which is run in place.
/// Updating the function's code with the same key again makes new processes, for whoever watches the directory.
pub const LOCAL_DIRECTORY_BUCKET: &str = "pontoon-local-directory";

/// Where a version's code is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Code {
    /// A zip archive in the store.
    Zip {
        /// SHA-256, 64 hex digits; part of its key.
        sha256: String,
        /// Bytes.
        size: u64,
    },
    /// A directory of the machine.
    Directory {
        /// Absolute path.
        path: String,
        /// Counted up with every update.
        revision: u64,
    },
}

impl Code {
    /// The code as the host's executor wants it.
    pub(crate) fn work(&self, scope: Scope, function: &str) -> work::Code {
        match self {
            Self::Zip { sha256, .. } => work::Code::Zip {
                key: crate::records::code_key(scope, function, sha256),
                sha256: sha256.clone(),
            },
            Self::Directory { path, revision } => {
                work::Code::Directory { path: path.clone(), revision: *revision }
            }
        }
    }

    /// Base64 of the SHA-256, as `CodeSha256` has it.
    pub(crate) fn sha256_base64(&self) -> String {
        match self {
            Self::Zip { sha256, .. } => STANDARD.encode(from_hex(sha256)),
            Self::Directory { path, revision } => {
                STANDARD.encode(Sha256::digest(format!("{path}\n{revision}")))
            }
        }
    }

    /// Bytes of the archive; none for a directory.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Zip { size, .. } => *size,
            Self::Directory { .. } => 0,
        }
    }
}

/// Checks an archive and describes it.
///
/// # Errors
/// AWS's words for what is wrong with it (recordings `TestLambdaSizeLimits`, `test_create_lambda_exceptions`).
pub(crate) fn zip(bytes: &Bytes) -> Result<Code, Error> {
    if bytes.is_empty() {
        return Err(Error::InvalidParameter("Uploaded file must be a non-empty zip".to_owned()));
    }
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| {
        Error::InvalidParameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again.".to_owned(),
        )
    })?;
    if archive.is_empty() {
        return Err(Error::InvalidParameter("Uploaded file must be a non-empty zip".to_owned()));
    }
    // A size that the archive does not state is counted when it is unpacked.
    if archive.decompressed_size().is_some_and(|size| size >= u128::from(UNZIPPED_BYTES_MAX)) {
        return Err(Error::InvalidParameter(format!(
            "Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes"
        )));
    }
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Code::Zip { sha256, size: bytes.len() as u64 })
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn an_archive_is_described_by_hash_and_size() {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("index.js", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"exports.handler = 1").unwrap();
        let bytes = Bytes::from(zip.finish().unwrap().into_inner());
        let code = super::zip(&bytes).unwrap();
        assert_eq!(code.size(), bytes.len() as u64);
        assert_eq!(code.sha256_base64(), STANDARD.encode(Sha256::digest(&bytes)));
    }

    #[test]
    fn what_is_no_archive_is_refused_in_awss_words() {
        let error = super::zip(&Bytes::from_static(b"no zip")).unwrap_err();
        assert!(
            matches!(error, Error::InvalidParameter(message) if message.starts_with("Could not unzip uploaded file."))
        );
        assert!(super::zip(&Bytes::new()).is_err());
    }
}
