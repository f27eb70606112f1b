//! Where a request's template comes from: its body, an object in S3, or the stack as it is.

use pontoon_api::cloudformation::{self, Request};
use pontoon_api::s3::{self, GetObjectInput, GetObjectOutput};
use pontoon_core::{ApiError, Caller, Hop, ParkId, Reply, ServiceId, Settled, Step, Ticket};

use super::Answer;
use crate::template::notation::{BODY_BYTES_MAX, OBJECT_BYTES_MAX};
use crate::{CloudFormation, Error, Stack, records};

/// A request that waits for its template.
#[derive(Debug)]
pub(crate) struct Fetch {
    park: ParkId,
    caller: Caller,
    request: Request,
}

/// An object that a URL names.
#[derive(Debug, PartialEq, Eq)]
struct Location {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl CloudFormation {
    /// Fetches the template that `url` names; the request is handled once it is there.
    pub(super) fn fetch<T>(&mut self, step: &mut Step<'_>, url: &str, request: Request) -> Answer<T> {
        let Location { bucket, key, version } = locate(url)?;
        let park = step.park();
        let caller = Caller { depth: step.caller.depth.saturating_add(1), ..self.caller(step) };
        let input = GetObjectInput { bucket, key, version_id: version, ..GetObjectInput::default() };
        let (scope, waiting) = (step.scope, caller.clone());
        step.hop(Hop {
            to: scope,
            caller,
            request: Box::new(s3::Request::GetObject(input)),
            resource: url.into(),
            attempt: 1,
            traced: false,
            ticket: Some(Ticket {
                owner: ServiceId::CloudFormation,
                scope,
                token: Box::new(Fetch { park, caller: waiting, request }),
            }),
        });
        Ok(Reply::Parked(park))
    }

    /// Handles a request whose template has come.
    pub(crate) fn fetched(&mut self, step: &mut Step<'_>, fetch: Fetch, outcome: Settled) {
        let Fetch { park, caller, request } = fetch;
        let answer = template_text(outcome).map_err(ApiError::from).and_then(|text| {
            self.acting_for = Some(caller);
            let answer = cloudformation::call(self, step, with_body(request, text));
            self.acting_for = None;
            match answer? {
                Reply::Ready(output) => Ok(output),
                Reply::Parked(_) | Reply::Read(_) => {
                    unreachable!("a request with its template at hand is answered at once")
                }
            }
        });
        step.unpark(park, answer);
    }

