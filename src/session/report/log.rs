//! What the owner is told: words, news, times and troubles, each in one line.
//!
//! It only tells. What comes again and again is told once a minute, with its count.

use std::time::Duration;

use crate::audio::{Counters, Direction, MissingDevices};
use crate::board::Board;
use crate::conversation::{CloseReason, Event, Notice, ServerError, ServiceEvent};
use crate::ledger::TurnTimings;
use crate::model::{CounterSnapshot, Time};
use crate::protocol::{ConfigMismatch, ServiceError};
use crate::transport::{TransportError, TransportErrorKind, clipped};

/// The least time between two lines about the same kind of trouble.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
/// Xruns and drops come in bursts; one line a second is enough to hear of them.
const COUNTERS_INTERVAL: Duration = Duration::from_secs(1);

/// What should not come, and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Anomaly {
    /// Text that is no event.
    Malformed,
    /// An event that nobody has documented.
    Unknown,
    /// A binary message.
    Binary,
    /// Audio that is not base64.
    BadAudio,
    /// More reply than the backlog holds.
    TooLong,
    /// Pre-roll too old to be sent.
    PreRoll,
    /// Something that the service warns of.
    Warning,
}

#[derive(Default)]
pub(in crate::session) struct StatusReporter {
    anomalies: [RateLimit; 7],
    errors: [RateLimit; 9],
    losses: [RateLimit; 4],
    standbys: RateLimit,
    sessions: RateLimit,
    mismatches: RateLimit,
    reported_counts: CounterSnapshot,
    counts_reported_at: Option<Time>,
}

#[derive(Clone, Copy, Default)]
struct RateLimit {
    times: u64,
    reported_at: Option<Time>,
}

impl RateLimit {
    /// Counts once more; how often it was so far where that is to be told.
    fn due(&mut self, now: Time) -> Option<u64> {
        self.times += 1;
        let due = self.reported_at.is_none_or(|reported_at| now >= reported_at + REPEAT_INTERVAL);
        due.then(|| {
            self.reported_at = Some(now);
            self.times
        })
    }
}

impl StatusReporter {
    pub(in crate::session) fn anomaly(&mut self, anomaly: Anomaly, detail: &str, now: Time) {
        if let Some(times) = self.anomalies[anomaly as usize].due(now) {
            let what = match anomaly {
                Anomaly::Malformed => "the service sent what is no event",
                Anomaly::Unknown => "the service sent an event of a kind nobody has documented",
                Anomaly::Binary => "the service sent a binary message",
                Anomaly::BadAudio => "the service sent audio that is not base64",
                Anomaly::TooLong => "the reply is longer than ten minutes; the rest is not played",
                Anomaly::PreRoll => "what was said more than ten seconds before the link came up is lost",
                Anomaly::Warning => "the service warns",
            };
            log::warn!("{what}: {} ({times} times so far)", clipped(detail));
        }
    }

    pub(in crate::session) fn session(&mut self, id: &str, now: Time) {
        if self.sessions.due(now).is_some() {
            log::info!("session {}", clipped(id));
        }
    }

    pub(in crate::session) fn lost(
        &mut self,
        error: &TransportError,
        reason: CloseReason,
        leaving: bool,
        board: &mut Board,
        now: Time,
    ) {
        let kind = match error.reason {
            TransportErrorKind::Http { .. } => 0,
            TransportErrorKind::Closed(_) => 1,
            TransportErrorKind::Broken => 2,
            TransportErrorKind::Setup => 3,
        };
        let due = self.losses[kind].due(now).is_some();
        match reason {
            _ if leaving => log::info!("the link is closed: {error}"),
            CloseReason::Permanent => {
                log::error!("the service refuses: {error}");
                board.print("news", &format!("the service refuses: {error}"));
            }
            // The light shows every one, and a recording tells them all.
            CloseReason::RetryAfter(_) | CloseReason::Transient if !due => log::debug!("{error}"),
            CloseReason::Unauthorized => {
                log::warn!("{error}; trying once more, with the credential as it is then")
            }
            CloseReason::RetryAfter(delay) => {
                log::warn!("{error}; trying again in {} s at the earliest", delay.as_secs())
            }
            CloseReason::Transient => log::warn!("{error}; trying again"),
        }
    }

    pub(in crate::session) fn standby_lost(&mut self, error: &TransportError, now: Time) {
        if self.standbys.due(now).is_some() {
            log::info!("the session that is to take over: {error}; trying again");
        }
    }

    pub(in crate::session) fn mismatches(&mut self, found: &[ConfigMismatch], now: Time) {
        let fatal = found.iter().any(|mismatch| mismatch.fatal);
        if found.is_empty() || (self.mismatches.due(now).is_none() && !fatal) {
            return;
        }
        for ConfigMismatch { path, asked, got, fatal } in found {
            let level = if *fatal { log::Level::Error } else { log::Level::Warn };
            let got = clipped(&got.to_string());
            log::log!(level, "the service set {path} to {got} where {asked} was asked");
        }
    }

