//! Whole operations against scripted services: what is called, what the events say, and what is left.

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pontoon_api::cloudformation as api;
use pontoon_core::policy::{Document, ServiceRole};
use pontoon_core::{Scope, Service, Timestamp};

use crate::CloudFormation;
use world::{World, url};

const TWO: &str = "
Resources:
  Main:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 30
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Dead:
    Type: AWS::SQS::Queue
Outputs:
  Url: {Value: !Ref Main, Export: {Name: !Sub '${AWS::StackName}:url'}}
  Name: {Value: !GetAtt Dead.QueueName, Description: d}
";

#[test]
fn a_stack_is_created_in_the_order_of_its_dependencies_and_deleted_in_the_opposite() {
    let mut world = World::new();
    world.create(TWO).unwrap();
    assert_eq!(world.status().0, "CREATE_COMPLETE");
    let dead = world.fake.queues.keys().find(|name| name.contains("Dead")).cloned().unwrap();
    let main = world.fake.queues.keys().find(|name| name.contains("Main")).cloned().unwrap();
    let redrive = world.fake.queues[&main]["RedrivePolicy"].clone();
    assert_eq!(
        redrive,
        format!(
            "{{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:{dead}\",\"maxReceiveCount\":3}}"
        )
    );
    world.delete();
    assert_eq!(world.status().0, "DELETE_COMPLETE");
    assert!(world.fake.queues.is_empty());
    insta::assert_snapshot!(world.events());
}

#[test]
fn outputs_and_exports_are_seen_and_kept_while_they_are_imported() {
    let mut world = World::new();
    world.create(TWO).unwrap();
    let importing = "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: other, KmsMasterKeyId: !ImportValue 'stack:url'}}}";
    let input = api::CreateStackInput {
        stack_name: "other".to_owned(),
        template_body: Some(importing.to_owned()),
        ..Default::default()
    };
    world.request(api::Request::CreateStack(input)).unwrap();
    let main = world.fake.queues.keys().find(|name| name.contains("Main")).cloned().unwrap();
    assert_eq!(world.fake.queues["other"]["KmsMasterKeyId"], url(&main));
    let stacks = world.cloudformation.state.get(Scope::default()).unwrap();
    assert_eq!(stacks.importers("stack:url"), ["other"]);
    let input = api::DeleteStackInput { stack_name: "stack".to_owned(), ..Default::default() };
    world.request(api::Request::DeleteStack(input)).unwrap();
    let stacks = world.cloudformation.state.get(Scope::default()).unwrap();
    let stack = stacks.find("stack").unwrap();
    assert_eq!(stack.status.name(), "DELETE_FAILED");
    assert_eq!(
        stack.status_reason.as_deref(),
        Some("Delete canceled. Cannot delete export stack:url as it is in use by other.")
    );
}

#[test]
fn a_failed_creation_deletes_what_it_made() {
    let mut world = World::new();
    let template = "
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: a}}
  B: {Type: AWS::SQS::Queue, DependsOn: A, Properties: {QueueName: b}}
  C: {Type: AWS::SQS::Queue, DependsOn: B, Properties: {QueueName: c}}
";
    world.fake.failing.insert("CreateQueue b".to_owned(), 0);
    world.create(template).unwrap();
    assert!(world.queues().is_empty());
    insta::assert_snapshot!(world.events());
    world.delete();
    assert_eq!(world.status().0, "DELETE_COMPLETE");
}

#[test]
fn what_is_being_made_when_something_else_fails_is_deleted_too() {
    let mut world = World::new();
    world.fake.failing.insert("CreateQueue a".to_owned(), 0);
    let template = "
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: a}}
  B: {Type: AWS::SQS::Queue, Properties: {QueueName: b}}
  T:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: t, AttributeDefinitions: [{AttributeName: k, AttributeType: S}], KeySchema: [{AttributeName: k, KeyType: HASH}], BillingMode: PAY_PER_REQUEST}
";
    world.create(template).unwrap();
    assert_eq!(world.status().0, "ROLLBACK_COMPLETE");
    assert!(world.fake.queues.is_empty() && world.fake.tables.is_empty());
    insta::assert_snapshot!(world.events());
}

