//! How long the microphone stays open after a press in tap mode, whatever the service says.
//!
//! The service decides when the user has stopped speaking, and may never say so. Two limits do not depend on it: the
//! time since the press, and the time in which the device itself has heard nothing but the noise of its room. The second
//! ends only speech that the service claims, so that nobody who thinks is cut off by it: the silence that ends a
//! conversation is a setting of the user.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Action, Actions, Conversation, DeviceEvent, Event, Mode, Notice, Phase, State, UserInput};
use crate::model::Time;

/// How long the microphone stays open after a press. The longest utterance (5 min) and the longest reply (10 min) fit;
/// both times start again with another press.
pub const TAP_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long speech that the service reports goes on without any sound. A pause for thought is shorter, and the service
/// ends a turn after a second or two.
pub const UNHEARD_LIMIT: Duration = Duration::from_secs(30);

/// The open microphone since a press.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenTap {
    pressed: Time,
    /// Since when the user could be heard: since the press, or the last reply.
    expected_since: Time,
    /// Since when the room is quiet, if it is.
    quiet_since: Option<Time>,
}

impl OpenTap {
    /// Returns when speech that the service reports is not believed any more.
    fn unheard_at(&self) -> Option<Time> {
        Some(self.quiet_since?.max(self.expected_since) + UNHEARD_LIMIT)
    }

    /// Returns the times of past events.
    pub(super) fn past_times(&self) -> impl Iterator<Item = Time> {
        [self.pressed, self.expected_since].into_iter().chain(self.quiet_since)
    }
}

impl Conversation {
    /// Returns whether it has to know when the room becomes loud or quiet: the microphone is open since a press.
    #[must_use]
    pub fn heeds_loudness(&self) -> bool {
        self.open_tap.is_some()
    }

    /// Follows what an event has changed since the state `before`, and closes the microphone if it was open for too long.
    pub(super) fn follow_tap(&mut self, event: &Event, before: State, now: Time) -> Actions {
        if !matches!(self.mode, Mode::Tap { .. }) || !self.microphone_open() {
            self.open_tap = None;
            return Actions::new();
        }
        let begun = OpenTap { pressed: now, expected_since: now, quiet_since: None };
        let is_press = *event == Event::Input(UserInput::Press);
        let quiet_since = self.open_tap.and_then(|tap| tap.quiet_since);
        let mut tap = match self.open_tap {
            Some(tap) if !is_press => tap,
            Some(_) | None => OpenTap { quiet_since, ..begun },
        };
        if let Event::Device(DeviceEvent::Room { loud }) = event {
            tap.quiet_since = (!loud).then_some(now);
        }
        if before == State::Speaking || self.state() == State::Speaking {
            tap.expected_since = now;
        }
        self.open_tap = Some(tap);
        let notice = match self.tap_deadlines() {
            [Some(at), _] if now >= at => Notice::TapTooLong,
            [_, Some(at)] if now >= at => Notice::NothingHeard,
            _ => return Actions::new(),
        };
        self.close_tap(notice, now)
    }

    /// Returns when the microphone is closed if nothing happens before.
    pub(super) fn tap_deadline(&self) -> Option<Time> {
        self.tap_deadlines().into_iter().flatten().min()
    }

    /// Returns the ends of the press and of speech that is not heard. Without a session other limits apply, which are
    /// shorter.
    fn tap_deadlines(&self) -> [Option<Time>; 2] {
        match (self.open_tap, &self.phase) {
            (Some(tap), Phase::Online(online)) => {
                [Some(tap.pressed + TAP_LIMIT), tap.unheard_at().filter(|_| online.speech_active())]
            }
            (None, _) | (_, Phase::Offline(_) | Phase::Leaving { .. } | Phase::Ended) => [None, None],
        }
    }

    /// Closes the microphone. A reply is still awaited and heard.
    fn close_tap(&mut self, notice: Notice, now: Time) -> Actions {
        self.open_tap = None;
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let mut all = Actions::new();
        if online.is_listening() {
            online.idle(now);
            // The speech that has silenced a reply will not be committed.
            online.end_noise(now);
            // The service must not answer an unfinished turn later as if it were complete.
            let _ = all.push(Action::Clear);
        } else {
            online.close();
        }
        let _ = all.push(Action::Notify(notice));
        all
    }
}
