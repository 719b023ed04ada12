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

use super::error::{AudioError, PcmError, Recovery};
use super::rt::capture::{Capture, CaptureDevice};
use super::rt::playback::{BufferLevel, Playback, PlaybackDevice};
use super::rt::threads::ThreadContext;
use super::{AudioEndpoints, AudioIo, StreamFormat};
use crate::dsp::{float, sample};
use crate::sys::TimerFd;

/// The WAV files that stand in for the devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WavDevices {
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
pub fn open_wav(files: WavDevices, format: StreamFormat) -> Result<AudioIo, AudioError> {
    let AudioEndpoints { mut audio, capture, playback, capture_wake, playback_wake: _ } =
        AudioEndpoints::native(format, true)?;
    let microphone = WavCapture::open(files.speech, format, Arc::clone(&audio.input_ended))?;
    let speaker = WavPlayback::create(files.speaker, format)?;
    let timer = start_timer(format, files.speed)?;
    audio.threads.start("mynah-wav", capture_wake, move |context| {
        WavLoop { capture, playback, microphone, speaker, period_frames: format.period_frames }
            .run(&timer, context)
    })?;
    Ok(audio)
}

struct WavLoop {
    capture: Capture,
    playback: Playback,
    microphone: WavCapture,
    speaker: WavPlayback,
    period_frames: usize,
}

impl WavLoop {
    fn run(mut self, timer: &TimerFd, context: &ThreadContext) -> Result<(), AudioError> {
        while !(context.is_over() || self.capture.is_abandoned() || self.playback.is_abandoned()) {
            let mut changed = self.follow_session();
            changed |= self.play();
            for _ in 0..timer.drain() {
                self.speaker.tick(self.period_frames)?;
                changed |= self.play();
                changed |= self.capture()?;
            }
            if changed {
                context.session_wake.notify();
            }
            wait(timer, context);
        }
        self.speaker.finish()
    }

    fn follow_session(&mut self) -> bool {
        let wanted = self.capture.is_wanted();
        let changed = wanted != self.microphone.is_open;
        if changed {
            self.microphone.is_open = wanted;
            self.capture.mark_open(wanted);
        }
        changed
    }

    fn play(&mut self) -> bool {
        // A tape meets no trouble, so neither turn can fail.
        self.playback.run(&mut self.speaker).unwrap_or(false)
    }

    fn capture(&mut self) -> Result<bool, AudioError> {
        if !self.microphone.is_open {
            return Ok(false);
        }
        self.microphone.due += self.period_frames;
        let changed = self.capture.step(&mut self.microphone).unwrap_or(false);
        self.microphone.failure.take().map_or(Ok(changed), Err)
    }
}

/// A WAV file as a microphone.
struct WavCapture {
    source: Option<WavSource>,
    is_open: bool,
    /// Samples that time has made available.
    due: usize,
    ended: Arc<AtomicBool>,
    failure: Option<AudioError>,
}

struct WavSource {
    path: PathBuf,
    samples: WavIntoSamples<BufReader<File>, i16>,
    /// Bits to shift a sample by: `hound` returns one of 8 bits unscaled.
    shift: u32,
}

/// Samples read from the file at a time.
const BLOCK: usize = 256;

impl WavCapture {
    fn open(
        path: Option<PathBuf>,
        format: StreamFormat,
        ended: Arc<AtomicBool>,
    ) -> Result<WavCapture, AudioError> {
        let source = path.map(|path| WavSource::open(path, format)).transpose()?;
        Ok(WavCapture { source, is_open: false, due: 0, ended, failure: None })
    }

    /// Fills `into` with what is on the tape, and silence after its end.
    fn play(&mut self, into: &mut [i16]) {
        let Some(source) = &mut self.source else { return into.fill(0) };
        let remaining = match source.fill(into) {
            Ok(0) => {
                self.ended.store(true, Ordering::Relaxed);
                0
            }
            Ok(remaining) => remaining,
            Err(error) => {
                self.failure = Some(file_error(&source.path, format!("cannot be read on: {error}")));
                0
            }
        };
        if remaining == 0 {
            self.source = None;
        }
    }
}