#[test]
fn what_exists_already_is_not_taken_over_nor_deleted() {
    let mut world = World::new();
    world.fake.queues.insert("a".to_owned(), BTreeMap::new());
    world.create("Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: a}}").unwrap();
    assert_eq!(world.status().0, "ROLLBACK_COMPLETE");
    assert!(world.fake.queues.contains_key("a"));
    assert!(world.events().contains(
        "A [] CREATE_FAILED: Resource handler returned message: \"Resource of type 'AWS::SQS::Queue' with identifier 'a' \
         already exists.\" (RequestToken: *, HandlerErrorCode: AlreadyExists)"
    ));
}

#[test]
fn properties_that_do_not_fit_fail_their_resource_by_name() {
    let mut world = World::new();
    world
        .create(
            "Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueNam: a, VisibilityTimeout: soon}}",
        )
        .unwrap();
    let (status, reason) = world.status();
    assert_eq!(status, "ROLLBACK_COMPLETE");
    assert_eq!(reason, "");
    assert!(world.events().contains(
        "A [] CREATE_FAILED: Property validation failure: [Encountered unsupported properties in {/}: [QueueNam], Value of \
         property {/VisibilityTimeout} does not match type {Integer}]"
    ));
}

#[test]
fn on_failure_decides_what_is_left() {
    for (on_failure, status, left) in [
        ("DO_NOTHING", "CREATE_FAILED", 1),
        ("DELETE", "DELETE_COMPLETE", 0),
        ("ROLLBACK", "ROLLBACK_COMPLETE", 0),
    ] {
        let mut world = World::new();
        world.fake.failing.insert("CreateQueue b".to_owned(), 0);
        let template = "
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: a}}
  B: {Type: AWS::SQS::Queue, DependsOn: A, Properties: {QueueName: b}}
";
        let input = api::CreateStackInput {
            template_body: Some(template.to_owned()),
            on_failure: Some(on_failure.to_owned()),
            ..Default::default()
        };
        world.create_with(input).unwrap();
        assert_eq!((world.status().0.as_str(), world.fake.queues.len()), (status, left), "{on_failure}");
    }
}

#[test]
fn an_update_changes_in_place_replaces_adds_and_removes() {
    let mut world = World::new();
    world
        .create(
            "
Resources:
  Changed: {Type: AWS::SQS::Queue, Properties: {QueueName: changed, VisibilityTimeout: 30}}
  Same: {Type: AWS::SQS::Queue, Properties: {QueueName: same}}
  Replaced: {Type: AWS::SQS::Queue, Properties: {QueueName: old}}
  Removed: {Type: AWS::SQS::Queue, Properties: {QueueName: removed}}
",
        )
        .unwrap();
    world.fake.calls.clear();
    world
        .update(
            "
Resources:
  Changed: {Type: AWS::SQS::Queue, Properties: {QueueName: changed, VisibilityTimeout: 60}}
  Same: {Type: AWS::SQS::Queue, Properties: {QueueName: same}}
  Replaced: {Type: AWS::SQS::Queue, Properties: {QueueName: new}}
  Added: {Type: AWS::SQS::Queue, Properties: {QueueName: added}}
",
        )
        .unwrap();
    assert_eq!(world.status().0, "UPDATE_COMPLETE");
    assert_eq!(world.queues(), ["added", "changed", "new", "same"].map(str::to_owned).into());
    assert_eq!(world.fake.queues["changed"]["VisibilityTimeout"], "60");
    insta::assert_snapshot!(world.fake.calls.join("\n"));
    let events = world.events();
    insta::assert_snapshot!(events.split_once("stack [] UPDATE_IN_PROGRESS").unwrap().1);
}

