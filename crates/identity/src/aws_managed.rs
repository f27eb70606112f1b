//! The policies that AWS manages and every account can attach.
//!
//! DEVIATION: only those that event-driven applications attach are here, and their documents hold what concerns the services that exist here. Any other
//! ARN under `arn:aws:iam::aws:policy/` names no policy, so that a role never seems to have permissions that nobody evaluates.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pontoon_core::Timestamp;
use pontoon_core::policy::Document;

use crate::state::name::Name;
use crate::state::role::PolicyText;

/// A policy managed by AWS.
#[derive(Clone, Debug)]
pub struct AwsManaged {
    /// Path and name.
    pub name: Name,
    /// `ANPA…`
    pub id: String,
    /// Number of the version in force.
    pub version: u32,
    /// When AWS made it.
    pub created: Timestamp,
    /// What it says.
    pub text: PolicyText,
}

/// Path, name, version in force, date of creation, and the actions that it allows on every resource.
type Entry = (&'static str, &'static str, u32, &'static str, &'static [&'static str]);

const LOGS: [&str; 3] = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
const STREAM: [&str; 4] =
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];

const ENTRIES: &[Entry] = &[
    ("/", "AdministratorAccess", 1, "2015-02-06", &["*"]),
    ("/", "AWSCloudFormationFullAccess", 1, "2019-07-26", &["cloudformation:*"]),
    (
        "/",
        "AWSCloudFormationReadOnlyAccess",
        7,
        "2015-02-06",
        &[
            "cloudformation:Describe*",
            "cloudformation:Get*",
            "cloudformation:List*",
            "cloudformation:ValidateTemplate",
        ],
    ),
    (
        "/",
        "AWSLambda_FullAccess",
        7,
        "2020-11-17",
        &[
            "lambda:*",
            "logs:Describe*",
            "logs:FilterLogEvents",
            "logs:GetLogEvents",
            "iam:GetRole",
            "iam:ListRoles",
        ],
    ),
    (
        "/",
        "AWSLambda_ReadOnlyAccess",
        5,
        "2020-11-17",
        &["lambda:Get*", "lambda:List*", "logs:Describe*", "logs:FilterLogEvents", "logs:GetLogEvents"],
    ),
    (
        "/",
        "AWSLambdaInvocation-DynamoDB",
        1,
        "2015-02-06",
        &["lambda:InvokeFunction", STREAM[0], STREAM[1], STREAM[2], STREAM[3]],
    ),
    (
        "/",
        "AWSXRayDaemonWriteAccess",
        2,
        "2018-08-28",
        &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    ),
    ("/", "AWSXrayWriteOnlyAccess", 2, "2016-12-01", &["xray:PutTraceSegments", "xray:PutTelemetryRecords"]),
    ("/", "AmazonDynamoDBFullAccess", 15, "2015-02-06", &["dynamodb:*", "cloudwatch:*", "sns:*", "lambda:*"]),
    ("/", "AmazonDynamoDBFullAccess_v2", 3, "2025-05-22", &["dynamodb:*"]),
    (
        "/",
        "AmazonDynamoDBReadOnlyAccess",
        15,
        "2015-02-06",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:Describe*",
            "dynamodb:Get*",
            "dynamodb:List*",
            "dynamodb:PartiQLSelect",
            "dynamodb:Query",
            "dynamodb:Scan",
        ],
    ),
    (
        "/",
        "AmazonEventBridgeFullAccess",
        7,
        "2019-07-11",
        &["events:*", "schemas:*", "scheduler:*", "pipes:*"],
    ),
    (
        "/",
        "AmazonEventBridgeReadOnlyAccess",
        6,
        "2019-07-11",
        &["events:Describe*", "events:List*", "events:TestEventPattern", "scheduler:Get*", "scheduler:List*"],
    ),
    ("/", "AmazonS3FullAccess", 2, "2015-02-06", &["s3:*"]),
    ("/", "AmazonS3ReadOnlyAccess", 3, "2015-02-06", &["s3:Get*", "s3:List*", "s3:Describe*"]),
    ("/", "AmazonSNSFullAccess", 2, "2015-02-06", &["sns:*"]),
    (
        "/",
        "AmazonSNSReadOnlyAccess",
        2,
        "2015-02-06",
        &["sns:GetTopicAttributes", "sns:GetSubscriptionAttributes", "sns:List*"],
    ),
    ("/", "AmazonSQSFullAccess", 1, "2015-02-06", &["sqs:*"]),
    (
        "/",
        "AmazonSQSReadOnlyAccess",
        4,
        "2015-02-06",
        &[
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListDeadLetterSourceQueues",
            "sqs:ListQueues",
            "sqs:ListMessageMoveTasks",
            "sqs:ListQueueTags",
        ],
    ),
    (
        "/",
        "CloudWatchEventsFullAccess",
        5,
        "2016-01-14",
        &["events:*", "schemas:*", "scheduler:*", "pipes:*"],
    ),
    ("/", "CloudWatchFullAccess", 4, "2015-02-06", &["cloudwatch:*", "logs:*", "sns:*"]),
    (
        "/",
        "CloudWatchFullAccessV2",
        15,
        "2023-08-01",
        &[
            "cloudwatch:*",
            "logs:*",
            "sns:CreateTopic",
            "sns:ListSubscriptions",
            "sns:ListTopics",
            "sns:Subscribe",
        ],
    ),
    ("/", "CloudWatchLogsFullAccess", 8, "2015-02-06", &["logs:*"]),
    (
        "/",
        "CloudWatchLogsReadOnlyAccess",
        12,
        "2015-02-06",
        &[
            "logs:Describe*",
            "logs:Get*",
            "logs:List*",
            "logs:StartQuery",
            "logs:StopQuery",
            "logs:FilterLogEvents",
        ],
    ),
    (
        "/",
        "CloudWatchReadOnlyAccess",
        24,
        "2015-02-06",
        &[
            "cloudwatch:Describe*",
            "cloudwatch:Get*",
            "cloudwatch:List*",
            "logs:Describe*",
            "logs:Get*",
            "logs:FilterLogEvents",
        ],
    ),
    ("/", "IAMFullAccess", 2, "2015-02-06", &["iam:*"]),
    ("/", "IAMReadOnlyAccess", 4, "2015-02-06", &["iam:Get*", "iam:List*", "iam:Simulate*"]),
    (
        "/",
        "ReadOnlyAccess",
        182,
        "2015-02-06",
        &[
            "cloudformation:Describe*",
            "cloudformation:Get*",
            "cloudformation:List*",
            "cloudwatch:Describe*",
            "cloudwatch:Get*",
            "cloudwatch:List*",
            "dynamodb:BatchGetItem",
            "dynamodb:Describe*",
            "dynamodb:Get*",
            "dynamodb:List*",
            "dynamodb:Query",
            "dynamodb:Scan",
            "events:Describe*",
            "events:List*",
            "events:TestEventPattern",
            "iam:Get*",
            "iam:List*",
            "lambda:Get*",
            "lambda:List*",
            "logs:Describe*",
            "logs:FilterLogEvents",
            "logs:Get*",
            "logs:List*",
            "s3:Get*",
            "s3:List*",
            "sns:Get*",
            "sns:List*",
            "sqs:Get*",
            "sqs:List*",
            "sqs:Receive*",
        ],
    ),
    ("/service-role/", "AWSLambdaBasicExecutionRole", 1, "2015-04-09", &LOGS),
    (
        "/service-role/",
        "AWSLambdaDynamoDBExecutionRole",
        1,
        "2015-04-09",
        &[STREAM[0], STREAM[1], STREAM[2], STREAM[3], LOGS[0], LOGS[1], LOGS[2]],
    ),
    (
        "/service-role/",
        "AWSLambdaKinesisExecutionRole",
        2,
        "2015-04-09",
        &[
            "kinesis:Describe*",
            "kinesis:Get*",
            "kinesis:List*",
            "kinesis:SubscribeToShard",
            LOGS[0],
            LOGS[1],
            LOGS[2],
        ],
    ),
    ("/service-role/", "AWSLambdaRole", 1, "2015-02-06", &["lambda:InvokeFunction"]),
    (
        "/service-role/",
        "AWSLambdaSQSQueueExecutionRole",
        1,
        "2018-06-14",
        &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", LOGS[0], LOGS[1], LOGS[2]],
    ),
    (
        "/service-role/",
        "AWSLambdaVPCAccessExecutionRole",
        3,
        "2016-02-11",
        &[
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
            LOGS[0],
            LOGS[1],
            LOGS[2],
        ],
    ),
];

