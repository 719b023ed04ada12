//! A button on a GPIO line of its own: its edges with the kernel's times, and its level.
//!
//! The kernel debounces, stamps and counts the edges; lost ones are noticed by the count and made good by
//! reading the level. What an edge means is not known here.

use std::time::Duration;

use gpiocdev::line::{Bias as Pull, EdgeDetection, EdgeKind, Value};
use gpiocdev::{Request, line};
use rustix::io::Errno;

use super::chip;
use crate::config::{GpioLine, LineBias};
use crate::inputs::error::{LineError, LineProblem};
use crate::inputs::timestamp::ClockOffset;
use crate::model::Time;

/// Edges that the kernel keeps for us: a press that bounces has a dozen.
const KERNEL_BUFFER_EDGES: u32 = 64;
/// Words of 8 bytes in an edge (`struct gpio_v2_line_event`, linux/gpio.h).
const EDGE_WORDS: usize = 6;
/// Edges read at a time.
const EDGES_PER_READ: usize = 16;
/// Reads in a turn: a line that is never still must not keep the session.
const READS_MAX: usize = 4;

/// A line being watched.
pub(crate) struct WatchedLine {
    request: Request,
    /// The number of the last edge that was read.
    last_seqno: u32,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineRead {
    /// Everything was read.
    All,
    /// So many edges were lost before they could be read.
    EdgesLost(u32),
    Disconnected,
}

impl WatchedLine {
    /// Takes the line for `user`, and gives whether it is active now.
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

    /// Reports the edges that have come, each with its time.
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

    /// Reports one edge, and tells how many were lost before it.
    fn edge(&mut self, bytes: &[u8], clock: &ClockOffset, emit: &mut impl FnMut(bool, Time)) -> u32 {
        // gpiocdev 0.8.0 reads eight edges for one and drops seven (`read_edge_event`), so they are read here.
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
