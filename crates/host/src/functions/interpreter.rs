//! Finds the machine's interpreters and starts them on our bootstraps.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;

const NODE_BOOTSTRAP: &str = include_str!("bootstrap/node.mjs");
const PYTHON_BOOTSTRAP: &str = include_str!("bootstrap/python.py");

/// How long an interpreter may take to tell its path.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What runs a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Family {
    /// The package's own `bootstrap`.
    Provided,
    Node,
    Python,
}

impl Family {
    /// The family of a runtime identifier, if Pontoon runs it.
    pub(super) fn of(runtime: &str) -> Option<Self> {
        match runtime {
            "provided" => Some(Self::Provided),
            _ if runtime.starts_with("provided.") => Some(Self::Provided),
            _ if runtime.starts_with("nodejs") => Some(Self::Node),
            _ if runtime.starts_with("python3.") => Some(Self::Python),
            _ => None,
        }
    }
}

/// What to execute: a program and its first arguments.
#[derive(Debug, Clone)]
pub(super) struct Entrypoint {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

/// The interpreters found so far, by the runtime that asked, and our bootstraps on disk.
pub(super) struct Interpreters {
    runtime_dir: PathBuf,
    found: Mutex<HashMap<String, PathBuf>>,
}

impl Interpreters {
    /// Writes the bootstraps into `runtime_dir`.
    pub(super) fn install(runtime_dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&runtime_dir)?;
        fs::write(runtime_dir.join("node.mjs"), NODE_BOOTSTRAP)?;
        fs::write(runtime_dir.join("python.py"), PYTHON_BOOTSTRAP)?;
        Ok(Self { runtime_dir, found: Mutex::default() })
    }

    pub(super) fn runtime_dir(&self) -> &Path {
        &self.runtime_dir
    }

    /// What to execute for a function of `runtime` whose code is at `task_root`; the error is text for its caller.
    pub(super) async fn entrypoint(
        &self,
        runtime: &str,
        task_root: &Path,
        memory_mb: u32,
    ) -> Result<Entrypoint, String> {
        match Family::of(runtime) {
            Some(Family::Provided) => provided(task_root),
            Some(Family::Node) => {
                let program =
                    self.find(runtime, vec!["node".to_owned()], &["-p", "process.execPath"]).await?;
                // V8's heap may take what Lambda leaves it: the memory less room for stacks, buffers and the runtime.
                let heap = format!("--max-old-space-size={}", (u64::from(memory_mb) * 9 / 10).max(64));
                Ok(Entrypoint { program, arguments: vec![heap, self.bootstrap("node.mjs")] })
            }
            Some(Family::Python) => {
                let named = vec![runtime.to_owned(), "python3".to_owned()];
                let program = self.find(runtime, named, &["-c", "import sys; print(sys.executable)"]).await?;
                Ok(Entrypoint { program, arguments: vec![self.bootstrap("python.py")] })
            }
            None => Err(format!("Pontoon does not run functions of runtime {runtime}")),
        }
    }

    fn bootstrap(&self, name: &str) -> String {
        self.runtime_dir.join(name).to_string_lossy().into_owned()
    }

    /// The real path of the first of `names` that works. What is found on `PATH` may be a version manager's shim, which needs
    /// the operator's environment; the interpreter itself, asked once for its path, does not.
    async fn find(&self, runtime: &str, names: Vec<String>, ask: &[&str]) -> Result<PathBuf, String> {
        let mut found = self.found.lock().await;
        if let Some(path) = found.get(runtime) {
            return Ok(path.clone());
        }
        for name in &names {
            for candidate in on_path(name) {
                let answer = Command::new(&candidate).args(ask).kill_on_drop(true).output();
                let Ok(Ok(output)) = timeout(ANSWER_TIMEOUT, answer).await else { continue };
                let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
                if output.status.success() && path.is_absolute() {
                    found.insert(runtime.to_owned(), path.clone());
                    return Ok(path);
                }
            }
        }
        Err(format!(
            "runtime {runtime} needs an interpreter on Pontoon's PATH, and there is no working {}",
            names.join(" or ")
        ))
    }
}

fn on_path(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(name)).filter(|file| file.is_file()).collect()
}

fn provided(task_root: &Path) -> Result<Entrypoint, String> {
    let program = task_root.join("bootstrap");
    if program.is_file() {
        Ok(Entrypoint { program, arguments: Vec::new() })
    } else {
        Err("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned())
    }
}
