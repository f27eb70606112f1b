//! Signature version 4 for POSTs to `/`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What requests are signed with.
pub struct Credentials {
    /// Access key id.
    pub key: String,
    /// Secret access key.
    pub secret: String,
    /// Session token of temporary credentials.
    pub token: Option<String>,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Region.
    pub region: &'a str,
    /// Service.
    pub service: &'a str,
}

/// The headers that sign a request which has `headers`.
pub fn headers(
    credentials: &Credentials,
    scope: Scope<'_>,
    host: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Vec<(String, String)> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    signed_at(credentials, scope, host, headers, body, &timestamp(seconds))
}

fn signed_at(
    credentials: &Credentials,
    scope: Scope<'_>,
    host: &str,
    headers: &[(String, String)],
    body: &[u8],
    now: &str,
) -> Vec<(String, String)> {
    let date = &now[..8];
    let mut added = vec![("x-amz-date".to_owned(), now.to_owned())];
    added.extend(credentials.token.clone().map(|token| ("x-amz-security-token".to_owned(), token)));
    let mut all: Vec<(&str, &str)> =
        headers.iter().chain(&added).map(|(n, v)| (n.as_str(), v.as_str())).collect();
    all.push(("host", host));
    all.sort_unstable();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let canonical: String = all.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let request = format!("POST\n/\n\n{canonical}\n{}\n{}", names.join(";"), hex(&Sha256::digest(body)));
    let credential = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!("AWS4-HMAC-SHA256\n{now}\n{credential}\n{}", hex(&Sha256::digest(request.as_bytes())));
    let key = [date, scope.region, scope.service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{}", credentials.secret).into_bytes(), |key, part| mac(&key, part.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{credential}, SignedHeaders={}, Signature={}",
        credentials.key,
        names.join(";"),
        hex(&mac(&key, text.as_bytes()))
    );
    added.push(("authorization".to_owned(), authorization));
    added
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so there is nothing to fail.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mut mac| {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        })
        .unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `20260131T123456Z`.
fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, counted in eras of 400 years.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Percent-encoding of a form's value.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_of_the_civil_calendar() {
        assert_eq!(timestamp(0), "19700101T000000Z");
        assert_eq!(timestamp(1_709_251_199), "20240229T235959Z");
        assert_eq!(timestamp(1_769_862_896), "20260131T123456Z");
    }

    #[test]
    fn a_signature_covers_every_header_and_the_body() {
        let credentials =
            Credentials { key: "AKID".into(), secret: "secret".into(), token: Some("token".into()) };
        let sign = |body: &[u8]| {
            let scope = Scope { region: "us-east-1", service: "sns" };
            signed_at(
                &credentials,
                scope,
                "127.0.0.1:1",
                &[("content-type".into(), "text/plain".into())],
                body,
                "20260131T123456Z",
            )
        };
        let authorization =
            |signed: &[(String, String)]| signed.last().map(|(_, value)| value.clone()).unwrap();
        assert!(
            authorization(&sign(b"a"))
                .contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token")
        );
        assert_ne!(authorization(&sign(b"a")), authorization(&sign(b"b")));
    }
}
