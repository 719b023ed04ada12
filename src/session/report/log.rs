//! Reports events, errors and turn timings to log and terminal, one line each.
//!
//! It handles no error itself. A repeated one is logged at most once a minute, with its count.

use std::borrow::Cow;
use std::time::Duration;

use crate::audio::Counters;
use crate::conversation::{CloseReason, Notice};
use crate::inputs::SHOWN;
use crate::ledger::TurnTimings;
use crate::model::{CounterSnapshot, Time};
use crate::printable::clipped;
use crate::protocol::{ConfigMismatch, Refusal};

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
    /// By class, whether an event or the end of a link is of it.
    refusals: [RateLimit; Refusal::ALL.len()],
    /// Why the service does not make the reply of this turn.
    reply_refusal: Option<String>,
    standbys: RateLimit,
    sessions: RateLimit,
    mismatches: RateLimit,
    clocks: RateLimit,
    reported_counts: CounterSnapshot,
    reported_slow_prepares: u64,
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

    /// Reports that this machine's clock and the service's differ.
    pub(in crate::session) fn wrong_clock(&mut self, message: &str, now: Time) {
        if self.clocks.due(now).is_some() {
            log::warn!("{message}");
        }
    }

    pub(in crate::session) fn session(&mut self, id: &str, now: Time) {
        if self.sessions.due(now).is_some() {
            log::info!("session {} has started", clipped(id));
        }
    }

    /// Reports the loss of the active link for this `class`. `message` says what happened. Returns the message for the
    /// user if that needs attention: it ends the program, or is retried so late that it would look like the end.
    pub(in crate::session) fn lost(
        &mut self,
        (class, reason): (Refusal, CloseReason),
        message: &str,
        leaving: bool,
        now: Time,
    ) -> Option<String> {
        let due = self.refusals[class as usize].due(now).is_some();
        let then = match reason {
            _ if leaving => {
                log::info!("connection closed for exit: {message}");
                return None;
            }
            CloseReason::Permanent => return Some(with_advice(message, "exiting", class)),
            CloseReason::RetryAfter(delay) if class.is_of_access() => {
                let minutes = delay.as_secs() / 60;
                let then = format!("it has worked before, so retrying every {minutes} minutes");
                return Some(with_advice(message, &then, class));
            }
            CloseReason::Unauthorized => "retrying once with a new token".to_owned(),
            CloseReason::RetryAfter(delay) => format!("retrying in {} s at the earliest", delay.as_secs()),
            CloseReason::Transient => "retrying".to_owned(),
        };
        // The light shows every loss, and the recorder keeps it.
        let level = if due { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, "{}", with_advice(message, &then, class));
        None
    }

    pub(in crate::session) fn standby_lost(&mut self, class: Refusal, message: &str, now: Time) {
        if self.standbys.due(now).is_some() {
            log::info!("no standby session: {}", with_advice(message, "retrying", class));
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

    /// Reports an error that the service reports in an event, and that does not end the program. `message` says what it
    /// is, and `is_configured` whether there is a session that it does not end.
    pub(in crate::session) fn error(
        &mut self,
        class: Refusal,
        message: &str,
        is_configured: bool,
        now: Time,
    ) {
        // Harmless: the reply ended by itself just before the cancel arrived.
        let level = if class == Refusal::NothingToCancel { log::Level::Debug } else { log::Level::Warn };
        match self.refusals[class as usize].due(now) {
            Some(times) => {
                let goes_on = is_configured && class != Refusal::SessionOver;
                let then = if goes_on { "the session goes on" } else { "retrying" };
                log::log!(level, "{} ({times} so far)", with_advice(message, then, class));
            }
            None => log::debug!("{message}"),
        }
    }

    /// Keeps why the service does not make the reply of this turn, for the notice about it.
    pub(in crate::session) fn reply_refused(&mut self, class: Refusal, message: &str) {
        self.reply_refusal = Some(with_advice(message, "the reply is missing or cut short", class));
    }

    /// Returns the message about an error that ends the program.
    pub(in crate::session) fn refused(&self, class: Refusal, message: &str) -> String {
        with_advice(message, "exiting", class)
    }

    /// Reports a notice, and returns the message for the user.
    pub(in crate::session) fn notice(&mut self, notice: Notice) -> Cow<'static, str> {
        if let (Notice::ReplyRefused, Some(refusal)) = (notice, self.reply_refusal.take()) {
            log::debug!("{refusal}");
            return refusal.into();
        }
        let message = match notice {
            Notice::NoReply => "the service sent no reply in time; please ask again",
            Notice::ReplyStalled => "the reply stopped arriving; please ask again",
            Notice::ReplyFailed => "the service failed to complete the reply; please ask again",
            Notice::ReplyRefused => "the service did not make the reply; please ask again",
            Notice::TooShort => "the button was pressed too briefly; hold it while you speak",
            Notice::Muted => "the microphone is muted; unmute it to speak",
            Notice::MuteSwitched => "the microphone is muted by its switch; move the switch to speak",
            Notice::NoSpeaker => "no speaker is connected, so no reply can be played; connect one",
            Notice::Unsent => {
                "the service was not reached in time and your speech was dropped; please say it again"
            }
            Notice::TapTooLong => {
                "the microphone was open for 15 minutes since the press and is now closed; press to go on talking"
            }
            Notice::NothingHeard => {
                "the service reported speech, but nothing was heard for 30 s, so the microphone is now closed; press to \
                 talk, and if you were talking, come closer or raise the gain of the microphone"
            }
            Notice::NoSession => "the service did not confirm the session configuration; reconnecting",
        };
        log::debug!(target: SHOWN, "{message}");
        message.into()
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
        let slow = counters.slow_prepares.get();
        if slow != std::mem::replace(&mut self.reported_slow_prepares, slow) {
            log::warn!(
                "the driver of a sound card took over 100 ms to start it again, {slow} times since the start; the \
                 sound is late as often. If it breaks up repeatedly, raise period_ms in the board file"
            );
        }
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

/// Completes a message with what mynah does, and what the user can do about a refusal of this class.
fn with_advice(message: &str, then: &str, class: Refusal) -> String {
    let advice = class.advice();
    if advice.is_empty() { format!("{message}; {then}") } else { format!("{message}; {then}; {advice}") }
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
    if !turn.lag.is_zero() {
        parts.push(format!("the speaker up to {} ms behind the service", turn.lag.as_millis()));
    }
    if !turn.played.is_zero() {
        parts.push(format!("{} ms of it heard", turn.played.as_millis()));
    }
    parts.join(", ")
}
