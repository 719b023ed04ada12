//! WAV files in place of the microphone and the speaker, for machines without a sound card.
//!
//! One thread and one timer serve both directions, so that they share a clock, and drive the same steps as a
//! sound card. Their timestamps count the frames of that clock. It converts nothing: a file of another format is
//! rejected.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hound::{SampleFormat, WavSpec, WavWriter};
use rustix::event::{PollFd, PollFlags, poll};

use super::error::{AudioError, PcmError, Recovery};
use super::reference::clock_map::Stamp;
use super::reference::delay_locked_loop::Clocks;
use super::rt::capture::{Capture, CaptureDevice};
use super::rt::playback::Playback;
use super::rt::playback_device::{BufferLevel, PlaybackDevice, QueuePlan};
use super::rt::reference::{CaptureStamp, ReferenceSink, with_reference};
use super::rt::threads::ThreadContext;
use super::wav_reader::{WavSource, file_error};
use super::{AudioEndpoints, AudioIo, CutMode, StreamFormat};
use crate::dsp::{float, sample};
use crate::sys::{TimerFd, create_private_file};

/// The WAV files that replace the devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WavDevices {
    /// What the microphone captures while it is open; without a file, endless silence.
    pub microphone: Option<PathBuf>,
    /// Where to write what the speaker plays, silence included; without a file, it is discarded.
    pub speaker: Option<PathBuf>,
    /// Speed relative to real time; 0 counts as 1.
    pub speed: u32,
}

/// What stands between the two files: the microphone may hear what the speaker plays.
pub trait WavRoom: Send {
    /// Changes the next samples of the microphone's file into those that are captured; the speaker plays `played`
    /// meanwhile, as many. While the microphone is closed, they are discarded.
    fn hear(&mut self, played: &[i16], captured: &mut [i16]);
}

/// Opens both files and starts the thread that plays them. The file of the microphone advances only while the
/// microphone is open; after its end, silence is captured.
///
/// # Errors
/// When a file cannot be opened or has another format; the message contains the command that converts it.
pub fn open_wav(files: WavDevices, format: StreamFormat) -> Result<AudioIo, AudioError> {
    open(files, format, None, None)
}

/// Opens both files as [`open_wav`] does, and passes what is captured to `sink` with what was played meanwhile. `room`
/// may let the microphone hear the speaker.
///
/// # Errors
/// As those of [`open_wav`].
pub fn open_wav_with_reference(
    files: WavDevices,
    format: StreamFormat,
    room: Option<Box<dyn WavRoom>>,
    sink: Box<dyn ReferenceSink>,
) -> Result<AudioIo, AudioError> {
    open(files, format, room, Some(sink))
}

