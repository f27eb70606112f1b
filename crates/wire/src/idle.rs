//! Whether a connection is in use, and since when it is not.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::body::Body;

/// The use of a connection, known to it and to the requests under way on it.
///
/// hyper has a timeout for heads of its own, which arms and disarms a timer and reads once more from the socket for every request. This is asked only as often
/// as it takes a connection to expire.
#[derive(Debug)]
pub(crate) struct Usage {
    opened: Instant,
    under_way: AtomicUsize,
    /// Milliseconds from the opening to the end of the last request.
    unused_from: AtomicU64,
}

impl Usage {
    /// Of a connection that has just been opened.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            under_way: AtomicUsize::new(0),
            unused_from: AtomicU64::new(0),
        })
    }

    /// Notes that a request's head is there.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        UnderWay(Arc::clone(self))
    }

    /// When the last request ended, or the connection was opened; `None` while there are requests.
    fn unused_since(&self) -> Option<Instant> {
        let is_unused = self.under_way.load(Ordering::Acquire) == 0;
        is_unused.then(|| self.opened + Duration::from_millis(self.unused_from.load(Ordering::Acquire)))
    }

    /// Resolves when there has been no request for so long. A head that is still on its way is none.
    pub(crate) async fn unused_for(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            // What is in use now cannot expire sooner than if it ended at once.
            let expires = self.unused_since().unwrap_or(now) + limit;
            if expires <= now {
                return;
            }
            sleep_until(expires).await;
        }
    }
}

/// A request under way, until dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Usage>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let millis = self.0.opened.elapsed().as_millis();
        self.0.unused_from.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Release);
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A body that is sent: the request is under way until all of it has been.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) body: Body,
    pub(crate) _under_way: UnderWay,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    async fn seconds_to_expire(usage: &Usage) -> u64 {
        let begun = Instant::now();
        usage.unused_for(LIMIT).await;
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_expires_so_long_after_its_last_request() {
        let usage = Usage::new();
        assert_eq!(seconds_to_expire(&usage).await, 60);
        let request = usage.begin();
        let ends = async {
            tokio::time::sleep(Duration::from_secs(150)).await;
            let other = usage.begin();
            drop(request);
            tokio::time::sleep(Duration::from_secs(25)).await;
            drop(other);
        };
        let (expired, ()) = tokio::join!(seconds_to_expire(&usage), ends);
        assert_eq!(expired, 235);
    }
}
