//! Maps a captured frame to the position that the speaker played at the same instant, from the timestamps of both devices.
//!
//! A timestamp says which frame a device was at, at a time of CLOCK_MONOTONIC. The two devices are never asked at the
//! same time: the captured frame at the time of a playback timestamp lies between two capture timestamps. So a clock that
//! is being set changes nothing. Timestamps that cannot be true are told, and then nothing is mapped until they are true
//! for a while. It reads no clock and knows no samples.

use std::fmt;

use heapless::Deque;

use super::delay_locked_loop::{Clocks, DelayLockedLoop};

/// Capture timestamps that are kept; the capture step takes at most 50 a second while somebody speaks or listens.
const KEPT: usize = 32;
/// How long before the first capture timestamp a playback timestamp may be, in seconds.
const BEFORE_FIRST_S: f64 = 0.1;
/// False timestamps in a row after which they count as false.
const FALSE_MAX: u32 = 3;
/// True timestamps in a row after which they count as true again.
const TRUE_MIN: u32 = 32;
/// The same for those that fitted no clock: more than the observations between two jumps that belong together.
const STEADY_MIN: u32 = 300;
const NS_PER_S: f64 = 1e9;

/// The timestamp of a device's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Nanoseconds of CLOCK_MONOTONIC.
    At(u64),
    /// The device is not running, so that its position does not move.
    NotRunning,
    /// The device has none.
    Missing,
    /// It is of another clock: in the future, or long past.
    Foreign,
}

/// Why timestamps cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampFault {
    Missing,
    Foreign,
    /// The time does not advance while frames move.
    Still,
    Backwards,
    /// They fit no two clocks.
    Unsteady,
}

impl fmt::Display for StampFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "a device states no times",
            Self::Foreign => "a device states the times of another clock",
            Self::Still => "a device's times do not advance",
            Self::Backwards => "a device's times run backwards",
            Self::Unsteady => "the times of the devices fit no two clocks",
        })
    }
}

/// How well it is known what the speaker played when a frame was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// There was no timestamp yet since one of the devices was started.
    Waiting,
    Aligned,
    /// It cannot be known.
    Unaligned(StampFault),
}

/// The map from captured to played frames.
#[derive(Clone, Debug)]
pub struct ClockMap {
    capture_hz: f64,
    playback_hz: f64,
    offset: DelayLockedLoop,
    /// The newest capture timestamps: nanoseconds, and the captured frame then, in seconds.
    captured: Deque<(u64, f64), KEPT>,
    capture_check: StampCheck,
    playback_check: StampCheck,
    fault: Option<StampFault>,
    /// True timestamps since the last false one.
    trusted: u32,
}

impl ClockMap {
    /// Creates the map of two devices that capture and play so many frames per second.
    #[must_use]
    pub fn new(capture_hz: u32, playback_hz: u32, clocks: Clocks) -> ClockMap {
        ClockMap {
            capture_hz: f64::from(capture_hz),
            playback_hz: f64::from(playback_hz),
            offset: DelayLockedLoop::new(clocks),
            captured: Deque::new(),
            capture_check: StampCheck::default(),
            playback_check: StampCheck::default(),
            fault: None,
            trusted: 0,
        }
    }

    /// Records that the device had captured the frames before `frame` at the time of `stamp`.
    pub fn capture_stamp(&mut self, frame: i64, stamp: Stamp) {
        match self.capture_check.check(frame, stamp) {
            Ok(Some(time_ns)) => {
                if self.captured.is_full() {
                    self.captured.pop_front();
                }
                // The oldest was just removed if the queue was full.
                let _ = self.captured.push_back((time_ns, frame as f64 / self.capture_hz));
            }
            Ok(None) => {}
            Err(fault) => self.fail(fault),
        }
    }

    /// Returns the time of the newest capture timestamp. Later playback timestamps can only be used after the next one.
    #[must_use]
    pub fn newest_ns(&self) -> Option<u64> {
        self.captured.back().map(|(time_ns, _)| *time_ns)
    }

    /// Records that the device had played the frames before `frame` at the time of `stamp`.
    pub fn playback_stamp(&mut self, frame: i64, stamp: Stamp) {
        let checked = match self.playback_check.check(frame, stamp) {
            Ok(Some(time_ns)) => self.captured_s(time_ns),
            Ok(None) => None,
            Err(fault) => return self.fail(fault),
        };
        let Some(captured_s) = checked else { return };
        match self.offset.observe(captured_s, frame as f64 / self.playback_hz - captured_s) {
            Ok(()) => self.trust(),
            Err(fault) => self.fail(fault),
        }
    }

