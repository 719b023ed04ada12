//! The tape: WAV files in place of the microphone and the speaker, for machines without a sound card.
//!
//! One thread and one timer serve both ends, so they share a clock, and drive the same steps as a card
//! does. It converts nothing: a file of another form is refused.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::iter::repeat_with;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hound::{SampleFormat, WavIntoSamples, WavReader, WavSpec, WavWriter};
use rustix::event::{PollFd, PollFlags, poll};

use super::capture::{Capture, Microphone};
use super::crew::Post;
use super::playback::{Level, Playback, Speaker};
use super::trouble::{AudioError, Recovery, Trouble};
use super::{Rig, Shape, Sound};
use crate::convert::{float, sample};
use crate::sys::TimerFd;

/// The WAV files that stand in for the devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// What the microphone hears while it is open; without one, silence that never ends.
    pub speech: Option<PathBuf>,
    /// Where to write what the speaker plays, silence included; without one it is played to nobody.
    pub speaker: Option<PathBuf>,
    /// How many times faster than real time it runs; 0 counts as 1.
    pub speed: u32,
}

/// Opens both files and starts the thread that plays them. The tape stands still while the microphone
/// is closed, and holds silence after its end.
///
/// # Errors
/// When a file cannot be opened or has another form, in a sentence that says how to convert it.
pub fn tape(tape: Tape, shape: Shape) -> Result<Sound, AudioError> {
    let Rig { mut sound, capture, playback, capture_bell, playback_bell: _ } = Rig::native(shape, true)?;
    let microphone = TapeMicrophone::open(tape.speech, shape, Arc::clone(&sound.tape_ended))?;
    let speaker = TapeSpeaker::create(tape.speaker, shape)?;
    let timer = start_timer(shape, tape.speed)?;
    sound.crew.start("mynah-tape", capture_bell, move |post| {
        Deck { capture, playback, microphone, speaker, period_frames: shape.period_frames }.run(&timer, post)
    })?;
    Ok(sound)
}

struct Deck {
    capture: Capture,
    playback: Playback,
    microphone: TapeMicrophone,
    speaker: TapeSpeaker,
    period_frames: usize,
}

impl Deck {
    fn run(mut self, timer: &TimerFd, post: &Post) -> Result<(), AudioError> {
        while !(post.is_over() || self.capture.is_abandoned() || self.playback.is_abandoned()) {
            let mut news = self.open_or_close();
            news |= self.play();
            for _ in 0..timer.drain() {
                self.speaker.tick(self.period_frames)?;
                news |= self.play();
                news |= self.listen()?;
            }
            if news {
                post.wake.notify();
            }
            wait(timer, post);
        }
        self.speaker.finish()
    }

    fn open_or_close(&mut self) -> bool {
        let wanted = self.capture.is_wanted();
        let changes = wanted != self.microphone.is_open;
        if changes {
            self.microphone.is_open = wanted;
            self.capture.mark_open(wanted);
        }
        changes
    }

    fn play(&mut self) -> bool {
        // A tape meets no trouble, so neither turn can fail.
        self.playback.turn(&mut self.speaker).unwrap_or(false)
    }

    fn listen(&mut self) -> Result<bool, AudioError> {
        if !self.microphone.is_open {
            return Ok(false);
        }
        self.microphone.due += self.period_frames;
        let news = self.capture.turn(&mut self.microphone).unwrap_or(false);
        self.microphone.failure.take().map_or(Ok(news), Err)
    }
}

/// A WAV file as a microphone.
struct TapeMicrophone {
    speech: Option<Speech>,
    is_open: bool,
    /// Samples that time has made available.
    due: usize,
    ended: Arc<AtomicBool>,
    failure: Option<AudioError>,
}

struct Speech {
    path: PathBuf,
    samples: WavIntoSamples<BufReader<File>, i16>,
    /// Bits to shift a sample by: `hound` returns one of 8 bits unscaled.
    shift: u32,
}

/// Samples read from the file at a time.
const BLOCK: usize = 256;

impl TapeMicrophone {
    fn open(
        path: Option<PathBuf>,
        shape: Shape,
        ended: Arc<AtomicBool>,
    ) -> Result<TapeMicrophone, AudioError> {
        let speech = path.map(|path| Speech::open(path, shape)).transpose()?;
        Ok(TapeMicrophone { speech, is_open: false, due: 0, ended, failure: None })
    }

    /// Fills `into` with what is on the tape, and silence after its end.
    fn play(&mut self, into: &mut [i16]) {
        let Some(speech) = &mut self.speech else { return into.fill(0) };
        let left = match speech.fill(into) {
            Ok(0) => {
                self.ended.store(true, Ordering::Relaxed);
                0
            }
            Ok(left) => left,
            Err(error) => {
                self.failure = Some(broken(&speech.path, format!("cannot be read on: {error}")));
                0
            }
        };
        if left == 0 {
            self.speech = None;
        }
    }
}

impl Microphone for TapeMicrophone {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, Trouble> {
        let taken = self.due.min(into.len());
        self.due -= taken;
        let mut block = [0; BLOCK];
        for into in into[..taken].chunks_mut(BLOCK) {
            let block = &mut block[..into.len()];
            self.play(block);
            for (into, sample) in into.iter_mut().zip(block) {
                *into = float(*sample);
            }
        }
        Ok(taken)
    }

