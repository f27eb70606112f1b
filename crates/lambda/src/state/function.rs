//! A function with its versions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pontoon_core::work::FunctionSpec;
use pontoon_core::{Scope, Timestamp};
use serde::{Deserialize, Serialize};

use super::alias::Alias;
use super::code::Code;
use super::invoke_config::InvokeConfig;
use super::name::{LATEST, function_arn};
use super::permission::ResourcePolicy;

/// A function: `$LATEST`, what was published of it, and everything attached to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) latest: Version,
    /// Published versions by number.
    pub(crate) versions: BTreeMap<u64, Version>,
    /// The number that is published next; numbers are never used again.
    pub(crate) next_version: u64,
    pub(crate) aliases: BTreeMap<String, Alias>,
    /// Resource policies by qualifier; empty for the function itself.
    pub(crate) policies: BTreeMap<String, ResourcePolicy>,
    /// How asynchronous invocations are treated, by qualifier.
    pub(crate) invoke_configs: BTreeMap<String, InvokeConfig>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) reserved_concurrency: Option<u32>,
}

/// One version: `$LATEST`, which changes, or a published one, which does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) settings: Settings,
    pub(crate) code: Code,
    pub(crate) modified_millis: i64,
    pub(crate) revision_id: String,
    /// Of a published version: how `$LATEST` was described when it was published, since the version may have a description of its own.
    #[serde(default)]
    pub(crate) source_description: Option<String>,
}

/// What CreateFunction and UpdateFunctionConfiguration set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) runtime: String,
    pub(crate) role: String,
    pub(crate) handler: String,
    pub(crate) description: String,
    pub(crate) timeout_secs: u32,
    pub(crate) memory_mb: u32,
    /// The variables; `None` if an environment was never given.
    pub(crate) environment: Option<BTreeMap<String, String>>,
    /// ARN of the dead-letter queue or topic.
    pub(crate) dead_letter_arn: Option<String>,
    /// `PassThrough` or `Active`.
    pub(crate) tracing_mode: String,
    /// `x86_64` or `arm64`; the machine's own is what runs.
    pub(crate) architecture: String,
    /// Size of `/tmp`, MB. The machine's is not limited.
    pub(crate) ephemeral_mb: u32,
    /// The log group, if it is not the function's own.
    pub(crate) log_group: Option<String>,
}

/// A version that a qualifier names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Resolved<'f> {
    /// `None` for `$LATEST`.
    pub(crate) number: Option<u64>,
    pub(crate) version: &'f Version,
}

impl Resolved<'_> {
    /// `$LATEST` or the number.
    pub(crate) fn label(&self) -> String {
        self.number.map_or_else(|| LATEST.to_owned(), |number| number.to_string())
    }
}

impl Function {
    /// The version that a qualifier names: `$LATEST`, a number or an alias. An alias that splits its traffic takes its second version if `draw`
    /// (0 to 1) falls under that version's weight.
    pub(crate) fn resolve(&self, qualifier: Option<&str>, draw: f64) -> Option<Resolved<'_>> {
        match qualifier {
            None | Some(LATEST) => Some(Resolved { number: None, version: &self.latest }),
            Some(qualifier) => match qualifier.parse::<u64>() {
                Ok(number) => self.numbered(number),
                Err(_) => {
                    let version = self.aliases.get(qualifier)?.draw(draw);
                    if version == LATEST {
                        self.resolve(None, draw)
                    } else {
                        self.numbered(version.parse().ok()?)
                    }
                }
            },
        }
    }

    fn numbered(&self, number: u64) -> Option<Resolved<'_>> {
        Some(Resolved { number: Some(number), version: self.versions.get(&number)? })
    }

    /// Publishes `$LATEST`, unless nothing has changed since the last publication, which is then the answer (recording `test_version_lifecycle`).
    /// `description` replaces the version's. Publishing is a revision of `$LATEST` too (recording `test_function_revisions_version_and_alias`): the
    /// second of the ids.
    pub(crate) fn publish(
        &mut self,
        description: Option<String>,
        now: Timestamp,
        [revision_id, latest_revision_id]: [String; 2],
    ) -> u64 {
        let latest = &self.latest.settings;
        let same = |published: &Version| {
            let mut settings = published.settings.clone();
            settings.description.clone_from(&latest.description);
            let described = published.source_description.as_ref();
            settings == *latest
                && published.code == self.latest.code
                && described.is_none_or(|description| *description == latest.description)
        };
        if let Some((number, last)) = self.versions.last_key_value()
            && same(last)
        {
            return *number;
        }
        let mut version = self.latest.clone();
        version.revision_id = revision_id;
        version.modified_millis = now.millis();
        version.source_description = Some(version.settings.description.clone());
        if let Some(description) = description {
            version.settings.description = description;
        }
        let number = self.next_version;
        self.next_version += 1;
        self.versions.insert(number, version);
        self.latest.revision_id = latest_revision_id;
        number
    }

    /// A version that was published with a change of the function is active: a revision of its own (recording `test_publish_version_on_create`).
    pub(crate) fn activated(&mut self, number: u64, revision_id: String) {
        if let Some(version) = self.versions.get_mut(&number) {
            version.revision_id = revision_id;
        }
    }

    /// Whether any version runs the archive with this hash.
    pub(crate) fn uses_archive(&self, hash: &str) -> bool {
        let uses = |version: &Version| matches!(&version.code, Code::Zip { sha256, .. } if sha256 == hash);
        uses(&self.latest) || self.versions.values().any(uses)
    }

    /// What the function's packages take in storage, in bytes.
    pub(crate) fn code_bytes(&self) -> u64 {
        self.latest.code.size() + self.versions.values().map(|version| version.code.size()).sum::<u64>()
    }

    /// What the host needs to run a version.
    pub(crate) fn spec(&self, scope: Scope, resolved: Resolved<'_>) -> Arc<FunctionSpec> {
        let Settings { runtime, role, handler, timeout_secs, memory_mb, environment, .. } =
            &resolved.version.settings;
        Arc::new(FunctionSpec {
            scope,
            arn: function_arn(scope, &self.name),
            name: self.name.clone(),
            version: resolved.label(),
            runtime: runtime.clone(),
            handler: handler.clone(),
            code: resolved.version.code.work(scope, &self.name),
            environment: environment.clone().unwrap_or_default(),
            timeout: Duration::from_secs(u64::from(*timeout_secs)),
            memory_mb: *memory_mb,
            log_group: resolved.version.settings.log_group(&self.name),
            revision: resolved.version.revision_id.clone(),
            role: role.clone(),
        })
    }
}

