//! Resource policies of functions: what AddPermission writes.

use std::collections::BTreeMap;

use pontoon_core::policy::Document;
use serde::{Deserialize, Serialize};

/// The largest resource policy in bytes: Lambda's 20 KB.
pub(crate) const POLICY_BYTES_MAX: usize = 20_480;

/// The policy of a function, a version or an alias.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    pub(crate) statements: Vec<Statement>,
    pub(crate) revision_id: String,
    /// The statements as the evaluator reads them; made when they change and when they are loaded.
    #[serde(skip)]
    pub(crate) document: Option<Document>,
}

/// One permission, in the spelling and order that GetPolicy answers with (recording `test_add_lambda_permission_fields`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Statement {
    pub(crate) sid: String,
    effect: String,
    principal: serde_json::Value,
    action: String,
    resource: String,
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    condition: Condition,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    string_equals: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    arn_like: BTreeMap<String, String>,
}

impl Condition {
    fn is_empty(&self) -> bool {
        self.string_equals.is_empty() && self.arn_like.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'p> {
    version: &'static str,
    id: &'static str,
    statement: &'p [Statement],
}

/// What AddPermission asks for.
#[derive(Debug, Default)]
pub(crate) struct Grant<'i> {
    pub(crate) sid: &'i str,
    pub(crate) action: &'i str,
    pub(crate) principal: &'i str,
    /// `(condition key, value)`, compared for equality.
    pub(crate) equals: Vec<(&'static str, String)>,
    /// The source's ARN, which may hold wildcards.
    pub(crate) source_arn: Option<&'i str>,
}

impl Statement {
    /// The statement that allows `grant` on `resource`; `None` if its principal is none.
    pub(crate) fn allowing(grant: &Grant<'_>, resource: &str) -> Option<Self> {
        let mut condition = Condition::default();
        condition
            .string_equals
            .extend(grant.equals.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        condition.arn_like.extend(grant.source_arn.map(|arn| ("AWS:SourceArn".to_owned(), arn.to_owned())));
        Some(Self {
            sid: grant.sid.to_owned(),
            effect: "Allow".to_owned(),
            principal: principal(grant.principal)?,
            action: grant.action.to_owned(),
            resource: resource.to_owned(),
            condition,
        })
    }

    /// Its JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How a policy spells a principal: anyone, a service, an account's root or an IAM identity.
fn principal(text: &str) -> Option<serde_json::Value> {
    let account = |text: &str| text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit());
    if text == "*" {
        Some(serde_json::json!("*"))
    } else if account(text) {
        Some(serde_json::json!({ "AWS": format!("arn:aws:iam::{text}:root") }))
    } else if text.starts_with("arn:") && text.split(':').count() >= 6 {
        Some(serde_json::json!({ "AWS": text }))
    } else if is_service(text) {
        Some(serde_json::json!({ "Service": text }))
    } else {
        None
    }
}

/// `s3.amazonaws.com`, `events.amazonaws.com`, `apigateway.us-east-1.amazonaws.com`, `alexa-appkit.amazon.com`.
fn is_service(text: &str) -> bool {
    [".amazonaws.com", ".amazon.com", ".amazonaws.com.cn"]
        .iter()
        .any(|domain| text.strip_suffix(domain).is_some_and(|name| !name.is_empty()))
}

impl ResourcePolicy {
    /// The document's JSON, as GetPolicy answers.
    pub(crate) fn json(&self) -> String {
        let written = Written { version: "2012-10-17", id: "default", statement: &self.statements };
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Brings [`ResourcePolicy::document`] up to date.
    ///
    /// # Errors
    /// What the evaluator cannot read.
    pub(crate) fn compile(&mut self) -> Result<(), String> {
        self.document = Some(Document::parse(&self.json())?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_read_as_in_the_recordings() {
        let grant = Grant {
            sid: "s3",
            action: "lambda:InvokeFunction",
            principal: "s3.amazonaws.com",
            equals: vec![("AWS:SourceAccount", "111111111111".to_owned())],
            source_arn: Some("arn:aws:s3:::b"),
        };
        let statement =
            Statement::allowing(&grant, "arn:aws:lambda:us-east-1:111111111111:function:f").unwrap();
        assert_eq!(
            statement.json(),
            r#"{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:111111111111:function:f","Condition":{"StringEquals":{"AWS:SourceAccount":"111111111111"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}"#
        );
        let mut policy = ResourcePolicy { statements: vec![statement], ..ResourcePolicy::default() };
        policy.compile().unwrap();
        assert!(
            policy.json().starts_with(r#"{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s3","#)
        );
    }

    #[test]
    fn principals_are_accounts_identities_services_or_everyone() {
        for (text, spelled) in [
            ("*", r#""*""#),
            ("111111111111", r#"{"AWS":"arn:aws:iam::111111111111:root"}"#),
            ("arn:aws:iam::111111111111:user/u", r#"{"AWS":"arn:aws:iam::111111111111:user/u"}"#),
            ("events.amazonaws.com", r#"{"Service":"events.amazonaws.com"}"#),
        ] {
            assert_eq!(principal(text).unwrap().to_string(), spelled);
        }
        assert_eq!(principal("invalid.nonaws.com"), None);
        assert_eq!(principal("12"), None);
    }
}
