//! Signatures: those of AWS's documentation and of botocore hold, and whatever is changed about a request breaks them.

use bytes::Bytes;
use http::request::Parts;
use pontoon_core::{Account, ApiError, Timestamp};
use pontoon_wire::Secret;
use pontoon_wire::sigv4::chunks::{ChunkError, ChunkSigner, unchunk};
use pontoon_wire::sigv4::claim::{Claim, Claimed, parse_basic_iso};
use pontoon_wire::sigv4::scope::CredentialScope;
use pontoon_wire::sigv4::sign::SigningKey;
use pontoon_wire::sigv4::{AuthError, Family, verify};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A signed request, as it came over the wire.
#[derive(Clone)]
struct Signed {
    line: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static [u8],
    service: &'static str,
    secret: &'static str,
    token: Option<&'static str>,
    now: Timestamp,
}

fn signed(line: &'static str, headers: &[(&'static str, &str)], body: &'static [u8]) -> Signed {
    Signed {
        line,
        headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        body,
        service: "sqs",
        secret: SECRET,
        token: None,
        now: crate::server::NOW,
    }
}

impl Signed {
    fn head(&self) -> Parts {
        let (method, uri) = self.line.split_once(' ').unwrap();
        let mut builder = http::Request::builder().method(method).uri(uri);
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn verify(&self) -> Result<(), AuthError> {
        let head = self.head();
        let Claimed::Signed(claim) = Claimed::of(&head) else { panic!("{:?}", Claimed::of(&head)) };
        let secret = Secret {
            key: self.secret.into(),
            session_token: self.token.map(Into::into),
            account: Account::DEFAULT,
        };
        verify(&head, &claim, &secret, self.service, self.body, self.now).map(drop)
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.headers.iter_mut().filter(|(n, _)| *n == name).for_each(|(_, v)| *v = value.to_owned());
        changed
    }
}

fn json() -> Signed {
    signed(
        "POST /",
        &[
            ("host", "localhost:4566"),
            ("x-amz-target", "AmazonSQS.Echo"),
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-date", "20260131T123456Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=beb779776ee11a5deec5e4d3c8cdd508e7eb5f50d17b28fe5cc2b5f519441c47",
            ),
        ],
        br#"{"Text":"hi"}"#,
    )
}

fn with_token() -> Signed {
    let mut request = signed(
        "POST /",
        &[
            ("host", "localhost:4566"),
            ("x-amz-target", "AmazonSQS.Echo"),
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-date", "20260131T123456Z"),
            ("x-amz-security-token", "a/session+token=="),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=ASIDEXAMPLE/20260131/us-east-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=8ccdd91388464dee2937e54aab60fa5357115dea0bca22ae2c585d9ff4cc8e12",
            ),
        ],
        br#"{"Text":"hi"}"#,
    );
    request.token = Some("a/session+token==");
    request
}

fn object() -> Signed {
    let mut request = signed(
        "PUT /bucket/a%20key/with%2Bplus/%C3%A9//x",
        &[
            ("host", "localhost:4566"),
            ("x-amz-date", "20260131T123456Z"),
            ("x-amz-content-sha256", "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=7a75ca7ce795324fac6e4493e6509e6c46c41cbde53b7f1a799bb2be66a09ddb",
            ),
        ],
        b"content",
    );
    request.service = "s3";
    request
}

fn presigned_object() -> Signed {
    let line = "GET /bucket/key?x-id=GetObject&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260131%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260131T123456Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=c22f79124e2e3da6bfacb3d99fc22757908a943a20666e3409bd0302cd50e4d1";
    let mut request = signed(line, &[("host", "localhost:4566")], b"");
    request.service = "s3";
    request
}

#[test]
fn signatures_made_by_botocore_hold() {
    assert_eq!(json().verify(), Ok(()));
    assert_eq!(with_token().verify(), Ok(()));
    assert_eq!(object().verify(), Ok(()));
    assert_eq!(presigned_object().verify(), Ok(()));
    let mut twice = signed(
        "GET /2015-03-31/things/arn%3Aaws%3Alambda%2Fx//a/../b?name=b%20c&name=a&number=5&Z=&a=%C3%A9",
        &[
            ("host", "localhost:4566"),
            ("x-flag", "  two   spaces "),
            ("x-amz-date", "20260131T123456Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date;x-flag, Signature=5bd79cab3f88ec31ff90e6c205e1a30f1948cd48a8259064c154ebb30abb9e3e",
            ),
        ],
        b"",
    );
    twice.service = "lambda";
    assert_eq!(twice.verify(), Ok(()));
    let line = "GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIDEXAMPLE%2F20260131%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20260131T123456Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=a%2Fsession%2Btoken%3D%3D&X-Amz-Signature=1296c73ff681ccaee1b43caa8ab343bee127c7dc705b6f3391f0cf4d4fcbcae1";
    let mut presigned = signed(line, &[("host", "localhost:4566")], b"");
    (presigned.service, presigned.token) = ("sts", Some("a/session+token=="));
    assert_eq!(presigned.verify(), Ok(()));
}

