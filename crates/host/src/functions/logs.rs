//! What a function prints, cut into log events, and the lines that Lambda itself writes around an invocation.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use pontoon_core::work::{FunctionSpec, LogLine};
use pontoon_core::{Clock, Timestamp};

/// The longest log event in bytes: what CloudWatch Logs takes less its 26 bytes of overhead. Longer lines are split.
const EVENT_BYTES_MAX: usize = 262_144 - 26;
/// What one invocation may log in bytes. The rest is counted and dropped, with a line that says so.
const INVOCATION_LOG_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What one invocation may log in events; a handler that prints nothing but newlines is bounded by this.
const INVOCATION_LOG_EVENTS_MAX: usize = 100_000;
/// The longest header of a framed event: two NULs, digits, a newline.
const FRAME_HEADER_BYTES_MAX: usize = 16;

/// Collects a process's output.
///
/// Output is cut at newlines, as Lambda does for what a function writes to its standard streams. A runtime that logs a text of
/// several lines as one event (ours do, like Lambda's managed ones) writes two NULs, the text's length in decimal, a newline
/// and the text, at the start of a line.
pub(super) struct Capture {
    clock: Arc<dyn Clock>,
    pending: Vec<u8>,
    frame_left: Option<usize>,
    lines: Vec<LogLine>,
    bytes: usize,
    dropped_bytes: usize,
}

impl Capture {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, pending: Vec::new(), frame_left: None, lines: Vec::new(), bytes: 0, dropped_bytes: 0 }
    }

    /// Takes what the process wrote.
    pub(super) fn feed(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            data = match self.frame_left {
                Some(left) => self.feed_frame(data, left),
                None => self.feed_line(data),
            };
        }
    }

    fn feed_frame<'a>(&mut self, data: &'a [u8], left: usize) -> &'a [u8] {
        let (now, rest) = data.split_at(left.min(data.len()));
        self.pending.extend_from_slice(now);
        if now.len() == left {
            self.frame_left = None;
            self.finish_event();
        } else {
            self.frame_left = Some(left - now.len());
        }
        rest
    }

    fn feed_line<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let room = EVENT_BYTES_MAX - self.pending.len();
        let newline = data.iter().take(room).position(|&b| b == b'\n');
        let (now, rest) = data.split_at(newline.map_or(room.min(data.len()), |at| at + 1));
        self.pending.extend_from_slice(now);
        if newline.is_some()
            && let Some(length) = frame_length(&self.pending)
        {
            self.pending.clear();
            self.frame_left = Some(length).filter(|&length| length > 0);
        } else if newline.is_some() || self.pending.len() == EVENT_BYTES_MAX {
            self.finish_event();
        }
        rest
    }

    fn finish_event(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.push(String::from_utf8_lossy(&pending).into_owned());
        self.pending = pending;
        self.pending.clear();
    }

    /// Adds a whole event of the function's, within the invocation's bounds.
    fn push(&mut self, message: String) {
        if self.bytes + message.len() > INVOCATION_LOG_BYTES_MAX
            || self.lines.len() >= INVOCATION_LOG_EVENTS_MAX
        {
            self.dropped_bytes += message.len();
            return;
        }
        self.bytes += message.len();
        self.lines.push(LogLine { at: self.clock.now(), text: message });
    }

    /// Adds a line of Lambda's own, which no bound drops. A line that the function has begun is closed first.
    pub(super) fn system(&mut self, message: String) {
        self.frame_left = None;
        if !self.pending.is_empty() {
            self.finish_event();
        }
        if self.dropped_bytes > 0 {
            let notice = format!(
                "[pontoon] {} more bytes of output were dropped\n",
                std::mem::take(&mut self.dropped_bytes)
            );
            self.lines.push(LogLine { at: self.clock.now(), text: notice });
        }
        self.lines.push(LogLine { at: self.clock.now(), text: message });
    }

    /// Hands over what was collected, and begins anew.
    pub(super) fn take(&mut self) -> Vec<LogLine> {
        self.bytes = 0;
        std::mem::take(&mut self.lines)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The length that a frame's header gives, if `line` is one and asks for no more than an event holds.
fn frame_length(line: &[u8]) -> Option<usize> {
    let digits = line.strip_prefix(b"\0\0")?.strip_suffix(b"\n")?;
    if line.len() > FRAME_HEADER_BYTES_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (length <= EVENT_BYTES_MAX).then_some(length)
}

/// How a phase ended when it did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status<'a> {
    Timeout,
    Error(&'a str),
}

impl Status<'_> {
    fn text(&self) -> String {
        match self {
            Self::Timeout => "Status: timeout".to_owned(),
            Self::Error(error_type) => format!("Status: error\tError Type: {error_type}"),
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// `INIT_START`, with the runtime's version as AWS spells it and an ARN that stands for it.
pub(super) fn init_start(spec: &FunctionSpec) -> String {
    let runtime = &spec.runtime;
    let arn = pontoon_lambda::runtime_version_arn(spec.scope.region, runtime);
    format!("INIT_START Runtime Version: {}.v1\tRuntime Version ARN: {arn}\n", runtime_name(runtime))
}

/// `python:3.12` of `python3.12`, `nodejs:20` of `nodejs20.x`, `provided:al2023` of `provided.al2023`.
fn runtime_name(runtime: &str) -> String {
    if let Some(system) = runtime.strip_prefix("provided.") {
        return format!("provided:{system}");
    }
    let family = runtime.find(|c: char| c.is_ascii_digit()).unwrap_or(runtime.len());
    format!("{}:{}", &runtime[..family], runtime[family..].trim_end_matches(".x"))
}

pub(super) fn init_report(duration: Duration, phase: &str, status: &Status<'_>) -> String {
    format!("INIT_REPORT Init Duration: {:.2} ms\tPhase: {phase}\t{}\n", millis(duration), status.text())
}

pub(super) fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}\n")
}

pub(super) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
}

