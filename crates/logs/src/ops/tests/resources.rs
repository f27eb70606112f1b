//! Groups, streams, retention and tags.

use pontoon_core::shape::{Violation, Violations};

use super::*;

#[test]
fn a_new_group_is_described_as_recorded() {
    let mut bench = Bench::new();
    let input = CreateLogGroupInput {
        log_group_name: "/app/orders".into(),
        kms_key_id: Some("arn:aws:kms:us-east-1:000000000000:key/k".into()),
        ..Default::default()
    };
    bench.call::<CreateLogGroupOutput>(Request::CreateLogGroup(input)).unwrap();
    let page = bench.groups(DescribeLogGroupsInput::default());
    assert_eq!(page.next_token, None);
    assert_eq!(
        page.log_groups.unwrap(),
        [LogGroup {
            log_group_name: Some("/app/orders".into()),
            creation_time: Some(1_800_000_000_000),
            metric_filter_count: Some(0),
            arn: Some("arn:aws:logs:us-east-1:000000000000:log-group:/app/orders:*".into()),
            stored_bytes: Some(0),
            kms_key_id: Some("arn:aws:kms:us-east-1:000000000000:key/k".into()),
            log_group_class: Some("STANDARD".into()),
            log_group_arn: Some("arn:aws:logs:us-east-1:000000000000:log-group:/app/orders".into()),
            deletion_protection_enabled: Some(false),
            ..LogGroup::default()
        }]
    );
}

#[test]
fn names_are_unique_and_missing_ones_are_told() {
    let mut bench = Bench::with_stream();
    let exists =
        |what| ("ResourceAlreadyExistsException".to_owned(), format!("The specified {what} already exists"));
    let missing =
        |what| ("ResourceNotFoundException".to_owned(), format!("The specified {what} does not exist."));
    assert_eq!(refused(bench.create_group("g")), exists("log group"));
    assert_eq!(refused(bench.create_stream("g", "s")), exists("log stream"));
    assert_eq!(refused(bench.create_stream("x", "s")), missing("log group"));
    let delete = |group: &str, stream: &str| {
        Request::DeleteLogStream(DeleteLogStreamInput {
            log_group_name: group.into(),
            log_stream_name: stream.into(),
        })
    };
    assert_eq!(refused(bench.call::<DeleteLogStreamOutput>(delete("g", "x"))), missing("log stream"));
    assert_eq!(refused(bench.call::<DeleteLogStreamOutput>(delete("x", "s"))), missing("log group"));
    let delete = Request::DeleteLogGroup(DeleteLogGroupInput { log_group_name: "x".into() });
    assert_eq!(refused(bench.call::<DeleteLogGroupOutput>(delete)), missing("log group"));
}

#[test]
fn a_protected_group_is_not_deleted() {
    let mut bench = Bench::new();
    let input = CreateLogGroupInput {
        log_group_name: "g".into(),
        deletion_protection_enabled: Some(true),
        ..Default::default()
    };
    bench.call::<CreateLogGroupOutput>(Request::CreateLogGroup(input)).unwrap();
    let delete = Request::DeleteLogGroup(DeleteLogGroupInput { log_group_name: "g".into() });
    assert_eq!(refused(bench.call::<DeleteLogGroupOutput>(delete)).0, "ValidationException");
    let groups = bench.groups(DescribeLogGroupsInput::default()).log_groups.unwrap();
    assert_eq!(groups[0].deletion_protection_enabled, Some(true));
    let unprotect = PutLogGroupDeletionProtectionInput {
        log_group_identifier: "g".into(),
        deletion_protection_enabled: false,
    };
    let unprotect = Request::PutLogGroupDeletionProtection(unprotect);
    bench.call::<PutLogGroupDeletionProtectionOutput>(unprotect).unwrap();
    bench.restart();
    let delete = Request::DeleteLogGroup(DeleteLogGroupInput { log_group_name: "g".into() });
    bench.call::<DeleteLogGroupOutput>(delete).unwrap();
}