/// The managed policy of this ARN.
#[must_use]
pub fn find(arn: &str) -> Option<&'static AwsManaged> {
    all().get(arn)
}

/// All of them by ARN.
pub fn all() -> &'static BTreeMap<String, AwsManaged> {
    static ALL: OnceLock<BTreeMap<String, AwsManaged>> = OnceLock::new();
    ALL.get_or_init(|| {
        let whole = [
            ("/", "PowerUserAccess", 12, "2015-02-06", power_user()),
            ("/", "AWSLambdaExecute", 1, "2015-02-06", execute()),
        ];
        let simple = ENTRIES.iter().map(|&(path, name, version, date, actions)| {
            (
                path,
                name,
                version,
                date,
                document(&serde_json::json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}])),
            )
        });
        simple.chain(whole).map(entry).collect()
    })
}

fn document(statements: &serde_json::Value) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)
}

fn power_user() -> String {
    document(&serde_json::json!([
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["iam:ListRoles"], "Resource": "*"},
    ]))
}

fn execute() -> String {
    document(&serde_json::json!([
        {"Effect": "Allow", "Action": ["logs:*"], "Resource": "arn:aws:logs:*:*:*"},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::*"},
    ]))
}

fn entry((path, name, version, date, json): (&str, &str, u32, &str, String)) -> (String, AwsManaged) {
    let document = match Document::parse_identity(&json) {
        Ok(document) => document,
        Err(error) => panic!("the documents here are well-formed, as a test sees to: {name}: {error}"),
    };
    let arn = format!("arn:aws:iam::aws:policy{path}{name}");
    let policy = AwsManaged {
        name: Name::new(Some(path.into()), name.into()),
        id: format!("ANPA{}", crate::ops::stable_id(&arn)),
        version,
        created: Timestamp::parse_iso(&format!("{date}T00:00:00Z")).unwrap_or_default(),
        text: PolicyText { json, document },
    };
    (arn, policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_parses_and_every_date_is_one() {
        assert_eq!(all().len(), ENTRIES.len() + 2);
        for (arn, policy) in all() {
            assert!(policy.text.document.is_current_version(), "{arn}");
            assert!(policy.created > Timestamp::EPOCH, "{arn}");
            assert_eq!(policy.id.len(), 21, "{arn}");
        }
        assert!(find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").is_some());
        assert!(find("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole").is_none());
    }
}
