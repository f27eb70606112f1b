//! Operations over a memory store.

use std::sync::Arc;

use bytes::Bytes;
use pontoon_api::events::{self, PutEventsRequestEntry};
use pontoon_api::s3::*;
use pontoon_core::policy::PolicyMode;
use pontoon_core::step::{Ground, Settings};
use pontoon_core::{
    Account, ApiError, Batch, Caller, Ids, Principal, Reply, Scope, Service, Space, Step, Store, Timestamp,
};

use crate::S3;

/// A service over a store, without an engine.
struct Bench {
    s3: S3,
    store: Arc<dyn Store>,
    settings: Settings,
    ids: Ids,
    parks: u64,
    now: Timestamp,
    scope: Scope,
    caller: Caller,
    /// What the event bus was told: whose, and what.
    told: Vec<(Scope, PutEventsRequestEntry)>,
}

impl Bench {
    /// With a bucket called `bucket`.
    fn new() -> Self {
        let caller = Caller::of_account(Account::DEFAULT, "r", "http://127.0.0.1:4566");
        let mut bench = Self {
            s3: S3::default(),
            store: pontoon_store::memory(),
            settings: Settings { policies: PolicyMode::Enforce, endpoint: "http://127.0.0.1:4566".into() },
            ids: Ids::from_seed(1),
            parks: 0,
            now: Timestamp::from_secs(1_800_000_000),
            scope: Scope::default(),
            caller,
            told: Vec::new(),
        };
        bench.create("bucket").unwrap();
        bench
    }

    fn call<T: 'static>(&mut self, request: Request) -> Result<T, ApiError> {
        let pending = Batch::new();
        let ground = Ground { store: self.store.as_ref(), pending: &pending, settings: &self.settings };
        let mut step = Step::new(self.now, self.scope, &self.caller, &mut self.ids, &mut self.parks, &ground);
        let reply = self.s3.call(&mut step, Box::new(request))?;
        assert_eq!(step.scope, self.scope, "the step keeps its scope");
        let (batch, effects) = step.finish();
        self.store.apply(batch).unwrap();
        for hop in effects.hops {
            assert_eq!(hop.caller.principal, Principal::Service("s3.amazonaws.com"));
            assert_eq!((hop.caller.account, hop.caller.depth), (hop.to.account, 1));
            match *hop.request.into_any().downcast::<events::Request>().unwrap() {
                events::Request::PutEvents(input) => {
                    self.told.extend(input.entries.into_iter().map(|entry| (hop.to, entry)));
                }
                other => panic!("S3 only puts events: {other:?}"),
            }
        }
        let output = match reply {
            Reply::Ready(output) => output,
            Reply::Read(read) => read(self.store.snapshot().as_ref())?,
            Reply::Parked(_) => panic!("S3 parks nothing"),
        };
        Ok(*output.into_any().downcast().unwrap())
    }

    fn create(&mut self, bucket: &str) -> Result<CreateBucketOutput, ApiError> {
        self.call(Request::CreateBucket(CreateBucketInput { bucket: bucket.into(), ..Default::default() }))
    }

    fn put(&mut self, key: &str, body: &[u8]) -> Result<PutObjectOutput, ApiError> {
        self.call(Request::PutObject(put_input(key, body)))
    }

    fn get(&mut self, key: &str) -> Result<GetObjectOutput, ApiError> {
        self.call(Request::GetObject(get_input(key)))
    }

    fn keys_in_store(&self) -> usize {
        let mut keys = 0;
        let all = pontoon_core::KeyRange::all();
        let count = &mut |_: &[u8], _: &Bytes| {
            keys += 1;
            std::ops::ControlFlow::Continue(())
        };
        self.store.scan(Space::Blob, &all, pontoon_core::Direction::Ascending, count).unwrap();
        keys
    }

    fn begin_upload(&mut self, algorithm: Option<&str>, of_type: Option<&str>) -> String {
        let input = CreateMultipartUploadInput {
            bucket: "bucket".into(),
            key: "big".into(),
            checksum_algorithm: algorithm.map(Into::into),
            checksum_type: of_type.map(Into::into),
            ..Default::default()
        };
        self.call::<CreateMultipartUploadOutput>(Request::CreateMultipartUpload(input))
            .unwrap()
            .upload_id
            .unwrap()
    }

    fn upload(&mut self, id: &str, part_number: i32, body: &[u8]) -> Result<CompletedPart, ApiError> {
        let input = UploadPartInput {
            bucket: "bucket".into(),
            key: "big".into(),
            upload_id: id.into(),
            part_number,
            body: Some(Bytes::copy_from_slice(body)),
            ..Default::default()
        };
        let output: UploadPartOutput = self.call(Request::UploadPart(input))?;
        Ok(CompletedPart { e_tag: output.e_tag, part_number: Some(part_number), ..Default::default() })
    }

    fn complete(
        &mut self,
        id: &str,
        parts: Vec<CompletedPart>,
    ) -> Result<CompleteMultipartUploadOutput, ApiError> {
        self.call(Request::CompleteMultipartUpload(CompleteMultipartUploadInput {
            bucket: "bucket".into(),
            key: "big".into(),
            upload_id: id.into(),
            multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts) }),
            ..Default::default()
        }))
    }
}

