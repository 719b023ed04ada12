//! One turn of the session's loop: the whole life of an event, and the order of everything else.
//!
//! It only orders; what is done is up to the shell and the conversation.

use super::Session;
use super::core::Context;
use super::poll::ReadySources;
use super::report::watchdog::{ThreadProgress, ThreadWork};
use super::shell::Shell;
use crate::audio::AudioError;
use crate::conversation::Exit;
use crate::model::Time;
use crate::recorder::RecordingTrigger;

/// Where something can have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Buttons, switches and keys.
    Inputs,
    /// Requests to exit or to save a recording.
    Signals,
    /// Captured frames.
    Microphone,
    /// Results of the background thread.
    Background,
    /// Messages of the active link.
    Service,
    /// Messages of the standby link.
    Standby,
    /// Devices that were unplugged or plugged in, and faults of the audio threads.
    Devices,
    /// What the speaker has played.
    Playback,
    /// The deadline of the conversation.
    Conversation,
    /// The deadlines of the links.
    Links,
}

const ORDER: [Source; 10] = [
    Source::Microphone,
    Source::Signals,
    Source::Inputs,
    Source::Background,
    Source::Service,
    Source::Standby,
    Source::Devices,
    Source::Playback,
    Source::Conversation,
    Source::Links,
];

impl Session {
    /// Runs one turn of the loop: handles everything that is ready at `now`. Returns why the session exits, once it does.
    ///
    /// # Errors
    /// Returns the error of an audio thread that has ended.
    pub fn turn(&mut self, ready: ReadySources, now: Time) -> Option<Result<Exit, AudioError>> {
        let Self { core, shell } = self;
        shell.begin_turn(ready, &core.context(now));
        for source in ORDER {
            loop {
                let may_continue = self.shell.take(source, ready, &mut self.core.context(now));
                self.settle(now);
                if !may_continue {
                    break;
                }
            }
        }
        self.shell.player.refill();
        self.shell.send_corrections(&mut self.core.context(now));
        self.settle(now);
        self.shell.flush(&mut self.core.context(now));
        self.settle(now);
        self.shell.maintain_standby(&mut self.core.context(now));
        self.settle(now);
        self.shell.update_light(&self.core.context(now));
        self.shell.end_turn(&self.core.context(now))
    }

    /// Handles the queued events until none is left. Actions may queue further ones.
    pub(super) fn settle(&mut self, now: Time) {
        while let Some(handled) = self.core.handle_next(now) {
            let context = &mut self.core.context(now);
            self.shell.follow(&handled, context);
            for action in handled.actions.clone() {
                self.shell.apply(action, context);
            }
            self.shell.report_reply_end(&handled, context.conversation.state());
            self.shell.update_outputs(context);
        }
    }
}

impl Shell {
    fn send_corrections(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        while let Some(correction) = self.player.poll_correction() {
            let recorder = &self.report.recorder;
            self.links.send_correction(correction, &mut |kind, bytes, audio| {
                recorder.record_sent(kind, bytes, audio, now)
            });
            self.pass_link_outputs(context);
        }
    }

    fn flush(&mut self, context: &mut Context<'_>) {
        self.links.flush();
        self.pass_link_outputs(context);
    }

    fn maintain_standby(&mut self, context: &mut Context<'_>) {
        self.links.maintain_standby(context.now);
        self.pass_link_outputs(context);
    }

    /// Reports what is due, and returns why the session exits, once it does.
    fn end_turn(&mut self, context: &Context<'_>) -> Option<Result<Exit, AudioError>> {
        let now = context.now;
        self.report.log.counters(self.player.counters(), now);
        self.feed_watchdog(now);
        let exit = self.exit.filter(|(_, at)| now >= *at).map(|(exit, _)| Ok(exit));
        let result = self.player.failure().map(Err).or(exit);
        if let Some(Err(_)) = result {
            self.report.recorder.record_fault(RecordingTrigger::SoundEnded, now);
        }
        self.report.recorder.end_turn(self.player.counters().snapshot(), context.conversation, now);
        while let Some(write) =
            self.report.recorder.poll_write(self.background.can_record(), result.is_some(), now)
        {
            // There is room for it.
            let _ = self.background.record(write);
        }
        result
    }

    fn feed_watchdog(&mut self, now: Time) {
        if !self.report.is_watchdog_due(now) {
            return;
        }
        let counters = self.player.counters();
        let has_speaker = self.player.missing().playback.is_none();
        let progress = ThreadProgress {
            microphone: ThreadWork { due: self.player.is_microphone_open(), done: counters.captured.get() },
            speaker: ThreadWork { due: has_speaker, done: counters.played.get() },
            background: ThreadWork { due: true, done: self.background.heartbeats() },
        };
        self.background.request_heartbeat();
        self.report.handle_progress(progress, now);
    }
}
