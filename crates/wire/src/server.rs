//! Connections: accepting, bounding and closing them.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::backend::Backend;
use crate::exchange::Front;
use crate::idle::{Sent, Usage};
use crate::limits::Limits;

/// How long to wait before accepting again when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection that has expired may take to say so to its client.
const EXPIRED_GRACE: Duration = Duration::from_millis(500);

/// How far the server has come on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    /// Connections are accepted and served.
    Serving,
    /// Connections end when their requests have been answered.
    Closing,
    /// Time is up: connections end.
    Ended,
}

/// Serves HTTP/1.1 and, by prior knowledge, HTTP/2 on `listener` until `shutdown` is ready; then accepts no more, lets the requests under way end for as long
/// as [`Limits::shutdown_timeout`] says, and returns. The listener takes connections from the moment it is bound.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: Arc<B>,
    shutdown: impl Future<Output = ()>,
    limits: Limits,
) {
    let front = Arc::new(Front::new(backend, limits));
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let (phase, _) = watch::channel(Phase::Serving);
    let mut shutdown = pin!(shutdown);
    loop {
        // A slot is taken before a connection is: what has none waits in the system's backlog.
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            (slot, accepted) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let (front, phase) = (Arc::clone(&front), phase.subscribe());
                    tokio::spawn(async move {
                        let _slot = slot;
                        serve_connection(stream, peer.ip(), front, phase).await;
                    });
                }
                Err(error) if is_of_connection(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    phase.send_replace(Phase::Closing);
    // Each connection holds a receiver until it has ended.
    if tokio::time::timeout(limits.shutdown_timeout, phase.closed()).await.is_err() {
        phase.send_replace(Phase::Ended);
        phase.closed().await;
    }
}

/// Whether an error of accepting is the connection's own and not the listener's.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

async fn serve_connection<B: Backend>(
    stream: TcpStream,
    peer: std::net::IpAddr,
    front: Arc<Front<B>>,
    mut phase: watch::Receiver<Phase>,
) {
    // Answers are written whole, so there is nothing for Nagle's algorithm to gather.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let limits = front.limits;
    let usage = Usage::new();
    let used = Arc::clone(&usage);
    let service = service_fn(move |request| {
        let (front, under_way) = (Arc::clone(&front), used.begin());
        async move {
            let answer = front.answer(request, peer).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body| Sent { body, _under_way: under_way }))
        }
    });
    let builder = connection_builder(&limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a connection ended is of no interest: its requests have been answered or their clients are gone.
    let is_expired = tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        _ = phase.wait_for(|phase| *phase >= Phase::Closing) => false,
        () = usage.unused_for(limits.head_timeout) => true,
    };
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        _ = phase.wait_for(|phase| *phase == Phase::Ended) => {}
        () = tokio::time::sleep(EXPIRED_GRACE), if is_expired => {}
    }
}

fn connection_builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).auto_date_header(false).pipeline_flush(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(256)
        .max_header_list_size(64 << 10)
        .keep_alive_interval(limits.head_timeout)
        .keep_alive_timeout(limits.body_piece_timeout);
    builder
}
