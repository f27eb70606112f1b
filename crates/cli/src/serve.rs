//! `pontoon serve`: only the server.

use pontoon_host::server::Server;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::ServerArgs;

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// If the server cannot start.
pub async fn run(args: ServerArgs) -> Result<(), String> {
    let server = start(&args).await?;
    interrupted().await?;
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
    println!("pontoon listens on {}, data {kept}", server.endpoint());
    Ok(server)
}

/// Resolves at SIGINT or SIGTERM.
///
/// # Errors
/// If the machine gives no signals.
pub async fn interrupted() -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot wait for signals: {error}");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