#[test]
fn a_failed_update_restores_the_resources_themselves() {
    let mut world = World::new();
    world
        .create(
            "
Resources:
  Changed: {Type: AWS::SQS::Queue, Properties: {QueueName: changed, VisibilityTimeout: 30}}
  Replaced: {Type: AWS::SQS::Queue, Properties: {QueueName: old}}
  Removed: {Type: AWS::SQS::Queue, Properties: {QueueName: removed}}
",
        )
        .unwrap();
    let before = world.fake.queues.clone();
    world.fake.failing.insert("CreateQueue last".to_owned(), 0);
    world
        .update(
            "
Resources:
  Changed: {Type: AWS::SQS::Queue, Properties: {QueueName: changed, VisibilityTimeout: 60, DelaySeconds: 5}}
  Replaced: {Type: AWS::SQS::Queue, Properties: {QueueName: new}}
  Added: {Type: AWS::SQS::Queue, Properties: {QueueName: added}}
  Last: {Type: AWS::SQS::Queue, DependsOn: [Changed, Replaced, Added], Properties: {QueueName: last}}
",
        )
        .unwrap();
    let (status, _) = world.status();
    assert_eq!(status, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(world.fake.queues.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert_eq!(world.fake.queues["changed"]["VisibilityTimeout"], "30");
    assert_eq!(world.fake.queues["changed"]["DelaySeconds"], "0");
    let events = world.events();
    insta::assert_snapshot!(events.split_once("stack [] UPDATE_IN_PROGRESS").unwrap().1);
    // The stack is as it was, so the same template changes nothing.
    let error = world
        .update(
            "
Resources:
  Changed: {Type: AWS::SQS::Queue, Properties: {QueueName: changed, VisibilityTimeout: 30}}
  Replaced: {Type: AWS::SQS::Queue, Properties: {QueueName: old}}
  Removed: {Type: AWS::SQS::Queue, Properties: {QueueName: removed}}
",
        )
        .unwrap_err();
    assert_eq!(error.message, "No updates are to be performed.");
}

#[test]
fn what_was_left_of_a_failed_creation_can_be_completed() {
    let mut world = World::new();
    world.fake.failing.insert("CreateQueue b".to_owned(), 0);
    let template = "
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: a}}
  B: {Type: AWS::SQS::Queue, DependsOn: A, Properties: {QueueName: b}}
  C: {Type: AWS::SQS::Queue, DependsOn: B, Properties: {QueueName: c}}
";
    let input = api::CreateStackInput {
        template_body: Some(template.to_owned()),
        disable_rollback: Some(true),
        ..Default::default()
    };
    world.create_with(input).unwrap();
    assert_eq!(
        world.status(),
        ("CREATE_FAILED".to_owned(), "The following resource(s) failed to create: [B]. ".to_owned())
    );
    world.update(template).unwrap();
    assert_eq!(world.status().0, "UPDATE_COMPLETE");
    assert_eq!(world.queues(), ["a", "b", "c"].map(str::to_owned).into());
    assert_eq!(world.fake.calls.iter().filter(|call| *call == "CreateQueue a").count(), 1);
}

#[test]
fn a_custom_name_cannot_be_used_twice_for_a_replacement() {
    let mut world = World::new();
    let template = |fifo: &str| {
        format!("Resources:\n  A: {{Type: AWS::SQS::Queue, Properties: {{QueueName: a{fifo}}}}}")
    };
    world.create(&template("")).unwrap();
    world.update(&template(", FifoQueue: true")).unwrap();
    assert_eq!(world.status().0, "UPDATE_ROLLBACK_COMPLETE");
    assert!(world.events().contains(
        "A [a] UPDATE_FAILED: CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename a \
         and update the stack again."
    ));
    assert_eq!(world.queues(), ["a".to_owned()].into());
}