#[test]
fn groups_are_found_by_prefix_pattern_and_identifier() {
    let mut bench = Bench::new();
    for name in ["app/a", "app/b", "lib/app", "other"] {
        bench.create_group(name).unwrap();
    }
    let mut names = |input: DescribeLogGroupsInput| -> Vec<String> {
        let groups = bench.groups(input).log_groups.unwrap();
        groups.into_iter().map(|group| group.log_group_name.unwrap()).collect()
    };
    let all = DescribeLogGroupsInput::default;
    assert_eq!(
        names(DescribeLogGroupsInput { log_group_name_prefix: Some("app".into()), ..all() }),
        ["app/a", "app/b"]
    );
    assert_eq!(
        names(DescribeLogGroupsInput { log_group_name_pattern: Some("app".into()), ..all() }),
        ["app/a", "app/b", "lib/app"]
    );
    assert_eq!(
        names(DescribeLogGroupsInput { log_group_name_pattern: Some("APP".into()), ..all() }),
        [""; 0]
    );
    assert_eq!(
        names(DescribeLogGroupsInput {
            log_group_identifiers: Some(vec![
                "other".into(),
                "arn:aws:logs:us-east-1:000000000000:log-group:app/a".into(),
                "absent".into()
            ]),
            ..all()
        }),
        ["app/a", "other"]
    );
    assert_eq!(
        refused(bench.call::<DescribeLogGroupsOutput>(Request::DescribeLogGroups(DescribeLogGroupsInput {
            log_group_name_prefix: Some("a".into()),
            log_group_name_pattern: Some("a".into()),
            ..all()
        }))),
        (
            "InvalidParameterException".into(),
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.".into()
        )
    );
}

#[test]
fn a_search_by_pattern_tells_less_and_gives_a_token_until_nothing_is_found() {
    let mut bench = Bench::with_stream();
    let input = DescribeLogGroupsInput { log_group_name_pattern: Some("g".into()), ..Default::default() };
    let page = bench.groups(input.clone());
    let group = &page.log_groups.as_ref().unwrap()[0];
    assert_eq!((group.stored_bytes, group.deletion_protection_enabled), (None, None));
    let last = bench.groups(DescribeLogGroupsInput { next_token: page.next_token, ..input });
    assert_eq!((last.log_groups, last.next_token), (Some(vec![]), None));
}

#[test]
fn pages_of_groups_make_up_the_whole() {
    let mut bench = Bench::new();
    let expected: Vec<String> = (10..75).map(|n| format!("g{n}")).collect();
    for name in expected.iter().rev() {
        bench.create_group(name).unwrap();
    }
    for limit in [None, Some(1), Some(7), Some(50)] {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let page =
                bench.groups(DescribeLogGroupsInput { limit, next_token: token, ..Default::default() });
            found.extend(page.log_groups.unwrap().into_iter().map(|group| group.log_group_name.unwrap()));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{limit:?}");
    }
}

#[test]
fn streams_are_ordered_by_name_or_last_event() {
    let mut bench = Bench::with_stream();
    for name in ["a", "b", "c"] {
        bench.create_stream("g", name).unwrap();
    }
    bench.put("b", &[(-5_000, "x")]).unwrap();
    bench.put("a", &[(-1_000, "x")]).unwrap();
    let mut names = |order: Option<&str>, descending: bool, limit: Option<i32>| -> Vec<String> {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let page = bench
                .streams(DescribeLogStreamsInput {
                    order_by: order.map(Into::into),
                    descending: Some(descending),
                    limit,
                    next_token: token,
                    ..Default::default()
                })
                .unwrap();
            found.extend(page.log_streams.unwrap().into_iter().map(|stream| stream.log_stream_name.unwrap()));
            token = page.next_token;
            if token.is_none() {
                return found;
            }
        }
    };
    for limit in [None, Some(1), Some(3)] {
        assert_eq!(names(None, false, limit), ["a", "b", "c", "s"]);
        assert_eq!(names(Some("LogStreamName"), true, limit), ["s", "c", "b", "a"]);
        assert_eq!(names(Some("LastEventTime"), false, limit), ["c", "s", "b", "a"]);
        assert_eq!(names(Some("LastEventTime"), true, limit), ["a", "b", "s", "c"]);
    }
    let refusal = bench.streams(DescribeLogStreamsInput {
        order_by: Some("LastEventTime".into()),
        log_stream_name_prefix: Some("a".into()),
        ..Default::default()
    });
    assert_eq!(refused(refusal).1, "Cannot order by LastEventTime with a logStreamNamePrefix.");
    let bad = DescribeLogStreamsInput { next_token: Some("!".into()), ..Default::default() };
    assert_eq!(refused(bench.streams(bad)).1, "The specified nextToken is invalid.");
}

#[test]
fn a_stream_is_described_as_recorded_by_name_and_by_arn() {
    let mut bench = Bench::with_stream();
    let described = LogStream {
        log_stream_name: Some("s".into()),
        creation_time: Some(1_800_000_000_000),
        arn: Some("arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:s".into()),
        stored_bytes: Some(0),
        ..LogStream::default()
    };
    for identifier in [
        "g",
        "arn:aws:logs:us-east-1:000000000000:log-group:g",
        "arn:aws:logs:us-east-1:000000000000:log-group:g:*",
    ] {
        let input =
            DescribeLogStreamsInput { log_group_identifier: Some(identifier.into()), ..Default::default() };
        let page: DescribeLogStreamsOutput = bench.call(Request::DescribeLogStreams(input)).unwrap();
        assert_eq!(page.log_streams.as_ref(), Some(&vec![described.clone()]), "{identifier}");
    }
    let both = DescribeLogStreamsInput { log_group_identifier: Some("g".into()), ..Default::default() };
    assert_eq!(
        refused(bench.streams(both)),
        (
            "ValidationException".into(),
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.".into()
        )
    );
}

