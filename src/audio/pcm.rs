//! A sound card's PCM: opened, moved, waited for and recovered. The only user of the `alsa` crate.
//!
//! It asks for what `Shape` says and refuses a device that gives another rate, format or channel count.
//! It decides nothing about sound.

use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd};

use alsa::pcm::{Access, Format, Frames, HwParams, IO, PCM, SwParams};
use alsa::poll::{Descriptors, poll, pollfd};
use alsa::{Direction, Output, ValueOr};

use super::capture::Microphone;
use super::doorbell::Doorbell;
use super::playback::{Level, Speaker};
use super::trouble::{AudioError, End, Gone, Recovery, Trouble};
use super::{Shape, Spoken};

/// What a device granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// Which direction.
    pub end: End,
    /// Its ALSA name.
    pub device: String,
    /// Frames a second.
    pub rate_hz: u32,
    /// Frames it moves at a time.
    pub period_frames: usize,
    /// Frames its buffer holds.
    pub buffer_frames: usize,
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Got { end, device, rate_hz, period_frames, buffer_frames } = self;
        write!(
            f,
            "{end} {device:?}: {rate_hz} Hz, periods of {period_frames} frames in a buffer of {buffer_frames}"
        )
    }
}

/// Periods in the speaker's buffer: twice the queue, so that the queue can be topped up in time.
const SPEAKER_PERIODS: usize = 4;
/// Periods in the microphone's buffer: what a late wake may cost without loss.
const MICROPHONE_PERIODS: usize = 8;

/// An open device.
pub(super) struct Pcm {
    pcm: PCM,
    got: Got,
    queue_frames: usize,
}

impl Pcm {
    /// Opens a device in the wanted shape; its period and buffer may differ and are read back.
    pub(super) fn open(end: End, device: &str, shape: Shape) -> Result<Pcm, AudioError> {
        // Kept by this thread from here on: else alsa-lib writes to standard error by itself.
        let words = Output::local_error_handler();
        let refused = |error: alsa::Error| AudioError::Open {
            end,
            device: device.to_owned(),
            errno: error.errno().abs(),
            said: words.as_ref().map(|words| last_line(&words.borrow())).unwrap_or_default(),
        };
        let direction = match end {
            End::Microphone => Direction::Capture,
            End::Speaker => Direction::Playback,
        };
        let name = CString::new(device).map_err(|_| refused(alsa::Error::new("open", libc::EINVAL)))?;
        let pcm = PCM::open(&name, direction, true).map_err(refused)?;
        let got = negotiate(&pcm, end, device, shape)?;
        let queue_frames = shape.queue_frames.max(2 * got.period_frames).min(got.buffer_frames);
        let settings = pcm.sw_params_current().map_err(refused)?;
        arm(&pcm, &settings, &got, queue_frames).map_err(refused)?;
        drop(settings);
        Ok(Pcm { pcm, got, queue_frames })
    }

    pub(super) fn got(&self) -> &Got {
        &self.got
    }

    /// Makes the device ready to move frames; what this allocates is not allocated again.
    pub(super) fn line(&self) -> Result<Line<'_>, Gone> {
        let io = self.pcm.io_i16().map_err(gone)?;
        if self.got.end == End::Microphone {
            self.pcm.start().map_err(gone)?;
        }
        let count = self.pcm.count();
        let watch = Watch::new(count, self.got.buffer_frames).ok_or(Gone { errno: libc::ENOTSUP })?;
        Ok(Line {
            pcm: &self.pcm,
            io,
            settings: self.pcm.sw_params_current().map_err(gone)?,
            got: &self.got,
            queue_frames: self.queue_frames,
            watch,
            left: 0,
            stalled: false,
        })
    }
}

