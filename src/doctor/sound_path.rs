//! The way from a speaker to a microphone in one room, over the product's own audio threads.
//!
//! It opens no device by another way than the session's, and judges nothing.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::audio::{AudioIo, CaptureLayout, Direction, EchoStatus, StampFault};
use crate::session;

/// The rate of captured and played frames, in Hz.
pub(super) const RATE_HZ: u32 = 24_000;
/// Frames of a block of 20 ms.
const BLOCK_FRAMES: usize = 480;
/// How often the progress is told at least.
const STEP: Duration = Duration::from_millis(100);

/// Sound that was captured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captured {
    /// 24 kHz, one channel, 16 bits.
    pub samples: Vec<i16>,
    /// What the speaker played, `LEAD_MS` ahead of each of the samples; empty if that was not asked for.
    pub reference: Vec<i16>,
    /// Why that is silence, if it cannot be known.
    pub fault: Option<StampFault>,
    /// The time in which they were captured.
    pub elapsed: Duration,
    /// Overruns, underruns and stalls of both devices meanwhile.
    pub xruns: u64,
}

/// A speaker and a microphone in one room.
pub trait SoundPath {
    /// Plays `samples` (24 kHz, 16 bits) and captures for `time` from when they were handed over. `progress` is told
    /// what has passed of it.
    ///
    /// # Errors
    /// Returns why sound stopped.
    fn exchange(
        &mut self,
        samples: &[i16],
        time: Duration,
        progress: &mut dyn FnMut(Duration),
    ) -> Result<Captured, String>;
}

/// The devices that mynah uses, over its own threads.
pub(super) struct LivePath {
    audio: AudioIo,
}

impl LivePath {
    /// Opens the microphone.
    pub(super) fn new(mut audio: AudioIo) -> Self {
        audio.capture.set_open(true);
        audio.capture.set_attentive(true);
        Self { audio }
    }

    fn xruns(&self) -> u64 {
        let counts = self.audio.counters().snapshot();
        counts.capture_xruns + counts.playback_xruns
    }
}

impl SoundPath for LivePath {
    fn exchange(
        &mut self,
        samples: &[i16],
        time: Duration,
        progress: &mut dyn FnMut(Duration),
    ) -> Result<Captured, String> {
        let audio = &mut self.audio;
        let mut block = [[0]; BLOCK_FRAMES];
        while audio.capture.read(&mut block) > 0 {}
        let (start, before) = (session::uptime(), self.xruns());
        let audio = &mut self.audio;
        audio.playback.set_reply_near(!samples.is_empty());
        let frames = time.as_millis() as usize * RATE_HZ as usize / 1_000;
        let mut captured = Captured { samples: Vec::with_capacity(frames), ..Captured::default() };
        let mut rest = samples;
        let mut elapsed = Duration::ZERO;
        while elapsed < time {
            let (frames, _) = rest.as_chunks::<1>();
            let written = audio.playback.write(frames);
            rest = &rest[written..];
            let left = Timespec::try_from((time - elapsed).min(STEP)).unwrap_or_default();
            // An interrupted wait is a short one.
            let _ = poll(&mut [PollFd::new(audio, PollFlags::IN)], Some(&left));
            audio.clear_wake();
            if let Some(error) = audio.failure() {
                return Err(error.to_string());
            }
            while let count @ 1.. = audio.capture.read(&mut block) {
                captured.push(&block[..count], audio.capture_layout());
            }
            elapsed = session::uptime().saturating_sub(start);
            progress(elapsed.min(time));
        }
        let missing = audio.missing_devices();
        if let Some((direction, lost)) =
            [(Direction::Capture, missing.capture), (Direction::Playback, missing.playback)]
                .into_iter()
                .find_map(|(direction, lost)| lost.map(|lost| (direction, lost)))
        {
            return Err(lost.sentence(direction));
        }
        captured.fault = self.audio.echo_status().and_then(EchoStatus::fault);
        Ok(Captured { elapsed, xruns: self.xruns() - before, ..captured })
    }
}

impl Captured {
    /// Adds what was read of the lane.
    fn push(&mut self, block: &[[i16; 1]], layout: CaptureLayout) {
        match layout {
            CaptureLayout::Microphone => self.samples.extend(block.as_flattened()),
            CaptureLayout::WithReference => {
                for [microphone, reference] in block.as_flattened().as_chunks::<2>().0 {
                    self.samples.push(*microphone);
                    self.reference.push(*reference);
                }
            }
        }
    }
}