    pub(in crate::session) fn error(&mut self, error: &ServiceError<'_>, now: Time) {
        let ServiceError { code, message, param, event } = error;
        let kind = if let Event::Service(ServiceEvent::Refused(server_error)) = event {
            match server_error {
                // Losing a race against the reply's own end is nobody's trouble.
                ServerError::NothingToCancel => 0,
                ServerError::ReplyInProgress => 1,
                ServerError::NothingToCommit => 2,
                ServerError::SessionExpired => 3,
                ServerError::QuotaExceeded => 4,
                ServerError::RateLimited => 5,
                ServerError::Internal => 6,
                ServerError::Other => 7,
            }
        } else {
            8
        };
        let level = if kind == 0 { log::Level::Debug } else { log::Level::Warn };
        let param = if param.is_empty() { String::new() } else { format!(" ({})", clipped(param)) };
        if let Some(times) = self.errors[kind].due(now) {
            let (code, message) = (clipped(code), clipped(message));
            log::log!(level, "the service says {code}{param}: {message} ({times} times so far)");
        }
    }

    pub(in crate::session) fn notice(&self, notice: Notice, board: &mut Board) {
        let sentence = match notice {
            Notice::NoReply => "no reply came in time",
            Notice::ReplyStalled => "the reply stopped coming",
            Notice::ReplyFailed => "the service could not make the whole reply",
            Notice::TooShort => "that press was too short to hold a word",
            Notice::Muted => "the microphone is muted",
            Notice::MuteSwitched => "the switch holds the microphone muted",
            Notice::NoSpeaker => "there is no speaker to hear the reply from",
            Notice::Unsent => "there is no link, and what was said is too old to be sent",
            Notice::NoSession => "the service did not answer the configuration",
        };
        log::debug!("{sentence}");
        board.print("news", sentence);
    }

    /// Tells which device has gone or is of no use, and which is back.
    pub(in crate::session) fn missing_devices(
        &self,
        before: MissingDevices,
        after: MissingDevices,
        board: &mut Board,
    ) {
        for (direction, before, after) in [
            (Direction::Capture, before.capture, after.capture),
            (Direction::Playback, before.playback, after.playback),
        ] {
            match (before, after) {
                (None, Some(error)) => self.print(&error.sentence(direction), board),
                (Some(_), None) => self.print(&format!("the {direction} is back"), board),
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
        match (before.dead_input, after.dead_input) {
            (None, Some(dead_input)) => self.print(&dead_input.to_string(), board),
            (Some(_), None) => self.print("the microphone hears again", board),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// Tells of trouble with a device, or of its end.
    pub(in crate::session) fn print(&self, sentence: &str, board: &mut Board) {
        log::warn!("{sentence}");
        board.print("news", sentence);
    }

    /// Tells how long the steps of a turn took.
    pub(in crate::session) fn turn(&self, turn: &TurnTimings, board: &mut Board) {
        let sentence = format_timings(turn);
        if !sentence.is_empty() {
            log::debug!("{sentence}");
            board.print("time", &sentence);
        }
    }

    /// Tells what the sound threads have counted since the last time, at most once a second.
    pub(in crate::session) fn counters(&mut self, counters: &Counters, now: Time) {
        // Playback runs dry at the end of every reply, which is no trouble, and a lost receipt is nothing to the user.
        let counts = CounterSnapshot { starved: 0, receipts_lost: 0, ..counters.snapshot() };
        if counts == self.reported_counts
            || self.counts_reported_at.is_some_and(|at| now < at + COUNTERS_INTERVAL)
        {
            return;
        }
        (self.reported_counts, self.counts_reported_at) = (counts, Some(now));
        log::warn!(
            "sound so far: {} microphone xruns, {} speaker xruns, {} frames dropped, {} suspends, {} reopens, \
             {} times the microphone was deaf, {} times controls of a card that came back could not be set",
            counts.capture_xruns,
            counts.playback_xruns,
            counts.overruns,
            counts.suspends,
            counts.reopens,
            counts.dead_inputs,
            counts.controls_refused
        );
    }
}

/// Says how long the steps of a turn took, in the order in which an owner would feel them.
fn format_timings(turn: &TurnTimings) -> String {
    let between = |from: Option<Time>, to: Option<Time>| Some((to? - from?).as_millis());
    let mut parts = Vec::new();
    if let Some(ms) = between(turn.ended, turn.first_heard) {
        parts.push(format!("reply heard {ms} ms after the turn ended"));
    }
    if let (Some(service), Some(device)) =
        (between(turn.ended, turn.first_audio), between(turn.first_audio, turn.first_heard))
    {
        parts.push(format!("service {service} ms, device {device} ms"));
    }
    if let Some(ms) = between(turn.cut, turn.silent) {
        parts.push(format!("silent {ms} ms after the interruption"));
    }
    if !turn.heard.is_zero() {
        parts.push(format!("{} ms of it heard", turn.heard.as_millis()));
    }
    parts.join(", ")
}