fn negotiate(pcm: &PCM, end: End, device: &str, shape: Shape) -> Result<Got, AudioError> {
    let unfit = |asked: String| AudioError::Unfit { end, device: device.to_owned(), asked };
    let asked = |what: &'static str| move |_: alsa::Error| unfit(what.to_owned());
    let periods = match end {
        End::Microphone => MICROPHONE_PERIODS,
        End::Speaker => SPEAKER_PERIODS,
    };
    let period = shape.period_frames as Frames;
    let set = HwParams::any(pcm).map_err(asked("any format"))?;
    set.set_rate_resample(true).map_err(asked("resampling"))?;
    set.set_access(Access::RWInterleaved).map_err(asked("interleaved frames"))?;
    set.set_format(Format::s16()).map_err(asked("16-bit samples"))?;
    set.set_channels(1).map_err(asked("one channel"))?;
    set.set_rate_near(shape.rate_hz, ValueOr::Nearest).map_err(asked("any rate"))?;
    set.set_period_size_near(period, ValueOr::Nearest).map_err(asked("any period"))?;
    set.set_buffer_size_near(period * periods as Frames).map_err(asked("any buffer"))?;
    pcm.hw_params(&set).map_err(asked("that combination of rate, channels and periods"))?;

    let got = pcm.hw_params_current().map_err(asked("a look at what it granted"))?;
    let rate_hz = got.get_rate().map_err(asked("a fixed rate"))?;
    let form = (got.get_format(), got.get_channels());
    if rate_hz != shape.rate_hz {
        return Err(unfit(format!("{} Hz (it offers {rate_hz} Hz)", shape.rate_hz)));
    }
    if form != (Ok(Format::s16()), Ok(1)) {
        return Err(unfit("one channel of 16-bit samples".to_owned()));
    }
    let frames = |size: alsa::Result<Frames>| size.ok().and_then(|size| usize::try_from(size).ok());
    match (frames(got.get_period_size()), frames(got.get_buffer_size())) {
        (Some(period_frames @ 1..), Some(buffer_frames @ 1..)) => {
            Ok(Got { end, device: device.to_owned(), rate_hz, period_frames, buffer_frames })
        }
        (_, _) => Err(unfit("a fixed period and buffer".to_owned())),
    }
}

/// Sets when the device wakes its thread, and that playback starts by itself with a full queue.
fn arm(pcm: &PCM, settings: &SwParams<'_>, got: &Got, queue_frames: usize) -> alsa::Result<()> {
    let period = got.period_frames;
    let avail_min = match got.end {
        End::Microphone => period,
        // Half a period early: a card that moves in jerks may stand a little short of a whole one when it
        // interrupts, and sleeping through that interrupt would empty the queue.
        End::Speaker => (got.buffer_frames - queue_frames + period.div_ceil(2)).min(got.buffer_frames),
    };
    let start_threshold = match got.end {
        End::Microphone => 1,
        End::Speaker => queue_frames,
    };
    settings.set_avail_min(avail_min as Frames)?;
    settings.set_start_threshold(start_threshold as Frames)?;
    pcm.sw_params(settings)
}

/// An open device that moves frames.
pub(super) struct Line<'a> {
    pcm: &'a PCM,
    io: IO<'a, i16>,
    /// Made once, since making them allocates.
    settings: SwParams<'a>,
    got: &'a Got,
    queue_frames: usize,
    watch: Watch,
    /// Frames the speaker held when last looked at, and what it was handed since.
    left: usize,
    /// Whether the device fell silent while it should have moved; said at the next turn.
    stalled: bool,
}

