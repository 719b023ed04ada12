//! A button on a GPIO line: its edges with the kernel's timestamps, and its level.
//!
//! The kernel debounces, timestamps and counts the edges. A gap in the sequence numbers reveals lost edges;
//! then the level is read instead. It knows no gestures.

use std::time::Duration;

use gpiocdev::line::{Bias as Pull, EdgeDetection, EdgeKind, Value};
use gpiocdev::{Request, line};
use rustix::io::Errno;

use super::chip;
use crate::config::{GpioLine, LineBias};
use crate::inputs::error::{LineError, LineProblem};
use crate::inputs::timestamp::ClockOffset;
use crate::model::Time;

/// Size of the kernel's buffer in edges: a press with bounces has about 12.
const KERNEL_BUFFER_EDGES: u32 = 64;
/// 8-byte words in an edge (`struct gpio_v2_line_event`, linux/gpio.h).
const EDGE_WORDS: usize = 6;
/// Edges read at a time.
const EDGES_PER_READ: usize = 16;
/// Reads per turn: a line that never rests must not block the session.
const READS_MAX: usize = 4;

/// A line requested with edge detection.
pub(crate) struct WatchedLine {
    request: Request,
    /// The sequence number of the last edge read.
    last_seqno: u32,
}

/// The result of reading a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineRead {
    /// Everything was read.
    All,
    /// This number of edges was lost; the current level was reported instead.
    EdgesLost(u32),
    Disconnected,
}

impl WatchedLine {
    /// Requests the line for `user`; also returns whether it is active now.
    pub(crate) fn open(
        user: &str,
        line: &GpioLine,
        active_low: bool,
        bias: LineBias,
        debounce: Duration,
    ) -> Result<(Self, bool), LineError> {
        let mut builder = Request::builder();
        builder
            .as_input()
            .with_edge_detection(EdgeDetection::BothEdges)
            .with_event_clock(line::EventClock::Monotonic)
            .with_kernel_event_buffer_size(KERNEL_BUFFER_EDGES)
            .with_bias(pull(bias));
        if active_low {
            builder.as_active_low();
        }
        if !debounce.is_zero() {
            builder.with_debounce_period(debounce);
        }
        let (request, offset) = chip::input(user, line, &mut builder)?;
        let refuse = |error: String| LineError::new(user, &chip::describe(line), LineProblem::Refused(error));
        rustix::io::ioctl_fionbio(&request, true).map_err(|error| refuse(error.to_string()))?;
        let level = request.value(offset).map_err(|error| refuse(error.to_string()))?;
        Ok((Self { request, last_seqno: 0 }, level == Value::Active))
    }

    /// Emits the pending edges (true is active), each with its time.
    pub(crate) fn read(&mut self, clock: &ClockOffset, mut emit: impl FnMut(bool, Time)) -> LineRead {
        let mut lost = 0;
        for _ in 0..READS_MAX {
            let mut bytes = [0; EDGES_PER_READ * EDGE_WORDS * 8];
            let count = match rustix::io::read(&self.request, &mut bytes) {
                Ok(count) => count,
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(_) => return LineRead::Disconnected,
            };
            for edge in bytes[..count].chunks_exact(EDGE_WORDS * 8) {
                lost += self.edge(edge, clock, &mut emit);
            }
        }
        if lost == 0 {
            return LineRead::All;
        }
        match self.request.lone_value() {
            Ok(level) => emit(level == Value::Active, clock.now()),
            Err(_) => return LineRead::Disconnected,
        }
        LineRead::EdgesLost(lost)
    }

    /// Emits one edge and returns the number lost before it.
    fn edge(&mut self, bytes: &[u8], clock: &ClockOffset, emit: &mut impl FnMut(bool, Time)) -> u32 {
        // Not `read_edge_event`: in gpiocdev 0.8.0 it reads eight edges and drops seven.
        let mut words = [0; EDGE_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        let Ok(edge) = self.request.edge_event_from_slice(&words) else { return 1 };
        let lost = edge.line_seqno.wrapping_sub(self.last_seqno).wrapping_sub(1);
        self.last_seqno = edge.line_seqno;
        emit(edge.kind == EdgeKind::Rising, clock.at(Duration::from_nanos(edge.timestamp_ns)));
        lost
    }
}

impl std::os::fd::AsFd for WatchedLine {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.request.as_fd()
    }
}

fn pull(bias: LineBias) -> Option<Pull> {
    match bias {
        LineBias::AsIs => None,
        LineBias::PullUp => Some(Pull::PullUp),
        LineBias::PullDown => Some(Pull::PullDown),
        LineBias::Disabled => Some(Pull::Disabled),
    }
}
