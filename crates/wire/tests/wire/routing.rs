//! Where requests go.

use pontoon_wire::protocol::query::form;
use pontoon_wire::routing::{Refusal, Route, Router};

use crate::toy::SERVICES;

/// `service:Operation in Protocol [labels]`, or why not.
fn told(route: Result<Route, Refusal>) -> String {
    match route {
        Ok(Route::Operation(routed)) => {
            let labels: Vec<String> =
                routed.labels.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{:?} in {:?}{}", routed.operation, routed.protocol, labels.concat())
        }
        Ok(Route::Form) => "form".to_owned(),
        Err(refusal) => {
            let service = refusal.service.map_or("nobody", |service| service.id);
            let error = refusal.error;
            format!("{service} in {:?}: {} {}", refusal.protocol, error.status, error.code)
        }
    }
}

/// Routes `METHOD target`, with headers as `name: value` lines behind it.
fn routed(request: &str, signed_for: Option<&str>) -> String {
    let mut lines = request.lines();
    let (method, uri) = lines.next().and_then(|line| line.split_once(' ')).unwrap();
    let mut builder = http::Request::builder().method(method).uri(uri);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    told(Router::new(SERVICES).by_head(&builder.body(()).unwrap().into_parts().0, signed_for))
}

#[track_caller]
fn check(request: &str, signed_for: Option<&str>, expected: &str) {
    assert_eq!(routed(request, signed_for), expected, "{request} signed for {signed_for:?}");
}

#[test]
fn targets_and_cbor_paths_name_service_and_operation() {
    check("POST /\nx-amz-target: AmazonSQS.Echo", None, "sqs:Echo in Json10");
    check(
        "POST /anywhere\nx-amz-target: AmazonSQS.Echo\ncontent-type: application/x-amz-json-1.1",
        Some("s3"),
        "sqs:Echo in Json11",
    );
    check("POST /\nx-amz-target: AmazonSQS.Levitate", None, "sqs in Json10: 501 NotSupportedByPontoon");
    check("POST /\nx-amz-target: AmazonSQS.", None, "sqs in Json10: 400 UnknownOperationException");
    check(
        "POST /\nx-amz-target: AmazonSSM.GetParameter",
        None,
        "nobody in Json10: 501 NotSupportedByPontoon",
    );
    check("POST /\nx-amz-target: ", None, "nobody in Json10: 501 NotSupportedByPontoon");
    let cbor = "/service/GraniteServiceVersion20100801/operation";
    check(&format!("POST {cbor}/PutEcho"), None, "monitoring:PutEcho in Cbor");
    check(&format!("POST /prefix{cbor}/PutEcho"), None, "monitoring:PutEcho in Cbor");
    check(&format!("POST {cbor}/Levitate"), None, "monitoring in Cbor: 501 NotSupportedByPontoon");
    check(&format!("POST {cbor}/Nonsense"), None, "monitoring in Cbor: 400 UnknownOperationException");
    check("POST /service/Other/operation/X", None, "nobody in Cbor: 501 NotSupportedByPontoon");
}

#[test]
fn forms_are_told_by_type_or_action_unless_they_are_signed_for_a_rest_service() {
    let form = "content-type: application/x-www-form-urlencoded";
    check(&format!("POST /\n{form}"), None, "form");
    check(&format!("POST /000000000000/queue\n{form}; charset=utf-8"), Some("sqs"), "form");
    check("GET /?Version=1&Action=Echo", None, "form");
    check(
        &format!("POST /2015-03-31/things/x\n{form}"),
        Some("lambda"),
        "lambda:CreateThing in RestJson Text=x",
    );
    check(&format!("PUT /bucket/key\n{form}"), None, "s3:PutThing in RestXml Bucket=bucket Text=key");
    check("GET /?Action=Echo", Some("s3"), "s3 in RestXml: 501 NotSupportedByPontoon");
}