    /// The template that a request means. One in the request itself may be as long as a request's may;
    /// one from S3, which stands in the request by now, longer.
    pub(super) fn template_text(
        &self,
        step: &Step<'_>,
        body: Option<String>,
        use_previous: bool,
        stack: Option<&Stack>,
    ) -> Result<String, Error> {
        match (body, use_previous) {
            (Some(_), true) => Err(Error::validation(
                "You cannot specify both usePreviousTemplate and Template Body/Template URL.",
            )),
            (Some(body), false) => {
                let from_s3 = self.acting_for.is_some();
                let max = if from_s3 { OBJECT_BYTES_MAX } else { BODY_BYTES_MAX };
                if body.len() <= max {
                    return Ok(body);
                }
                Err(Error::validation(if from_s3 {
                    format!("Template may not exceed {max} bytes in size.")
                } else {
                    // The value is the template, which AWS quotes in full; half a megabyte helps nobody.
                    let shown: String = body.chars().take(100).collect();
                    format!(
                        "1 validation error detected: Value '{shown}…' at 'templateBody' failed to satisfy constraint: Member \
                         must have length less than or equal to {max}"
                    )
                }))
            }
            (None, true) => {
                stack.and_then(|stack| records::template(step, stack, stack.settings.template)).ok_or_else(
                    || Error::validation("usePreviousTemplate cannot be used: the stack has no template."),
                )
            }
            (None, false) => {
                Err(Error::validation("Either Template URL or Template Body must be specified."))
            }
        }
    }
}

fn template_text(outcome: Settled) -> Result<String, Error> {
    let output = outcome.map_err(|error| Error::validation(format!("S3 error: {}", error.message)))?;
    let body = output.as_any().downcast_ref::<GetObjectOutput>().and_then(|output| output.body.clone());
    let body = body.unwrap_or_default();
    if body.len() > OBJECT_BYTES_MAX {
        return Err(Error::validation(format!("Template may not exceed {OBJECT_BYTES_MAX} bytes in size.")));
    }
    String::from_utf8(body.to_vec())
        .map_err(|_| Error::validation("Template format error: the template is not UTF-8 text."))
}

/// The request with the template in place of its URL.
fn with_body(mut request: Request, text: String) -> Request {
    let (body, url) = match &mut request {
        Request::CreateStack(input) => (&mut input.template_body, &mut input.template_url),
        Request::UpdateStack(input) => (&mut input.template_body, &mut input.template_url),
        Request::CreateChangeSet(input) => (&mut input.template_body, &mut input.template_url),
        Request::GetTemplateSummary(input) => (&mut input.template_body, &mut input.template_url),
        Request::ValidateTemplate(input) => (&mut input.template_body, &mut input.template_url),
        _ => unreachable!("only requests with a template wait for one"),
    };
    *body = Some(text);
    *url = None;
    request
}

/// Refuses a request that gives its template twice.
pub(super) fn check_single(body: Option<&String>, use_previous: Option<bool>) -> Result<(), Error> {
    if body.is_some() || use_previous == Some(true) {
        return Err(Error::validation(
            "Either Template URL or Template Body must be specified, but not both.",
        ));
    }
    Ok(())
}

/// Reads the URL of an object in either of S3's styles, whatever the host's name: every bucket is here.
fn locate(url: &str) -> Result<Location, Error> {
    if let Some(rest) = url.strip_prefix("s3://") {
        let bucket = rest.split('/').next().unwrap_or_default();
        // Recording test_create_stack_from_s3_template_url[s3_url].
        return Err(Error::validation(format!(
            "S3 error: Domain name specified in {bucket} is not a valid S3 domain"
        )));
    }
    let unsupported = || Error::validation("TemplateURL must be a supported URL.");
    let rest =
        url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or_else(unsupported)?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = path.split_once('/').ok_or_else(unsupported)?;
    let host = authority.split(':').next().unwrap_or_default();
    let (bucket, key) = match virtual_host_bucket(host) {
        Some(bucket) => (bucket.to_owned(), path),
        None => {
            let (bucket, key) = path.split_once('/').ok_or_else(unsupported)?;
            (decode(bucket).ok_or_else(unsupported)?, key)
        }
    };
    let key = decode(key).filter(|key| !key.is_empty()).ok_or_else(unsupported)?;
    let version = query.split('&').find_map(|pair| pair.strip_prefix("versionId=")).and_then(decode);
    Ok(Location { bucket, key, version })
}

/// The bucket that a host's name begins with: `BUCKET.s3.REGION.amazonaws.com`, `BUCKET.localhost`.
fn virtual_host_bucket(host: &str) -> Option<&str> {
    if host.starts_with("s3.") || host.starts_with("s3-") {
        return None;
    }
    let before_s3 = host.split_once(".s3.").or_else(|| host.split_once(".s3-")).map(|(bucket, _)| bucket);
    before_s3.or_else(|| host.strip_suffix(".localhost"))
}

/// Text with its percent-escapes resolved; `None` if it is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, bucket: &str, key: &str) {
        let location = locate(url).unwrap();
        assert_eq!((location.bucket.as_str(), location.key.as_str()), (bucket, key), "{url}");
    }

    #[test]
    fn urls_of_both_styles_are_read() {
        check("http://127.0.0.1:4566/bucket/a/b.yaml", "bucket", "a/b.yaml");
        check("http://localhost:4566/bucket/k", "bucket", "k");
        check("https://s3.amazonaws.com/bucket/k%20l", "bucket", "k l");
        check("https://s3.eu-central-1.amazonaws.com/bucket/k", "bucket", "k");
        check("https://s3-eu-west-1.amazonaws.com/bucket/k", "bucket", "k");
        check("https://bucket.s3.amazonaws.com/a/b", "bucket", "a/b");
        check("https://my.bucket.s3.us-east-1.amazonaws.com/a", "my.bucket", "a");
        check("http://bucket.localhost:4566/a", "bucket", "a");
        check("http://s3.localhost:4566/bucket/a", "bucket", "a");
        check("http://pontoon.internal/bucket/a", "bucket", "a");
        assert_eq!(
            locate("https://s3.amazonaws.com/b/k?versionId=v%31&x=y").unwrap().version.as_deref(),
            Some("v1")
        );
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["ftp://h/b/k", "https://h", "https://h/b", "https://h/b/", "bucket/key", "", "http://%"] {
            assert!(locate(url).is_err(), "{url}");
        }
        let Err(Error::Validation(message)) = locate("s3://bucket/key") else { panic!("s3:// is refused") };
        assert_eq!(message, "S3 error: Domain name specified in bucket is not a valid S3 domain");
    }
}
