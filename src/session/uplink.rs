//! From the heard lane to `input_audio_buffer.append`, and the pre-roll while there is nobody to hear it.
//!
//! Whether the microphone is open, and whether there is a session to send to, is decided elsewhere.

use std::collections::VecDeque;
use std::time::Instant;

use rustix::event::PollFlags;

use crate::audio::{Ears, Heard};
use crate::link::{Link, Lost};
use crate::recorder::Recorder;
use crate::wire;

/// Frames of pre-roll kept: the newest two seconds. Older ones are dropped and counted.
const PRE_ROLL_FRAMES: usize = 2 * 24_000;
/// Frames in one event at most: 20 ms. A period is sent as soon as it is there; more only after a stall.
const EVENT_FRAMES: usize = 480;
/// What a recording calls them.
const APPEND: &str = "input_audio_buffer.append";

/// The way of the owner's voice.
pub(super) struct Uplink {
    pre_roll: VecDeque<Heard>,
    since_press: u64,
    dropped: u64,
    /// The link may hold something that was said.
    unsent: bool,
}

impl Uplink {
    pub(super) fn new() -> Self {
        Self { pre_roll: VecDeque::with_capacity(PRE_ROLL_FRAMES), since_press: 0, dropped: 0, unsent: false }
    }

    /// Moves on everything that has been heard: to `link`, or into the pre-roll. With `open` false it
    /// belongs to nobody.
    pub(super) fn pump(
        &mut self,
        ears: &mut Ears,
        open: bool,
        link: Option<&mut Link>,
        recorder: &mut Recorder,
        now: Instant,
    ) -> Result<(), Lost> {
        match link {
            Some(link) => {
                self.unsent = true;
                self.send_pre_roll(link, recorder, now)?;
                self.drain(ears, open, |frames| append(link, frames, recorder, now))
            }
            None => {
                let mut kept = std::mem::take(&mut self.pre_roll);
                let mut dropped = 0;
                let done = self.drain(ears, open, |frames| {
                    let over = (kept.len() + frames.len()).saturating_sub(PRE_ROLL_FRAMES);
                    kept.drain(..over.min(kept.len()));
                    dropped += over as u64;
                    kept.extend(frames);
                    Ok(())
                });
                (self.pre_roll, self.dropped) = (kept, self.dropped + dropped);
                done
            }
        }
    }

    /// Begins anew: what was heard before belongs to no turn.
    pub(super) fn restart(&mut self) {
        self.pre_roll.clear();
        self.since_press = 0;
    }

    /// Counts the frames heard since the last restart.
    pub(super) fn since_press(&self) -> u64 {
        self.since_press
    }

    /// Counts the frames of pre-roll that became too old.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Tells whether anything that was said waits to leave: for a link, or in `link` for the kernel.
    pub(super) fn holds_any(&mut self, link: Option<&mut Link>) -> bool {
        self.unsent &= link.is_some_and(|link| link.interest().contains(PollFlags::OUT));
        self.unsent || !self.pre_roll.is_empty()
    }

    fn drain(
        &mut self,
        ears: &mut Ears,
        open: bool,
        mut each: impl FnMut(&[Heard]) -> Result<(), Lost>,
    ) -> Result<(), Lost> {
        let mut frames = [Heard::default(); EVENT_FRAMES];
        loop {
            let count = ears.read(&mut frames);
            if count == 0 {
                return Ok(());
            }
            if open {
                self.since_press += count as u64;
                each(&frames[..count])?;
            }
        }
    }

    fn send_pre_roll(&mut self, link: &mut Link, recorder: &mut Recorder, now: Instant) -> Result<(), Lost> {
        while !self.pre_roll.is_empty() {
            let mut frames = [Heard::default(); EVENT_FRAMES];
            let count = self.pre_roll.len().min(EVENT_FRAMES);
            for (into, frame) in frames.iter_mut().zip(self.pre_roll.drain(..count)) {
                *into = frame;
            }
            append(link, &frames[..count], recorder, now)?;
        }
        Ok(())
    }
}

fn append(link: &mut Link, frames: &[Heard], recorder: &mut Recorder, now: Instant) -> Result<(), Lost> {
    link.send(|text| {
        let before = text.len();
        wire::append(frames, text);
        let message = &text[before..];
        recorder.sent_sound(APPEND, message.len(), wire::appended(message), now);
    })
}
