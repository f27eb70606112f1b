//! `pontoon serve`: only the server.

use pontoon_host::server::Server;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::ServerArgs;

use crate::show::say;

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// If the server cannot start.
pub async fn run(args: ServerArgs) -> Result<(), String> {
    let mut interrupts = Interrupts::listen()?;
    let server = start(&args).await?;
    interrupts.come().await;
    eprintln!("pontoon: stopping");
    server.stop().await;
    Ok(())
}

/// Starts a server and says in one line where it listens; it is ready then.
///
/// # Errors
/// If the server cannot start.
pub async fn start(args: &ServerArgs) -> Result<Server, String> {
    let server = Server::start(args.config()?).await.map_err(|error| error.message)?;
    let kept = if args.memory { "in memory".to_owned() } else { format!("in {}", args.data.display()) };
    say!("pontoon listens on {}, data {kept}", server.endpoint());
    Ok(server)
}

/// SIGINT and SIGTERM, heard from when this is made, so that none is lost between two waits.
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Begins to listen.
    ///
    /// # Errors
    /// If the machine gives no signals.
    pub fn listen() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot wait for signals: {error}");
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok(Self { interrupt, terminate })
    }

    /// Resolves when one has come.
    pub async fn come(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
