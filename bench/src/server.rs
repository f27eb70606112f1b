//! Servers as processes of their own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server process. Dropping it ends it as a crash does and waits for its end, so that its data directory can be used again or removed.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

/// The `pontoon` binary in the same directory as this one, built first.
///
/// # Errors
/// If it cannot be built.
pub fn beside_this() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|e| e.to_string())?;
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let built = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--package", "pontoon-cli", "--profile", profile])
        .status()
        .map_err(|e| format!("cannot run cargo: {e}; name the binary with --pontoon"))?;
    if !built.success() {
        return Err("the pontoon binary did not build; name one with --pontoon".to_owned());
    }
    Ok(this.with_file_name("pontoon"))
}

impl Server {
    /// Starts `pontoon serve` with these arguments on a free port.
    ///
    /// # Errors
    /// If it does not start.
    pub fn pontoon(binary: &Path, args: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        Self::start(command)
    }

    /// Starts the constant server.
    ///
    /// # Errors
    /// If it does not start.
    pub fn constant() -> Result<Self, String> {
        let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
        command.arg("constant");
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self, String> {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|e| format!("cannot start {command:?}: {e}"))?;
        let mut server = Self { child, address: String::new() };
        let stdout = server.child.stdout.as_mut().ok_or("a piped process has a standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split([',', '\n', ' ']).next());
        server.address = address
            .ok_or_else(|| format!("the server said {line:?} instead of where it listens"))?
            .to_owned();
        Ok(server)
    }

    /// Resident memory, bytes, where the system tells.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever has ended already is what this is for.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}
