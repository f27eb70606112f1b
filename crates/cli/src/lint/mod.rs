//! `pontoon lint`: mistakes found in configuration before an event finds them.
//!
//! A template is deployed on a server in this process that forgets it again, so that what is looked at is what would run: names, policies and targets
//! after parameters, references and defaults. The rest is the same for a template and for a running server.

mod checks;
mod cycles;
mod relays;
mod roles;
mod system;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use pontoon_cloudformation::template::notation;
use pontoon_cloudformation::template::value::{Map, Value as Node};
use pontoon_core::{Account, Region, Scope};
use pontoon_host::admin;
use pontoon_host::server::{Config, Server, Storage};
use serde_json::{Value, json};

use crate::client::{Client, Target};
use crate::deploy::{self, Deployment, Prepared};
use crate::local::Local;
use crate::show::{Paint, paint, say};
use system::System;

/// `pontoon lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// The CloudFormation template.
    #[arg(required_unless_present = "live")]
    template: Option<PathBuf>,
    /// Look at what a server runs instead.
    #[arg(long, conflicts_with = "template")]
    live: bool,
    /// A parameter's value; repeat for each.
    #[arg(long = "param", value_name = "K=V", value_parser = crate::up::parameter)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    target: Target,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Events are lost or never come.
    Error,
    /// It works until something goes wrong, or does something twice.
    Warning,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What kind, for programs: `queue-denies-rule`.
    pub code: &'static str,
    pub severity: Severity,
    /// What it is about: its kind and name.
    pub resource: String,
    /// What happens, and why.
    pub why: String,
    /// What to change.
    pub fix: String,
}

/// The stack's name on the server that forgets it.
const STACK: &str = "lint";

/// Looks, and tells what was found.
///
/// # Errors
/// If there is nothing to look at, or a finding is an error.
pub async fn run(lint: Lint) -> Result<(), String> {
    let (findings, names) = match &lint.template {
        Some(template) => of_template(template, &lint.parameters).await?,
        None => {
            let wiring = Client::new(&lint.target).get("wiring").await?;
            (checks::all(&System::read(wiring, true)?), HashMap::new())
        }
    };
    show(&findings, &names, lint.target.json);
    match findings.iter().filter(|finding| finding.severity == Severity::Error).count() {
        0 => Ok(()),
        1 => Err("1 error".to_owned()),
        errors => Err(format!("{errors} errors")),
    }
}

/// The findings of a template, and what it calls the resources they are about.
async fn of_template(
    template: &Path,
    parameters: &[(String, String)],
) -> Result<(Vec<Finding>, HashMap<String, String>), String> {
    let text = std::fs::read_to_string(template)
        .map_err(|error| format!("cannot read {}: {error}", template.display()))?;
    let prepared = without_code(&text)?;
    let home = Scope { account: Account::DEFAULT, region: Region::DEFAULT };
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        storage: Storage::Memory,
        home,
        ..Config::default()
    };
    let server = Server::start(config).await.map_err(|error| error.to_string())?;
    let local = Local::new(&server, home);
    let deployment = Deployment {
        stack: STACK.to_owned(),
        template: template.to_owned(),
        parameters: parameters.to_vec(),
        tells: false,
    };
    let found = match deploy::deploy(&local, &deployment, &prepared).await {
        Err(why) => Ok((vec![does_not_deploy(template, why)], HashMap::new())),
        Ok(_) => look(&local, home).await,
    };
    server.stop().await;
    found
}

async fn look(local: &Local, home: Scope) -> Result<(Vec<Finding>, HashMap<String, String>), String> {
    let system = System::read(admin::wiring(local.host(), home), false)?;
    let resources = deploy::resources(local, STACK).await?;
    // Physical ids are names, URLs or ARNs, which end with the name.
    let name = |id: &str| id.rsplit(['/', '|', ':']).next().unwrap_or(id).to_owned();
    let names = resources.iter().map(|(logical, physical)| (name(physical), logical.clone())).collect();
    Ok((checks::all(&system), names))
}

fn does_not_deploy(template: &Path, why: String) -> Finding {
    Finding {
        code: "does-not-deploy",
        severity: Severity::Error,
        resource: format!("template {}", template.display()),
        why,
        fix: "correct what it names; `pontoon up` shows each resource's way".to_owned(),
    }
}

/// The template with functions' code, which nothing here runs and which may not be built yet, replaced by a directory that is there.
fn without_code(text: &str) -> Result<Prepared, String> {
    let mut root = notation::parse(text).map_err(|error| error.message().to_owned())?;
    let directory = std::env::temp_dir().display().to_string();
    if let Node::Map(map) = &mut root
        && let Some(Node::Map(resources)) = map.get_mut("Resources")
    {
        for resource in resources.values_mut() {
            let is_function = resource.get("Type").and_then(Node::as_str) == Some("AWS::Lambda::Function");
            if let Node::Map(resource) = resource
                && is_function
                && let Some(Node::Map(properties)) = resource.get_mut("Properties")
            {
                let mut code = Map::new();
                code.insert(
                    "S3Bucket".to_owned(),
                    Node::String(pontoon_lambda::LOCAL_DIRECTORY_BUCKET.to_owned()),
                );
                code.insert("S3Key".to_owned(), Node::String(directory.clone()));
                properties.insert("Code".to_owned(), Node::Map(code));
            }
        }
    }
    Ok(Prepared { body: root.to_json(), directories: Vec::new() })
}

fn show(findings: &[Finding], names: &HashMap<String, String>, as_json: bool) {
    let logical =
        |finding: &Finding| names.get(finding.resource.rsplit([' ', '/']).next().unwrap_or_default());
    if as_json {
        let shown = |finding: &Finding| {
            json!({
                "code": finding.code,
                "severity": finding.severity.name(),
                "resource": finding.resource,
                "logicalId": logical(finding),
                "why": finding.why,
                "fix": finding.fix,
            })
        };
        say!("{}", findings.iter().map(shown).collect::<Value>());
        return;
    }
    if findings.is_empty() {
        say!("{}", paint(Paint::Good, "nothing found"));
    }
    for finding in findings {
        let how = if finding.severity == Severity::Error { Paint::Bad } else { Paint::Warning };
        let logical = logical(finding).map(|logical| format!(" ({logical})")).unwrap_or_default();
        say!(
            "{}  {}{logical}  {}",
            paint(how, &format!("{:<7}", finding.severity.name())),
            paint(Paint::Bold, &finding.resource),
            paint(Paint::Dim, finding.code),
        );
        say!("         {}", finding.why);
        say!("         {} {}", paint(Paint::Dim, "fix:"), finding.fix);
    }
}