/// "get-vanilla" and "post-vanilla" of AWS's Signature Version 4 test suite, and "GET Object" of the S3 reference.
#[test]
fn the_documented_signatures_hold() {
    for (line, signature) in [
        ("GET /", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST /", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ] {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let headers = [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", authorization.as_str()),
        ];
        let mut vanilla = signed(line, &headers, b"");
        (vanilla.service, vanilla.now) = ("service", parse_basic_iso("20150830T123600Z").unwrap());
        assert_eq!(vanilla.verify(), Ok(()), "{line}");
    }
    let mut object = signed(
        "GET /test.txt",
        &[
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("x-amz-date", "20130524T000000Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
        ],
        b"",
    );
    (object.service, object.secret) = ("s3", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    object.now = parse_basic_iso("20130524T000000Z").unwrap();
    assert_eq!(object.verify(), Ok(()));
}

#[test]
fn whatever_is_changed_breaks_the_signature() {
    let is_mismatch = |request: &Signed| matches!(request.verify(), Err(AuthError::Mismatch { .. }));
    let changed = |change: fn(&mut Signed)| {
        let mut request = json();
        change(&mut request);
        request
    };
    assert!(is_mismatch(&changed(|r| r.body = b"{}")));
    assert!(is_mismatch(&changed(|r| r.line = "PUT /")));
    assert!(is_mismatch(&changed(|r| r.line = "POST /x")));
    assert!(is_mismatch(&changed(|r| r.line = "POST /?a=b")));
    assert!(is_mismatch(&changed(|r| r.secret = "another")));
    assert!(is_mismatch(&json().with("x-amz-target", "AmazonSQS.Other")));
    assert!(is_mismatch(&json().with("host", "elsewhere")));
    let signature = json().headers[4].1.replace("beb779", "beb778");
    assert!(is_mismatch(&json().with("authorization", &signature)));
    let mut other_body = object();
    other_body.body = b"contents";
    assert_eq!(other_body.verify(), Err(AuthError::ContentMismatch));
    assert_eq!(Signed { token: None, ..with_token() }.verify(), Err(AuthError::WrongToken));
    assert_eq!(Signed { token: Some("x"), ..json() }.verify(), Err(AuthError::WrongToken));
}

#[test]
fn signatures_are_good_for_their_time_day_and_service_only() {
    let at = |request: &Signed, time: &str| {
        let now = parse_basic_iso(time).unwrap();
        Signed { now, ..request.clone() }.verify().map_err(|error| error.told(Family::Json).message)
    };
    assert_eq!(at(&json(), "20260131T123956Z"), Ok(()));
    assert_eq!(at(&json(), "20260131T122956Z"), Ok(()));
    assert_eq!(
        at(&json(), "20260131T123957Z").unwrap_err(),
        "Signature expired: 20260131T123456Z is now earlier than 20260131T123457Z (20260131T123957Z - 5 min.)"
    );
    assert_eq!(
        at(&json(), "20260131T122955Z").unwrap_err(),
        "Signature not yet current: 20260131T123456Z is still later than 20260131T123455Z (20260131T122955Z + 5 min.)"
    );
    assert_eq!(at(&object(), "20260131T124956Z"), Ok(()));
    assert!(at(&object(), "20260131T124957Z").is_err());
    assert_eq!(at(&presigned_object(), "20260131T124456Z"), Ok(()));
    let late = Signed { now: parse_basic_iso("20260131T124457Z").unwrap(), ..presigned_object() };
    assert_eq!(late.verify(), Err(AuthError::Expired));
    let elsewhere = Signed { service: "dynamodb", ..json() };
    assert_eq!(
        elsewhere.verify(),
        Err(AuthError::WrongScope("Credential should be scoped to correct service: 'dynamodb'. ".to_owned()))
    );
    let yesterday = json().headers[4].1.replace("20260131", "20260130");
    assert_eq!(
        json().with("authorization", &yesterday).verify(),
        Err(AuthError::WrongScope(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260130' != '20260131', from '20260131T123456Z'."
                .to_owned()
        ))
    );
    assert_eq!(
        json().with("x-amz-date", "20260131").verify(),
        Err(AuthError::MalformedDate("20260131".to_owned()))
    );
}

#[test]
fn incomplete_claims_say_what_is_missing() {
    let claimed = |line: &'static str, headers: &[(&'static str, &str)]| {
        Claimed::of(&signed(line, headers, b"").head())
    };
    let message = |claimed: Claimed| match claimed {
        Claimed::Incomplete(message) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(claimed("GET /", &[]), Claimed::Anonymous);
    assert_eq!(
        message(claimed("GET /", &[("authorization", "AWS4-HMAC-SHA256 Credential=a")])),
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
         Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"
    );
    assert_eq!(
        message(claimed("GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=1", &[])),
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. \
         AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters."
    );
    assert_eq!(claimed("GET /", &[("authorization", "AWS a:b")]), Claimed::OtherAlgorithm("AWS".to_owned()));
    assert_eq!(
        claimed("GET /b/k?AWSAccessKeyId=a&Signature=b&Expires=1", &[]),
        Claimed::OtherAlgorithm("AWS".to_owned())
    );
    let both = claimed("GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256", &[("authorization", "AWS4-HMAC-SHA256 x")]);
    assert_eq!(both, Claimed::Both);
}

