//! What must hold whatever happens, watched from outside: at the speaker's contacts, at the lamp, on the wire.
//!
//! It believes nothing that the device says of itself but when it interrupted.

use std::collections::VecDeque;

use mynah::recorder::{ReplayOutcome, replay};

use super::clock::{At, MS, S};

/// The sound of a reply is one value, so that every sample at the speaker says whose it is.
const FIRST_CODE: i16 = 2_000;
const CODE_STEP: i16 = 29;
const CODES: usize = 900;
/// After a cut: how late its thread may be woken, and the fade.
const CUT_LIMIT: At = 65 * MS + 5 * MS;
/// Equal samples in a row that no fade and no tone has.
const RUN_FRAMES: u64 = 8;
/// One period, in frames: what the service may be told too much.
const PERIOD_FRAMES: u64 = 240;
/// The shortest sound that is no fade: a fifth of a second.
const TONE_FRAMES: u64 = 4800;
/// The owner's voice is louder than all else, and by how much says of which millisecond it is, of so many.
pub(super) const SPEECH_BASE: u16 = 8192;
pub(super) const SPEECH_WRAP_MS: u64 = 20_000;
/// What is older was kept for a session that did not come (`KEEP_LIMIT`), and a margin.
const SENT_LIMIT: At = 12 * S;
/// The service takes no more new connections in a minute (protocol §4.2).
const DIALS_A_MINUTE: usize = 30;

/// The watch.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    replies: Vec<Reply>,
    /// Replies before this one were cut, and may not be heard after `silent_from`.
    cut_replies: usize,
    silent_from: At,
    last: i16,
    run: u64,
    dials: Vec<At>,
    pub(super) played_frames: u64,
    burst: Burst,
    /// Sounds that are of no reply.
    pub(super) tones: u64,
    /// Milliseconds of the owner's voice that the device has read and the service has not got.
    unsent: VecDeque<u64>,
    pub(super) violation: Option<String>,
}

/// Sound between two silences.
#[derive(Debug, Default)]
struct Burst {
    frames: u64,
    of_a_reply: bool,
    silence: u64,
}

impl Burst {
    /// Takes one sample, and tells whether a tone has ended: longer than any fade, and of no reply.
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
    /// Frames that the service has sent, and that were heard.
    sent: u64,
    played: u64,
    /// Frames that were in a device when it went or was begun anew: a hole, after which the reply goes on.
    lost: u64,
    /// Somebody did not want it, or not to its end.
    unwanted: bool,
}

impl Invariants {
    fn violate(&mut self, at: At, what: String) {
        self.violation.get_or_insert_with(|| format!("{:.3} s: {what}", at as f64 / S as f64));
    }

    /// The flight recorder: what it holds can be lived again.
    pub(super) fn check_recording(&mut self, recording: &[u8], at: At) {
        match replay(recording, |_, _| {}) {
            Ok(ReplayOutcome::Identical { .. }) => {}
            Ok(ReplayOutcome::Differs(difference)) => {
                self.violate(at, format!("the recording differs: {difference}"))
            }
            Err(error) => self.violate(at, format!("the recording is none: {error}")),
        }
    }