impl CaptureDevice for WavCapture {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
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

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

impl WavSource {
    fn open(path: PathBuf, format: StreamFormat) -> Result<WavSource, AudioError> {
        let reader = WavReader::open(&path).map_err(|error| {
            file_error(
                &path,
                format!("cannot be read as a WAV file ({error}); {}", convert_hint(&path, format)),
            )
        })?;
        let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
        let shift = match (channels, sample_rate == format.rate_hz, sample_format, bits_per_sample) {
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
                    format.rate_hz,
                    convert_hint(&path, format)
                );
                return Err(file_error(&path, reason));
            }
        };
        Ok(WavSource { path, samples: reader.into_samples(), shift })
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

fn convert_hint(path: &Path, format: StreamFormat) -> String {
    let to = path.with_extension("mono.wav");
    format!("convert it: sox {} -r {} -c 1 -b 16 {}", path.display(), format.rate_hz, to.display())
}

/// Periods the tape's speaker holds, as a card's does.
const BUFFER_PERIODS: usize = 4;

/// A WAV file as a speaker: a buffer that time empties into the file.
struct WavPlayback {
    queue: Vec<i16>,
    buffer_frames: usize,
    queue_frames: usize,
    file: Option<(PathBuf, WavWriter<BufWriter<File>>)>,
}

impl WavPlayback {
    fn create(path: Option<PathBuf>, format: StreamFormat) -> Result<WavPlayback, AudioError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: format.rate_hz,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let file = match path {
            None => None,
            Some(path) => match WavWriter::create(&path, spec) {
                Ok(writer) => Some((path, writer)),
                Err(error) => {
                    return Err(file_error(
                        &path,
                        format!("cannot be written ({error}); choose another place"),
                    ));
                }
            },
        };
        let buffer_frames = (BUFFER_PERIODS * format.period_frames).max(format.queue_frames);
        let queue = Vec::with_capacity(buffer_frames);
        Ok(WavPlayback { queue, buffer_frames, queue_frames: format.queue_frames, file })
    }

    /// Lets `frames` be heard.
    fn tick(&mut self, frames: usize) -> Result<(), AudioError> {
        let played = frames.min(self.queue.len());
        if let Some((path, file)) = &mut self.file {
            let mut block = file.get_i16_writer(frames as u32);
            for sample in &self.queue[..played] {
                block.write_sample(*sample);
            }
            for _ in played..frames {
                block.write_sample(0i16);
            }
            block.flush().map_err(|error| write_error(path, &error))?;
        }
        self.queue.drain(..played);
        Ok(())
    }

    fn finish(self) -> Result<(), AudioError> {
        match self.file {
            None => Ok(()),
            Some((path, file)) => file.finalize().map_err(|error| write_error(&path, &error)),
        }
    }
}

impl PlaybackDevice for WavPlayback {
    fn queue_frames(&self) -> usize {
        self.queue_frames
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        Ok(BufferLevel { queued: self.queue.len(), delay: self.queue.len() as i64 })
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        let taken = frames.len().min(self.buffer_frames - self.queue.len());
        self.queue.extend(frames[..taken].iter().map(|frame| sample(*frame)));
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.queue.clear();
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

/// Starts the clock of both ends, which expires once a period.
fn start_timer(format: StreamFormat, speed: u32) -> Result<TimerFd, AudioError> {
    let rate_hz = u64::from(format.rate_hz) * u64::from(speed.max(1));
    let timer = TimerFd::new().map_err(|error| AudioError::system("a timer", &error))?;
    timer.set_periodic(Duration::from_nanos(format.period_frames as u64 * 1_000_000_000 / rate_hz.max(1)));
    Ok(timer)
}

fn wait(timer: &TimerFd, context: &ThreadContext) {
    let mut fds = [PollFd::new(timer, PollFlags::IN), PollFd::new(&*context.thread_wake, PollFlags::IN)];
    // An interrupted wait is an early look.
    let _ = poll(&mut fds, None);
    if !fds[1].revents().is_empty() {
        context.thread_wake.drain();
    }
}

fn write_error(path: &Path, error: &hound::Error) -> AudioError {
    file_error(path, format!("cannot be written on ({error}); free space on its disk"))
}

fn file_error(path: &Path, reason: String) -> AudioError {
    AudioError::Wav { path: path.to_owned(), reason }
}
