//! What leaves the device: the state of microphone and light, messages, recordings, settings and signs of life.
//!
//! It follows the conversation's state; it decides nothing.

use super::Shell;
use crate::audio::AudioError;
use crate::conversation::Exit;
use crate::ledger::Correction;
use crate::light::Levels;
use crate::model::Time;
use crate::protocol::ClientEvent;
use crate::recorder::RecordingTrigger;
use crate::session::core::Context;
use crate::session::report::log::Anomaly;
use crate::session::report::watchdog::{ThreadProgress, ThreadWork};

impl Shell {
    /// Sets microphone and light from the conversation: the light is on before the first sample and off after the last.
    pub(in crate::session) fn update_outputs(&mut self, context: &Context<'_>) {
        let conversation = context.conversation;
        let is_held_back = self.player.holds_microphone_back(context.now);
        let open = conversation.microphone_open() && !is_held_back;
        if !open {
            self.player.close_microphone(conversation.muted());
        }
        if !conversation.keeps_unsent_audio() && self.player.discard_unsent() && !conversation.is_configured()
        {
            self.report.log.anomaly(Anomaly::PreRoll, "there is no connection", context.now);
        }
        self.player.set_duck(conversation.duck());
        self.player.set_attentive(conversation.reply_is_near());
        self.update_light(context);
        if open {
            self.player.open_microphone();
        }
    }

    /// Updates the light from the conversation and the microphone, at once where that changes it.
    pub(in crate::session) fn update_light(&mut self, context: &Context<'_>) {
        let Context { conversation, now, .. } = context;
        let is_held_back = self.player.holds_microphone_back(*now);
        let wanted = conversation.microphone_open()
            && !is_held_back
            && self.player.monitor().missing().capture.is_none();
        let unsent = self.player.has_unsent(self.links.is_blocked());
        let live = wanted || self.player.is_microphone_open() || unsent;
        self.ui.set_state(conversation.state(), conversation.muted(), live, *now);
        if self.ui.is_light_due(*now) {
            self.report.recorder.record_light(self.ui.light(), *now);
            let counters = self.player.counters();
            let levels =
                Levels { microphone: counters.microphone_peak.take(), speaker: counters.speaker_peak.take() };
            self.ui.show(levels, *now);
        }
        self.ui.restore_light(*now);
    }

    /// Updates what follows from what the speaker plays, and not from an event: the light, and in half duplex the microphone.
    pub(in crate::session) fn follow_speaker(&mut self, context: &Context<'_>) {
        if self.player.is_half_duplex() { self.update_outputs(context) } else { self.update_light(context) }
    }

    /// Moves replies to the lane, and messages to the socket of the active link.
    pub(in crate::session) fn flush(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        self.player.refill();
        while let Some(correction) = self.player.poll_correction() {
            // Of how much of a cut reply was played, the service learns here (protocol §10).
            let command = match correction {
                Correction::Truncate { item, content_index, audio_end_ms } => {
                    ClientEvent::Truncate { item, content_index, audio_end_ms }
                }
                Correction::Delete { item } => ClientEvent::Delete(item),
            };
            self.send(&command, now);
            self.pass_link_outputs(context);
        }
        self.links.flush();
        self.pass_link_outputs(context);
    }

    pub(in crate::session) fn maintain_standby(&mut self, context: &mut Context<'_>) {
        self.links.maintain_standby(context.now);
        self.pass_link_outputs(context);
    }

    /// Reports what is due, and returns why the session exits, once it does.
    pub(in crate::session) fn end_turn(&mut self, context: &Context<'_>) -> Option<Result<Exit, AudioError>> {
        let now = context.now;
        self.report.log.counters(self.player.counters(), now);
        self.feed_watchdog(now);
        let muted = context.conversation.muted_by_button();
        while let Some(write) = self.ui.poll_state_write(muted, self.player.volume()) {
            self.background.save_state(write);
        }
        let exit = self.exit.filter(|(_, at)| now >= *at).map(|(exit, _)| Ok(exit));
        let result = self.player.failure().map(Err).or(exit);
        if let Some(learned) = self.player.poll_learned_echo(matches!(result, Some(Ok(_))), now) {
            self.background.keep_echo(learned);
        }
        if result.is_some() {
            self.history.end();
            self.report_words(now);
        }
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
        let (is_running, read) = self.player.microphone_work();
        let has_speaker = self.player.monitor().missing().playback.is_none();
        let progress = ThreadProgress {
            microphone: ThreadWork { due: is_running, done: read },
            speaker: ThreadWork { due: has_speaker, done: counters.played.get() },
            background: ThreadWork { due: true, done: self.background.heartbeats() },
        };
        self.background.request_heartbeat();
        self.report.handle_progress(progress, now);
    }
}