#[test]
fn a_rollback_that_fails_can_be_continued() {
    let mut world = World::new();
    let template = |timeout: u32, extra: &str| {
        format!(
            "Resources:\n  A: {{Type: AWS::SQS::Queue, Properties: {{QueueName: a, VisibilityTimeout: {timeout}}}}}\n{extra}"
        )
    };
    world.create(&template(30, "")).unwrap();
    world.fake.failing.insert("CreateQueue b".to_owned(), 0);
    // Changing A succeeds and changing it back does not.
    world.fake.failing.insert("SetQueueAttributes a".to_owned(), 1);
    world
        .update(&template(60, "  B: {Type: AWS::SQS::Queue, DependsOn: A, Properties: {QueueName: b}}\n"))
        .unwrap();
    assert_eq!(
        world.status(),
        ("UPDATE_ROLLBACK_FAILED".to_owned(), "The following resource(s) failed to update: [A]. ".to_owned())
    );
    assert_eq!(world.fake.queues["a"]["VisibilityTimeout"], "60");
    world.restart();
    let input = api::ContinueUpdateRollbackInput { stack_name: "stack".to_owned(), ..Default::default() };
    world.request(api::Request::ContinueUpdateRollback(input)).unwrap();
    assert_eq!(world.status().0, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(world.fake.queues["a"]["VisibilityTimeout"], "30");
}

#[test]
fn retained_things_stay() {
    let mut world = World::new();
    world
        .create(
            "
Resources:
  Kept: {Type: AWS::SQS::Queue, DeletionPolicy: Retain, Properties: {QueueName: kept}}
  Replaced: {Type: AWS::SQS::Queue, UpdateReplacePolicy: Retain, Properties: {QueueName: old}}
",
        )
        .unwrap();
    world
        .update(
            "
Resources:
  Kept: {Type: AWS::SQS::Queue, DeletionPolicy: Retain, Properties: {QueueName: kept}}
  Replaced: {Type: AWS::SQS::Queue, UpdateReplacePolicy: Retain, Properties: {QueueName: new}}
",
        )
        .unwrap();
    world.delete();
    assert_eq!(world.status().0, "DELETE_COMPLETE");
    assert_eq!(world.queues(), ["kept", "old"].map(str::to_owned).into());
    assert!(world.events().contains("Kept [kept] DELETE_SKIPPED"));
    assert!(world.events().contains("Replaced [old] DELETE_SKIPPED"));
}

#[test]
fn what_cannot_be_deleted_is_named_and_can_be_retained() {
    let mut world = World::new();
    world.create("Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: a}}").unwrap();
    world.fake.failing.insert("DeleteQueue a".to_owned(), 0);
    world.delete();
    assert_eq!(
        world.status(),
        ("DELETE_FAILED".to_owned(), "The following resource(s) failed to delete: [A]. ".to_owned())
    );
    let input = api::DeleteStackInput {
        stack_name: "stack".to_owned(),
        retain_resources: Some(vec!["A".to_owned()]),
        ..Default::default()
    };
    world.request(api::Request::DeleteStack(input)).unwrap();
    assert_eq!(world.status().0, "DELETE_COMPLETE");
    assert!(world.fake.queues.contains_key("a"));
}

const TABLE: &str = "
Resources:
  T:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: t
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
  Q: {Type: AWS::SQS::Queue, DependsOn: T, Properties: {QueueName: q}}
";

#[test]
fn a_resource_that_needs_time_is_waited_for() {
    let mut world = World::new();
    world.fake.creating = 3;
    world.create(TABLE).unwrap();
    assert_eq!(world.status().0, "CREATE_IN_PROGRESS");
    assert!(world.fake.queues.is_empty());
    world.settle();
    assert_eq!(world.status().0, "CREATE_COMPLETE");
    assert!(world.now > Timestamp::from_secs(1_700_000_000));
}

#[test]
fn a_creation_out_of_time_is_rolled_back() {
    let mut world = World::new();
    world.fake.creating = 10_000;
    let input = api::CreateStackInput {
        template_body: Some(TABLE.to_owned()),
        timeout_in_minutes: Some(1),
        ..Default::default()
    };
    world.create_with(input).unwrap();
    let began = world.now;
    world.settle();
    assert_eq!(world.status().0, "ROLLBACK_COMPLETE");
    assert_eq!(world.now.since(began), Duration::from_secs(60));
    assert!(world.events().contains("T [t] CREATE_FAILED: Resource creation cancelled"));
    assert!(world.fake.tables.is_empty());
}

#[test]
fn a_restart_in_the_middle_goes_on_where_it_was() {
    let mut world = World::new();
    world.fake.creating = 3;
    world.create(TABLE).unwrap();
    world.restart();
    assert_eq!(world.status().0, "CREATE_IN_PROGRESS");
    world.settle();
    assert_eq!(world.status().0, "CREATE_COMPLETE");
    assert_eq!(world.fake.calls.iter().filter(|call| *call == "CreateTable t").count(), 1);
    let before = world.events();
    world.restart();
    assert_eq!(world.status().0, "CREATE_COMPLETE");
    world.delete();
    assert_eq!(world.status().0, "DELETE_COMPLETE");
    assert!(world.events().starts_with(&before), "events go on behind those of before the restart");
}

#[test]
fn calls_whose_answers_were_lost_are_made_again() {
    let mut world = World::new();
    world.deaf = true;
    world.create("Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: a}}").unwrap();
    assert_eq!(world.status().0, "CREATE_IN_PROGRESS");
    world.restart();
    world.settle();
    assert_eq!(world.status().0, "CREATE_COMPLETE");
}

#[test]
fn a_large_stack_does_not_hold_up_everybody_else() {
    let mut world = World::new();
    let queues: String = (0..40).map(|index| format!("  Q{index}: {{Type: AWS::SQS::Queue}}\n")).collect();
    let input = api::CreateStackInput {
        stack_name: "stack".to_owned(),
        template_body: Some(format!("Resources:\n{queues}")),
        ..Default::default()
    };
    let request = api::Request::CreateStack(input);
    assert!(world.command(|cloudformation, step| cloudformation.call(step, Box::new(request))).is_ok());
    assert!(world.fake.queues.is_empty(), "the request is answered first");
    world.command(|cloudformation, step| cloudformation.run_due(step));
    assert_eq!(world.fake.queues.len(), super::TASKS_PER_COMMAND);
    world.restart();
    assert_eq!(world.status().0, "CREATE_COMPLETE");
    assert_eq!(world.fake.queues.len(), 40);
}

#[test]
fn a_change_set_says_what_would_change_and_does_it() {
    let mut world = World::new();
    let template = |visibility: u32, name: &str| {
        format!(
            "
Parameters: {{V: {{Type: Number}}}}
Resources:
  A: {{Type: AWS::SQS::Queue, Properties: {{VisibilityTimeout: !Ref V, DelaySeconds: {visibility}}}}}
  B: {{Type: AWS::SQS::Queue, Properties: {{QueueName: {name}}}}}
  C: {{Type: AWS::SQS::Queue, Properties: {{QueueName: c, KmsMasterKeyId: !GetAtt B.Arn}}}}
"
        )
    };
    let change_set = |name: &str, kind: &str, template: String, v: &str| {
        api::Request::CreateChangeSet(api::CreateChangeSetInput {
            stack_name: "stack".to_owned(),
            change_set_name: name.to_owned(),
            change_set_type: Some(kind.to_owned()),
            template_body: Some(template),
            parameters: Some(vec![api::Parameter {
                parameter_key: Some("V".to_owned()),
                parameter_value: Some(v.to_owned()),
                ..Default::default()
            }]),
            ..Default::default()
        })
    };
    let execute = |name: &str| {
        api::Request::ExecuteChangeSet(api::ExecuteChangeSetInput {
            stack_name: Some("stack".to_owned()),
            change_set_name: name.to_owned(),
            ..Default::default()
        })
    };
    world.request(change_set("first", "CREATE", template(1, "b"), "30")).unwrap();
    assert_eq!(world.status().0, "REVIEW_IN_PROGRESS");
    world.restart();
    world.request(execute("first")).unwrap();
    assert_eq!(world.status().0, "CREATE_COMPLETE");
    world.request(change_set("second", "UPDATE", template(2, "b2"), "31")).unwrap();
    insta::assert_snapshot!(world.changes("second"));
    world.request(change_set("same", "UPDATE", template(1, "b"), "30")).unwrap();
    insta::assert_snapshot!(world.changes("same"));
    assert_eq!(
        world.request(execute("same")).unwrap_err().message.split_once("] ").unwrap().1,
        "cannot be executed in its current status of [FAILED]"
    );
    world.request(execute("second")).unwrap();
    assert_eq!(world.status().0, "UPDATE_COMPLETE");
    assert_eq!(world.queues(), ["stack-A-*", "b2", "c"].map(str::to_owned).into());
    let missing = world.request(execute("same")).unwrap_err();
    assert_eq!((&*missing.code, missing.status), ("ChangeSetNotFound", 404));
}

#[test]
fn requests_that_cannot_be_are_refused_at_once() {
    let mut world = World::new();
    let mut refused = |template: &str| world.create(template).unwrap_err().message;
    assert_eq!(
        refused("Resources: {A: {Type: 'AWS::Bogus::Thing'}}"),
        "Template format error: Unrecognized resource types: [AWS::Bogus::Thing]"
    );
    assert_eq!(
        refused(
            "Mappings: {M: {A: {k: v}}}\nResources: {A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !FindInMap [M, C, Suffix]}}}"
        ),
        "Template error: Unable to get mapping for M::C::Suffix"
    );
    assert_eq!(
        refused("Parameters: {Input: {Type: String}}\nResources: {A: {Type: 'AWS::SQS::Queue'}}"),
        "Parameters: [Input] must have values"
    );
    let role =
        "Resources: {A: {Type: 'AWS::IAM::Role', Properties: {RoleName: r, AssumeRolePolicyDocument: {}}}}";
    assert_eq!(refused(role), "Requires capabilities : [CAPABILITY_NAMED_IAM]");
    assert!(world.fake.calls.is_empty());
}

#[test]
fn an_attribute_that_a_type_does_not_have_fails_the_stack() {
    let mut world = World::new();
    world
        .create("Resources: {A: {Type: 'AWS::SQS::Queue'}}\nOutputs: {O: {Value: !GetAtt A.Invalid}}")
        .unwrap();
    assert_eq!(world.status().0, "ROLLBACK_COMPLETE");
    assert!(world.events().contains(
        "stack [] ROLLBACK_IN_PROGRESS: [Error] /Outputs/O/Value/Fn::GetAtt: Resource type AWS::SQS::Queue does not support \
         attribute {Invalid}. Rollback requested by user."
    ));
    assert!(world.fake.calls.is_empty());
}

#[test]
fn a_role_must_be_there_and_let_cloudformation_assume_it() {
    let mut world = World::new();
    // Whom the role trusts that is asked for, if it is there.
    let trusted = Arc::new(std::sync::Mutex::new(Some("lambda")));
    let look_up = Arc::clone(&trusted);
    world.cloudformation = CloudFormation::new(Some(Arc::new(move |_| {
        let service = (*look_up.lock().unwrap())?;
        let trust = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"Service":"{service}.amazonaws.com"}},"Action":"sts:AssumeRole"}}}}"#
        );
        let trust = Arc::new(Document::parse_trust(&trust).unwrap());
        Some(ServiceRole { policies: Arc::default(), trust })
    })));
    let role = "arn:aws:iam::000000000000:role/r".to_owned();
    let refusal = format!("Role {role} is invalid or cannot be assumed");
    let input = || api::CreateStackInput {
        template_body: Some("Resources: {A: {Type: 'AWS::SQS::Queue'}}".to_owned()),
        role_arn: Some(role.clone()),
        ..Default::default()
    };
    for others in [Some("lambda"), None] {
        *trusted.lock().unwrap() = others;
        assert_eq!(world.create_with(input()).unwrap_err().message, refusal);
    }
    *trusted.lock().unwrap() = Some("cloudformation");
    world.create_with(input()).unwrap();
    // The role that the stack has is asked for again by each operation on it.
    *trusted.lock().unwrap() = None;
    assert_eq!(world.update("Resources: {B: {Type: 'AWS::SQS::Queue'}}").unwrap_err().message, refusal);
    let delete = || {
        api::Request::DeleteStack(api::DeleteStackInput {
            stack_name: "stack".to_owned(),
            ..Default::default()
        })
    };
    assert_eq!(world.request(delete()).err().unwrap().message, refusal);
    *trusted.lock().unwrap() = Some("cloudformation");
    world.delete();
    assert_eq!(world.status().0, "DELETE_COMPLETE");
}

