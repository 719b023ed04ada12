//! The other ends of ALSA's loopback card (snd-aloop): a source before mynah's microphone and a recorder at its speaker.
//!
//! The card transfers audio at the kernel's timer tick, every 4 ms. A sample of the source counts as emitted at its own
//! time and arrives with the next tick. A sample of the speaker is fetched by a tick and counts as played at its own
//! time within the following 4 ms, as with a card that prefetches as much. So nothing is played before it was written,
//! and the ticks count as latency.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::JoinHandle;

use alsa::pcm::{Access, Format, Frames, HwParams, PCM};
use alsa::{Direction, Output, ValueOr};

use crate::clock::{S, now, sleep_ms};

pub(crate) const RATE_HZ: u64 = 24_000;
/// Frames transferred per tick: 4 ms, since Debian's kernels have 250 ticks a second.
pub(crate) const TICK_FRAMES: usize = 96;
/// mynah's ends of the card, as ALSA device names.
pub(crate) const MICROPHONE: &str = "hw:Loopback,0,0";
pub(crate) const SPEAKER: &str = "hw:Loopback,0,1";
pub(crate) const SOURCE: &str = "hw:Loopback,1,0";
pub(crate) const RECORDER: &str = "hw:Loopback,1,1";
/// Zero samples that count as silence: 50 ms.
const SILENCE_FRAMES: usize = 1200;

/// Returns the duration of `frames` in nanoseconds.
pub(crate) fn span(frames: u64) -> u64 {
    frames * S / RATE_HZ
}

/// Opens one end of the card: 24 kHz, mono, 16 bit.
///
/// # Errors
///
/// The card is missing, or does not accept the sizes.
pub(crate) fn open(
    name: &str,
    direction: Direction,
    period_frames: usize,
    buffer_frames: usize,
) -> alsa::Result<PCM> {
    let pcm = PCM::new(name, direction, false)?;
    {
        let set = HwParams::any(&pcm)?;
        set.set_access(Access::RWInterleaved)?;
        set.set_format(Format::s16())?;
        set.set_channels(1)?;
        set.set_rate(RATE_HZ as u32, ValueOr::Nearest)?;
        set.set_period_size(period_frames as Frames, ValueOr::Nearest)?;
        set.set_buffer_size(buffer_frames as Frames)?;
        pcm.hw_params(&set)?;
    }
    Ok(pcm)
}

/// Plays samples into mynah's microphone.
pub(crate) struct SoundSource {
    stopped: Arc<AtomicBool>,
    began: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl SoundSource {
    /// Starts a thread that plays `samples(n)` for n = 0, 1, ... until it is stopped; it reopens a card that returns.
    pub(crate) fn start(samples: impl FnMut(u64) -> i16 + Send + 'static) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let began = Arc::new(AtomicU64::new(u64::MAX));
        let (stop, start) = (Arc::clone(&stopped), Arc::clone(&began));
        let thread = spawn("source", move || play(samples, &stop, &start));
        Self { stopped, began, thread }
    }

    /// Returns when the first sample was emitted. The estimate improves over time.
    pub(crate) fn began(&self) -> u64 {
        self.began.load(Relaxed)
    }

    pub(crate) fn stop(self) {
        self.stopped.store(true, Relaxed);
        self.thread.join().expect("the source does not panic");
    }
}

fn play(mut samples: impl FnMut(u64) -> i16, stopped: &AtomicBool, began: &AtomicU64) {
    const BUFFER_FRAMES: usize = 10 * TICK_FRAMES;
    // Otherwise alsa-lib reports a disconnected card on the console.
    let _silenced = Output::local_error_handler();
    let mut block = [0; TICK_FRAMES];
    let mut written = 0;
    'devices: while !stopped.load(Relaxed) {
        let Ok(pcm) = open(SOURCE, Direction::Playback, TICK_FRAMES, BUFFER_FRAMES) else {
            sleep_ms(5);
            continue;
        };
        let Ok(io) = pcm.io_i16() else { continue };
        while !stopped.load(Relaxed) {
            for sample in &mut block {
                *sample = samples(written);
                written += 1;
            }
            if io.writei(&block).is_err() {
                continue 'devices;
            }
            let Ok(vacant) = pcm.avail() else { continue 'devices };
            let played = (written + vacant.cast_unsigned()).saturating_sub(BUFFER_FRAMES as u64);
            // Exact right after a tick and too late in between, so the minimum is taken.
            began.fetch_min(now() - span(played), Relaxed);
        }
        let _ = pcm.drop();
    }
}

/// Records mynah's speaker.
pub(crate) struct SoundRecorder {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Recording>>,
}

/// An uninterrupted recording; a reconnected card starts another.
#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) samples: Vec<i16>,
    began: u64,
}

impl SoundRecorder {
    /// Starts a thread that records until it is stopped.
    pub(crate) fn start() -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        Self { stopped, thread: spawn("recorder", move || record(&stop)) }
    }

    pub(crate) fn stop(self) -> Vec<Recording> {
        self.stopped.store(true, Relaxed);
        self.thread.join().expect("the recorder does not panic")
    }

    /// Stops and returns the recording, which must be the only one.
    pub(crate) fn stop_single(self) -> Recording {
        let mut recordings = self.stop();
        assert_eq!(recordings.len(), 1, "the card was never disconnected");
        recordings.swap_remove(0)
    }
}

fn record(stopped: &AtomicBool) -> Vec<Recording> {
    let mut recordings = Vec::new();
    let _silenced = Output::local_error_handler();
    while !stopped.load(Relaxed) {
        let Ok(pcm) = open(RECORDER, Direction::Capture, TICK_FRAMES, 100 * TICK_FRAMES) else {
            sleep_ms(5);
            continue;
        };
        let mut recording = Recording { samples: Vec::new(), began: u64::MAX };
        if let Ok(io) = pcm.io_i16()
            && pcm.start().is_ok()
        {
            let mut block = [0; TICK_FRAMES];
            while !stopped.load(Relaxed)
                && let Ok(count) = io.readi(&mut block)
            {
                recording.samples.extend_from_slice(&block[..count]);
                // A wake-up may be late, never early.
                recording.began = recording.began.min(now() - span(recording.samples.len() as u64));
            }
        }
        if !recording.samples.is_empty() {
            recordings.push(recording);
        }
    }
    recordings
}

impl Recording {
    /// Returns when the sample at `place` was played.
    pub(crate) fn played_at(&self, place: usize) -> u64 {
        self.began + span((TICK_FRAMES + place) as u64)
    }

    /// Returns the index of the first sample played at or after `ns`.
    pub(crate) fn place(&self, ns: u64) -> usize {
        let frames = ns.saturating_sub(self.played_at(0)) as u128 * u128::from(RATE_HZ);
        frames.div_ceil(u128::from(S)) as usize
    }

    /// Returns the index of the first silence at or after `place`.
    pub(crate) fn silence_from(&self, place: usize) -> Option<usize> {
        let mut zeros = 0;
        for (at, sample) in self.samples.iter().enumerate().skip(place) {
            zeros = if *sample == 0 { zeros + 1 } else { 0 };
            if zeros == SILENCE_FRAMES {
                return Some(at + 1 - SILENCE_FRAMES);
            }
        }
        None
    }

    /// Returns the index of the first sample at or after `place` that is not zero.
    pub(crate) fn sound_from(&self, place: usize) -> Option<usize> {
        (place..self.samples.len()).find(|at| self.samples[*at] != 0)
    }
}

fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread")
}
