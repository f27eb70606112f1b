//! Roles and policies.

use pontoon_api::iam::SERVICE;

use super::{Call, Context, Lifecycle, Value, json_text, object, tags, text};
use crate::state::Instance;

const ABSENT: &[&str] = &["NoSuchEntity", "NoSuchEntityException"];

fn put_role_policy(role: Value, name: Value, document: Value) -> Call {
    let input =
        object([("RoleName", Some(role)), ("PolicyName", Some(name)), ("PolicyDocument", Some(document))]);
    Call::new(&SERVICE, "PutRolePolicy", input)
}

fn delete_role_policy(role: Value, name: Value) -> Call {
    Call::new(&SERVICE, "DeleteRolePolicy", object([("RoleName", Some(role)), ("PolicyName", Some(name))]))
        .or(ABSENT)
}

fn attach(operation: &'static str, role: Value, arn: Value) -> Call {
    Call::new(&SERVICE, operation, object([("RoleName", Some(role)), ("PolicyArn", Some(arn))]))
}

fn list(instance: &Instance, property: &str) -> Vec<Value> {
    instance.properties.get(property).and_then(Value::as_list).unwrap_or_default().to_vec()
}

/// `AWS::IAM::Role`.
pub(super) struct Role;

impl Role {
    /// The inline policies: name and document.
    fn policies(instance: &Instance) -> Vec<(Value, Value)> {
        let policies = list(instance, "Policies");
        let part = |policy: &Value, name| policy.get(name).cloned().unwrap_or_default();
        policies
            .iter()
            .map(|policy| (part(policy, "PolicyName"), json_text(&part(policy, "PolicyDocument"))))
            .collect()
    }
}

impl Lifecycle for Role {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let name = || Value::from(context.name());
        let input = object([
            ("RoleName", Some(name())),
            ("AssumeRolePolicyDocument", context.property("AssumeRolePolicyDocument").map(json_text)),
            // Without one it is empty (recording `test_cfn_lambda_sqs_source`).
            ("Description", context.property("Description").cloned().or_else(|| text(""))),
            ("Path", context.property("Path").cloned()),
            ("MaxSessionDuration", context.property("MaxSessionDuration").cloned()),
            ("PermissionsBoundary", context.property("PermissionsBoundary").cloned()),
            ("Tags", tags::list(context)),
        ]);
        let create = Call::new(&SERVICE, "CreateRole", input)
            .named(context.name())
            .learn("Arn", "Role.Arn")
            .learn("RoleId", "Role.RoleId");
        let policies = Self::policies(context.instance).into_iter();
        let put = policies.map(|(policy, document)| put_role_policy(name(), policy, document));
        let managed = list(context.instance, "ManagedPolicyArns").into_iter();
        let attach = managed.map(|arn| attach("AttachRolePolicy", name(), arn));
        Ok([create].into_iter().chain(put).chain(attach).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let name = || Value::from(context.name());
        if context.property("PermissionsBoundary") != old.properties.get("PermissionsBoundary") {
            return Err("Pontoon does not support changing PermissionsBoundary of a role".to_owned());
        }
        let differs = |property: &str| context.property(property) != old.properties.get(property);
        let mut calls = Vec::new();
        if differs("Description") || differs("MaxSessionDuration") {
            let description = context.property("Description").cloned().or_else(|| text(""));
            let duration = context.property("MaxSessionDuration").cloned();
            let input = object([
                ("RoleName", Some(name())),
                ("Description", description),
                ("MaxSessionDuration", duration.or_else(|| Some(Value::Number("3600".to_owned())))),
            ]);
            calls.push(Call::new(&SERVICE, "UpdateRole", input));
        }
        if differs("AssumeRolePolicyDocument") {
            let document = context.property("AssumeRolePolicyDocument").map(json_text);
            let input = object([("RoleName", Some(name())), ("PolicyDocument", document)]);
            calls.push(Call::new(&SERVICE, "UpdateAssumeRolePolicy", input));
        }
        let (wanted, before) = (Self::policies(context.instance), Self::policies(old));
        for (policy, document) in wanted.iter().filter(|policy| !before.contains(policy)) {
            calls.push(put_role_policy(name(), policy.clone(), document.clone()));
        }
        for (policy, _) in before.iter().filter(|(policy, _)| wanted.iter().all(|(kept, _)| kept != policy)) {
            calls.push(delete_role_policy(name(), policy.clone()));
        }
        let (wanted, before) = (list(context.instance, "ManagedPolicyArns"), list(old, "ManagedPolicyArns"));
        for arn in wanted.iter().filter(|arn| !before.contains(arn)) {
            calls.push(attach("AttachRolePolicy", name(), arn.clone()));
        }
        for arn in before.iter().filter(|arn| !wanted.contains(arn)) {
            calls.push(attach("DetachRolePolicy", name(), arn.clone()).or(ABSENT));
        }
        let (set, gone) = tags::changes(context, old);
        if let Some(set) = tags::pairs(&set, "Key", "Value") {
            calls.push(Call::new(
                &SERVICE,
                "TagRole",
                object([("RoleName", Some(name())), ("Tags", Some(set))]),
            ));
        }
        if !gone.is_empty() {
            let input = object([("RoleName", Some(name())), ("TagKeys", Some(Value::List(gone)))]);
            calls.push(Call::new(&SERVICE, "UntagRole", input));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let name = || Value::from(context.physical_id());
        let managed = list(context.instance, "ManagedPolicyArns").into_iter();
        let detach = managed.map(|arn| attach("DetachRolePolicy", name(), arn).or(ABSENT));
        let policies = Self::policies(context.instance).into_iter();
        let remove = policies.map(|(policy, _)| delete_role_policy(name(), policy));
        let delete = Call::new(&SERVICE, "DeleteRole", object([("RoleName", Some(name()))])).or(ABSENT);
        detach.chain(remove).chain([delete]).collect()
    }
}

/// `AWS::IAM::Policy`: an inline policy of several roles, one call each.
pub(super) struct Policy;

impl Policy {
    fn put_all(context: &Context<'_>) -> Vec<Call> {
        let name = context.property("PolicyName").cloned().unwrap_or_default();
        let document = context.property("PolicyDocument").map(json_text).unwrap_or_default();
        let roles = list(context.instance, "Roles").into_iter();
        roles.map(|role| put_role_policy(role, name.clone(), document.clone())).collect()
    }
}

impl Lifecycle for Policy {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let calls = Self::put_all(context);
        if calls.is_empty() {
            return Err("At least one of [Groups,Roles,Users] must be non-empty.".to_owned());
        }
        Ok(calls.into_iter().map(|call| call.named(context.name())).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let renamed = context.property("PolicyName") != old.properties.get("PolicyName");
        let wanted = list(context.instance, "Roles");
        let dropped = list(old, "Roles").into_iter().filter(|role| renamed || !wanted.contains(role));
        let old_name = old.properties.get("PolicyName").cloned().unwrap_or_default();
        let remove = dropped.map(|role| delete_role_policy(role, old_name.clone()));
        Ok(Self::put_all(context).into_iter().chain(remove).collect())
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let name = context.property("PolicyName").cloned().unwrap_or_default();
        list(context.instance, "Roles")
            .into_iter()
            .map(|role| delete_role_policy(role, name.clone()))
            .collect()
    }

