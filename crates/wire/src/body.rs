//! Bodies: receiving them within bounds, and sending them.

use std::future::poll_fn;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::limits::Limits;

/// A body that is sent.
#[derive(Debug)]
pub enum Body {
    /// The whole; `None` once sent.
    Full(Option<Bytes>),
    /// Pieces as they come.
    Stream(mpsc::Receiver<Bytes>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Full(bytes) => {
                Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Self::Stream(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(|b| Ok(Frame::data(b)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Why a body could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than the service takes.
    TooLarge,
    /// It came too slowly.
    TimedOut,
    /// The connection broke, or the framing is wrong.
    Broken,
    /// All bodies together have reached their bound.
    Busy,
    /// It is not what its `Content-Encoding` says.
    NotDecodable,
    /// Its `Content-Encoding` is none that AWS takes.
    UnknownEncoding,
}

/// The room that all bodies together have.
#[derive(Debug, Default)]
pub struct Room {
    taken: AtomicUsize,
}

/// Bytes taken from a [`Room`] until dropped.
#[derive(Debug)]
pub struct Taken {
    room: Arc<Room>,
    bytes: usize,
}

impl Taken {
    /// Nothing yet.
    #[must_use]
    pub fn none(room: &Arc<Room>) -> Self {
        Self { room: Arc::clone(room), bytes: 0 }
    }

    fn grow(&mut self, bytes: usize, max: usize) -> Result<(), BodyError> {
        let before = self.room.taken.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before + bytes > max { Err(BodyError::Busy) } else { Ok(()) }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How much of a body that is too large is read and dropped, so that a client that writes all before it reads gets to see the answer.
const DISCARDED_BYTES_MAX: usize = 256 << 20;

/// Receives a body of at most `bytes_max` bytes, counting it as `taken`. A body that comes in one piece is not copied.
///
/// # Errors
/// If it is too large, too slow, cut short, or there is no room for it.
pub async fn receive(
    headers: &HeaderMap,
    mut body: hyper::body::Incoming,
    bytes_max: usize,
    limits: &Limits,
    taken: &mut Taken,
) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced = content_length(headers);
    let mut arriving = Arriving { body: &mut body, limits, deadline: None };
    let received = if announced.is_some_and(|len| len > bytes_max as u64) {
        Err(BodyError::TooLarge)
    } else {
        gather(&mut arriving, announced, bytes_max, taken).await
    };
    // A client that waits to be told to go on is not told so, and needs no such favour.
    if received == Err(BodyError::TooLarge) && !headers.contains_key(EXPECT) {
        discard(&mut arriving).await;
    }
    received
}

/// A body on its way.
struct Arriving<'a> {
    body: &'a mut hyper::body::Incoming,
    limits: &'a Limits,
    /// By when the whole must be there, from when it was first waited for.
    deadline: Option<Instant>,
}

impl Arriving<'_> {
    /// The next piece; `None` at the end.
    async fn next_piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let Some(frame) = self.frame().await? else { return Ok(None) };
            // Frames that are not data are HTTP trailers, in which nothing of AWS's travels.
            if let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    async fn frame(&mut self) -> Result<Option<hyper::Result<Frame<Bytes>>>, BodyError> {
        // Most bodies came together with their head; no clock is asked for those.
        let at_once = poll_fn(|cx| Poll::Ready(Pin::new(&mut *self.body).poll_frame(cx))).await;
        if let Poll::Ready(frame) = at_once {
            return Ok(frame);
        }
        let now = Instant::now();
        let deadline = *self.deadline.get_or_insert(now + self.limits.body_timeout);
        let deadline = deadline.min(now + self.limits.body_piece_timeout);
        timeout_at(deadline, self.body.frame()).await.map_err(|_| BodyError::TimedOut)
    }

    /// Whether nothing follows what has come.
    fn is_end(&self) -> bool {
        self.body.is_end_stream()
    }
}

async fn gather(
    arriving: &mut Arriving<'_>,
    announced: Option<u64>,
    bytes_max: usize,
    taken: &mut Taken,
) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(data) = arriving.next_piece().await? {
        if first.len() + whole.len() + data.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        taken.grow(data.len(), arriving.limits.bodies_bytes_max)?;
        if first.is_empty() && whole.is_empty() {
            first = data;
            if arriving.is_end() {
                break;
            }
            continue;
        }
        if whole.is_empty() {
            // What was announced is reserved only as far as a liar could not profit from it.
            whole.reserve(announced.map_or(0, |len| len.min(4 << 20) as usize));
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Reads and drops what is left of a body, within bounds.
async fn discard(arriving: &mut Arriving<'_>) {
    let mut discarded = 0;
    while let Ok(Some(data)) = arriving.next_piece().await {
        discarded += data.len();
        if discarded > DISCARDED_BYTES_MAX {
            break;
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Undoes `Content-Encoding: gzip`, which SDKs apply to large metrics and log events, to at most `bytes_max` bytes.
///
/// # Errors
/// If the body is not gzip, is larger inflated, or has another encoding.
pub fn inflate(headers: &HeaderMap, body: Bytes, bytes_max: usize) -> Result<Bytes, BodyError> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(body) };
    let encoding = encoding.to_str().map_err(|_| BodyError::UnknownEncoding)?.trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(body);
    }
    if !encoding.eq_ignore_ascii_case("gzip") {
        return Err(BodyError::UnknownEncoding);
    }
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(4).min(bytes_max));
    let reader = flate2::read::MultiGzDecoder::new(body.as_ref());
    let read = reader.take(bytes_max as u64 + 1).read_to_end(&mut inflated);
    read.map_err(|_| BodyError::NotDecodable)?;
    if inflated.len() > bytes_max { Err(BodyError::TooLarge) } else { Ok(inflated.into()) }
}