fn put_input(key: &str, body: &[u8]) -> PutObjectInput {
    let body = Some(Bytes::copy_from_slice(body));
    PutObjectInput { bucket: "bucket".into(), key: key.into(), body, ..Default::default() }
}

fn get_input(key: &str) -> GetObjectInput {
    GetObjectInput { bucket: "bucket".into(), key: key.into(), ..Default::default() }
}

#[track_caller]
fn fails<T>(outcome: Result<T, ApiError>, status: u16, code: &str) -> String {
    let Err(error) = outcome else { panic!("expected {code}") };
    assert_eq!((error.status, &*error.code), (status, code), "{}", error.message);
    error.message
}

#[test]
fn an_object_comes_back_as_it_was_put() {
    let mut bench = Bench::new();
    let input = PutObjectInput {
        content_type: Some("text/plain".into()),
        metadata: Some([("origin".to_owned(), "test".to_owned())].into()),
        server_side_encryption: Some("AES256".into()),
        ..put_input("a/é", b"hello")
    };
    let put: PutObjectOutput = bench.call(Request::PutObject(input)).unwrap();
    assert_eq!(put.e_tag.as_deref(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(put.server_side_encryption.as_deref(), Some("AES256"));
    let got = bench.get("a/é").unwrap();
    assert_eq!(got.body.as_deref(), Some(&b"hello"[..]));
    assert_eq!((got.e_tag, got.content_length, got.last_modified), (put.e_tag, Some(5), Some(bench.now)));
    assert_eq!(got.content_type.as_deref(), Some("text/plain"));
    assert_eq!(got.metadata.unwrap()["origin"], "test");
    assert_eq!((got.checksum_crc64nvme, got.content_range), (None, None));
    let input = GetObjectInput { checksum_mode: Some("ENABLED".into()), ..get_input("a/é") };
    let got: GetObjectOutput = bench.call(Request::GetObject(input)).unwrap();
    assert_eq!(got.checksum_crc64nvme, put.checksum_crc64nvme);
    assert!(got.checksum_crc64nvme.is_some());
    assert_eq!(
        bench.put("empty", b"").unwrap().e_tag.as_deref(),
        Some("\"d41d8cd98f00b204e9800998ecf8427e\"")
    );
    let empty = bench.get("empty").unwrap();
    assert_eq!(
        (empty.body, empty.content_type.as_deref()),
        (Some(Bytes::new()), Some("binary/octet-stream"))
    );
}

#[test]
fn what_is_replaced_or_deleted_leaves_nothing_in_the_store() {
    let mut bench = Bench::new();
    let long = vec![7; (3 << 20) + 5];
    bench.put("k", &long).unwrap();
    assert_eq!(bench.keys_in_store(), 1 + 4);
    bench.put("k", b"short").unwrap();
    assert_eq!(bench.keys_in_store(), 2);
    let delete = |key: &str| {
        Request::DeleteObject(DeleteObjectInput {
            bucket: "bucket".into(),
            key: key.into(),
            ..Default::default()
        })
    };
    bench.call::<DeleteObjectOutput>(delete("k")).unwrap();
    bench.call::<DeleteObjectOutput>(delete("k")).unwrap();
    assert_eq!(bench.keys_in_store(), 0);
    assert_eq!(fails(bench.get("k"), 404, "NoSuchKey"), "The specified key does not exist.");
}

#[test]
fn ranges_cross_chunks_and_survive_a_restart() {
    let mut bench = Bench::new();
    let body: Vec<u8> = (0..(2_u32 << 20) + 77).map(|n| (n % 251) as u8).collect();
    bench.put("k", &body).unwrap();
    let mut restarted = S3::default();
    restarted.load(bench.store.as_ref()).unwrap();
    bench.s3 = restarted;
    let chunk = 1 << 20;
    for (range, first, last) in [
        ("bytes=0-9", 0, 9),
        ("bytes=1048570-1048585", chunk - 6, chunk + 9),
        ("bytes=1048576-", chunk, body.len() - 1),
        ("bytes=-80", body.len() - 80, body.len() - 1),
        ("bytes=3-2097200", 3, 2_097_200),
    ] {
        let input = GetObjectInput { range: Some(range.into()), ..get_input("k") };
        let got: GetObjectOutput = bench.call(Request::GetObject(input)).unwrap();
        assert_eq!(got.body.as_deref(), Some(&body[first..=last]), "{range}");
        assert_eq!(got.content_range, Some(format!("bytes {first}-{last}/{}", body.len())));
        assert_eq!(got.content_length, Some((last - first + 1) as i64));
    }
    assert_eq!(bench.get("k").unwrap().body.as_deref(), Some(&body[..]));
    let input = GetObjectInput { range: Some("bytes=9999999-".into()), ..get_input("k") };
    fails(bench.call::<GetObjectOutput>(Request::GetObject(input)), 416, "InvalidRange");
}

#[test]
fn conditions_hold_or_refuse() {
    let mut bench = Bench::new();
    let etag = bench.put("k", b"1").unwrap().e_tag;
    let get = |input: GetObjectInput| Request::GetObject(input);
    let input = GetObjectInput { if_none_match: etag.clone(), ..get_input("k") };
    fails(bench.call::<GetObjectOutput>(get(input)), 304, "NotModified");
    let input = GetObjectInput { if_match: Some("\"x\"".into()), ..get_input("k") };
    fails(bench.call::<GetObjectOutput>(get(input)), 412, "PreconditionFailed");
    let put = |input: PutObjectInput| Request::PutObject(input);
    let input = PutObjectInput { if_none_match: Some("*".into()), ..put_input("k", b"2") };
    let message = fails(bench.call::<PutObjectOutput>(put(input)), 412, "PreconditionFailed");
    assert_eq!(message, "At least one of the pre-conditions you specified did not hold");
    let input = PutObjectInput { if_match: Some("x".into()), ..put_input("new", b"2") };
    fails(bench.call::<PutObjectOutput>(put(input)), 404, "NoSuchKey");
    let input = PutObjectInput { if_match: etag, ..put_input("k", b"2") };
    bench.call::<PutObjectOutput>(put(input)).unwrap();
    assert_eq!(bench.get("k").unwrap().body.as_deref(), Some(&b"2"[..]));
}

#[test]
fn buckets_are_created_by_the_rules() {
    let mut bench = Bench::new();
    assert_eq!(fails(bench.create("No"), 400, "InvalidBucketName"), "The specified bucket is not valid.");
    bench.create("bucket").unwrap();
    let in_region = |constraint: Option<&str>| {
        let location_constraint = constraint.map(Into::into);
        let configuration = CreateBucketConfiguration { location_constraint, ..Default::default() };
        Request::CreateBucket(CreateBucketInput {
            bucket: "elsewhere".into(),
            create_bucket_configuration: Some(configuration),
            ..Default::default()
        })
    };
    let call = |bench: &mut Bench, constraint| bench.call::<CreateBucketOutput>(in_region(constraint));
    fails(call(&mut bench, Some("us-east-1")), 400, "InvalidLocationConstraint");
    bench.scope.region = "eu-west-1".parse().unwrap();
    fails(call(&mut bench, None), 400, "IllegalLocationConstraintException");
    fails(call(&mut bench, Some("eu-central-1")), 400, "IllegalLocationConstraintException");
    call(&mut bench, Some("eu-west-1")).unwrap();
    fails(call(&mut bench, Some("eu-west-1")), 409, "BucketAlreadyOwnedByYou");
    let other = "111111111111".parse().unwrap();
    let owner = bench.caller.clone();
    bench.caller = Caller { principal: Principal::Account(other), account: other, ..owner.clone() };
    bench.scope.account = other;
    fails(call(&mut bench, Some("eu-west-1")), 409, "BucketAlreadyExists");
    (bench.scope, bench.caller) = (Scope::default(), owner);
    let location = |bucket: &str| {
        Request::GetBucketLocation(GetBucketLocationInput { bucket: bucket.into(), ..Default::default() })
    };
    let located: GetBucketLocationOutput = bench.call(location("elsewhere")).unwrap();
    assert_eq!(located.location_constraint.as_deref(), Some("eu-west-1"));
    let located: GetBucketLocationOutput = bench.call(location("bucket")).unwrap();
    assert_eq!(located.location_constraint, None);
    let listed: ListBucketsOutput = bench.call(Request::ListBuckets(ListBucketsInput::default())).unwrap();
    let names: Vec<_> = listed.buckets.unwrap().into_iter().filter_map(|bucket| bucket.name).collect();
    assert_eq!(names, ["bucket", "elsewhere"]);
}

#[test]
fn only_an_empty_bucket_is_deleted_and_takes_its_uploads_along() {
    let mut bench = Bench::new();
    bench.put("k", b"1").unwrap();
    let delete =
        || Request::DeleteBucket(DeleteBucketInput { bucket: "bucket".into(), ..Default::default() });
    let message = fails(bench.call::<DeleteBucketOutput>(delete()), 409, "BucketNotEmpty");
    assert_eq!(message, "The bucket you tried to delete is not empty");
    let objects = ["k", "never"].map(|key| ObjectIdentifier { key: key.into(), ..Default::default() });
    let input = DeleteObjectsInput {
        bucket: "bucket".into(),
        delete: Delete { objects: objects.to_vec(), quiet: None },
        ..Default::default()
    };
    let deleted: DeleteObjectsOutput = bench.call(Request::DeleteObjects(input)).unwrap();
    assert_eq!((deleted.deleted.map(|d| d.len()), deleted.errors), (Some(2), Some(Vec::new())));
    let id = bench.begin_upload(None, None);
    bench.upload(&id, 1, b"part").unwrap();
    bench.call::<DeleteBucketOutput>(delete()).unwrap();
    assert_eq!(bench.keys_in_store(), 0);
    fails(bench.call::<DeleteBucketOutput>(delete()), 404, "NoSuchBucket");
}

#[test]
fn an_upload_in_parts_becomes_one_object() {
    let mut bench = Bench::new();
    let first: Vec<u8> = (0..5_u32 << 20).map(|n| (n % 253) as u8).collect();
    let id = bench.begin_upload(Some("CRC64NVME"), None);
    fails(bench.upload(&id, 0, b"x"), 400, "InvalidArgument");
    let message = fails(bench.upload(&id, 1, b"x"), 400, "InvalidRequest");
    assert!(message.ends_with("expected checksum Type: crc64nvme, actual checksum Type: null"), "{message}");
    let id = bench.begin_upload(None, None);
    bench.upload(&id, 1, b"replaced").unwrap();
    let parts = vec![bench.upload(&id, 1, &first).unwrap(), bench.upload(&id, 7, b"tail").unwrap()];
    bench.upload(&id, 9, b"not used").unwrap();
    let reversed: Vec<_> = parts.iter().rev().cloned().collect();
    fails(bench.complete(&id, reversed), 400, "InvalidPartOrder");
    fails(bench.complete(&id, Vec::new()), 400, "MalformedXML");
    let wrong = vec![CompletedPart { e_tag: Some("\"x\"".into()), ..parts[0].clone() }];
    fails(bench.complete(&id, wrong), 400, "InvalidPart");
    let done = bench.complete(&id, parts.clone()).unwrap();
    assert!(done.e_tag.unwrap().ends_with("-2\""));
    let whole = [&first[..], b"tail"].concat();
    assert_eq!(done.checksum_crc64nvme, bench.put("same", &whole).unwrap().checksum_crc64nvme);
    assert_eq!(bench.get("big").unwrap().body.as_deref(), Some(&whole[..]));
    let input = GetObjectInput { part_number: Some(2), ..get_input("big") };
    let part: GetObjectOutput = bench.call(Request::GetObject(input)).unwrap();
    assert_eq!((part.body.as_deref(), part.parts_count), (Some(&b"tail"[..]), Some(2)));
    fails(bench.complete(&id, parts), 404, "NoSuchUpload");
    let small = bench.begin_upload(None, None);
    let parts = vec![bench.upload(&small, 1, b"a").unwrap(), bench.upload(&small, 2, b"b").unwrap()];
    fails(bench.complete(&small, parts), 400, "EntityTooSmall");
    let input = AbortMultipartUploadInput {
        bucket: "bucket".into(),
        key: "big".into(),
        upload_id: small,
        ..Default::default()
    };
    bench.call::<AbortMultipartUploadOutput>(Request::AbortMultipartUpload(input)).unwrap();
}

#[test]
fn a_copy_is_independent_and_takes_or_replaces_the_description() {
    let mut bench = Bench::new();
    let input = PutObjectInput { content_type: Some("text/plain".into()), ..put_input("from", b"body") };
    bench.call::<PutObjectOutput>(Request::PutObject(input)).unwrap();
    let copy = |key: &str| CopyObjectInput {
        bucket: "bucket".into(),
        key: key.into(),
        copy_source: "/bucket/from".into(),
        ..Default::default()
    };
    bench.call::<CopyObjectOutput>(Request::CopyObject(copy("to"))).unwrap();
    fails(bench.call::<CopyObjectOutput>(Request::CopyObject(copy("from"))), 400, "InvalidRequest");
    let input = CopyObjectInput {
        metadata_directive: Some("REPLACE".into()),
        content_type: Some("text/css".into()),
        ..copy("from")
    };
    bench.call::<CopyObjectOutput>(Request::CopyObject(input)).unwrap();
    let (from, to) = (bench.get("from").unwrap(), bench.get("to").unwrap());
    assert_eq!(
        (from.content_type.as_deref(), to.content_type.as_deref()),
        (Some("text/css"), Some("text/plain"))
    );
    assert_eq!((from.body, to.body), (Some(Bytes::from("body")), Some(Bytes::from("body"))));
    assert_eq!(bench.keys_in_store(), 4);
}

#[test]
fn lists_go_on_where_they_ended() {
    let mut bench = Bench::new();
    for key in ["a b", "dir/1", "dir/2", "z"] {
        bench.put(key, b"x").unwrap();
    }
    let list = |bench: &mut Bench, token: Option<String>| -> ListObjectsV2Output {
        bench
            .call(Request::ListObjectsV2(ListObjectsV2Input {
                bucket: "bucket".into(),
                delimiter: Some("/".into()),
                max_keys: Some(2),
                encoding_type: Some("url".into()),
                continuation_token: token,
                ..Default::default()
            }))
            .unwrap()
    };
    let first = list(&mut bench, None);
    assert_eq!((first.key_count, first.is_truncated), (Some(2), Some(true)));
    assert_eq!(first.contents.unwrap()[0].key.as_deref(), Some("a%20b"));
    assert_eq!(first.common_prefixes.unwrap()[0].prefix.as_deref(), Some("dir/"));
    let second = list(&mut bench, first.next_continuation_token);
    assert_eq!(second.contents.unwrap()[0].key.as_deref(), Some("z"));
    assert_eq!((second.is_truncated, second.next_continuation_token), (Some(false), None));
    let input =
        ListObjectsInput { bucket: "bucket".into(), prefix: Some("dir/".into()), ..Default::default() };
    let old: ListObjectsOutput = bench.call(Request::ListObjects(input)).unwrap();
    assert_eq!((old.contents.unwrap().len(), old.next_marker, old.max_keys), (2, None, Some(1000)));
}

#[test]
fn what_is_not_honoured_is_refused_by_name() {
    let mut bench = Bench::new();
    let refused: Vec<(PutObjectInput, u16, &str)> = vec![
        (PutObjectInput { tagging: Some("a=b".into()), ..put_input("k", b"") }, 501, "NotSupportedByPontoon"),
        (
            PutObjectInput { server_side_encryption: Some("aws:kms".into()), ..put_input("k", b"") },
            501,
            "NotSupportedByPontoon",
        ),
        (
            PutObjectInput { storage_class: Some("GLACIER".into()), ..put_input("k", b"") },
            501,
            "NotSupportedByPontoon",
        ),
        (
            PutObjectInput { checksum_sha512: Some("x".into()), ..put_input("k", b"") },
            501,
            "NotSupportedByPontoon",
        ),
        (
            PutObjectInput { acl: Some("public-read".into()), ..put_input("k", b"") },
            400,
            "AccessControlListNotSupported",
        ),
        (put_input(&"k".repeat(1025), b""), 400, "KeyTooLongError"),
        (
            PutObjectInput {
                metadata: Some([("k".to_owned(), "v".repeat(2048))].into()),
                ..put_input("k", b"")
            },
            400,
            "MetadataTooLarge",
        ),
        (
            PutObjectInput { expected_bucket_owner: Some("111111111111".into()), ..put_input("k", b"") },
            403,
            "AccessDenied",
        ),
        (PutObjectInput { bucket: "nobodys".into(), ..put_input("k", b"") }, 404, "NoSuchBucket"),
    ];
    for (input, status, code) in refused {
        fails(bench.call::<PutObjectOutput>(Request::PutObject(input)), status, code);
    }
    let input = PutBucketVersioningInput {
        bucket: "bucket".into(),
        versioning_configuration: VersioningConfiguration {
            status: Some("Enabled".into()),
            mfa_delete: None,
        },
        ..Default::default()
    };
    let outcome = bench.call::<PutBucketVersioningOutput>(Request::PutBucketVersioning(input));
    fails(outcome, 501, "NotSupportedByPontoon");
    assert_eq!(bench.keys_in_store(), 0);
}

#[test]
fn a_bucket_policy_admits_another_account() {
    let mut bench = Bench::new();
    bench.put("k", b"1").unwrap();
    let owner = bench.caller.clone();
    let other: Account = "111111111111".parse().unwrap();
    let stranger = Caller { principal: Principal::Account(other), account: other, ..owner.clone() };
    bench.caller = stranger.clone();
    assert_eq!(fails(bench.get("k"), 403, "AccessDenied"), "Access Denied");
    bench.caller = owner;
    let put = |policy: &str| {
        Request::PutBucketPolicy(PutBucketPolicyInput {
            bucket: "bucket".into(),
            policy: policy.into(),
            ..Default::default()
        })
    };
    let message = fails(bench.call::<PutBucketPolicyOutput>(put("nonsense")), 400, "MalformedPolicy");
    assert_eq!(message, "Policies must be valid JSON and the first byte must be '{'");
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}"#;
    bench.call::<PutBucketPolicyOutput>(put(policy)).unwrap();
    let mut restarted = S3::default();
    restarted.load(bench.store.as_ref()).unwrap();
    bench.s3 = restarted;
    bench.caller = stranger;
    bench.get("k").unwrap();
    fails(bench.put("k", b"2"), 403, "AccessDenied");
}

#[test]
fn tags_are_kept_and_checked() {
    let mut bench = Bench::new();
    let get =
        || Request::GetBucketTagging(GetBucketTaggingInput { bucket: "bucket".into(), ..Default::default() });
    fails(bench.call::<GetBucketTaggingOutput>(get()), 404, "NoSuchTagSet");
    let put = |keys: &[&str]| {
        let tag_set = keys.iter().map(|key| Tag { key: (*key).into(), value: "v".into() }).collect();
        Request::PutBucketTagging(PutBucketTaggingInput {
            bucket: "bucket".into(),
            tagging: Tagging { tag_set },
            ..Default::default()
        })
    };
    fails(bench.call::<PutBucketTaggingOutput>(put(&["a", "a"])), 400, "InvalidTag");
    fails(bench.call::<PutBucketTaggingOutput>(put(&["aws:a"])), 400, "InvalidTag");
    bench.call::<PutBucketTaggingOutput>(put(&["b", "a"])).unwrap();
    let tags: GetBucketTaggingOutput = bench.call(get()).unwrap();
    assert_eq!(tags.tag_set.iter().map(|tag| tag.key.as_str()).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn a_bucket_tells_event_bridge_of_its_objects_if_it_is_asked_to() {
    let mut bench = Bench::new();
    bench.put("before", b"1").unwrap();
    let configure = |configuration: NotificationConfiguration| {
        Request::PutBucketNotificationConfiguration(PutBucketNotificationConfigurationInput {
            bucket: "bucket".into(),
            notification_configuration: configuration,
            ..Default::default()
        })
    };
    let on = NotificationConfiguration {
        event_bridge_configuration: Some(EventBridgeConfiguration {}),
        ..Default::default()
    };
    bench.call::<PutBucketNotificationConfigurationOutput>(configure(on)).unwrap();
    // It is kept.
    bench.s3 = S3::default();
    bench.s3.load(bench.store.as_ref()).unwrap();
    let get = Request::GetBucketNotificationConfiguration(GetBucketNotificationConfigurationInput {
        bucket: "bucket".into(),
        ..Default::default()
    });
    let shown: GetBucketNotificationConfigurationOutput = bench.call(get).unwrap();
    assert!(shown.event_bridge_configuration.is_some());

    bench.put("a \"key\"", b"hello").unwrap();
    let copy = CopyObjectInput {
        bucket: "bucket".into(),
        key: "copy".into(),
        copy_source: "bucket/before".into(),
        ..Default::default()
    };
    bench.call::<CopyObjectOutput>(Request::CopyObject(copy)).unwrap();
    let upload = bench.begin_upload(None, None);
    let part = bench.upload(&upload, 1, b"part").unwrap();
    let complete = CompleteMultipartUploadInput {
        bucket: "bucket".into(),
        key: "big".into(),
        upload_id: upload,
        multipart_upload: Some(CompletedMultipartUpload { parts: Some(vec![part]) }),
        ..Default::default()
    };
    bench.call::<CompleteMultipartUploadOutput>(Request::CompleteMultipartUpload(complete)).unwrap();
    let delete = |key: &str| {
        Request::DeleteObject(DeleteObjectInput {
            bucket: "bucket".into(),
            key: key.into(),
            ..Default::default()
        })
    };
    bench.call::<DeleteObjectOutput>(delete("copy")).unwrap();
    bench.call::<DeleteObjectOutput>(delete("copy")).unwrap();
    let objects = ["before", "big"].map(|key| ObjectIdentifier { key: key.into(), ..Default::default() });
    let many = DeleteObjectsInput {
        bucket: "bucket".into(),
        delete: Delete { objects: objects.into(), quiet: None },
        ..Default::default()
    };
    bench.call::<DeleteObjectsOutput>(Request::DeleteObjects(many)).unwrap();

    let mut sequencers = Vec::new();
    let mut seen = Vec::new();
    for (scope, entry) in std::mem::take(&mut bench.told) {
        assert_eq!(scope, bench.scope);
        assert_eq!(entry.source.as_deref(), Some("aws.s3"));
        assert_eq!(entry.resources.unwrap(), ["arn:aws:s3:::bucket"]);
        let detail: serde_json::Value = serde_json::from_str(&entry.detail.unwrap()).unwrap();
        assert_eq!(detail["bucket"]["name"], "bucket");
        assert_eq!((&detail["requester"], &detail["request-id"]), (&"000000000000".into(), &"r".into()));
        sequencers.push(detail["object"]["sequencer"].as_str().unwrap().to_owned());
        let (object, kind) = (&detail["object"], entry.detail_type.unwrap());
        seen.push(format!(
            "{kind}: {} {} {} {}",
            detail["reason"], object["key"], object["size"], detail["deletion-type"]
        ));
    }
    assert_eq!(
        seen,
        [
            r#"Object Created: "PutObject" "a \"key\"" 5 null"#,
            r#"Object Created: "CopyObject" "copy" 1 null"#,
            r#"Object Created: "CompleteMultipartUpload" "big" 4 null"#,
            r#"Object Deleted: "DeleteObject" "copy" null "Permanently Deleted""#,
            r#"Object Deleted: "DeleteObject" "before" null "Permanently Deleted""#,
            r#"Object Deleted: "DeleteObject" "big" null "Permanently Deleted""#,
        ]
    );
    assert!(sequencers.is_sorted_by(|a, b| a < b), "{sequencers:?}");

    bench
        .call::<PutBucketNotificationConfigurationOutput>(configure(NotificationConfiguration::default()))
        .unwrap();
    bench.put("after", b"1").unwrap();
    assert!(bench.told.is_empty());
}

#[test]
fn notifications_to_others_than_event_bridge_are_refused_by_name() {
    let mut bench = Bench::new();
    for (configuration, what) in [
        (
            NotificationConfiguration {
                queue_configurations: Some(vec![QueueConfiguration::default()]),
                ..Default::default()
            },
            "queues",
        ),
        (
            NotificationConfiguration {
                topic_configurations: Some(vec![TopicConfiguration::default()]),
                ..Default::default()
            },
            "topics",
        ),
        (
            NotificationConfiguration {
                lambda_function_configurations: Some(vec![LambdaFunctionConfiguration::default()]),
                ..Default::default()
            },
            "functions",
        ),
    ] {
        let request = Request::PutBucketNotificationConfiguration(PutBucketNotificationConfigurationInput {
            bucket: "bucket".into(),
            notification_configuration: configuration,
            ..Default::default()
        });
        let error = bench.call::<PutBucketNotificationConfigurationOutput>(request).unwrap_err();
        assert!(error.message.contains(what), "{error}");
    }
}