    fn recover(&mut self, _: Trouble) -> Result<Recovery, Trouble> {
        Ok(Recovery::Resumed)
    }
}

impl Speech {
    fn open(path: PathBuf, shape: Shape) -> Result<Speech, AudioError> {
        let reader = WavReader::open(&path).map_err(|error| {
            broken(&path, format!("cannot be read as a WAV file ({error}); {}", convert(&path, shape)))
        })?;
        let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
        let shift = match (channels, sample_rate == shape.rate_hz, sample_format, bits_per_sample) {
            (1, true, SampleFormat::Int, 16) => 0,
            (1, true, SampleFormat::Int, 8) => 8,
            (_, _, SampleFormat::Int | SampleFormat::Float, _) => {
                let kind = match sample_format {
                    SampleFormat::Int => "integer",
                    SampleFormat::Float => "float",
                };
                let reason = format!(
                    "has {channels} channels of {bits_per_sample}-bit {kind} samples at {sample_rate} Hz, not one of \
                     16 or 8 bits at {} Hz; {}",
                    shape.rate_hz,
                    convert(&path, shape)
                );
                return Err(broken(&path, reason));
            }
        };
        Ok(Speech { path, samples: reader.into_samples(), shift })
    }

    /// Fills `into`, the rest with silence, and returns how many samples are left.
    fn fill(&mut self, into: &mut [i16]) -> hound::Result<usize> {
        let samples = self.samples.by_ref().chain(repeat_with(|| Ok(0)));
        for (into, sample) in into.iter_mut().zip(samples) {
            *into = sample? << self.shift;
        }
        Ok(self.samples.len())
    }
}

fn convert(path: &Path, shape: Shape) -> String {
    let to = path.with_extension("mono.wav");
    format!("convert it: sox {} -r {} -c 1 -b 16 {}", path.display(), shape.rate_hz, to.display())
}

/// Periods the tape's speaker holds, as a card's does.
const BUFFER_PERIODS: usize = 4;

/// A WAV file as a speaker: a buffer that time empties into the file.
struct TapeSpeaker {
    held: Vec<i16>,
    buffer_frames: usize,
    queue_frames: usize,
    file: Option<(PathBuf, WavWriter<BufWriter<File>>)>,
}

impl TapeSpeaker {
    fn create(path: Option<PathBuf>, shape: Shape) -> Result<TapeSpeaker, AudioError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: shape.rate_hz,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let file = match path {
            None => None,
            Some(path) => match WavWriter::create(&path, spec) {
                Ok(writer) => Some((path, writer)),
                Err(error) => {
                    return Err(broken(&path, format!("cannot be written ({error}); choose another place")));
                }
            },
        };
        let buffer_frames = (BUFFER_PERIODS * shape.period_frames).max(shape.queue_frames);
        let held = Vec::with_capacity(buffer_frames);
        Ok(TapeSpeaker { held, buffer_frames, queue_frames: shape.queue_frames, file })
    }

    /// Lets `frames` be heard.
    fn tick(&mut self, frames: usize) -> Result<(), AudioError> {
        let heard = frames.min(self.held.len());
        if let Some((path, file)) = &mut self.file {
            let mut block = file.get_i16_writer(frames as u32);
            for sample in &self.held[..heard] {
                block.write_sample(*sample);
            }
            for _ in heard..frames {
                block.write_sample(0i16);
            }
            block.flush().map_err(|error| unwritten(path, &error))?;
        }
        self.held.drain(..heard);
        Ok(())
    }

    fn finish(self) -> Result<(), AudioError> {
        match self.file {
            None => Ok(()),
            Some((path, file)) => file.finalize().map_err(|error| unwritten(&path, &error)),
        }
    }
}

impl Speaker for TapeSpeaker {
    fn queue_frames(&self) -> usize {
        self.queue_frames
    }

    fn level(&mut self) -> Result<Level, Trouble> {
        Ok(Level { queued: self.held.len(), delay: self.held.len() as i64 })
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, Trouble> {
        let taken = frames.len().min(self.buffer_frames - self.held.len());
        self.held.extend(frames[..taken].iter().map(|frame| sample(*frame)));
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        self.held.clear();
        Ok(())
    }

    fn recover(&mut self, _: Trouble) -> Result<Recovery, Trouble> {
        Ok(Recovery::Resumed)
    }
}

/// Starts the clock of both ends, which expires once a period.
fn start_timer(shape: Shape, speed: u32) -> Result<TimerFd, AudioError> {
    let rate_hz = u64::from(shape.rate_hz) * u64::from(speed.max(1));
    let timer = TimerFd::new().map_err(|error| AudioError::system("a timer", &error))?;
    timer.set_periodic(Duration::from_nanos(shape.period_frames as u64 * 1_000_000_000 / rate_hz.max(1)));
    Ok(timer)
}

fn wait(timer: &TimerFd, post: &Post) {
    let mut fds = [PollFd::new(timer, PollFlags::IN), PollFd::new(&*post.bell, PollFlags::IN)];
    // An interrupted wait is an early look.
    let _ = poll(&mut fds, None);
    if !fds[1].revents().is_empty() {
        post.bell.drain();
    }
}

fn unwritten(path: &Path, error: &hound::Error) -> AudioError {
    broken(path, format!("cannot be written on ({error}); free space on its disk"))
}

fn broken(path: &Path, reason: String) -> AudioError {
    AudioError::Tape { path: path.to_owned(), reason }
}
