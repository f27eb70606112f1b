//! REST path templates: `/2015-03-31/functions/{FunctionName}/policy/{StatementId}`, `/{Bucket}/{Key+}`, `/{Bucket}?list-type=2`.

use std::borrow::Cow;

use http::request::Parts;
use pontoon_core::ApiError;
use pontoon_core::shape::{Location, OperationSchema, ServiceSchema};

use crate::protocol::query::form;

/// What stood in a path's placeholders: name and decoded value.
pub type Labels = Vec<(&'static str, String)>;

/// The REST operations of one service.
#[derive(Debug)]
pub struct PathTable {
    service: &'static ServiceSchema,
    templates: Vec<Template>,
}

#[derive(Debug)]
struct Template {
    operation: &'static OperationSchema,
    segments: Vec<Segment>,
    /// Query parameters that must be there, some with a certain value.
    fixed: Vec<(&'static str, Option<&'static str>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    /// Takes the rest of the path, slashes included; at least one character.
    Greedy(&'static str),
}

/// Query parameters that name a sub-resource of a bucket or object. A request with one of them never means the bucket or object itself, so that it must
/// be refused unless an operation is bound to that parameter.
const S3_SUBRESOURCES: &[&str] = &[
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "annotation",
    "annotations",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "website",
];

impl PathTable {
    /// The table of a service's operations.
    #[must_use]
    pub fn new(service: &'static ServiceSchema) -> Self {
        Self { service, templates: service.operations.iter().map(|op| Template::new(op)).collect() }
    }

    /// Whether the first segment of `path` is one that a template begins with.
    #[must_use]
    pub fn begins(&self, path: &str) -> bool {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        self.templates.iter().any(|t| matches!(t.segments.first(), Some(Segment::Literal(l)) if *l == first))
    }

    /// The operation that a request means, and its labels. `bucket` stands before the path if the host names one.
    ///
    /// # Errors
    /// If no operation is bound to the method, path and parameters.
    pub fn find(
        &self,
        head: &Parts,
        bucket: Option<&str>,
    ) -> Result<(&'static OperationSchema, Labels), ApiError> {
        let path: Cow<'_, str> = match bucket {
            Some(bucket) => Cow::Owned(format!("/{bucket}{}", head.uri.path())),
            None => Cow::Borrowed(head.uri.path()),
        };
        let query = head.uri.query().unwrap_or_default();
        let mut best: Option<((bool, usize, usize), &Template)> = None;
        for template in self.templates.iter().filter(|t| t.matches(&path)) {
            if template.operation.method != head.method.as_str() || !template.fixed_in(query) {
                continue;
            }
            let rank = template.rank(head, query);
            if best.is_none_or(|(best, _)| rank > best) {
                best = Some((rank, template));
            }
        }
        let Some((_, template)) = best else { return Err(self.refusal(head, query)) };
        if self.service.id == "s3" && template.ignores_subresource(query) {
            return Err(self.refusal(head, query));
        }
        Ok((template.operation, template.labels(&path)?))
    }

    /// Methods and paths do not name the operation that the client had in mind, so the refusal names them instead.
    fn refusal(&self, head: &Parts, query: &str) -> ApiError {
        let subresource = keys(query).find(|key| self.service.id == "s3" && S3_SUBRESOURCES.contains(key));
        let parameter = subresource.map_or_else(String::new, |name| format!("?{name}"));
        let (title, method, path) = (self.service.title, &head.method, head.uri.path());
        ApiError::unsupported(format!("{title}: {method} {path}{parameter}"))
    }
}

fn keys(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).filter(|key| !key.is_empty())
}

impl Template {
    fn new(operation: &'static OperationSchema) -> Self {
        let (path, query) = operation.path.split_once('?').unwrap_or((operation.path, ""));
        let segments = path.split('/').filter(|s| !s.is_empty()).map(Segment::parse).collect();
        let fixed = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((key, value)) if !value.is_empty() => (key, Some(value)),
            Some((key, _)) => (key, None),
            None => (pair, None),
        });
        Self { operation, segments, fixed: fixed.collect() }
    }

    /// Whether the path has the template's form; a slash at the end is allowed where no greedy label would take it.
    fn matches(&self, path: &str) -> bool {
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        for segment in &self.segments {
            if let Segment::Greedy(_) = segment {
                return !rest.is_empty();
            }
            let (part, after) = rest.split_once('/').unwrap_or((rest, ""));
            let fits = match segment {
                Segment::Literal(literal) => part == *literal,
                _ => !part.is_empty(),
            };
            if !fits {
                return false;
            }
            rest = after;
        }
        rest.is_empty()
    }

    fn fixed_in(&self, query: &str) -> bool {
        self.fixed.iter().all(|(key, value)| {
            query.split('&').any(|pair| {
                let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
                name == *key && value.is_none_or(|value| value == text)
            })
        })
    }

    /// How well the template fits: whether the required headers and parameters are there, how many those are, and how many parameters are
    /// fixed. It tells PutObject, CopyObject and UploadPart apart, which share method and path.
    fn rank(&self, head: &Parts, query: &str) -> (bool, usize, usize) {
        let required = self.operation.input.members.iter().filter(|m| m.required);
        let (mut present, mut complete) = (0, true);
        for member in required {
            let found = match member.location {
                Location::Header => head.headers.contains_key(member.wire),
                Location::Query => keys(query).any(|key| key == member.wire),
                _ => continue,
            };
            complete &= found;
            present += usize::from(found);
        }
        (complete, present + self.fixed.len(), self.fixed.len())
    }

    fn ignores_subresource(&self, query: &str) -> bool {
        keys(query).filter(|key| S3_SUBRESOURCES.contains(key)).any(|key| {
            let fixed = self.fixed.iter().any(|(name, _)| *name == key);
            let read =
                self.operation.input.members.iter().any(|m| m.location == Location::Query && m.wire == key);
            !fixed && !read
        })
    }

    fn labels(&self, path: &str) -> Result<Labels, ApiError> {
        let mut labels = Labels::new();
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        for segment in &self.segments {
            let (part, after) = match segment {
                Segment::Greedy(_) => (rest, ""),
                _ => rest.split_once('/').unwrap_or((rest, "")),
            };
            if let Segment::Label(name) | Segment::Greedy(name) = segment {
                let value = form::decode(part.as_bytes(), false)
                    .map_err(|_| ApiError::client("InvalidURI", "Couldn't parse the specified URI."))?;
                labels.push((name, value.into_owned()));
            }
            rest = after;
        }
        Ok(labels)
    }
}

impl Segment {
    fn parse(text: &'static str) -> Self {
        match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Self::Greedy(name),
                None => Self::Label(name),
            },
            None => Self::Literal(text),
        }
    }
}
