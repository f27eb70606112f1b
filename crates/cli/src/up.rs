//! `pontoon up`: serve, deploy a template, follow events and logs, and deploy again on change.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use pontoon_api::lambda;
use pontoon_core::Scope;

use crate::args::ServerArgs;
use crate::deploy::{self, Deployment, Outcome, Prepared};
use crate::local::Local;
use crate::serve::{self, Interrupts};
use crate::show::{Paint, paint, say};
use crate::trace;

/// `pontoon up`.
#[derive(Debug, Args)]
pub struct Up {
    /// The CloudFormation template.
    pub template: PathBuf,
    /// A parameter's value; repeat for each.
    #[arg(long = "param", value_name = "K=V", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// The stack's name; the template's file name if left out.
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
    /// Deploy again when the template, or code given as a local directory, changes.
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub(crate) fn parameter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a parameter is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// How often watched files are looked at.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// How many files of a directory are watched at most.
const FILES_MAX: usize = 20_000;

/// A stack name from the template's file name: letters, digits and hyphens, beginning with a letter.
fn stack_name(template: &Path) -> String {
    let stem = template.file_stem().map_or_else(|| "stack".into(), |stem| stem.to_string_lossy());
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("stack-{name}")
    }
}

/// Serves and follows until interrupted.
///
/// # Errors
/// If the server cannot start or the first deployment fails.
pub async fn run(up: Up) -> Result<(), String> {
    // Before anything is read, so that no change after it is missed.
    let template = fingerprint(&up.template);
    let prepared = deploy::prepare(&up.template)?;
    let seen = up.watch.then(|| (template, fingerprints(&prepared)));
    let mut interrupts = Interrupts::listen()?;
    let server = serve::start(&up.server).await?;
    let local = Local::new(&server, Scope { account: up.server.account, region: up.server.region });
    let deployment = Deployment {
        stack: up.stack.clone().unwrap_or_else(|| stack_name(&up.template)),
        template: up.template.clone(),
        parameters: up.parameters.clone(),
        tells: true,
    };
    let followed = async {
        let deployed = report(&local, &deployment, &prepared).await;
        if !up.watch {
            deployed?;
        } else if let Err(message) = deployed {
            eprintln!("{}", paint(Paint::Bad, &message));
        }
        say!("following events and logs; interrupt to stop");
        tokio::join!(follow_traces(&local), follow_logs(&local), watch(&local, &deployment, prepared, seen));
        Ok(())
    };
    let done = tokio::select! {
        done = followed => done,
        () = interrupts.come() => Ok(()),
    };
    eprintln!("pontoon: stopping");
    server.stop().await;
    done
}

/// Deploys and says how it went.
async fn report(local: &Local, deployment: &Deployment, prepared: &Prepared) -> Result<(), String> {
    say!("deploying {} as stack {}", deployment.template.display(), paint(Paint::Bold, &deployment.stack));
    match deploy::deploy(local, deployment, prepared).await? {
        Outcome::Created => say!("{}", paint(Paint::Good, "created")),
        Outcome::Updated => say!("{}", paint(Paint::Good, "updated")),
        Outcome::Unchanged => say!("nothing has changed"),
    }
    deploy::print_outputs(&deploy::outputs(local, &deployment.stack).await?);
    Ok(())
}

async fn follow_traces(local: &Local) {
    let mut cursor = local.host().look(|engine| engine.traces().since(u64::MAX).1);
    loop {
        let grown = local.host().traced();
        let (records, next) = local.host().look(|engine| engine.traces().since(cursor));
        cursor = next;
        if records.is_empty() {
            grown.await;
            continue;
        }
        for followed in records {
            let id = followed.trace.get(..8).unwrap_or(&followed.trace).to_owned();
            say!("{}  {}", paint(Paint::Dim, &id), trace::line(&serde_json::json!(followed)));
        }
    }
}

async fn follow_logs(local: &Local) {
    let mut cursor = 0;
    let feed = local.host().dispatcher().logs();
    loop {
        let grown = feed.grown();
        let (lines, next) = feed.since(cursor);
        cursor = next;
        if lines.is_empty() {
            grown.await;
            continue;
        }
        for line in lines {
            say!("{}  {}", paint(Paint::Dim, &line.function), line.text);
        }
    }
}

/// What a file or directory holds, as a number that changes with it.
fn fingerprint(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut pending = vec![path.to_owned()];
    let mut files = 0;
    while let Some(path) = pending.pop() {
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        if meta.is_dir() {
            let mut entries: Vec<PathBuf> =
                std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            entries.sort();
            pending.extend(entries);
        } else {
            path.hash(&mut hasher);
            (meta.len(), meta.modified().ok()).hash(&mut hasher);
            files += 1;
            if files > FILES_MAX {
                break;
            }
        }
    }
    hasher.finish()
}

/// The fingerprints of the functions' directories.
fn fingerprints(prepared: &Prepared) -> Vec<u64> {
    prepared.directories.iter().map(|(_, directory)| fingerprint(directory)).collect()
}

/// Deploys again when the template changes, and takes up changed code. A template that cannot be deployed is told of, and watched on.
async fn watch(
    local: &Local,
    deployment: &Deployment,
    mut prepared: Prepared,
    seen: Option<(u64, Vec<u64>)>,
) {
    let Some((mut template, mut codes)) = seen else { return };
    loop {
        tokio::time::sleep(WATCH_EVERY).await;
        let now = fingerprint(&deployment.template);
        if now != template {
            template = now;
            match deploy::prepare(&deployment.template) {
                Ok(changed) => {
                    prepared = changed;
                    codes = fingerprints(&prepared);
                    if let Err(message) = report(local, deployment, &prepared).await {
                        eprintln!("{}", paint(Paint::Bad, &message));
                    }
                }
                Err(message) => eprintln!("{}", paint(Paint::Bad, &message)),
            }
        }
        for ((logical, directory), known) in prepared.directories.iter().zip(&mut codes) {
            let now = fingerprint(directory);
            if now != *known {
                *known = now;
                match take_up(local, deployment, logical, directory).await {
                    Ok(()) => say!("{} runs the changed code", paint(Paint::Bold, logical)),
                    Err(message) => eprintln!("{}", paint(Paint::Bad, &message)),
                }
            }
        }
    }
}

/// Makes a function run the present content of its directory.
async fn take_up(
    local: &Local,
    deployment: &Deployment,
    logical: &str,
    directory: &Path,
) -> Result<(), String> {
    let physical = deploy::physical_id(local, &deployment.stack, logical).await?;
    let update = lambda::UpdateFunctionCodeInput {
        function_name: physical,
        s3_bucket: Some(pontoon_lambda::LOCAL_DIRECTORY_BUCKET.to_owned()),
        s3_key: Some(directory.display().to_string()),
        ..Default::default()
    };
    let request = lambda::Request::UpdateFunctionCode(update);
    local.call::<lambda::UpdateFunctionCodeOutput>(request).await.map(drop).map_err(|error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_named_after_their_template() {
        assert_eq!(stack_name(Path::new("a/order_system.yaml")), "order-system");
        assert_eq!(stack_name(Path::new("9.yaml")), "stack-9");
    }

    #[test]
    fn a_fingerprint_changes_with_a_file_s_content() {
        let dir = tempfile::tempdir().unwrap();
        let before = fingerprint(dir.path());
        std::fs::write(dir.path().join("index.js"), "1").unwrap();
        assert_ne!(fingerprint(dir.path()), before);
    }
}