fn open(
    files: WavDevices,
    format: StreamFormat,
    room: Option<Box<dyn WavRoom>>,
    sink: Option<Box<dyn ReferenceSink>>,
) -> Result<AudioIo, AudioError> {
    let AudioEndpoints { mut audio, capture, playback, capture_wake, playback_wake: _ } =
        AudioEndpoints::native(format, true)?;
    let (capture, playback) = match sink {
        Some(sink) => with_reference(capture, playback, Clocks::Same, sink),
        None => (capture, playback),
    };
    let source = files.microphone.map(|path| WavSource::open(path, format)).transpose()?;
    let (source, warning) = source.map_or((None, None), |(source, warning)| (Some(source), warning));
    audio.input_warning = warning;
    let microphone = WavCapture::new(source, Arc::clone(&audio.input_ended), room, format.rate_hz);
    let speaker = WavPlayback::create(files.speaker, format)?;
    let rate_hz = u64::from(format.rate_hz) * u64::from(files.speed.max(1));
    let period = Duration::from_nanos(format.period_frames as u64 * 1_000_000_000 / rate_hz.max(1));
    let timer = TimerFd::new().map_err(|error| AudioError::system("a timer", &error))?;
    timer.set_periodic(period);
    audio.threads.start("mynah-wav", capture_wake, move |context| {
        WavLoop { capture, playback, microphone, speaker, period_frames: format.period_frames, period }
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
    /// The length of a period.
    period: Duration,
}

impl WavLoop {
    fn run(mut self, timer: &TimerFd, context: &ThreadContext) -> Result<(), AudioError> {
        while !(context.is_over() || self.capture.is_abandoned() || self.playback.is_abandoned()) {
            let mut changed = false;
            for _ in 0..timer.drain() {
                self.microphone.tick(self.speaker.next(self.period_frames), self.period_frames);
                self.speaker.tick(self.period_frames)?;
                changed |= self.play();
            }
            changed |= self.capture()?;
            changed |= self.follow_session();
            changed |= self.play();
            if changed {
                context.session_wake.notify();
            }
            self.wait(timer, context);
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
        // A file causes no device error, so neither step can fail.
        self.playback.run(&mut self.speaker).unwrap_or(false)
    }

    fn capture(&mut self) -> Result<bool, AudioError> {
        if !self.microphone.is_open {
            self.microphone.discard();
            return Ok(false);
        }
        let changed = self.capture.step(&mut self.microphone).unwrap_or(false);
        self.microphone.failure.take().map_or(Ok(changed), Err)
    }

    /// Waits for the session's notification, or until one of the devices has moved as much as its step has asked for.
    /// The timer counts the periods meanwhile.
    fn wait(&self, timer: &TimerFd, context: &ThreadContext) {
        let captures = self.microphone.is_open.then_some(self.microphone.wake_after);
        let plays = (!self.playback.is_asleep())
            .then(|| self.speaker.queue.len().saturating_sub(self.speaker.wake_level));
        let frames = captures.into_iter().chain(plays).min().unwrap_or(0);
        let periods = frames / self.period_frames;
        if periods > 1 {
            let wait = self.period * u32::try_from(periods).unwrap_or(u32::MAX);
            context.thread_wake.wait(Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1)));
        } else {
            wait_for_period(timer, context);
        }
    }
}

/// A capture device that reads a WAV file.
struct WavCapture {
    source: Option<WavSource>,
    is_open: bool,
    /// Samples that have become available as time passed.
    available: usize,
    clock: FrameClock,
    /// The room, and what the speaker played while the available samples were captured.
    room: Option<(Box<dyn WavRoom>, VecDeque<i16>)>,
    /// Samples after which the thread is to be woken.
    wake_after: usize,
    ended: Arc<AtomicBool>,
    failure: Option<AudioError>,
}

/// The clock of both files: frames since their thread was started.
#[derive(Clone, Copy)]
struct FrameClock {
    frames: u64,
    rate_hz: u32,
}

impl FrameClock {
    fn stamp(self) -> Stamp {
        Stamp::At(self.frames * 1_000_000_000 / u64::from(self.rate_hz.max(1)))
    }
}

/// Samples read from the file at a time.
const BLOCK: usize = 256;

impl WavCapture {
    fn new(
        source: Option<WavSource>,
        ended: Arc<AtomicBool>,
        room: Option<Box<dyn WavRoom>>,
        rate_hz: u32,
    ) -> WavCapture {
        let clock = FrameClock { frames: 0, rate_hz };
        let room = room.map(|room| (room, VecDeque::new()));
        WavCapture { source, is_open: false, available: 0, clock, room, wake_after: 0, ended, failure: None }
    }

    /// Captures `frames` while the speaker plays `played`, and silence after it.
    fn tick(&mut self, played: &[i16], frames: usize) {
        self.available += frames;
        self.clock.frames += frames as u64;
        if let Some((_, heard)) = &mut self.room {
            heard.extend(played);
            heard.extend(std::iter::repeat_n(0, frames - played.len()));
        }
    }

    /// Forgets what was captured while the microphone was closed. The room heard the speaker meanwhile.
    fn discard(&mut self) {
        self.available = 0;
        if let Some((room, heard)) = &mut self.room {
            let mut captured = vec![0; heard.len()];
            room.hear(heard.make_contiguous(), &mut captured);
            heard.clear();
        }
    }

    /// Fills `into` with what is captured next.
    fn capture(&mut self, into: &mut [i16]) {
        self.play(into);
        if let Some((room, heard)) = &mut self.room {
            room.hear(&heard.make_contiguous()[..into.len()], into);
            heard.drain(..into.len());
        }
    }

    /// Fills `into` from the file, and with silence after its end.
    fn play(&mut self, into: &mut [i16]) {
        let Some(source) = &mut self.source else { return into.fill(0) };
        let is_left = match source.fill(into) {
            Ok(is_left) => {
                self.ended.store(!is_left, Ordering::Relaxed);
                is_left
            }
            Err(error) => {
                self.failure = Some(file_error(
                    &source.path,
                    format!("cannot be read to its end ({error}); record it again"),
                ));
                false
            }
        };
        if !is_left {
            self.source = None;
        }
    }
}

impl CaptureDevice for WavCapture {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        let taken = self.available.min(into.len());
        self.available -= taken;
        let mut block = [0; BLOCK];
        for into in into[..taken].chunks_mut(BLOCK) {
            let block = &mut block[..into.len()];
            self.capture(block);
            for (into, sample) in into.iter_mut().zip(block) {
                *into = float(*sample);
            }
        }
        Ok(taken)
    }

    fn wake_after(&mut self, frames: usize) -> Result<(), PcmError> {
        self.wake_after = frames;
        Ok(())
    }

    fn stamp(&mut self) -> Result<CaptureStamp, PcmError> {
        Ok(CaptureStamp { delay: self.available as i64, time: self.clock.stamp() })
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

/// The speaker's queues in periods, as on a card that is rewritten: while a reply is heard, and otherwise.
const SHORT_QUEUE_PERIODS: usize = 10;
const LONG_QUEUE_PERIODS: usize = 100;
/// Seconds after which the header is updated, so that the file can be read after a crash.
const HEADER_UPDATE_S: usize = 1;

/// A playback device whose buffer is written to a WAV file as time passes.
struct WavPlayback {
    queue: Vec<i16>,
    clock: FrameClock,
    plan: QueuePlan,
    /// The fill at which the thread is to be woken.
    wake_level: usize,
    file: Option<(PathBuf, WavWriter<BufWriter<File>>)>,
    update_frames: usize,
    /// Frames written since the last update of the header.
    since_update: usize,
}

/// Creates the file of what is played, which others need not hear.
fn create_file(path: &Path, spec: WavSpec) -> Result<WavWriter<BufWriter<File>>, hound::Error> {
    WavWriter::new(BufWriter::new(create_private_file(path)?), spec)
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
            Some(path) => match create_file(&path, spec) {
                Ok(writer) => Some((path, writer)),
                Err(error) => {
                    return Err(file_error(
                        &path,
                        format!("cannot be written ({error}); choose another path"),
                    ));
                }
            },
        };
        let plan = QueuePlan {
            cut: CutMode::Rewrite,
            short: (SHORT_QUEUE_PERIODS * format.period_frames).max(format.queue_frames),
            long: (LONG_QUEUE_PERIODS * format.period_frames).max(format.queue_frames),
            fade_at: 3 * format.period_frames,
            awake_frames: None,
        };
        let queue = Vec::with_capacity(plan.long);
        let update_frames = HEADER_UPDATE_S * format.rate_hz as usize;
        let clock = FrameClock { frames: 0, rate_hz: format.rate_hz };
        Ok(WavPlayback { queue, clock, plan, wake_level: 0, file, update_frames, since_update: 0 })
    }

    /// Returns what is played next, up to `frames`; silence follows it.
    fn next(&self, frames: usize) -> &[i16] {
        &self.queue[..frames.min(self.queue.len())]
    }

    /// Plays `frames`.
    fn tick(&mut self, frames: usize) -> Result<(), AudioError> {
        let played = frames.min(self.queue.len());
        self.clock.frames += frames as u64;
        if let Some((path, file)) = &mut self.file {
            let mut block = file.get_i16_writer(frames as u32);
            for sample in &self.queue[..played] {
                block.write_sample(*sample);
            }
            for _ in played..frames {
                block.write_sample(0i16);
            }
            block.flush().map_err(|error| write_error(path, &error))?;
            self.since_update += frames;
            if self.since_update >= self.update_frames {
                self.since_update = 0;
                file.flush().map_err(|error| write_error(path, &error))?;
            }
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
    fn queue(&self) -> QueuePlan {
        self.plan
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        Ok(BufferLevel { queued: self.queue.len(), delay: self.queue.len() as i64 })
    }

    fn stamp(&self) -> Stamp {
        // Its position does not advance while it has nothing to play.
        if self.queue.is_empty() { Stamp::NotRunning } else { self.clock.stamp() }
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        let taken = frames.len().min(self.plan.long.saturating_sub(self.queue.len()));
        self.queue.extend(frames[..taken].iter().map(|frame| sample(*frame)));
        Ok(taken)
    }

    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        let taken_back = frames.min(self.queue.len());
        self.queue.truncate(self.queue.len() - taken_back);
        Ok(taken_back)
    }

    fn wake_at(&mut self, queued: usize) -> Result<(), PcmError> {
        self.wake_level = queued;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.queue.clear();
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}

fn wait_for_period(timer: &TimerFd, context: &ThreadContext) {
    let mut fds = [PollFd::new(timer, PollFlags::IN), PollFd::new(&*context.thread_wake, PollFlags::IN)];
    // An interrupted wait only returns early.
    let _ = poll(&mut fds, None);
    if !fds[1].revents().is_empty() {
        context.thread_wake.drain();
    }
}

fn write_error(path: &Path, error: &hound::Error) -> AudioError {
    file_error(path, format!("cannot be written to its end ({error}); free space on its disk"))
}