#[test]
fn retention_takes_the_days_that_aws_has() {
    let mut bench = Bench::with_stream();
    let put = |days| {
        Request::PutRetentionPolicy(PutRetentionPolicyInput {
            log_group_name: "g".into(),
            retention_in_days: days,
        })
    };
    bench.call::<PutRetentionPolicyOutput>(put(731)).unwrap();
    let groups = bench.groups(DescribeLogGroupsInput::default()).log_groups.unwrap();
    assert_eq!(groups[0].retention_in_days, Some(731));
    for days in [0, 2, -1, 10_000] {
        assert_eq!(refused(bench.call::<PutRetentionPolicyOutput>(put(days))).0, "InvalidParameterException");
    }
    let delete = Request::DeleteRetentionPolicy(DeleteRetentionPolicyInput { log_group_name: "g".into() });
    bench.call::<DeleteRetentionPolicyOutput>(delete).unwrap();
    let groups = bench.groups(DescribeLogGroupsInput::default()).log_groups.unwrap();
    assert_eq!(groups[0].retention_in_days, None);
}

#[test]
fn both_families_of_tag_operations_speak_of_the_same_tags() {
    let mut bench = Bench::with_stream();
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    let tags = |pairs: &[&str]| pairs.iter().map(|key| ((*key).to_owned(), "v".to_owned())).collect();
    let input = TagResourceInput { resource_arn: arn.into(), tags: tags(&["a", "b"]) };
    bench.call::<TagResourceOutput>(Request::TagResource(input)).unwrap();
    let input = TagLogGroupInput { log_group_name: "g".into(), tags: tags(&["c"]) };
    bench.call::<TagLogGroupOutput>(Request::TagLogGroup(input)).unwrap();
    let input = UntagResourceInput { resource_arn: arn.into(), tag_keys: vec!["a".into()] };
    bench.call::<UntagResourceOutput>(Request::UntagResource(input)).unwrap();
    let input = UntagLogGroupInput { log_group_name: "g".into(), tags: vec!["b".into()] };
    bench.call::<UntagLogGroupOutput>(Request::UntagLogGroup(input)).unwrap();
    bench.restart();
    let by_arn = ListTagsForResourceInput { resource_arn: arn.into() };
    let by_arn: ListTagsForResourceOutput = bench.call(Request::ListTagsForResource(by_arn)).unwrap();
    let by_name = ListTagsLogGroupInput { log_group_name: "g".into() };
    let by_name: ListTagsLogGroupOutput = bench.call(Request::ListTagsLogGroup(by_name)).unwrap();
    assert_eq!(by_arn.tags, Some(tags(&["c"])));
    assert_eq!(by_name.tags, by_arn.tags);
    let many = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    let input = TagResourceInput { resource_arn: arn.into(), tags: many };
    assert_eq!(
        refused(bench.call::<TagResourceOutput>(Request::TagResource(input))).0,
        "TooManyTagsException"
    );
    let input = TagResourceInput { resource_arn: arn.into(), tags: tags(&["aws:x"]) };
    assert_eq!(
        refused(bench.call::<TagResourceOutput>(Request::TagResource(input))).0,
        "InvalidParameterException"
    );
}

#[test]
fn what_the_model_forbids_is_worded_as_recorded() {
    let said = |operation: &str, member: &'static str, violation: Violation, value: &str| {
        let mut violations = Violations::new();
        violations.add(violation, || value.to_owned());
        violations.in_member(0, member);
        let operation = OPERATIONS.iter().find(|schema| schema.name == operation).unwrap();
        let error = Service::invalid(&Logs::default(), operation, &violations).unwrap();
        (error.code.into_owned(), error.message)
    };
    let invalid = |message: &str| ("InvalidParameterException".to_owned(), message.to_owned());
    assert_eq!(
        said("GetLogEvents", "limit", Violation::TooLarge(10_000), "10001"),
        invalid(
            "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: \
             Member must have value less than or equal to 10000"
        )
    );
    assert_eq!(
        said("CreateLogGroup", "logGroupName", Violation::TooLong(512), "x"),
        invalid("Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
    );
}