pub(super) fn timed_out(at: Timestamp, request_id: &str, timeout: Duration) -> String {
    format!("{} {request_id} Task timed out after {:.2} seconds\n\n", at.iso_millis(), timeout.as_secs_f64())
}

/// What the `REPORT` line tells of an invocation.
pub(super) struct Report<'a> {
    pub(super) request_id: &'a str,
    pub(super) duration: Duration,
    pub(super) billed_ms: u64,
    pub(super) memory_mb: u32,
    pub(super) max_memory_mb: u32,
    pub(super) init_duration: Option<Duration>,
    pub(super) status: Option<Status<'a>>,
}

impl Report<'_> {
    /// The line, as in the recording `test_invocation_type_event_error`.
    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            millis(self.duration),
            self.billed_ms,
            self.memory_mb,
            self.max_memory_mb
        );
        if let Some(init) = self.init_duration {
            // Writing to a String cannot fail.
            let _ = write!(line, "Init Duration: {:.2} ms\t", millis(init));
        }
        if let Some(status) = &self.status {
            line.push_str(&status.text());
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_000)
        }
    }

    fn captured(chunks: &[&[u8]]) -> Vec<String> {
        let mut capture = Capture::new(Arc::new(Still));
        for chunk in chunks {
            capture.feed(chunk);
        }
        capture.system("END\n".to_owned());
        capture.take().into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn output_is_cut_at_newlines_wherever_the_pipe_cuts_it() {
        assert_eq!(captured(&[b"mul", b"ti\nli", b"ne\nrest"]), ["multi\n", "line\n", "rest", "END\n"]);
        assert_eq!(captured(&[b"another\rline\n"]), ["another\rline\n", "END\n"]);
        assert_eq!(captured(&[b"\xff\xfe\n"]), ["\u{fffd}\u{fffd}\n", "END\n"]);
    }

    #[test]
    fn a_framed_text_is_one_event() {
        assert_eq!(captured(&[b"\0\0", b"5\na\n", b"b\ncx\n"]), ["a\nb\nc", "x\n", "END\n"]);
        assert_eq!(captured(&[b"\0\0x\n"]), ["\0\0x\n", "END\n"]);
        assert_eq!(captured(&[b"\0\0999999999\nx\n"]), ["\0\0999999999\n", "x\n", "END\n"]);
        assert_eq!(captured(&[b"\0\09\nab"]), ["ab", "END\n"]);
    }

    #[test]
    fn megabytes_of_output_are_split_bounded_and_accounted_for() {
        let mut capture = Capture::new(Arc::new(Still));
        for _ in 0..100 {
            capture.feed(&vec![b'x'; 200_000]);
        }
        capture.system("END\n".to_owned());
        let lines = capture.take();
        let kept: usize =
            lines.iter().filter(|line| line.text.starts_with('x')).map(|line| line.text.len()).sum();
        assert!(kept <= INVOCATION_LOG_BYTES_MAX);
        assert!(lines.iter().all(|line| line.text.len() <= EVENT_BYTES_MAX));
        let notice = &lines[lines.len() - 2].text;
        assert_eq!(*notice, format!("[pontoon] {} more bytes of output were dropped\n", 20_000_000 - kept));
    }

    #[test]
    fn report_lines_are_those_of_the_recordings() {
        let mut report = Report {
            request_id: "r",
            duration: Duration::from_micros(3_010),
            billed_ms: 114,
            memory_mb: 128,
            max_memory_mb: 36,
            init_duration: Some(Duration::from_micros(110_100)),
            status: None,
        };
        assert_eq!(
            report.line(),
            "REPORT RequestId: r\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
        );
        report.init_duration = None;
        report.status = Some(Status::Error("Runtime.ExitError"));
        assert!(
            report.line().ends_with("Max Memory Used: 36 MB\tStatus: error\tError Type: Runtime.ExitError\n")
        );
    }

    #[test]
    fn init_start_names_the_runtime_as_aws_does() {
        for (runtime, text) in [
            ("python3.12", "python:3.12"),
            ("nodejs20.x", "nodejs:20"),
            ("provided.al2023", "provided:al2023"),
        ] {
            assert_eq!(runtime_name(runtime), text);
        }
    }
}