#[test]
fn each_family_has_its_own_words_for_the_same_fault() {
    let told = |error: &AuthError| {
        [Family::Json, Family::RestJson, Family::Query, Family::S3].map(|family| {
            let ApiError { code, status, .. } = error.told(family);
            format!("{status} {code}")
        })
    };
    let mismatch = AuthError::Mismatch { canonical: String::new(), string_to_sign: String::new() };
    assert_eq!(
        told(&mismatch),
        [
            "400 InvalidSignatureException",
            "403 InvalidSignatureException",
            "403 SignatureDoesNotMatch",
            "403 SignatureDoesNotMatch"
        ]
    );
    assert_eq!(
        told(&AuthError::UnknownKey),
        [
            "400 UnrecognizedClientException",
            "403 UnrecognizedClientException",
            "403 InvalidClientTokenId",
            "403 InvalidAccessKeyId"
        ]
    );
    assert_eq!(
        told(&AuthError::Missing),
        [
            "400 MissingAuthenticationTokenException",
            "403 MissingAuthenticationTokenException",
            "403 MissingAuthenticationToken",
            "403 AccessDenied"
        ]
    );
}

/// The upload of 65 KiB of `a` in chunks of the S3 reference ("transferring payload in multiple chunks").
fn documented_upload() -> (Signed, Bytes) {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let mut request = signed(
        "PUT /examplebucket/chunkObject.txt",
        &[
            ("host", "s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("content-length", "66824"),
            ("authorization", authorization),
        ],
        b"",
    );
    (request.service, request.secret) = ("s3", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    request.now = parse_basic_iso("20130524T000000Z").unwrap();
    let chunk = |size: usize, signature: &str| {
        format!("{size:x};chunk-signature={signature}\r\n{}\r\n", "a".repeat(size))
    };
    let body = chunk(65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")
        + &chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497")
        + &chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
    assert_eq!(body.len(), 66824);
    (request, body.into())
}

#[test]
fn signed_chunks_are_checked_one_after_another() {
    let (request, body) = documented_upload();
    assert_eq!(request.verify(), Ok(()));
    let head = request.head();
    let Claimed::Signed(claim) = Claimed::of(&head) else { panic!() };
    let key = SigningKey::derive(request.secret, &claim.scope);
    let unchunked = |body: &Bytes| unchunk(body, Some(ChunkSigner::new(&key, &claim)));
    assert_eq!(unchunked(&body).unwrap().body, "a".repeat(66560));
    for at in [90, 65536, 66700] {
        let mut changed = body.to_vec();
        changed[at] = if changed[at] == b'b' { b'c' } else { b'b' };
        assert!(unchunked(&changed.into()).is_err(), "{at}");
    }
    let mut unsigned = body.to_vec();
    unsigned.splice(5..86, []);
    assert_eq!(unchunked(&unsigned.into()).unwrap_err(), ChunkError::Signature);
    for end in (0..body.len() - 2).step_by(997).chain(body.len() - 90..body.len() - 3) {
        assert!(unchunked(&body.slice(..end)).is_err(), "cut at {end}");
    }
}

#[test]
fn trailers_follow_the_last_chunk() {
    let body = Bytes::from_static(b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n");
    let unchunked = unchunk(&body, None).unwrap();
    assert_eq!(unchunked.body, "hello world");
    assert_eq!(unchunked.trailers["x-amz-checksum-crc32"], "DUoRhQ==");
    for malformed in [
        "",
        "5\r\nhell",
        "5\r\nhelloo\r\n0\r\n",
        "x\r\n",
        "-1\r\n",
        "ffffffffffffffffff\r\n",
        "+1\r\na\r\n0\r\n",
    ] {
        assert_eq!(unchunk(&malformed.into(), None).unwrap_err(), ChunkError::Malformed, "{malformed:?}");
    }
}

/// The upload with a signed trailing checksum of the S3 reference ("including trailing headers").
#[test]
fn signed_trailers_are_checked_like_chunks() {
    let claim = Claim {
        scope: CredentialScope::parse("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request").unwrap(),
        signed_headers: Vec::new(),
        signature: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e".to_owned(),
        date: "20130524T000000Z".to_owned(),
        expires_secs: None,
        session_token: None,
    };
    let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &claim.scope);
    let body = |checksum: &str| {
        let (first, second) = ("a".repeat(65536), "a".repeat(1024));
        Bytes::from(format!(
            "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n{first}\r\n\
             400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n{second}\r\n\
             0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n\
             x-amz-checksum-crc32c:{checksum}\r\n\
             x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
        ))
    };
    let unchunked = |body: &Bytes| unchunk(body, Some(ChunkSigner::new(&key, &claim)));
    let whole = unchunked(&body("sOO8/Q==")).unwrap();
    assert_eq!(whole.body.len(), 66560);
    assert_eq!(whole.trailers["x-amz-checksum-crc32c"], "sOO8/Q==");
    assert_eq!(unchunked(&body("sOO8/A==")).unwrap_err(), ChunkError::Signature);
}
