//! What tests of the whole binary share: a server process, and the clients that `scripts/test-env` installs.

#![allow(dead_code, reason = "each test uses its own part of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A server process on a free port; killed when dropped.
pub struct Pontoon {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
}

impl Pontoon {
    /// Starts `pontoon serve` with these arguments, ready when it returns.
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pontoon"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { endpoint: url_in(&line), child }
    }

    /// The latest traces, for messages of failed tests.
    pub fn traces(&self) -> String {
        let asked = Command::new(env!("CARGO_BIN_EXE_pontoon"))
            .args(["trace", "--endpoint", &self.endpoint])
            .output()
            .unwrap();
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }
}

impl Drop for Pontoon {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has seen.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a command may take for anything that it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command that goes on until it is interrupted, and what it says meanwhile; killed when dropped.
pub struct Following {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Following {
    /// Starts `pontoon` with these arguments.
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pontoon"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        // It reads on when nobody listens, so that the command never waits for its reader.
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)))
        });
        Self { child, lines }
    }

    /// What it says from now up to and with the line that holds `wanted`.
    pub fn until(&self, wanted: &str) -> String {
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => said.extend([&line, "\n"]),
                Err(why) => panic!("it did not say {wanted:?} ({why}) but:\n{said}"),
            }
            if said.lines().next_back().is_some_and(|line| line.contains(wanted)) {
                return said;
            }
        }
    }

    /// What it says next, if it says anything that soon.
    pub fn line_within(&self, patience: Duration) -> Option<String> {
        self.lines.recv_timeout(patience).ok()
    }

    /// Interrupts it as Ctrl-C does, and waits for its end.
    pub fn interrupt(self) -> ExitStatus {
        self.signal("-INT")
    }

    /// Sends it a signal that it ends at, and waits for its end.
    pub fn signal(mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        // Its output ends with it.
        let ended = loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_said) => {}
                Err(ended) => break ended,
            }
        };
        assert_eq!(ended, mpsc::RecvTimeoutError::Disconnected, "it goes on though it was interrupted");
        self.child.wait().unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has seen.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first URL in a text, without what ends the clause.
pub fn url_in(text: &str) -> String {
    let url = text.split_whitespace().find_map(|word| word.find("http://").map(|at| &word[at..]));
    url.unwrap_or_else(|| panic!("no URL in {text:?}")).trim_end_matches(',').to_owned()
}

/// Runs a script of `tests/e2e` in this interpreter against a server to its last line, `DONE`.
pub fn run_to_done(mut interpreter: Command, script: &str, pontoon: &Pontoon, args: &[&str]) {
    let script = repository().join("tests/e2e").join(script);
    let done = interpreter.arg(script).arg(&pontoon.endpoint).args(args).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.trim_end().ends_with("DONE"), "{out}\n{err}\n{}", pontoon.traces());
}

/// Where `scripts/test-env` installed what tests use beyond the toolchain.
pub struct TestEnv {
    root: PathBuf,
    /// Holds `node_modules`.
    pub node: PathBuf,
}

impl TestEnv {
    /// The environment, or `None` after saying that the test is skipped and why. CI skips nothing.
    pub fn find() -> Option<Self> {
        let root = std::env::var_os("PONTOON_TEST_ENV")
            .map_or_else(|| repository().join(".test-env"), PathBuf::from);
        if root.join("installed").exists() {
            return Some(Self { node: root.join("node"), root });
        }
        assert!(std::env::var_os("CI").is_none(), "scripts/test-env was not run, and CI skips nothing");
        eprintln!("skipped: {} is missing; scripts/test-env installs it", root.display());
        None
    }

    /// Python with boto3 and `tests/e2e/pontoon_e2e`, and the AWS CLI on its path.
    pub fn python(&self) -> Command {
        let bin = self.root.join("venv/bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths(std::iter::once(bin.clone()).chain(std::env::split_paths(&path))).unwrap();
        let mut command = Command::new(bin.join("python3"));
        command.env("PATH", path).env("PYTHONPATH", repository().join("tests/e2e")).stdin(Stdio::null());
        // Nothing is written into the repository.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs a script of `tests/e2e` against a server to its last line, `DONE`. Its arguments are the endpoint and these.
    pub fn run_script(&self, script: &str, pontoon: &Pontoon, args: &[&str]) {
        run_to_done(self.python(), script, pontoon, args);
    }
}