    /// The speaker's contacts: one sample is heard.
    pub(super) fn sample_played(&mut self, sample: i16, at: At) {
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
            self.violate(at, format!("a sample of {name}, which was cut, is played"));
        }
    }

    /// A device that held this sample went, or was begun anew.
    pub(super) fn sample_lost(&mut self, sample: i16) {
        if let Some(index) = self.reply_of(sample) {
            self.replies[index].lost += 1;
        }
    }

    /// The sound of a reply, as the service sends it to the device, and how many replies there are up to it.
    pub(super) fn code_of(&mut self, name: &str, item: &str) -> (i16, usize) {
        let index = self.replies.iter().position(|reply| reply.name == name).unwrap_or_else(|| {
            let (name, item) = (name.to_owned(), item.to_owned());
            self.replies.push(Reply { name, item, sent: 0, played: 0, lost: 0, unwanted: false });
            self.replies.len() - 1
        });
        (FIRST_CODE + (index % CODES) as i16 * CODE_STEP, index + 1)
    }

    /// The newest reply that a sample may belong to.
    fn reply_of(&self, sample: i16) -> Option<usize> {
        let offset =
            sample.checked_sub(FIRST_CODE).filter(|offset| *offset >= 0 && offset % CODE_STEP == 0)?;
        let code = (offset / CODE_STEP) as usize;
        (0..self.replies.len()).rev().find(|index| index % CODES == code)
    }

    /// The device says that its owner interrupted; it had been given sound of so many replies before.
    pub(super) fn interrupted(&mut self, delivered: usize, at: At) {
        self.cut_replies = self.cut_replies.max(delivered);
        self.replies
            .iter_mut()
            .filter(|reply| reply.played + PERIOD_FRAMES < reply.sent)
            .for_each(|reply| reply.unwanted = true);
        self.silent_from = at + CUT_LIMIT;
    }

    /// The service sends so many frames of a reply.
    pub(super) fn reply_sent(&mut self, replies: usize, frames: u64) {
        self.replies[replies - 1].sent += frames;
    }

    /// The device asks for no more of a reply, or says that nothing of an item was heard.
    pub(super) fn declined(&mut self, name: Option<&str>, item: Option<&str>) {
        for reply in &mut self.replies {
            reply.unwanted |= Some(&*reply.name) == name || Some(&*reply.item) == item;
        }
    }

    /// Nothing has gone wrong, so every reply that somebody wanted was heard to its end.
    pub(super) fn check_all_played(&mut self, at: At) {
        let short =
            self.replies.iter().find(|reply| !reply.unwanted && reply.played + PERIOD_FRAMES < reply.sent);
        if let Some(Reply { name, sent, played, .. }) = short {
            let what =
                format!("{sent} frames of {name} were sent, nobody interrupted, and {played} were played");
            self.violate(at, what);
        }
    }

    /// The service is told how much of an item was heard.
    pub(super) fn check_truncation(&mut self, item: &str, ms: u64, at: At) {
        let Some(reply) = self.replies.iter().rev().find(|reply| reply.item == item) else { return };
        let (played, reported) = (reply.played, ms * 24);
        if reported > played + reply.lost + PERIOD_FRAMES {
            let name = reply.name.clone();
            self.violate(
                at,
                format!("the service is told of {reported} frames of {name}, and {played} were played"),
            );
        }
    }

    /// Sound of the microphone arrives at the service, which has confirmed the session or has not.
    pub(super) fn microphone_audio(&mut self, lit: bool, confirmed: bool, at: At) {
        if !lit {
            self.violate(at, "sound of the microphone left in the dark".to_owned());
        }
        if !confirmed {
            self.violate(at, "sound of the microphone came before the session was set up".to_owned());
        }
    }

    /// The device reads a millisecond of the owner's voice.
    pub(super) fn user_spoke(&mut self, ms: u64) {
        if self.unsent.back() != Some(&ms) {
            self.unsent.push_back(ms);
        }
    }

    /// A sample of the owner's voice arrives at the service: it says which millisecond it is of.
    pub(super) fn user_audio_received(&mut self, sample: i16) {
        let Some(code) = sample.unsigned_abs().checked_sub(SPEECH_BASE) else { return };
        if let Some(index) = self.unsent.iter().position(|ms| ms % SPEECH_WRAP_MS == u64::from(code)) {
            self.unsent.remove(index);
        }
    }

    /// Nothing has gone wrong so far, so what the owner has said was sent.
    pub(super) fn check_all_sent(&mut self, at: At) {
        let Some(ms) = self.unsent.front().filter(|ms| at > (*ms * MS) + SENT_LIMIT) else { return };
        let what = format!("what the owner said at {:.3} s has not reached the service", *ms as f64 / 1e3);
        self.violate(at, what);
    }

    /// The microphone is open although its owner has cut it off.
    pub(super) fn open_while_muted(&mut self, at: At) {
        self.violate(at, "the microphone is open while it is muted".to_owned());
    }

    /// The device begins to connect.
    pub(super) fn dialled(&mut self, at: At) {
        self.dials.retain(|dial| *dial + 60 * S > at);
        self.dials.push(at);
        if self.dials.len() > DIALS_A_MINUTE {
            self.violate(at, format!("{} connections in a minute", self.dials.len()));
        }
    }

    /// How many connections the device holds.
    pub(super) fn check_links(&mut self, held: usize, most: usize, at: At) {
        if held > most {
            self.violate(at, format!("{held} links at once"));
        }
    }

    /// The device holds too much memory.
    pub(super) fn too_much_memory(&mut self, at: At, held: String) {
        self.violate(at, held);
    }

    /// The scheduler sees no end of it.
    pub(super) fn livelock(&mut self, at: At, what: &str) {
        self.violate(at, format!("{what} never lets time pass"));
    }

    /// Nothing goes wrong any more, and yet this.
    pub(super) fn stuck(&mut self, at: At, what: &str) {
        self.violate(at, format!("stuck: {what}"));
    }

    /// Counts the replies, and the frames heard of the newest.
    pub(super) fn newest(&self) -> (usize, u64) {
        (self.replies.len(), self.replies.last().map_or(0, |reply| reply.played))
    }
}
