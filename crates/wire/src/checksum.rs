//! The checksums that clients send along with S3 uploads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc, Table};
use http::HeaderMap;
use md5::Md5;
use pontoon_core::ApiError;
use sha1::Sha1;
use sha2::{Digest, Sha256};

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// Header, name in S3's messages, and computation of a checksum.
type Algorithm = (&'static str, &'static str, fn(&[u8]) -> Vec<u8>);

const ALGORITHMS: [Algorithm; 5] = [
    ("x-amz-checksum-crc32", "CRC32", |body| crc32fast::hash(body).to_be_bytes().to_vec()),
    ("x-amz-checksum-crc32c", "CRC32C", |body| CRC32C.checksum(body).to_be_bytes().to_vec()),
    ("x-amz-checksum-crc64nvme", "CRC64NVME", |body| CRC64NVME.checksum(body).to_be_bytes().to_vec()),
    ("x-amz-checksum-sha1", "SHA1", |body| Sha1::digest(body).to_vec()),
    ("x-amz-checksum-sha256", "SHA256", |body| Sha256::digest(body).to_vec()),
];

/// Compares the body with every checksum that its headers (trailing ones included) state.
///
/// # Errors
/// `BadDigest` if one differs, `InvalidDigest` or `InvalidRequest` if one is malformed.
pub fn verify(headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    if let Some(stated) = headers.get("content-md5") {
        let stated = STANDARD.decode(stated.as_bytes()).ok().filter(|digest| digest.len() == 16);
        let stated = stated
            .ok_or_else(|| ApiError::client("InvalidDigest", "The Content-MD5 you specified was invalid."))?;
        if stated != Md5::digest(body)[..] {
            return Err(ApiError::client(
                "BadDigest",
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
    }
    for (header, name, compute) in ALGORITHMS {
        let Some(stated) = headers.get(header) else { continue };
        let computed = compute(body);
        let stated = STANDARD.decode(stated.as_bytes()).ok().filter(|digest| digest.len() == computed.len());
        let stated = stated.ok_or_else(|| {
            ApiError::client("InvalidRequest", format!("Value for {header} header is invalid."))
        })?;
        if stated != computed {
            return Err(ApiError::client(
                "BadDigest",
                format!("The {name} you specified did not match the calculated checksum."),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_have_the_values_of_their_definitions() {
        // The check values of the CRC catalogue for "123456789".
        let hex: Vec<String> = ALGORITHMS[..3]
            .iter()
            .map(|(_, _, compute)| crate::sigv4::sign::hex(&compute(b"123456789")))
            .collect();
        assert_eq!(hex, ["cbf43926", "e3069283", "ae8b14860a799888"]);
    }

    #[test]
    fn a_checksum_that_differs_or_is_malformed_is_an_error() {
        let verify_with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            verify(&headers, b"123456789").map_err(|error| format!("{error}"))
        };
        assert_eq!(verify_with("x-amz-checksum-crc32", "y/Q5Jg=="), Ok(()));
        assert_eq!(
            verify_with("x-amz-checksum-crc32", "AAAAAA=="),
            Err("BadDigest: The CRC32 you specified did not match the calculated checksum.".to_owned())
        );
        assert_eq!(
            verify_with("x-amz-checksum-sha256", "AAAAAA=="),
            Err("InvalidRequest: Value for x-amz-checksum-sha256 header is invalid.".to_owned())
        );
        assert_eq!(verify_with("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="), Ok(()));
        assert!(verify_with("content-md5", "nonsense").is_err());
    }
}
