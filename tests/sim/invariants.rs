//! The invariants, checked from outside: at the speaker's output, at the light and on the wire.
//!
//! They rely on nothing that the device reports about itself, except the time of an interruption. Only the first
//! violation is kept.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mynah::conversation::{COMMIT_LIMIT, PAUSE_LIMIT, RESUME_AFTER};
use mynah::recorder::{ReplayOutcome, replay};

use super::clock::{At, MS, S};

/// How long a press of the mute button may take, whatever the service does.
const MUTE_LIMIT: At = 50 * MS;
/// The audio of a reply is one constant value, so that every sample at the speaker identifies its reply.
const FIRST_CODE: i16 = 2_000;
const CODE_STEP: i16 = 29;
const CODES: usize = 900;
/// How long a cut reply may still be audible on a speaker that is cut at once: the longest wake-up delay of the playback
/// thread, and the fade.
const CUT_LIMIT: At = 65 * MS + 5 * MS;
/// Equal samples in a row that occur in no fade and no tone.
const RUN_FRAMES: u64 = 8;
const FRAMES_A_MS: u64 = 24;
/// One period, in frames: by how much a reported played duration may exceed the real one.
const PERIOD_FRAMES: u64 = 240;
/// The shortest sound that is no fade: 200 ms.
const TONE_FRAMES: u64 = 4800;
/// The user's voice is louder than anything else: the level above this value is its millisecond, modulo
/// [`SPEECH_WRAP_MS`].
pub(super) const SPEECH_BASE: u16 = 8192;
pub(super) const SPEECH_WRAP_MS: u64 = 20_000;
/// How long the light may show a live microphone after the speaker has begun, without faults: until the last sound from
/// before has left.
const LIGHT_LIMIT: At = 200 * MS;
/// How late speech may reach the service: how long it is kept for the next session (`KEEP_LIMIT`), and a margin.
const SENT_LIMIT: At = 12 * S;
/// New connections that the service accepts in a minute (protocol §4.2).
const DIALS_A_MINUTE: usize = 30;

/// What has been observed so far.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    replies: Vec<Reply>,
    /// The number of replies that were cut; none of them may be audible after `silent_from`.
    cut_replies: usize,
    silent_from: At,
    /// Frames that a cut leaves to be played, by the speaker's manner.
    frames_after_cut: u64,
    /// No cut reaches what the speaker holds until then.
    speaker_stops_until: At,
    last: i16,
    run: u64,
    dials: Vec<At>,
    pub(super) played_frames: u64,
    burst: Burst,
    /// Tones played: sounds of no reply.
    pub(super) tones: u64,
    /// Frames that the device has captured and the service has not received.
    pub(super) held_frames: i64,
    /// Milliseconds of the user's voice that the device has captured and the service has not received.
    unsent: VecDeque<u64>,
    pub(super) violation: Option<String>,
    /// Items whose words the service has sent, and how many.
    said: HashMap<String, usize>,
    /// A noise is in progress, or its consequences are, until then.
    noise_until: At,
    /// When the last noise was over, without a turn since.
    noise_over: Option<At>,
    half_duplex: Option<Audible>,
}

/// When the speaker was heard, in half duplex.
#[derive(Debug)]
struct Audible {
    /// How long the microphone is held back after that.
    tail: At,
    /// From the first sample to the last one of each sound. Those of the last minute are kept.
    spans: VecDeque<(At, At)>,
}

/// The sound since the last silence.
#[derive(Debug, Default)]
struct Burst {
    frames: u64,
    of_a_reply: bool,
    silence: u64,
}

impl Burst {
    /// Handles one sample. Returns whether it ends a tone: a sound longer than any fade and of no reply.
    fn sample_played(&mut self, sample: i16, steady: bool) -> bool {
        if sample != 0 {
            self.silence = 0;
            self.frames += 1;
            self.of_a_reply |= steady;
            return false;
        }
        self.silence += 1;
        if self.silence != PERIOD_FRAMES {
            return false;
        }
        let burst = std::mem::take(self);
        self.silence = PERIOD_FRAMES;
        burst.frames >= TONE_FRAMES && !burst.of_a_reply
    }
}

