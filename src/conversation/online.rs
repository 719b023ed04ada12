//! The event handlers of a configured session.
//!
//! They work on the state in [`Online`](super::turn::Online). Dialling is left to `offline`, and the standby
//! link to `handover`.

use std::time::Duration;

use super::turn::{Generation, Turn};
use super::{
    Action, Actions, CloseReason, Conversation, DEFERRED_CREATE_LIMIT, DeviceEvent, ERROR_BURST, Event, Exit,
    Id, LinkChange, Mode, Notice, Phase, REPLY_LIMIT, ResponseStatus, SHORTEST_HOLD, STALL_LIMIT,
    ServerError, ServiceEvent, SpeakerStatus, THINK_LIMIT, UTTERANCE_LIMIT, UserInput, actions,
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
            Event::Service(ServiceEvent::SpeechStopped | ServiceEvent::Committed) => self.speech_stopped(now),
            Event::Service(ServiceEvent::ReplyCreated(id)) => self.reply_created(id, now),
            Event::Service(ServiceEvent::Audio(id)) => self.audio(id, now),
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
            Turn::Thinking { .. } | Turn::Speaking { .. } => (true, online.interrupt()),
            // Audio that still plays here belongs to a reply from before the link was lost.
            Turn::Idle { .. } | Turn::Listening { .. } => (false, actions([Action::Cut])),
        };
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
                online.turn = Turn::Idle { since: now };
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
        online.turn = Turn::listening(mode, now);
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
        online.turn = Turn::Idle { since: now };
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
                online.turn = Turn::Idle { since: now };
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
        match &online.turn {
            Turn::Thinking { .. } | Turn::Speaking { .. } => {
                let mut all = online.interrupt();
                online.rest(mode, muted, false, now);
                let _ = all.push(Action::Notify(Notice::NoSpeaker));
                all
            }
            Turn::Idle { .. } | Turn::Listening { .. } => Actions::new(),
        }
    }

    /// Ends the session, and with it the conversation that the service remembers, and unmutes the button.
    pub(super) fn reset(&mut self, now: Time) -> Actions {
        self.mute.by_button = false;
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
        let mut all = actions([Action::SwitchToStandby]);
        online.switch_session(online.handover.after_switch());
        match &mut online.turn {
            // The new session detects the speech itself.
            Turn::Listening { speech: true, .. } if mode != Mode::Hold => {
                online.turn = Turn::listening(mode, now)
            }
            Turn::Thinking { .. } => {
                online.rest(mode, muted, false, now);
                let _ = all.push(Action::Notify(Notice::NoReply));
            }
            Turn::Speaking { drained: true, .. } => online.rest(mode, muted, false, now),
            // The audio received so far is played.
            Turn::Speaking { sent, .. } => *sent = true,
            Turn::Idle { .. } | Turn::Listening { .. } => {}
        }
        all
    }

    fn speech_started(&mut self, now: Time) -> Actions {
        if self.mode == Mode::Hold || self.muted() {
            return Actions::new();
        }
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if matches!(online.turn, Turn::Idle { .. }) {
            return Actions::new();
        }
        online.turn = Turn::Listening { since: now, speech: true, until: Some(now + UTTERANCE_LIMIT) };
        // The service cancels the reply itself, because it detected the speech (protocol §9.3).
        actions([Action::Cut])
    }

    fn speech_stopped(&mut self, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if self.mode != Mode::Hold && matches!(online.turn, Turn::Listening { speech: true, .. }) {
            online.turn = Turn::Thinking { reply: None, deferred_create: None, until: now + THINK_LIMIT };
        }
        Actions::new()
    }

    fn reply_created(&mut self, id: &Id, now: Time) -> Actions {
        let given_up = self.speaker == SpeakerStatus::GivenUp;
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        online.reply = Generation::Active(id.clone());
        match &mut online.turn {
            Turn::Thinking { deferred_create: None, .. } if given_up => self.give_up_reply(now),
            Turn::Thinking { reply, deferred_create: None, .. } => {
                *reply = Some(id.clone());
                Actions::new()
            }
            // The user has pressed the button since, or the reply was not requested.
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => {
                actions([Action::Cancel(id.clone())])
            }
        }
    }

    fn audio(&mut self, id: &Id, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        if online.accepts_audio_of(id) {
            let sent = matches!(online.turn, Turn::Speaking { sent: true, .. });
            online.turn =
                Turn::Speaking { reply: id.clone(), sent, drained: false, until: now + REPLY_LIMIT };
        }
        Actions::new()
    }

    fn reply_done(&mut self, id: &Id, outcome: ResponseStatus, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        let mut all = Actions::new();
        if online.reply == Generation::Active(id.clone()) {
            online.reply = Generation::None;
        }
        if online.reply == Generation::None {
            all = online.take_deferred_create();
            if let (false, Turn::Thinking { until, .. }) = (all.is_empty(), &mut online.turn) {
                *until = now + THINK_LIMIT;
            }
        }
        match &mut online.turn {
            Turn::Thinking { reply: Some(reply), .. } if reply == id => online.rest(mode, muted, false, now),
            Turn::Speaking { reply, drained: true, .. } if reply == id => {
                online.rest(mode, muted, false, now)
            }
            Turn::Speaking { reply, sent, .. } if reply == id => *sent = true,
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } | Turn::Speaking { .. } => {
                return all;
            }
        }
        match outcome {
            ResponseStatus::Failed | ResponseStatus::Incomplete => {
                let _ = all.push(Action::Notify(Notice::ReplyFailed));
            }
            ResponseStatus::Completed | ResponseStatus::Cancelled => {}
        }
        all
    }

    fn drained(&mut self, now: Time) -> Actions {
        let (mode, muted) = (self.mode, self.muted());
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        match &mut online.turn {
            Turn::Speaking { sent: true, .. } => online.rest(mode, muted, false, now),
            Turn::Speaking { drained, until, .. } => {
                *drained = true;
                *until = now + STALL_LIMIT;
            }
            Turn::Idle { .. } | Turn::Listening { .. } | Turn::Thinking { .. } => {}
        }
        Actions::new()
    }

    fn handle_server_error(&mut self, error: ServerError, now: Time) -> Actions {
        let Phase::Online(online) = &mut self.phase else { return Actions::new() };
        match error {
            ServerError::ReplyInProgress if online.reply == Generation::Requested => {
                // The id of the reply in progress is unknown, so the end of any reply triggers the next
                // request.
                online.reply = Generation::None;
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
            (Turn::Thinking { .. }, _) => {
                let mut all = online.interrupt();
                // The requested reply is no longer expected, so the next turn may request one.
                online.reply = Generation::None;
                online.rest(mode, muted, false, now);
                let _ = all.push(Action::Notify(Notice::NoReply));
                all
            }
            (Turn::Speaking { sent, .. }, _) => {
                let stalled = !sent;
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