/// A queue of a random template.
#[derive(Debug, Clone)]
struct Planned {
    logical: u8,
    visibility: u8,
    /// Which of its names it has; none for a made-up one.
    name: Option<u8>,
    needs: Vec<u8>,
}

fn planned() -> impl proptest::strategy::Strategy<Value = Vec<Planned>> {
    use proptest::prelude::*;
    let queue = (0..6_u8, 0..3_u8, proptest::option::of(0..3_u8), proptest::collection::vec(0..6_u8, 0..3));
    proptest::collection::vec(queue, 1..6).prop_map(|queues| {
        let mut planned: Vec<Planned> = Vec::new();
        for (logical, visibility, name, needs) in queues {
            if planned.iter().all(|other| other.logical != logical) {
                planned.push(Planned { logical, visibility, name, needs });
            }
        }
        let present: Vec<u8> = planned.iter().map(|queue| queue.logical).collect();
        for queue in &mut planned {
            // Needing only what has a smaller number leaves no circles.
            let logical = queue.logical;
            queue.needs.retain(|needed| *needed < logical && present.contains(needed));
        }
        planned
    })
}

fn written(planned: &[Planned]) -> String {
    let mut text = String::from("Resources:\n");
    for queue in planned {
        let Planned { logical, visibility, name, needs } = queue;
        let name = name.map(|name| format!(", QueueName: q{logical}-{name}")).unwrap_or_default();
        let needs: Vec<String> = needs.iter().map(|needed| format!("Q{needed}")).collect();
        text.push_str(&format!(
            "  Q{logical}: {{Type: AWS::SQS::Queue, DependsOn: [{}], Properties: {{VisibilityTimeout: {visibility}{name}}}}}\n",
            needs.join(", ")
        ));
    }
    text
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(128))]

    /// Whatever fails on the way: the queues that exist are those that the stack lists, an operation that
    /// succeeded left what its template says, and one that was rolled back left what was there before.
    #[test]
    fn stacks_and_queues_agree_after_any_operations(
        operations in proptest::collection::vec((planned(), proptest::option::of(0..8_u32), proptest::bool::ANY), 1..5)
    ) {
        let mut world = World::new();
        let mut exists = false;
        for (planned, fuse, restarts) in operations {
            let before = world.fake.queues.clone();
            world.fake.fuse = fuse;
            let template = written(&planned);
            if exists {
                match world.update(&template) {
                    Ok(()) => {}
                    Err(error) => {
                        proptest::prop_assert_eq!(&error.message, "No updates are to be performed.");
                        continue;
                    }
                }
            } else {
                world.create(&template).unwrap();
            }
            if restarts {
                world.restart();
            }
            world.settle();
            world.fake.fuse = None;
            let (status, _) = world.status();
            let stacks = world.cloudformation.state.get(Scope::default()).unwrap();
            let stack = stacks.iter().next().unwrap();
            let live = stack.resources.values().filter_map(|resource| resource.live.as_ref());
            let listed: BTreeSet<&str> =
                live.filter_map(|instance| instance.physical_id.as_deref()?.rsplit('/').next()).collect();
            let existing: BTreeSet<&str> = world.fake.queues.keys().map(String::as_str).collect();
            proptest::prop_assert_eq!(&listed, &existing, "{}", status);
            proptest::prop_assert!(stack.operation.is_none());
            match status.as_str() {
                "CREATE_COMPLETE" | "UPDATE_COMPLETE" => {
                    exists = true;
                    proptest::prop_assert_eq!(existing.len(), planned.len());
                    for queue in &planned {
                        let resource = &stack.resources[&format!("Q{}", queue.logical)];
                        let id = resource.live.as_ref().and_then(|live| live.physical_id.clone()).unwrap();
                        let attributes = &world.fake.queues[id.rsplit('/').next().unwrap()];
                        proptest::prop_assert_eq!(&attributes["VisibilityTimeout"], &queue.visibility.to_string());
                    }
                }
                "UPDATE_ROLLBACK_COMPLETE" => proptest::prop_assert_eq!(&before, &world.fake.queues),
                "ROLLBACK_COMPLETE" => {
                    proptest::prop_assert!(existing.is_empty());
                    break;
                }
                other => proptest::prop_assert!(false, "ended in {}", other),
            }
        }
    }
}