#[derive(Debug)]
struct Reply {
    name: String,
    item: String,
    /// Frames sent by the service, and frames played.
    sent: u64,
    played: u64,
    /// Frames that were queued in a device when it was unplugged or restarted; the reply continues after the gap.
    lost: u64,
    /// Interrupted or cancelled, so that it may end early.
    unwanted: bool,
}

impl Audible {
    fn add(&mut self, at: At) {
        match self.spans.back_mut() {
            Some((_, until)) if at <= *until + 10 * MS => *until = at,
            Some(_) | None => self.spans.push_back((at, at)),
        }
        self.spans.retain(|(_, until)| *until + 60 * S > at);
    }

    /// Returns whether the microphone is to be held back at this time.
    fn contains(&self, at: At) -> bool {
        self.spans.iter().any(|(from, until)| (*from..*until + self.tail).contains(&at))
    }
}

impl Invariants {
    fn violate(&mut self, at: At, what: String) {
        self.violation.get_or_insert_with(|| format!("{:.3} s: {what}", at as f64 / S as f64));
    }

    /// Checks that the flight recorder's recording replays identically.
    pub(super) fn check_recording(&mut self, recording: &[u8], at: At) {
        match replay(recording, |_, _| {}) {
            Ok(ReplayOutcome::Identical { .. }) => {}
            Ok(ReplayOutcome::Differs(difference)) => {
                self.violate(at, format!("the recording differs: {difference}"))
            }
            Err(error) => self.violate(at, format!("the recording cannot be replayed: {error}")),
        }
    }

    /// Handles one sample at the speaker's output.
    pub(super) fn sample_played(&mut self, sample: i16, at: At) {
        if sample != 0
            && let Some(audible) = &mut self.half_duplex
        {
            audible.add(at);
        }
        let last = std::mem::replace(&mut self.last, sample);
        self.run = if sample == last { self.run + 1 } else { 1 };
        self.tones += u64::from(
            self.burst.sample_played(sample, self.run >= RUN_FRAMES && self.reply_of(sample).is_some()),
        );
        if sample == 0 || self.run < RUN_FRAMES {
            return;
        }
        let frames = if self.run == RUN_FRAMES { RUN_FRAMES } else { 1 };
        let Some(index) = self.reply_of(sample) else { return };
        self.played_frames += frames;
        self.replies[index].played += frames;
        if index < self.cut_replies && at > self.silent_from {
            let name = self.replies[index].name.clone();
            self.violate(at, format!("a sample of {name} is played after it was cut"));
        }
    }

    /// Handles the loss of a queued sample: its device was unplugged or restarted.
    pub(super) fn sample_lost(&mut self, sample: i16) {
        if let Some(index) = self.reply_of(sample) {
            self.replies[index].lost += 1;
        }
    }

    /// Returns the sample value of a reply, and the number of replies up to and including it.
    pub(super) fn code_of(&mut self, name: &str, item: &str) -> (i16, usize) {
        let index = self.replies.iter().position(|reply| reply.name == name).unwrap_or_else(|| {
            let (name, item) = (name.to_owned(), item.to_owned());
            self.replies.push(Reply { name, item, sent: 0, played: 0, lost: 0, unwanted: false });
            self.replies.len() - 1
        });
        (FIRST_CODE + (index % CODES) as i16 * CODE_STEP, index + 1)
    }

    /// Returns the index of the newest reply with this sample value.
    fn reply_of(&self, sample: i16) -> Option<usize> {
        let offset =
            sample.checked_sub(FIRST_CODE).filter(|offset| *offset >= 0 && offset % CODE_STEP == 0)?;
        let code = (offset / CODE_STEP) as usize;
        (0..self.replies.len()).rev().find(|index| index % CODES == code)
    }