impl Settings {
    /// The log group: the function's own unless another is set.
    pub(crate) fn log_group(&self, name: &str) -> String {
        self.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{name}"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn function(name: &str) -> Function {
        let settings = Settings {
            runtime: "provided.al2023".to_owned(),
            role: "arn:aws:iam::000000000000:role/r".to_owned(),
            handler: "bootstrap".to_owned(),
            description: String::new(),
            timeout_secs: 3,
            memory_mb: 128,
            environment: None,
            dead_letter_arn: None,
            tracing_mode: "PassThrough".to_owned(),
            architecture: "x86_64".to_owned(),
            ephemeral_mb: 512,
            log_group: None,
        };
        let code = Code::Zip { sha256: "00".repeat(32), size: 7 };
        let latest = Version {
            settings,
            code,
            modified_millis: 0,
            revision_id: "r0".to_owned(),
            source_description: None,
        };
        Function {
            name: name.to_owned(),
            latest,
            versions: BTreeMap::new(),
            next_version: 1,
            aliases: BTreeMap::new(),
            policies: BTreeMap::new(),
            invoke_configs: BTreeMap::new(),
            tags: BTreeMap::new(),
            reserved_concurrency: None,
        }
    }

    #[test]
    fn publishing_what_has_not_changed_gives_the_last_version() {
        let mut function = function("f");
        let now = Timestamp::EPOCH;
        let ids = |version: &str, latest: &str| [version.to_owned(), latest.to_owned()];
        assert_eq!(function.publish(Some("first".to_owned()), now, ids("v1", "r1")), 1);
        assert_eq!(function.latest.revision_id, "r1");
        assert_eq!(function.publish(Some("other".to_owned()), now, ids("v2", "r2")), 1);
        assert_eq!(function.latest.revision_id, "r1");
        function.latest.settings.timeout_secs = 4;
        assert_eq!(function.publish(Some("second".to_owned()), now, ids("v2", "r2")), 2);
        function.latest.settings.description = "described anew".to_owned();
        assert_eq!(function.publish(None, now, ids("v3", "r3")), 3);
        assert_eq!(function.versions[&3].settings.description, "described anew");
        assert_eq!(function.versions[&2].settings.description, "second");
        assert_eq!(function.versions[&1].settings.timeout_secs, 3);
    }

    #[test]
    fn qualifiers_name_versions_and_aliases_that_split_traffic() {
        let mut function = function("f");
        let ids = || ["v".to_owned(), "r".to_owned()];
        function.publish(None, Timestamp::EPOCH, ids());
        function.latest.settings.timeout_secs = 4;
        function.publish(None, Timestamp::EPOCH, ids());
        let alias =
            Alias { version: "1".to_owned(), second: Some(("2".to_owned(), 0.25)), ..Alias::default() };
        function.aliases.insert("live".to_owned(), alias);
        let label = |qualifier, draw| function.resolve(qualifier, draw).map(|resolved| resolved.label());
        assert_eq!(label(None, 0.0).as_deref(), Some("$LATEST"));
        assert_eq!(label(Some("$LATEST"), 0.0).as_deref(), Some("$LATEST"));
        assert_eq!(label(Some("2"), 0.0).as_deref(), Some("2"));
        assert_eq!(label(Some("3"), 0.0), None);
        assert_eq!(label(Some("live"), 0.3).as_deref(), Some("1"));
        assert_eq!(label(Some("live"), 0.2).as_deref(), Some("2"));
        assert_eq!(label(Some("gone"), 0.2), None);
    }
}
