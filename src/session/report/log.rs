//! Reports events, errors and turn timings to log and terminal, one line each.
//!
//! It handles no error itself. A repeated one is logged at most once a minute, with its count.

use std::time::Duration;

use crate::audio::Counters;
use crate::conversation::{CloseReason, Event, Notice, ServerError, ServiceEvent};
use crate::inputs::SHOWN;
use crate::ledger::TurnTimings;
use crate::model::{CounterSnapshot, Time};
use crate::printable::clipped;
use crate::protocol::{ConfigMismatch, ServiceError};
use crate::transport::{TransportError, TransportErrorKind};

/// Minimum time between two log lines about errors of one kind.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
/// Minimum time between two lines of counters: xruns and drops come in bursts.
const COUNTERS_INTERVAL: Duration = Duration::from_secs(1);

/// Unexpected input that the session tolerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Anomaly {
    /// Text that does not parse as an event.
    Malformed,
    /// An event of an undocumented type.
    Unknown,
    /// A binary message.
    Binary,
    /// Audio that is not base64.
    BadAudio,
    /// More reply audio than the reply queue holds.
    TooLong,
    /// Captured audio that was dropped before a session could take it.
    PreRoll,
    /// A warning of the service.
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
    /// Counts one occurrence, and returns the number so far if a line is due.
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
                Anomaly::Malformed => "the service sent a malformed event, which is ignored",
                Anomaly::Unknown => "the service sent an event of an unknown type, which is ignored",
                Anomaly::Binary => "the service sent a binary message, which is ignored",
                Anomaly::BadAudio => {
                    "the service sent audio that is not base64; the rest of this part is not played"
                }
                Anomaly::TooLong => {
                    "more than ten minutes of reply are waiting; what exceeds them is not played"
                }
                Anomaly::PreRoll => {
                    "captured speech was dropped before it could be sent (10 s are kept); please say it again"
                }
                Anomaly::Warning => "the service sent a warning",
            };
            log::warn!("{what}: {} ({times} so far)", clipped(detail));
        }
    }

    pub(in crate::session) fn session(&mut self, id: &str, now: Time) {
        if self.sessions.due(now).is_some() {
            log::info!("session {} has started", clipped(id));
        }
    }

    /// Reports the loss of the active link. Returns the message for the user if the program exits for it.
    pub(in crate::session) fn lost(
        &mut self,
        error: &TransportError,
        reason: CloseReason,
        leaving: bool,
        now: Time,
    ) -> Option<String> {
        let kind = match error.reason {
            TransportErrorKind::Http { .. } => 0,
            TransportErrorKind::Closed(_) => 1,
            TransportErrorKind::Broken => 2,
            TransportErrorKind::Setup => 3,
        };
        let due = self.losses[kind].due(now).is_some();
        match reason {
            _ if leaving => log::info!("connection closed for exit: {error}"),
            CloseReason::Permanent => {
                let message = format!(
                    "cannot use the service: {error}; exiting; check the endpoint, the model and the key"
                );
                log::error!(target: SHOWN, "{message}");
                return Some(message);
            }
            // The light shows every loss, and the recorder keeps it.
            CloseReason::RetryAfter(_) | CloseReason::Transient if !due => log::debug!("{error}"),
            CloseReason::Unauthorized => {
                log::warn!("{error}; retrying once with a new token")
            }
            CloseReason::RetryAfter(delay) => {
                log::warn!("{error}; retrying in {} s at the earliest", delay.as_secs())
            }
            CloseReason::Transient => log::warn!("{error}; retrying"),
        }
        None
    }

    pub(in crate::session) fn standby_lost(&mut self, error: &TransportError, now: Time) {
        if self.standbys.due(now).is_some() {
            log::info!("no standby session: {error}; retrying");
        }
    }

    pub(in crate::session) fn mismatches(&mut self, found: &[ConfigMismatch], now: Time) {
        let fatal = found.iter().any(|mismatch| mismatch.fatal);
        if found.is_empty() || (self.mismatches.due(now).is_none() && !fatal) {
            return;
        }
        for ConfigMismatch { path, requested: asked, effective: got, fatal } in found {
            let level = if *fatal { log::Level::Error } else { log::Level::Warn };
            let got = clipped(&got.to_string());
            log::log!(level, "the service set {path} to {got} instead of the requested {asked}");
        }
    }

    pub(in crate::session) fn error(&mut self, error: &ServiceError<'_>, now: Time) {
        let ServiceError { message, param, event, .. } = error;
        let kind = if let Event::Service(ServiceEvent::Refused(server_error)) = event {
            match server_error {
                // Harmless: the reply ended by itself just before the cancel arrived.
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
            7
        };
        let level = if kind == 0 { log::Level::Debug } else { log::Level::Warn };
        let param = if param.is_empty() { String::new() } else { format!(" ({})", clipped(param)) };
        if let Some(times) = self.errors[kind].due(now) {
            let message = if message.is_empty() { "no message" } else { message };
            let (subject, message) = (clipped(error.subject()), clipped(message));
            log::log!(level, "the service reported {subject}{param}: {message} ({times} so far)");
        }
    }

    /// Reports a notice, and returns the message for the user.
    pub(in crate::session) fn notice(&self, notice: Notice) -> &'static str {
        let message = match notice {
            Notice::NoReply => "the service sent no reply in time; please ask again",
            Notice::ReplyStalled => "the reply stopped arriving; please ask again",
            Notice::ReplyFailed => "the service failed to complete the reply; please ask again",
            Notice::TooShort => "the button was pressed too briefly; hold it while you speak",
            Notice::Muted => "the microphone is muted; unmute it to speak",
            Notice::MuteSwitched => "the microphone is muted by its switch; move the switch to speak",
            Notice::NoSpeaker => "no speaker is connected, so no reply can be played; connect one",
            Notice::Unsent => {
                "the service was not reached in time and your speech was dropped; please say it again"
            }
            Notice::NoSession => "the service did not confirm the session configuration; reconnecting",
        };
        log::debug!(target: SHOWN, "{message}");
        message
    }

    /// Reports the timings of a turn, and returns them for the user, if there are any.
    pub(in crate::session) fn turn(&self, turn: &TurnTimings) -> Option<String> {
        let message = format_timings(turn);
        if message.is_empty() {
            return None;
        }
        log::debug!(target: SHOWN, "{message}");
        Some(message)
    }

    /// Logs the counters of the audio threads if they have changed, at most once a second.
    pub(in crate::session) fn counters(&mut self, counters: &Counters, now: Time) {
        // Playback runs dry at the end of every reply, and a lost receipt does not concern the user.
        let counts = CounterSnapshot { starved: 0, receipts_lost: 0, ..counters.snapshot() };
        if counts == self.reported_counts
            || self.counts_reported_at.is_some_and(|at| now < at + COUNTERS_INTERVAL)
        {
            return;
        }
        (self.reported_counts, self.counts_reported_at) = (counts, Some(now));
        log::warn!(
            "audio since the start: {} microphone xruns, {} speaker xruns, {} frames dropped, {} suspends, \
             {} reopens, {} dead inputs, {} mixer controls not set after a reconnect",
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

/// Formats the timings of a turn, in the order in which the user notices them.
fn format_timings(turn: &TurnTimings) -> String {
    let between = |from: Option<Time>, to: Option<Time>| Some((to? - from?).as_millis());
    let mut parts = Vec::new();
    if let Some(ms) = between(turn.ended, turn.first_played) {
        parts.push(format!("reply heard {ms} ms after the turn ended"));
    }
    if let (Some(service), Some(device)) =
        (between(turn.ended, turn.first_audio), between(turn.first_audio, turn.first_played))
    {
        parts.push(format!("service {service} ms, device {device} ms"));
    }
    if let Some(ms) = between(turn.cut, turn.silent) {
        parts.push(format!("silent {ms} ms after the interruption"));
    }
    if !turn.played.is_zero() {
        parts.push(format!("{} ms of it heard", turn.played.as_millis()));
    }
    parts.join(", ")
}
