//! The event handlers of a configured session.
//!
//! They work on the state in [`Online`](super::turn::Online). The user's speech is left to `speech`, what the service
//! says to `replies`, dialling to `offline`, and the standby link to `handover`.

use std::time::Duration;

use super::turn::{Awaited, Generation, Turn};
use super::{
    Action, Actions, CloseReason, Conversation, DEFERRED_CREATE_LIMIT, DeviceEvent, ERROR_BURST, Event, Exit,
    JUST_INTERRUPTED, LinkChange, Mode, Notice, Phase, ResponseStatus, SHORTEST_HOLD, ServerError,
    ServiceEvent, THINK_LIMIT, UserInput, actions,
};
use crate::model::Time;

impl Conversation {
    pub(super) fn handle_online(&mut self, event: &Event, now: Time) -> Actions {
        match event {
            Event::Input(UserInput::Press) => self.press(now),
            Event::Input(UserInput::Release { heard }) => self.release(*heard, now),
            Event::Input(UserInput::Mute) => self.mute(None, now),
            Event::Input(UserInput::MuteSwitch(on)) => self.mute(Some(*on), now),
            Event::Input(UserInput::Reset) => self.reset(now),
            Event::Link(LinkChange::Down(reason)) => self.link_down(*reason, now),
            Event::Service(ServiceEvent::SpeechStarted) => self.speech_started(now),
            Event::Service(ServiceEvent::SpeechStopped) => self.speech_stopped(now),
            Event::Service(ServiceEvent::Committed(item)) => self.committed(item.as_ref(), now),
            Event::Service(ServiceEvent::Transcribed { item, words }) => {
                self.transcribed(item.as_ref(), *words, now)
            }
            Event::Service(ServiceEvent::IdleTimeout) => self.idle_timeout(now),
            Event::Service(ServiceEvent::ReplyCreated(id)) => self.reply_created(id, now),
            Event::Service(ServiceEvent::Audio(id)) => self.audio(id, now),
            Event::Service(ServiceEvent::ReplyProgress(id)) => self.progress(id.as_ref(), now),
            Event::Service(ServiceEvent::ReplyDone(id, outcome @ ResponseStatus::Refused(error))) => {
                let mut all = self.reply_done(id, *outcome, now);
                all.extend(self.handle_server_error(*error, now));
                all
            }
            Event::Service(ServiceEvent::ReplyDone(id, outcome)) => self.reply_done(id, *outcome, now),
            Event::Device(DeviceEvent::Drained) => self.drained(now),
            Event::Service(ServiceEvent::Refused(error)) => self.handle_server_error(*error, now),
            Event::Tick => self.tick_online(now),
            Event::Link(LinkChange::Expires(_)) | Event::Standby(_) => self.handle_standby(event, now),
            // The session is already configured; a later `session.updated` changes nothing.
            Event::Input(UserInput::Leave) | Event::Device(_) | Event::Link(_) => Actions::new(),
        }
    }

    fn press(&mut self, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let (was_busy, mut all) = match &online.turn {
            Turn::Thinking { .. } | Turn::Speaking { .. } => {
                let is_owed = online.replies.is_empty() && matches!(online.turn, Turn::Thinking { .. });
                online.replies.refuse_until(now + if is_owed { THINK_LIMIT } else { JUST_INTERRUPTED });
                (true, online.interrupt())
            }
            Turn::Idle { .. } | Turn::Listening { .. } if online.paused.is_some() => {
                (true, online.interrupt())
            }
            // Audio that still plays here belongs to a reply from before the link was lost.
            Turn::Idle { .. } | Turn::Listening { .. } => (false, actions([Action::Cut])),
        };
        online.uncommitted = false;
        if muted {
            if !was_busy {
                let _ = all.push(Action::Notify(Notice::Muted));
            }
            online.rest(mode, muted, false, now);
            return all;
        }
        match (mode, &online.turn) {
            (Mode::Open | Mode::Hold, Turn::Listening { .. }) => return all,
            (Mode::Tap { .. }, Turn::Listening { .. }) => {
                let _ = all.push(Action::Clear);
                online.idle(now);
                return all;
            }
            (Mode::Hold, Turn::Idle { .. } | Turn::Thinking { .. } | Turn::Speaking { .. }) => {
                let _ = all.push(Action::Clear);
            }
            (
                Mode::Open | Mode::Tap { .. },
                Turn::Idle { .. } | Turn::Thinking { .. } | Turn::Speaking { .. },
            ) => {}
        }
        online.listen(mode, now);
        all
    }

    fn release(&mut self, captured: Duration, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if self.mode != Mode::Hold || !matches!(online.turn, Turn::Listening { .. }) {
            return Actions::new();
        }
        if captured >= SHORTEST_HOLD {
            return online.end_turn(now);
        }
        online.idle(now);
        actions([Action::Clear, Action::Notify(Notice::TooShort)])
    }

    fn mute(&mut self, switch: Option<bool>, now: Time) -> Actions {
        match self.apply_mute(switch) {
            Ok(true) => {}
            Ok(false) => return Actions::new(),
            Err(notice) => return actions([Action::Notify(notice)]),
        }
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        match &online.turn {
            // The service must not answer an unfinished turn later as if it were complete.
            Turn::Listening { .. } if muted => {
                online.idle(now);
                // The speech that has silenced a reply will not be committed.
                online.end_noise(now);
                actions([Action::Clear])
            }
            Turn::Idle { .. } if !muted => {
                online.rest(mode, muted, true, now);
                Actions::new()
            }
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => {
                Actions::new()
            }
        }
    }