    /// Returns the position that was played when the frame `frame` was captured, in frames of the speaker; `None` if that
    /// is not known.
    #[must_use]
    pub fn played(&self, frame: f64) -> Option<f64> {
        if self.fault.is_some() {
            return None;
        }
        let seconds = frame / self.capture_hz;
        let mut offset = self.offset.offset_s(seconds)? * self.playback_hz;
        if self.offset.is_frozen() {
            // One clock counts both: between whole frames there is nothing but the error of the timestamps.
            offset = offset.round();
        }
        Some(frame * self.playback_hz / self.capture_hz + offset)
    }

    #[must_use]
    pub fn alignment(&self) -> Alignment {
        match self.fault {
            Some(fault) => Alignment::Unaligned(fault),
            None if self.offset.observations() == 0 => Alignment::Waiting,
            None => Alignment::Aligned,
        }
    }

    /// Returns whether both devices are taken to have one clock.
    #[must_use]
    pub fn clocks(&self) -> Clocks {
        self.offset.clocks()
    }

    /// Returns the drift of the playback clock against the capture clock, a ratio.
    #[must_use]
    pub fn drift(&self) -> f64 {
        self.offset.drift()
    }

    /// Records that the capture device was restarted, or has lost frames.
    pub fn restart_capture(&mut self) {
        self.captured.clear();
        self.capture_check = StampCheck::default();
        self.offset.restart();
    }

    /// Records that the playback device was restarted: its positions follow another line from here on.
    pub fn restart_playback(&mut self) {
        self.playback_check = StampCheck::default();
        self.offset.restart();
    }

    /// Returns the frame that was captured at a time, in seconds; `None` if no capture timestamp is near.
    fn captured_s(&self, time_ns: u64) -> Option<f64> {
        let mut before = None;
        for &(at_ns, seconds) in &self.captured {
            if at_ns <= time_ns {
                before = Some((at_ns, seconds));
                continue;
            }
            let after_s = (at_ns - time_ns) as f64 / NS_PER_S;
            return match before {
                Some((before_ns, before_s)) => {
                    let elapsed_s = (at_ns - before_ns) as f64 / NS_PER_S;
                    Some(seconds - (seconds - before_s) * after_s / elapsed_s)
                }
                None => (after_s <= BEFORE_FIRST_S).then_some(seconds - after_s),
            };
        }
        before.filter(|(at_ns, _)| *at_ns == time_ns).map(|(_, seconds)| seconds)
    }

    fn trust(&mut self) {
        self.trusted = self.trusted.saturating_add(1);
        let needed = if self.fault == Some(StampFault::Unsteady) { STEADY_MIN } else { TRUE_MIN };
        if self.trusted >= needed {
            self.fault = None;
        }
    }

    fn fail(&mut self, fault: StampFault) {
        self.offset.restart();
        (self.fault, self.trusted) = (Some(fault), 0);
    }
}

/// Finds timestamps of one device that cannot be true.
#[derive(Clone, Debug, Default)]
struct StampCheck {
    last: Option<(i64, u64)>,
    /// False timestamps in a row.
    failures: u32,
}

impl StampCheck {
    /// Returns the time of a timestamp that is new and possible.
    fn check(&mut self, frame: i64, stamp: Stamp) -> Result<Option<u64>, StampFault> {
        let fault = match (stamp, self.last) {
            (Stamp::NotRunning, _) => return Ok(None),
            (Stamp::Missing, _) => StampFault::Missing,
            (Stamp::Foreign, _) => StampFault::Foreign,
            (Stamp::At(now), Some((_, before))) if now < before => StampFault::Backwards,
            (Stamp::At(now), Some((frame_before, before))) if now == before => {
                if frame == frame_before {
                    return Ok(None);
                }
                StampFault::Still
            }
            (Stamp::At(now), _) => {
                (self.last, self.failures) = (Some((frame, now)), 0);
                return Ok(Some(now));
            }
        };
        self.failures += 1;
        if self.failures < FALSE_MAX {
            return Ok(None);
        }
        if fault == StampFault::Backwards {
            self.last = None;
        }
        Err(fault)
    }
}