impl Line<'_> {
    /// Waits until the device wants a turn, the bell is rung, or it is time to look anyway.
    ///
    /// A device in trouble is `resting`: it would be ready at once, for nothing.
    pub(super) fn wait(&mut self, bell: &Doorbell, resting: bool) -> Result<(), Gone> {
        self.stalled = self.watch.wait(self.pcm, bell, resting)? == Waited::InVain;
        Ok(())
    }

    /// Tells whether the device has moved more than it may fetch ahead.
    pub(super) fn is_proven(&self) -> bool {
        self.watch.proven
    }

    fn take_stall(&mut self) -> Result<(), Trouble> {
        if std::mem::take(&mut self.stalled) { Err(Trouble::Stalled) } else { Ok(()) }
    }

    /// Makes the queue a period longer, as far as the buffer goes.
    ///
    /// Some cards fetch more than a period ahead when they start. They would run out of a short queue, be
    /// started again, and run out again, for ever.
    fn lengthen_queue(&mut self) -> Result<(), Trouble> {
        let longer = (self.queue_frames + self.got.period_frames).min(self.got.buffer_frames);
        if longer > self.queue_frames {
            self.queue_frames = longer;
            arm(self.pcm, &self.settings, self.got, longer).map_err(trouble)?;
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<Recovery, Trouble> {
        match self.pcm.resume() {
            Ok(()) => Ok(Recovery::Resumed),
            Err(error) if error.errno().abs() == libc::EAGAIN => Ok(Recovery::NotYet),
            // Most drivers cannot resume and say so; they can begin anew.
            Err(_) => self.prepare(),
        }
    }

    /// Empties a device that runs, or believes it does, and makes it ready.
    fn begin_anew(&mut self) -> Result<Recovery, Trouble> {
        self.pcm.drop().map_err(trouble)?;
        self.prepare()
    }

    fn prepare(&mut self) -> Result<Recovery, Trouble> {
        self.left = 0;
        self.pcm.prepare().map(|()| Recovery::Emptied).map_err(trouble)
    }
}

impl Microphone for Line<'_> {
    fn read(&mut self, into: &mut [i16]) -> Result<usize, Trouble> {
        self.take_stall()?;
        let taken = none_yet(self.io.readi(into))?;
        self.watch.note_moved(taken);
        Ok(taken)
    }

    fn recover(&mut self, trouble: Trouble) -> Result<Recovery, Trouble> {
        let recovery = match trouble {
            Trouble::Suspended => self.resume()?,
            Trouble::Stalled => self.begin_anew()?,
            Trouble::Xrun | Trouble::Gone(_) => self.prepare()?,
        };
        if recovery == Recovery::Emptied {
            self.pcm.start().map_err(self::trouble)?;
        }
        Ok(recovery)
    }
}

impl Speaker for Line<'_> {
    fn queue_frames(&self) -> usize {
        self.queue_frames
    }

    fn level(&mut self) -> Result<Level, Trouble> {
        self.take_stall()?;
        let (vacant, delay) = self.pcm.avail_delay().map_err(trouble)?;
        let queued = self.got.buffer_frames.saturating_sub(usize::try_from(vacant).unwrap_or(0));
        self.watch.note_moved(self.left.saturating_sub(queued));
        self.left = queued;
        #[expect(clippy::useless_conversion, reason = "an ALSA frame count is 32 bits wide on 32-bit boards")]
        Ok(Level { queued, delay: i64::from(delay) })
    }

    fn write(&mut self, frames: &[Spoken]) -> Result<usize, Trouble> {
        let taken = none_yet(self.io.writei(frames.as_flattened()))?;
        self.left += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        self.begin_anew().map(drop)
    }

    fn recover(&mut self, trouble: Trouble) -> Result<Recovery, Trouble> {
        match trouble {
            Trouble::Suspended => self.resume(),
            Trouble::Stalled => self.begin_anew(),
            Trouble::Xrun => {
                self.lengthen_queue()?;
                self.prepare()
            }
            Trouble::Gone(_) => self.prepare(),
        }
    }
}

/// Descriptors a device may have; the usual number is 1.
const DEVICE_FDS: usize = 7;
/// How long a silent device is waited for at a time, in milliseconds.
const LOOK_MS: u32 = 200;
/// How long a device that was moving may be silent before it is begun anew, in milliseconds.
const STALLED_MS: u32 = 400;
/// How long any device may be silent before it counts as gone, in milliseconds: as long as a sound server
/// may take to start.
const GONE_MS: u32 = 2000;
/// Turns a device may want without ever letting its thread sleep. Only one that keeps no time, such as
/// alsa-lib's "null", wants more, and would keep a real-time thread from ever yielding.
const SLEEPLESS_TURNS: u32 = 4;
/// How long a thread sleeps that must, in milliseconds: half a period.
const REST_MS: u32 = 5;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waited {
    /// With something to do, or nothing to worry about.
    Well,
    /// A device that had been moving has stopped.
    InVain,
}