    fn attribute(&self, context: &Context<'_>, name: &str) -> Option<Value> {
        (name == "Id").then(|| context.physical_id().into())
    }
}

/// `AWS::IAM::ManagedPolicy`, attached to roles.
pub(super) struct ManagedPolicy;

impl ManagedPolicy {
    fn arn(context: &Context<'_>) -> String {
        let path = context.text("Path").unwrap_or("/");
        format!("arn:aws:iam::{}:policy{path}{}", context.scope.account, context.name())
    }
}

impl Lifecycle for ManagedPolicy {
    fn create(&self, context: &Context<'_>) -> Result<Vec<Call>, String> {
        let input = object([
            ("PolicyName", text(context.name())),
            ("PolicyDocument", context.property("PolicyDocument").map(json_text)),
            ("Description", context.property("Description").cloned()),
            ("Path", context.property("Path").cloned()),
        ]);
        let create = Call::new(&SERVICE, "CreatePolicy", input)
            .identified("Policy.Arn")
            .learn("PolicyArn", "Policy.Arn")
            .learn("PolicyId", "Policy.PolicyId")
            .learn("DefaultVersionId", "Policy.DefaultVersionId");
        let arn = Self::arn(context);
        let roles = list(context.instance, "Roles").into_iter();
        let attach = roles.map(|role| attach("AttachRolePolicy", role, arn.as_str().into()));
        Ok([create].into_iter().chain(attach).collect())
    }

    fn update(&self, context: &Context<'_>, old: &Instance) -> Result<Vec<Call>, String> {
        let arn = || Value::from(context.physical_id());
        let mut calls = Vec::new();
        if context.property("PolicyDocument") != old.properties.get("PolicyDocument") {
            let input = object([
                ("PolicyArn", Some(arn())),
                ("PolicyDocument", context.property("PolicyDocument").map(json_text)),
                ("SetAsDefault", Some(Value::Bool(true))),
            ]);
            calls.push(
                Call::new(&SERVICE, "CreatePolicyVersion", input)
                    .learn("DefaultVersionId", "PolicyVersion.VersionId"),
            );
            // A policy keeps five versions, so the one that was in force goes.
            let version = old.attributes.get("DefaultVersionId").cloned();
            let input = object([("PolicyArn", Some(arn())), ("VersionId", version)]);
            calls.push(Call::new(&SERVICE, "DeletePolicyVersion", input).or(ABSENT));
        }
        let (wanted, before) = (list(context.instance, "Roles"), list(old, "Roles"));
        for role in wanted.iter().filter(|role| !before.contains(role)) {
            calls.push(attach("AttachRolePolicy", role.clone(), arn()));
        }
        for role in before.iter().filter(|role| !wanted.contains(role)) {
            calls.push(attach("DetachRolePolicy", role.clone(), arn()).or(ABSENT));
        }
        Ok(calls)
    }

    fn delete(&self, context: &Context<'_>) -> Vec<Call> {
        let arn = || Value::from(context.physical_id());
        let roles = list(context.instance, "Roles").into_iter();
        let detach = roles.map(|role| attach("DetachRolePolicy", role, arn()).or(ABSENT));
        let delete = Call::new(&SERVICE, "DeletePolicy", object([("PolicyArn", Some(arn()))])).or(ABSENT);
        detach.chain([delete]).collect()
    }
}