#[test]
fn actions_belong_to_the_signed_service_or_the_version_or_the_only_one_that_has_them() {
    let routed = |body: &str, signed_for: Option<&str>| {
        let pairs = form::parse(body.as_bytes()).unwrap();
        told(Router::new(SERVICES).by_form(&pairs, signed_for).map(Route::Operation))
    };
    assert_eq!(routed("Action=Echo", Some("sqs")), "sqs:Echo in Query");
    assert_eq!(routed("Action=Echo", Some("sns")), "sns:Echo in Query");
    assert_eq!(routed("Action=Echo&Version=2010-03-31", None), "sns:Echo in Query");
    assert_eq!(routed("Action=Publish", None), "sns:Publish in Query");
    assert_eq!(routed("Action=Echo", None), "nobody in Query: 400 InvalidAction");
    assert_eq!(routed("Action=Publish", Some("sqs")), "sqs in Query: 400 InvalidAction");
    assert_eq!(routed("Action=Levitate", Some("sns")), "sns in Query: 501 NotSupportedByPontoon");
    assert_eq!(routed("Action=DescribeInstances", Some("ec2")), "nobody in Query: 501 NotSupportedByPontoon");
    assert_eq!(routed("Version=2010-03-31", None), "nobody in Query: 400 MissingAction");
    assert_eq!(routed("", Some("sns")), "sns in Query: 400 MissingAction");
}

#[test]
fn paths_are_matched_by_template_method_and_parameters() {
    check("POST /2015-03-31/things/", None, "lambda in RestJson: 501 NotSupportedByPontoon");
    check("POST /2015-03-31/things/a%2Fb/", None, "lambda:CreateThing in RestJson Text=a/b");
    check("POST /2015-03-31/things/f/invocations", None, "lambda:Invoke in RestJson Text=f");
    check("DELETE /2015-03-31/things/f", None, "lambda in RestJson: 501 NotSupportedByPontoon");
    check("POST /2099-01-01/other", Some("lambda"), "lambda in RestJson: 501 NotSupportedByPontoon");
    check("PUT /b/a%20b//c/", None, "s3:PutThing in RestXml Bucket=b Text=a b//c/");
    check("PUT /b/k?tagging", None, "s3:TagThing in RestXml Bucket=b Text=k");
    check("PUT /b/k?tagging=", None, "s3:TagThing in RestXml Bucket=b Text=k");
    check("PUT /b/k?x-id=PutObject", None, "s3:PutThing in RestXml Bucket=b Text=k");
    check("PUT /b/k?acl", None, "s3 in RestXml: 501 NotSupportedByPontoon");
    check("PUT /b/k?partNumber=1&uploadId=x", None, "s3 in RestXml: 501 NotSupportedByPontoon");
    check("GET /b?list-type=2&prefix=x", None, "s3:ListObjectsV2 in RestXml Bucket=b");
    check("GET /b/?list-type=2", None, "s3:ListObjectsV2 in RestXml Bucket=b");
    check("GET /b?list-type=1", None, "s3 in RestXml: 501 NotSupportedByPontoon");
    check("PUT /b/%ff", None, "s3 in RestXml: 400 InvalidURI");
    check("GET /", None, "nobody in Json10: 404 UnknownOperationException");
    check("GET /", Some("ec2"), "nobody in Json10: 501 NotSupportedByPontoon");
    check("GET /x", Some("sqs"), "sqs in Json10: 400 UnknownOperationException");
}

#[test]
fn buckets_in_host_names_stand_before_the_path() {
    for host in [
        "b.s3.localhost:4566",
        "b.localhost",
        "b.s3.amazonaws.com",
        "b.s3.eu-west-1.amazonaws.com",
        "b.s3-eu-west-1.amazonaws.com",
        "b.s3.us-east-1.localhost:4566",
    ] {
        check(&format!("PUT /k\nhost: {host}"), None, "s3:PutThing in RestXml Bucket=b Text=k");
    }
    check("GET /?list-type=2\nhost: b.localhost", None, "s3:ListObjectsV2 in RestXml Bucket=b");
    check("PUT /b/k\nhost: s3.localhost:4566", None, "s3:PutThing in RestXml Bucket=b Text=k");
    check("PUT /b/k\nhost: 127.0.0.1:4566", None, "s3:PutThing in RestXml Bucket=b Text=k");
    check(
        "POST /2015-03-31/things/f\nhost: lambda.localhost",
        Some("lambda"),
        "lambda:CreateThing in RestJson Text=f",
    );
}
