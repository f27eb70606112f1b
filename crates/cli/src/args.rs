//! The command line.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use pontoon_core::policy::PolicyMode;
use pontoon_core::{Account, Region, Scope};
use pontoon_host::front::Access;
use pontoon_host::server::{Config, Storage};
use pontoon_wire::Secret;

use crate::client::Target;
use crate::clock::Clock;
use crate::demo::Demo;
use crate::dlq::Dlq;
use crate::events::Events;
use crate::lint::Lint;
use crate::operations::Operations;
use crate::queues::Queues;
use crate::schema::Schema;
use crate::trace::Trace;
use crate::up::Up;

/// Event-driven AWS systems, run for real on this machine.
#[derive(Debug, Parser)]
#[command(name = "pontoon", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve AWS's APIs until interrupted.
    Serve(Serve),
    /// Serve, deploy a CloudFormation template, and follow events and logs until interrupted.
    Up(Up),
    /// Run the order system: deploy, publish, fail, alarm, mend, redrive, on a clock that skips the waiting.
    Demo(Demo),
    /// Show an event's way: its hops, attempts and outcomes, and why rules did not match.
    Trace(Trace),
    /// Freeze, advance or resume the clock of a server started with --virtual-clock.
    Clock(Clock),
    /// Look at queues and their messages without receiving them.
    Sqs(Queues),
    /// Look at dead letters, send them back, mend or delete them; on this server, any other, or AWS.
    Dlq(Dlq),
    /// Follow a bus, ask why a rule does or does not match an event, or put events.
    Events(Events),
    /// Find mistakes in a template or in what a server runs, before events do.
    Lint(Lint),
    /// Compare two versions of an event's JSON Schema, or hold events to one.
    Schema(Schema),
    /// List the supported operations.
    Operations(Operations),
    /// Say what a server runs.
    Health(Target),
    /// Empty a server: every resource of every account.
    Reset(Target),
}

/// `pontoon serve`.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub server: ServerArgs,
}

/// How a server is started.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// Where to listen.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
    /// Where to keep data.
    #[arg(long, value_name = "DIR", default_value = "./.pontoon")]
    pub data: PathBuf,
    /// Keep data in memory only.
    #[arg(long, conflicts_with = "data")]
    pub memory: bool,
    /// Account of callers whose access key is not a twelve-digit account.
    #[arg(long, value_name = "ID", default_value = "000000000000", value_parser = account)]
    pub account: Account,
    /// Region of requests that name none.
    #[arg(long, value_name = "NAME", default_value = "us-east-1", value_parser = region)]
    pub region: Region,
    /// What a policy's denial does.
    #[arg(long, value_enum, default_value = "warn")]
    pub policies: Policies,
    /// Run on a clock that `pontoon clock` can freeze and advance.
    #[arg(long)]
    pub virtual_clock: bool,
    /// Check signatures against the credentials in this file: profiles with `aws_access_key_id`, `aws_secret_access_key` and, optionally,
    /// `aws_session_token` and `aws_account_id`. Without it, `PONTOON_ACCESS_KEY_ID` and `PONTOON_SECRET_ACCESS_KEY` are used if set.
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// Listen beyond this machine though no credentials are configured.
    #[arg(long)]
    pub insecure: bool,
    /// Let `POST /_pontoon/reset` empty a data directory.
    #[arg(long)]
    pub allow_reset: bool,
}

/// What a policy's denial does.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Policies {
    /// The operation goes on, and its trace says what AWS would have denied.
    Warn,
    /// It refuses, as AWS does.
    Enforce,
}

fn account(text: &str) -> Result<Account, String> {
    text.parse().map_err(|()| "an account is twelve digits".to_owned())
}

fn region(text: &str) -> Result<Region, String> {
    text.parse().map_err(|()| "a region is 1 to 23 of a-z, 0-9 and -".to_owned())
}

impl ServerArgs {
    /// The configuration of the server.
    ///
    /// # Errors
    /// If the credentials cannot be read.
    pub fn config(&self) -> Result<Config, String> {
        let storage = if self.memory { Storage::Memory } else { Storage::Directory(self.data.clone()) };
        Ok(Config {
            listen: self.listen,
            storage,
            home: Scope { account: self.account, region: self.region },
            policies: match self.policies {
                Policies::Warn => PolicyMode::Warn,
                Policies::Enforce => PolicyMode::Enforce,
            },
            virtual_clock: self.virtual_clock,
            access: self.access()?,
            insecure: self.insecure,
            allow_reset: self.allow_reset,
        })
    }

    fn access(&self) -> Result<Access, String> {
        if let Some(file) = &self.credentials {
            return Ok(Access::Configured(read_credentials(file, self.account)?));
        }
        let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (of("PONTOON_ACCESS_KEY_ID"), of("PONTOON_SECRET_ACCESS_KEY")) {
            (None, None) => Ok(Access::Anyone),
            (Some(key), Some(secret)) => {
                let secret = Secret { key: secret.into(), session_token: None, account: self.account };
                Ok(Access::Configured(HashMap::from([(key, secret)])))
            }
            _ => Err("PONTOON_ACCESS_KEY_ID and PONTOON_SECRET_ACCESS_KEY go together".to_owned()),
        }
    }
}

/// Reads a file in the form of the AWS CLI's `credentials`.
fn read_credentials(file: &Path, home: Account) -> Result<HashMap<String, Secret>, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let mut known = HashMap::new();
    for profile in text.split("\n[").flat_map(|section| section.split_once(']').map(|(_, body)| body)) {
        let value = |name: &str| {
            profile.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            })
        };
        let (Some(key), Some(secret)) = (value("aws_access_key_id"), value("aws_secret_access_key")) else {
            return Err(format!(
                "{}: every profile needs aws_access_key_id and aws_secret_access_key",
                file.display()
            ));
        };
        let account = match value("aws_account_id") {
            Some(id) => id.parse().map_err(|()| format!("{}: {id} is not twelve digits", file.display()))?,
            None => key.parse().unwrap_or(home),
        };
        let session_token = value("aws_session_token").map(Into::into);
        known.insert(key, Secret { key: secret.into(), session_token, account });
    }
    if known.is_empty() {
        return Err(format!("{} holds no profile such as [default]", file.display()));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credentials_file_has_profiles_of_the_cli_s_form() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s1\n\n[other]\naws_access_key_id=AKIA2\n\
                    aws_secret_access_key=s=2\naws_account_id = 111111111111\n";
        std::fs::write(file.path(), text).unwrap();
        let known = read_credentials(file.path(), Account::DEFAULT).unwrap();
        assert_eq!(&*known["AKIA2"].key, "s=2");
        assert_eq!(known["AKIA2"].account.as_str(), "111111111111");
        assert_eq!(known["AKIA1"].account, Account::DEFAULT);
        std::fs::write(file.path(), "[broken]\naws_access_key_id = x\n").unwrap();
        assert!(read_credentials(file.path(), Account::DEFAULT).is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
