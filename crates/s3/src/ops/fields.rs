//! What many inputs and outputs have in common: descriptions, checksums, and members that are refused.

use pontoon_core::Timestamp;

use crate::error::Error;
use crate::state::checksum::Algorithm;
use crate::state::object::{Description, METADATA_BYTES_MAX};

/// Refuses the members of an input that nothing here honours, by name.
macro_rules! refuse {
    ($input:ident: $($member:ident => $what:literal,)*) => {
        $(if $input.$member.is_some() {
            return Err(Error::Unsupported($what));
        })*
    };
}

/// What an input says of its object's content.
macro_rules! description {
    ($input:ident) => {
        Description {
            content_type: $input.content_type.clone(),
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $input.content_encoding.clone(),
            content_language: $input.content_language.clone(),
            expires: $input.expires.clone(),
            metadata: $input.metadata.clone().unwrap_or_default(),
            encrypted: $input.server_side_encryption.is_some(),
        }
    };
}

/// Refuses what an input that writes an object may ask for beyond the object.
macro_rules! refuse_of_write {
    ($input:ident) => {
        refuse! { $input:
            website_redirect_location => "website redirects of objects",
            sse_customer_algorithm => "encryption with the customer's keys",
            sse_customer_key => "encryption with the customer's keys",
            sse_customer_key_md5 => "encryption with the customer's keys",
            ssekms_key_id => "encryption with keys of KMS",
            ssekms_encryption_context => "encryption with keys of KMS",
            bucket_key_enabled => "encryption with keys of KMS",
            tagging => "tags of objects",
            object_lock_mode => "object lock",
            object_lock_retain_until_date => "object lock",
            object_lock_legal_hold_status => "object lock",
        }
        $crate::ops::fields::check_storage(
            $input.server_side_encryption.as_deref(),
            $input.storage_class.as_deref(),
        )?;
        let grants =
            [&$input.grant_full_control, &$input.grant_read, &$input.grant_read_acp, &$input.grant_write_acp];
        $crate::ops::fields::check_acl($input.acl.as_deref(), grants.iter().any(|grant| grant.is_some()))?;
    };
}

/// The checksum that an input states, by algorithm; those that the front has not compared are refused.
macro_rules! stated_checksum {
    ($input:ident) => {{
        refuse! { $input:
            checksum_sha512 => "checksums by SHA512",
            checksum_md5 => "checksums by MD5 (x-amz-checksum-md5)",
            checksum_xxhash64 => "checksums by XXHASH64",
            checksum_xxhash3 => "checksums by XXHASH3",
            checksum_xxhash128 => "checksums by XXHASH128",
        }
        $crate::ops::fields::only_one([
            (Algorithm::Crc32, $input.checksum_crc32.clone()),
            (Algorithm::Crc32c, $input.checksum_crc32c.clone()),
            (Algorithm::Crc64nvme, $input.checksum_crc64nvme.clone()),
            (Algorithm::Sha1, $input.checksum_sha1.clone()),
            (Algorithm::Sha256, $input.checksum_sha256.clone()),
        ])?
    }};
}

/// Tells a checksum in an output.
macro_rules! tell_checksum {
    ($output:ident, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let value = Some(checksum.value.clone());
            match checksum.algorithm {
                Algorithm::Crc32 => $output.checksum_crc32 = value,
                Algorithm::Crc32c => $output.checksum_crc32c = value,
                Algorithm::Crc64nvme => $output.checksum_crc64nvme = value,
                Algorithm::Sha1 => $output.checksum_sha1 = value,
                Algorithm::Sha256 => $output.checksum_sha256 = value,
            }
        }
    };
}

pub(super) use {description, refuse, refuse_of_write, stated_checksum, tell_checksum};

/// The one checksum that is stated.
pub(super) fn only_one(
    stated: [(Algorithm, Option<String>); 5],
) -> Result<Option<(Algorithm, String)>, Error> {
    let mut stated = stated.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?)));
    let first = stated.next();
    if stated.next().is_some() {
        return Err(Error::InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.".into(),
        ));
    }
    Ok(first)
}

/// The algorithm that a header names.
pub(super) fn algorithm(name: &str) -> Result<Algorithm, Error> {
    match name {
        "SHA512" | "MD5" | "XXHASH64" | "XXHASH3" | "XXHASH128" => {
            Err(Error::Unsupported("checksums by other algorithms than CRC32, CRC32C, CRC64NVME, SHA1 and SHA256"))
        }
        _ => Algorithm::named(name)
            .ok_or_else(|| Error::InvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]".into())),
    }
}

/// Bytes lie where the operator put them: other classes and keys of KMS would promise something.
pub(super) fn check_storage(encryption: Option<&str>, class: Option<&str>) -> Result<(), Error> {
    match (encryption, class) {
        (Some(encryption), _) if encryption != "AES256" => {
            Err(Error::Unsupported("encryption with keys of KMS"))
        }
        (_, Some(class)) if class != "STANDARD" => {
            Err(Error::Unsupported("storage classes other than STANDARD"))
        }
        _ => Ok(()),
    }
}

/// Buckets enforce their owner's ownership, as new ones do on AWS: only lists that give the owner everything are accepted ("Controlling ownership of
/// objects" in the user guide).
pub(super) fn check_acl(acl: Option<&str>, grants: bool) -> Result<(), Error> {
    let harmless = matches!(acl, None | Some("private" | "bucket-owner-full-control"));
    if harmless && !grants { Ok(()) } else { Err(Error::AclNotSupported) }
}

/// User metadata is bounded.
pub(super) fn check_metadata(description: &Description) -> Result<(), Error> {
    let bytes: usize = description.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX { Err(Error::MetadataTooLarge) } else { Ok(()) }
}

/// An entity tag as headers and XML carry it.
pub(super) fn quoted(etag: &str) -> Option<String> {
    Some(format!("\"{etag}\""))
}

/// MD5 in hex.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    use md5::Digest;
    md5::Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is told of encryption that was asked for.
pub(super) fn encryption(description: &Description) -> Option<String> {
    description.encrypted.then(|| "AES256".into())
}

/// The instant as S3 keeps it: HTTP's dates have no fractions, and lists agree with them.
pub(super) fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_secs(now.secs())
}
