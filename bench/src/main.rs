//! The load generator and end-to-end benchmarks.
//!
//! Each figure is a ratio to its limit, measured in the same run: requests to what the same HTTP stack answers when it does nothing, durable sends to
//! what the disk syncs. Servers run as processes of their own; the load comes from one thread of this one. Every answer is checked, so that a wrong one
//! is not a fast one.

mod buses;
mod constant;
mod disk;
mod load;
mod queues;
mod report;
mod scale;
mod scenarios;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use report::Report;

/// Benchmarks of a whole Pontoon.
#[derive(Debug, Parser)]
#[command(name = "bench", version, about)]
struct Cli {
    /// The `pontoon` binary; built beside this one if left out.
    #[arg(long, value_name = "FILE")]
    pontoon: Option<PathBuf>,
    /// Seconds that each throughput is measured for.
    #[arg(long, value_name = "N", default_value_t = 3.0)]
    seconds: f64,
    /// Connections of the throughput scenarios.
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: usize,
    /// Only scenarios whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Measure SQS alone: every kind of request over 1, 32 and 256 connections, in memory and on disk.
    #[arg(long, conflicts_with = "connections")]
    sqs: bool,
    /// Measure SQS at scale: receiving from a backlog of so many messages, starting on it, FIFO backlogs, many queues and long polls.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10000000",
          value_parser = clap::value_parser!(u64).range(1_000..), conflicts_with_all = ["only", "connections", "sqs", "seconds"])]
    scale: Option<u64>,
    /// Print JSON, an object a line.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Answer every request with a constant: the limit of the HTTP stack.
    #[command(hide = true)]
    Constant,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.role {
        Some(Role::Constant) => constant::serve(),
        None => run(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    let pontoon = match &cli.pontoon {
        Some(file) => file.clone(),
        None => server::beside_this()?,
    };
    let settings = scenarios::Settings {
        pontoon,
        duration: Duration::from_secs_f64(cli.seconds),
        connections: cli.connections,
        only: cli.only.clone(),
    };
    let report = Report { json: cli.json };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let measured = async {
            match cli.scale {
                Some(messages) => scale::run(&settings, messages, report).await,
                None if cli.sqs => queues::run(&settings, report).await,
                None => scenarios::run(&settings, report).await,
            }
        };
        // Who is interrupted ends the servers and removes their directories too.
        tokio::select! {
            measured = measured => measured,
            _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
        }
    })
}