    /// Abandons the current reply because the speaker has been disconnected for too long.
    pub(super) fn give_up_reply(&mut self, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let is_replying = matches!(online.turn, Turn::Thinking { .. } | Turn::Speaking { .. });
        if !is_replying && online.paused.is_none() {
            return Actions::new();
        }
        let mut all = online.interrupt();
        if is_replying {
            online.rest(mode, muted, false, now);
        }
        let _ = all.push(Action::Notify(Notice::NoSpeaker));
        all
    }

    /// Ends the session, and with it the conversation that the service remembers, and mutes: whoever
    /// takes over the device decides when it hears.
    pub(super) fn reset(&mut self, now: Time) -> Actions {
        self.mute.by_button = true;
        let mut all = actions([Action::Cut, Action::HangUp]);
        if let Phase::Online(online) = &mut self.phase {
            // Also removes the standby link, which must not take over.
            online.set_session(online.failures(), online.handover.dialled(), None);
        }
        all.extend(self.go_offline(now));
        all
    }

    /// Continues on the configured standby link after the active one was lost. At most the pending reply is
    /// lost.
    pub(super) fn switch_to_ready_standby(&mut self, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let mut all = online.drop_paused();
        let _ = all.push(Action::SwitchToStandby);
        online.switch_session(online.handover.after_switch());
        match &online.turn {
            // The new session detects the speech itself.
            Turn::Listening { speech: true, .. } if mode != Mode::Hold => online.listen(mode, now),
            Turn::Thinking { awaits, .. } => {
                let is_owed = *awaits == Awaited::Reply;
                online.rest(mode, muted, false, now);
                if is_owed {
                    let _ = all.push(Action::Notify(Notice::NoReply));
                }
            }
            Turn::Speaking { drained: true, .. } => online.rest(mode, muted, false, now),
            // The audio received so far is played.
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Speaking { drained: false, .. } => {}
        }
        all
    }

    fn handle_server_error(&mut self, error: ServerError, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        match error {
            ServerError::ReplyInProgress if online.generation == Generation::Requested => {
                // The id of the reply in progress is unknown, so the end of any reply triggers the next
                // request.
                online.generation = Generation::None;
                if let Turn::Thinking { deferred_create, .. } = &mut online.turn {
                    *deferred_create = Some(now + DEFERRED_CREATE_LIMIT);
                }
                Actions::new()
            }
            ServerError::NothingToCommit => {
                if let Turn::Thinking { deferred_create, .. } = &mut online.turn {
                    *deferred_create = None;
                }
                Actions::new()
            }
            ServerError::SessionExpired => self.hang_up(CloseReason::Transient, now),
            ServerError::Internal => {
                if online.errors.add(now) < ERROR_BURST {
                    return Actions::new();
                }
                self.hang_up(CloseReason::Transient, now)
            }
            ServerError::RateLimited => {
                self.hold_off(now);
                Actions::new()
            }
            ServerError::QuotaExceeded => {
                let mut all = actions([Action::HangUp]);
                all.extend(self.finish(Exit::Misconfigured));
                all
            }
            // What was rejected has no effect; a session that needs it is closed by the service.
            ServerError::Unauthorized | ServerError::Rejected | ServerError::Withheld => Actions::new(),
            ServerError::NothingToCancel | ServerError::ReplyInProgress | ServerError::Other => {
                Actions::new()
            }
        }
    }

    fn tick_online(&mut self, now: Time) -> Actions {
        if self.input_ended_deadline().is_some_and(|deadline| now >= deadline) {
            return self.leave(now);
        }
        if let Some(all) = self.advance_handover(now) {
            return all;
        }
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if online.paused.is_some_and(|paused| now >= paused.until()) {
            return self.decide_paused(now);
        }
        if online.turn_deadline().is_none_or(|deadline| now < deadline) {
            return Actions::new();
        }
        match (&online.turn, mode) {
            (Turn::Idle { .. }, _) => Actions::new(),
            (Turn::Listening { .. }, Mode::Hold) => online.end_turn(now),
            (Turn::Listening { .. }, Mode::Open | Mode::Tap { .. }) => {
                online.rest(mode, muted, true, now);
                actions([Action::Clear])
            }
            (Turn::Thinking { until, .. }, _) if now < *until => online.take_deferred_create(),
            // Nothing was owed for certain. A reply that comes later is heard all the same.
            (Turn::Thinking { awaits: Awaited::Commit | Awaited::Doubtful, .. }, _) => {
                online.generation = Generation::None;
                online.rest(mode, muted, false, now);
                Actions::new()
            }
            (Turn::Thinking { .. }, _) => {
                let mut all = online.interrupt();
                // The requested reply is no longer expected, so the next turn may request one.
                online.generation = Generation::None;
                online.rest(mode, muted, false, now);
                let _ = all.push(Action::Notify(Notice::NoReply));
                all
            }
            (Turn::Speaking { .. }, _) => {
                let stalled = !online.replies.is_empty();
                let mut all = online.interrupt();
                online.rest(mode, muted, false, now);
                if stalled {
                    let _ = all.push(Action::Notify(Notice::ReplyStalled));
                }
                all
            }
        }
    }
}

/// Returns how the user is told that the reply is not whole, if that has to be.
pub(super) fn failure_notice(outcome: ResponseStatus) -> Option<Notice> {
    match outcome {
        ResponseStatus::Failed | ResponseStatus::Incomplete => Some(Notice::ReplyFailed),
        // The program ends, and says why.
        ResponseStatus::Refused(ServerError::QuotaExceeded) => None,
        ResponseStatus::Refused(_) => Some(Notice::ReplyRefused),
        ResponseStatus::Completed | ResponseStatus::Cancelled => None,
    }
}
