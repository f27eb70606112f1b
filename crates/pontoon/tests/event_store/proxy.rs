//! A network between the store and the service that loses requests and replies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on, and now and then closes the connection instead: before a request arrives, or after it was done.
pub struct LossyProxy {
    pub endpoint: String,
    pub losses: Arc<AtomicU64>,
}

impl LossyProxy {
    /// In front of `upstream`; of a thousand pieces of data it loses `loss_per_mille`.
    pub async fn start(upstream: &str, loss_per_mille: u32, seed: u64) -> Self {
        let upstream: SocketAddr = upstream.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let losses = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&losses);
        let mut rng = fastrand::Rng::with_seed(seed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (rng, losses) = (rng.fork(), Arc::clone(&counted));
                // A connection ends in every way that connections end.
                tokio::spawn(async move { pass(client, upstream, loss_per_mille, rng, &losses).await.ok() });
            }
        });
        Self { endpoint, losses }
    }
}

async fn pass(
    mut client: TcpStream,
    upstream: SocketAddr,
    loss_per_mille: u32,
    mut rng: fastrand::Rng,
    losses: &AtomicU64,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (mut request, mut reply) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let (from, to, buffer) = tokio::select! {
            read = client.read(&mut request) => (read?, &mut server, &request),
            read = server.read(&mut reply) => (read?, &mut client, &reply),
        };
        if from == 0 {
            return Ok(());
        }
        if rng.u32(0..1000) < loss_per_mille {
            losses.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        to.write_all(&buffer[..from]).await?;
    }
}