    /// Handles an interruption that the device reports; `delivered` replies had reached it before.
    pub(super) fn interrupted(&mut self, delivered: usize, at: At) {
        self.cut_replies = self.cut_replies.max(delivered);
        self.replies
            .iter_mut()
            .filter(|reply| reply.played + PERIOD_FRAMES < reply.sent)
            .for_each(|reply| reply.unwanted = true);
        self.silent_from = at.max(self.speaker_stops_until) + self.cut_limit();
    }

    pub(super) fn set_frames_after_cut(&mut self, frames: usize) {
        self.frames_after_cut = frames as u64;
    }

    /// Handles a speaker that plays nothing, or whose driver does not return, until then: what a cut leaves to be played
    /// is played after that.
    pub(super) fn speaker_stops(&mut self, at: At, until: At) {
        self.speaker_stops_until = self.speaker_stops_until.max(until);
        if at < self.silent_from {
            self.silent_from = self.silent_from.max(until + self.cut_limit());
        }
    }

    fn cut_limit(&self) -> At {
        CUT_LIMIT + self.frames_after_cut * MS / FRAMES_A_MS
    }

    /// Records the words in an event of the service, each of which is `ITEM#NUMBER`, and the commit of a turn.
    pub(super) fn said(&mut self, event: &str) {
        // A turn, or a reply in progress, is waited for.
        let is_owed = event.contains(r#""type":"input_audio_buffer.committed""#)
            || (event.contains(r#""type":"response."#) && !event.contains(r#""type":"response.done""#));
        if is_owed {
            self.noise_over = None;
        }
        for word in event.split(|c: char| c.is_whitespace() || c == '"') {
            if let Some((item, Ok(number))) =
                word.rsplit_once('#').map(|(item, number)| (item, number.parse::<usize>()))
            {
                let said = self.said.entry(item.to_owned()).or_default();
                *said = (*said).max(number + 1);
            }
        }
    }

    /// Checks what a new session is told: words that were said, in their order from the first, and of a reply no more than
    /// was heard.
    pub(super) fn check_told(&mut self, text: &str, is_user: bool, at: At) {
        let words: Vec<&str> = text.split_whitespace().filter(|word| word.contains('#')).collect();
        let Some((item, _)) = words.first().and_then(|word| word.rsplit_once('#')) else { return };
        let in_order = words.iter().enumerate().all(|(index, word)| **word == format!("{item}#{index}"));
        let said = self.said.get(item).copied().unwrap_or(0);
        if !in_order || words.len() > said {
            return self.violate(at, format!("a session is told what was not said: {text}"));
        }
        let reply = self.replies.iter().find(|reply| reply.item == item);
        let Some(Reply { sent, played, .. }) = reply.filter(|_| !is_user) else { return };
        // The word that was being played may count.
        let most = played + PERIOD_FRAMES + self.frames_after_cut;
        let heard = (said as u64 * most).div_ceil((*sent).max(1));
        if words.len() as u64 > heard + 1 {
            let what = format!("{} words of {item} are told, {heard} of {said} were heard", words.len());
            self.violate(at, what);
        }
    }

    /// Checks that the device deletes no item of which anything was heard.
    pub(super) fn check_deletion(&mut self, item: &str, at: At) {
        if let Some(reply) =
            self.replies.iter().rev().find(|reply| reply.item == item && reply.played > PERIOD_FRAMES)
        {
            let what = format!("an item was deleted of which {} frames were heard", reply.played);
            self.violate(at, what);
        }
    }

    /// Records the beginning or the end of a noise that the service takes for speech, sent with this latency.
    pub(super) fn noise(&mut self, begins: bool, at: At, latency: At) {
        let decided = if begins { PAUSE_LIMIT } else { RESUME_AFTER }.as_nanos() as At;
        self.noise_until = at + latency + decided + S;
        self.noise_over = (!begins).then_some(at + latency);
    }

    /// Returns whether an interruption now may be one by a noise.
    pub(super) fn is_noise(&self, at: At) -> bool {
        at <= self.noise_until
    }

    /// Handles an interruption by the user: what is played now may end early.
    pub(super) fn user_interrupts(&mut self) {
        self.noise_until = 0;
        self.noise_over = None;
        self.replies
            .iter_mut()
            .filter(|reply| reply.played + PERIOD_FRAMES < reply.sent)
            .for_each(|reply| reply.unwanted = true);
    }

    /// Checks, while the device thinks, that it does not wait for a turn that was a noise.
    pub(super) fn check_thinking(&mut self, at: At) {
        let limit = COMMIT_LIMIT.as_nanos() as At + S;
        if self.noise_over.is_some_and(|over| at > over + limit) {
            self.violate(at, "thinking outlives the proof that nothing comes".to_owned());
        }
    }

    /// Records audio sent for the reply with this number, in frames.
    pub(super) fn reply_sent(&mut self, replies: usize, frames: u64) {
        self.replies[replies - 1].sent += frames;
    }

    /// Records that the device cancelled a reply, or deleted its item because nothing of it was played.
    pub(super) fn declined(&mut self, name: Option<&str>, item: Option<&str>) {
        for reply in &mut self.replies {
            reply.unwanted |= Some(&*reply.name) == name || Some(&*reply.item) == item;
        }
    }

    /// Checks, for a run without faults, that every reply that was not interrupted was played to its end.
    pub(super) fn check_all_played(&mut self, at: At) {
        let short =
            self.replies.iter().find(|reply| !reply.unwanted && reply.played + PERIOD_FRAMES < reply.sent);
        if let Some(Reply { name, sent, played, .. }) = short {
            let what = format!(
                "{sent} frames of {name} were sent, it was not interrupted, and {played} were played"
            );
            self.violate(at, what);
        }
    }

    /// Checks a truncation: the reported duration does not exceed what was played.
    pub(super) fn check_truncation(&mut self, item: &str, ms: u64, at: At) {
        let Some(reply) = self.replies.iter().rev().find(|reply| reply.item == item) else { return };
        let (played, reported) = (reply.played, ms * 24);
        if reported > played + reply.lost + PERIOD_FRAMES + self.frames_after_cut {
            let name = reply.name.clone();
            self.violate(
                at,
                format!("{reported} frames of {name} were reported as played, and {played} were"),
            );
        }
    }

    /// Checks microphone audio at the service: the light was on when it was sent, and the session is confirmed.
    pub(super) fn microphone_audio(&mut self, lit: bool, confirmed: bool, at: At) {
        if !lit {
            self.violate(at, "microphone audio was sent while the light was off".to_owned());
        }
        if !confirmed {
            self.violate(at, "microphone audio arrived before the session was confirmed".to_owned());
        }
    }

    /// Checks that the sound of a session has the channels that it has confirmed. The microphone always hears something, and
    /// the reference is silence.
    pub(super) fn check_channels(
        &mut self,
        samples: impl Iterator<Item = i16> + Clone,
        channels: usize,
        at: At,
    ) {
        let all = samples.clone().count();
        let silent = samples.clone().skip(1).step_by(2).filter(|sample| *sample == 0).count();
        let heard = samples.step_by(2).filter(|sample| *sample != 0).count();
        let are_pairs = all.is_multiple_of(2) && all > 0 && (silent, heard) == (all / 2, all / 2);
        if are_pairs != (channels == 2) {
            self.violate(at, format!("{all} samples are not of {channels} channels"));
        }
    }

    /// Records a millisecond of the user's voice that the device captures.
    pub(super) fn user_spoke(&mut self, ms: u64) {
        if self.unsent.back() != Some(&ms) {
            self.unsent.push_back(ms);
        }
        // In half duplex, what was held back is never sent.
        while self.half_duplex.is_some()
            && self.unsent.front().is_some_and(|first| (first * MS) + SENT_LIMIT < ms * MS)
        {
            self.unsent.pop_front();
        }
    }

    /// Records a sample of the user's voice at the service; its level identifies its millisecond.
    pub(super) fn user_audio_received(&mut self, sample: i16) {
        let Some(code) = sample.unsigned_abs().checked_sub(SPEECH_BASE) else { return };
        if let Some(index) = self.unsent.iter().position(|ms| ms % SPEECH_WRAP_MS == u64::from(code)) {
            let ms = self.unsent.remove(index).unwrap_or_default();
            let is_held = |audible: &Audible| audible.contains(ms * MS);
            if self.half_duplex.as_ref().is_some_and(is_held) {
                let what = format!("sound of {:.3} s was sent, when the speaker was heard", ms as f64 / 1e3);
                self.violate(ms * MS, what);
            }
        }
    }

    /// Checks from now on that nothing is sent that was captured while the speaker was heard, or in the `tail` after that.
    pub(super) fn hold_back(&mut self, tail: Duration) {
        self.half_duplex = Some(Audible { tail: tail.as_nanos() as At, spans: VecDeque::new() });
    }

    /// Checks that the light does not show a live microphone, which is `lit`, while that is held back.
    pub(super) fn check_light(&mut self, lit: bool, at: At) {
        let Some((from, until)) = self.half_duplex.as_ref().and_then(|audible| audible.spans.back()) else {
            return;
        };
        if lit && at < *until + 5 * MS && at > *from + LIGHT_LIMIT {
            self.violate(at, "the light shows a live microphone while the speaker is heard".to_owned());
        }
    }

    /// Checks, for a run without faults, that speech has reached the service in time.
    pub(super) fn check_all_sent(&mut self, at: At) {
        if self.half_duplex.is_some() {
            return;
        }
        let Some(ms) = self.unsent.front().filter(|ms| at > (*ms * MS) + SENT_LIMIT) else { return };
        let what = format!("speech at {:.3} s has not reached the service", *ms as f64 / 1e3);
        self.violate(at, what);
    }

    /// Checks that a press of the mute button is obeyed in time.
    pub(super) fn check_mute_obeyed(&mut self, pressed: At, at: At) {
        if at > pressed + MUTE_LIMIT {
            self.violate(at, format!("a press of mute was obeyed after {} ms", (at - pressed) / MS));
        }
    }

    /// Records a violation: the microphone is open while muted.
    pub(super) fn open_while_muted(&mut self, at: At) {
        self.violate(at, "the microphone is open while it is muted".to_owned());
    }

    /// Handles a dial: at most [`DIALS_A_MINUTE`] are allowed.
    pub(super) fn dialled(&mut self, at: At) {
        self.dials.retain(|dial| *dial + 60 * S > at);
        self.dials.push(at);
        if self.dials.len() > DIALS_A_MINUTE {
            self.violate(at, format!("{} connections in a minute", self.dials.len()));
        }
    }

    /// Checks the number of connections that the device holds.
    pub(super) fn check_links(&mut self, held: usize, most: usize, at: At) {
        if held > most {
            self.violate(at, format!("{held} links at once"));
        }
    }

    /// Records a violation: the device holds too much memory.
    pub(super) fn too_much_memory(&mut self, at: At, held: String) {
        self.violate(at, held);
    }

    /// Records a violation: in a room something was heard that was not said, or not heard that was.
    pub(super) fn misheard(&mut self, (at, what): (At, String)) {
        self.violate(at, what);
    }

    /// Records a violation: some part runs for ever without letting time pass.
    pub(super) fn livelock(&mut self, at: At, what: &str) {
        self.violate(at, format!("{what} never lets time pass"));
    }

    /// Records a violation: the device does not recover.
    pub(super) fn stuck(&mut self, at: At, what: &str) {
        self.violate(at, format!("stuck: {what}"));
    }

    /// Returns the number of replies, and the frames played of the newest.
    pub(super) fn newest(&self) -> (usize, u64) {
        (self.replies.len(), self.replies.last().map_or(0, |reply| reply.played))
    }
}
