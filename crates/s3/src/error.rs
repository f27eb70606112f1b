//! S3's errors, in the words of "Error responses" of the API reference.

use pontoon_core::ApiError;

use crate::state::name::Misnamed;

/// What S3 refuses.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// The bucket's name breaks the rules.
    InvalidBucketName(Misnamed),
    /// No such bucket.
    NoSuchBucket,
    /// No such object.
    NoSuchKey,
    /// No such multipart upload.
    NoSuchUpload,
    /// The bucket has no policy.
    NoSuchBucketPolicy,
    /// The bucket has no tags.
    NoSuchTagSet,
    /// Another account has a bucket of this name.
    BucketAlreadyExists,
    /// The caller has it already.
    BucketAlreadyOwnedByYou,
    /// There are objects in it.
    BucketNotEmpty,
    /// The account has as many buckets as it may.
    TooManyBuckets,
    /// The caller may not; the whole message.
    AccessDenied(String),
    /// A bucket of another region than the endpoint's was asked for; `None` if none was named.
    IllegalLocation(Option<String>),
    /// No region of this name.
    InvalidLocation,
    /// The caller's access control list, which buckets here do not have.
    AclNotSupported,
    /// The same, of a bucket to be created.
    AclOfBucket,
    /// The key is longer than 1024 bytes.
    KeyTooLong,
    /// The user metadata is larger than 2 KB.
    MetadataTooLarge,
    /// The object is larger than [`crate::OBJECT_BYTES_MAX`].
    EntityTooLarge,
    /// A part that is not the last is smaller than 5 MiB.
    EntityTooSmall,
    /// `If-Match` or one of its kind does not hold.
    PreconditionFailed,
    /// `If-None-Match` or `If-Modified-Since` says that the client has it.
    NotModified,
    /// No byte of the range exists.
    InvalidRange,
    /// There is no such part of the object.
    InvalidPartNumber,
    /// A part of the list was not uploaded, or its entity tag differs.
    InvalidPart,
    /// The parts are not in ascending order.
    InvalidPartOrder,
    /// The XML says something that it must not.
    MalformedXml,
    /// A policy that cannot be read, with the reason.
    MalformedPolicy(String),
    /// A parameter's value is wrong; the whole message.
    InvalidArgument(String),
    /// The request contradicts itself; the whole message.
    InvalidRequest(String),
    /// A tag is wrong; the whole message.
    InvalidTag(&'static str),
    /// A checksum differs; the whole message.
    BadDigest(String),
    /// Pontoon does not honour this.
    Unsupported(&'static str),
}

impl Error {
    fn parts(&self) -> (&'static str, u16, String) {
        let (code, status, message) = match self {
            Self::InvalidBucketName(_) => ("InvalidBucketName", 400, "The specified bucket is not valid."),
            Self::NoSuchBucket => ("NoSuchBucket", 404, "The specified bucket does not exist"),
            Self::NoSuchKey => ("NoSuchKey", 404, "The specified key does not exist."),
            Self::NoSuchUpload => (
                "NoSuchUpload",
                404,
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
                 or completed.",
            ),
            Self::NoSuchBucketPolicy => ("NoSuchBucketPolicy", 404, "The bucket policy does not exist"),
            Self::NoSuchTagSet => ("NoSuchTagSet", 404, "The TagSet does not exist"),
            Self::BucketAlreadyExists => (
                "BucketAlreadyExists",
                409,
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. \
                 Please select a different name and try again.",
            ),
            Self::BucketAlreadyOwnedByYou => (
                "BucketAlreadyOwnedByYou",
                409,
                "Your previous request to create the named bucket succeeded and you already own it.",
            ),
            Self::BucketNotEmpty => ("BucketNotEmpty", 409, "The bucket you tried to delete is not empty"),
            Self::TooManyBuckets => {
                ("TooManyBuckets", 400, "You have attempted to create more buckets than allowed")
            }
            Self::IllegalLocation(None) => (
                "IllegalLocationConstraintException",
                400,
                "The unspecified location constraint is incompatible for the region specific endpoint this request was \
                 sent to.",
            ),
            Self::InvalidLocation => {
                ("InvalidLocationConstraint", 400, "The specified location-constraint is not valid")
            }
            Self::AclNotSupported => ("AccessControlListNotSupported", 400, "The bucket does not allow ACLs"),
            Self::AclOfBucket => (
                "InvalidBucketAclWithObjectOwnership",
                400,
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            ),
            Self::KeyTooLong => ("KeyTooLongError", 400, "Your key is too long"),
            Self::MetadataTooLarge => {
                ("MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size")
            }
            Self::EntityTooLarge => {
                ("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size")
            }
            Self::EntityTooSmall => {
                ("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size")
            }
            Self::PreconditionFailed => {
                ("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold")
            }
            Self::NotModified => ("NotModified", 304, "Not Modified"),
            Self::InvalidRange => ("InvalidRange", 416, "The requested range is not satisfiable"),
            Self::InvalidPartNumber => {
                ("InvalidPartNumber", 416, "The requested partnumber is not satisfiable")
            }
            Self::InvalidPart => (
                "InvalidPart",
                400,
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
                 specified entity tag may not match the part's entity tag.",
            ),
            Self::InvalidPartOrder => (
                "InvalidPartOrder",
                400,
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
            ),
            Self::MalformedXml => (
                "MalformedXML",
                400,
                "The XML you provided was not well-formed or did not validate against our published schema",
            ),
            Self::InvalidTag(message) => ("InvalidTag", 400, *message),
            Self::IllegalLocation(Some(region)) => {
                let message = format!(
                    "The {region} location constraint is incompatible for the region specific endpoint this request was \
                     sent to."
                );
                return ("IllegalLocationConstraintException", 400, message);
            }
            Self::AccessDenied(message) => return ("AccessDenied", 403, message.clone()),
            Self::MalformedPolicy(message) => return ("MalformedPolicy", 400, message.clone()),
            Self::InvalidArgument(message) => return ("InvalidArgument", 400, message.clone()),
            Self::InvalidRequest(message) => return ("InvalidRequest", 400, message.clone()),
            Self::BadDigest(message) => return ("BadDigest", 400, message.clone()),
            Self::Unsupported(what) => {
                return ("NotSupportedByPontoon", 501, format!("Pontoon does not support {what}."));
            }
        };
        (code, status, message.into())
    }

    /// The code, as lists of errors carry it too.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.parts().0
    }

    /// The message, as lists of errors carry it too.
    #[must_use]
    pub fn message(&self) -> String {
        self.parts().2
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        if let Error::Unsupported(what) = error {
            return Self::unsupported(what);
        }
        let (code, status, message) = error.parts();
        Self::client(code, message).with_status(status)
    }
}