#[test]
fn the_default_bus_is_told_of_every_status_of_stack_and_resources() {
    let mut world = World::new();
    world.create("Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}}").unwrap();
    world.delete();
    let told: Vec<String> = world
        .fake
        .told
        .iter()
        .map(|entry| {
            assert_eq!(entry.source.as_deref(), Some("aws.cloudformation"));
            let detail: serde_json::Value = serde_json::from_str(entry.detail.as_deref().unwrap()).unwrap();
            assert_eq!(entry.resources.as_ref().unwrap()[0], detail["stack-id"].as_str().unwrap());
            let part = |name: &str| detail[name].as_str().unwrap_or("-").to_owned();
            format!(
                "{}: {} {} {}",
                entry.detail_type.as_deref().unwrap(),
                part("logical-resource-id"),
                part("resource-type"),
                detail["status-details"]["status"].as_str().unwrap()
            )
        })
        .collect();
    let (stack, resource) = ("CloudFormation Stack Status Change", "CloudFormation Resource Status Change");
    let of_stack = |status: &str| format!("{stack}: - - {status}");
    let of_queue = |status: &str| format!("{resource}: Q AWS::SQS::Queue {status}");
    assert_eq!(
        told,
        [
            of_stack("CREATE_IN_PROGRESS"),
            of_queue("CREATE_IN_PROGRESS"),
            of_queue("CREATE_IN_PROGRESS"),
            of_queue("CREATE_COMPLETE"),
            of_stack("CREATE_COMPLETE"),
            of_stack("DELETE_IN_PROGRESS"),
            of_queue("DELETE_IN_PROGRESS"),
            of_queue("DELETE_COMPLETE"),
            of_stack("DELETE_COMPLETE"),
        ]
    );
}