/// Waits for a device, and watches over the waiting.
struct Watch {
    fds: [pollfd; 1 + DEVICE_FDS],
    count: usize,
    sleepless: u32,
    silent_ms: u32,
    /// Frames moved since the device was opened or begun anew.
    moved: usize,
    /// Frames that are more than a device fetches ahead when it starts, so that they prove it moves.
    proof: usize,
    proven: bool,
}

impl Watch {
    fn new(count: usize, buffer_frames: usize) -> Option<Watch> {
        let fds = [pollfd { fd: -1, events: 0, revents: 0 }; 1 + DEVICE_FDS];
        let proof = 2 * buffer_frames;
        (count <= DEVICE_FDS).then_some(Watch {
            fds,
            count,
            sleepless: 0,
            silent_ms: 0,
            moved: 0,
            proof,
            proven: false,
        })
    }

    fn wait(&mut self, pcm: &PCM, bell: &Doorbell, resting: bool) -> Result<Waited, Gone> {
        if resting || self.sleepless >= SLEEPLESS_TURNS {
            self.sleepless = 0;
            bell.wait(Some(REST_MS));
            return self.note_silence(REST_MS);
        }
        let fds = &mut self.fds[..=self.count];
        fds[0] = pollfd { fd: bell.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        pcm.fill(&mut fds[1..]).map_err(gone)?;
        self.sleepless = if wake(fds, 0)? > 0 { self.sleepless + 1 } else { 0 };
        if self.sleepless == 0 && wake(fds, LOOK_MS.cast_signed())? == 0 {
            return self.note_silence(LOOK_MS);
        }
        if fds[0].revents != 0 {
            bell.clear();
        }
        if fds[1..].iter().any(|fd| fd.revents != 0) {
            // Some plugins clear their own wake here.
            pcm.revents(&fds[1..]).map_err(gone)?;
        }
        Ok(Waited::Well)
    }

    fn note_moved(&mut self, frames: usize) {
        if frames > 0 {
            self.silent_ms = 0;
            self.moved += frames;
            self.proven |= self.moved >= self.proof;
        }
    }

    fn note_silence(&mut self, ms: u32) -> Result<Waited, Gone> {
        self.silent_ms += ms;
        if self.silent_ms >= GONE_MS {
            return Err(Gone { errno: libc::ETIMEDOUT });
        }
        // Only once, and not at the first start, when a sound server may take its time.
        if self.silent_ms >= STALLED_MS && self.moved >= self.proof {
            self.moved = 0;
            return Ok(Waited::InVain);
        }
        Ok(Waited::Well)
    }
}

fn wake(fds: &mut [pollfd], timeout_ms: i32) -> Result<usize, Gone> {
    match poll(fds, timeout_ms) {
        Ok(ready) => Ok(ready),
        // As good as ready: whoever looks finds out.
        Err(error) if error.errno().abs() == libc::EINTR => Ok(1),
        Err(error) => Err(gone(error)),
    }
}

fn none_yet(moved: alsa::Result<usize>) -> Result<usize, Trouble> {
    match moved {
        Err(error) if matches!(error.errno().abs(), libc::EAGAIN | libc::EINTR) => Ok(0),
        moved => moved.map_err(trouble),
    }
}

fn trouble(error: alsa::Error) -> Trouble {
    match error.errno().abs() {
        libc::EPIPE => Trouble::Xrun,
        // Linux says this instead of an xrun after 0.1 s without a period.
        libc::EIO => Trouble::Stalled,
        libc::ESTRPIPE => Trouble::Suspended,
        errno => Trouble::Gone(Gone { errno }),
    }
}

fn gone(error: alsa::Error) -> Gone {
    // The sign differs from call to call.
    Gone { errno: error.errno().abs() }
}

fn last_line(words: &Output) -> String {
    words.buffer_string(|bytes| {
        String::from_utf8_lossy(bytes).lines().last().unwrap_or_default().trim().to_owned()
    })
}
