//! A sound card's PCM: opened, moved and recovered.
//!
//! Whatever form the device has, it moves mono floats at the device's rate. It decides nothing about sound.

use std::ffi::CString;

use alsa::pcm::{IO, PCM, SwParams};
use alsa::poll::Descriptors;
use alsa::{Direction as AlsaDirection, Output};

use super::hw_params::{GrantedParams, HwRequest, negotiate};
use super::poll::{PcmPoll, PollOutcome, device_lost};
use crate::audio::error::{AudioError, DeviceLost, Direction, PcmError, Recovery};
use crate::audio::rt::capture::CaptureDevice;
use crate::audio::rt::playback::{BufferLevel, PlaybackDevice};
use crate::dsp::FrameCodec;
use crate::sys::EventFd;

/// An open device.
pub(in crate::audio) struct Pcm {
    pcm: PCM,
    got: GrantedParams,
    frames: FrameCodec,
    queue_frames: usize,
}

impl Pcm {
    /// Opens a device in the form that was asked for; its period and buffer may differ and are read back.
    pub(in crate::audio) fn open(ask: &HwRequest) -> Result<Pcm, AudioError> {
        let HwRequest { end, device, .. } = ask;
        // Kept by this thread from here on: else alsa-lib writes to standard error by itself.
        let words = Output::local_error_handler();
        let refused = |error: alsa::Error| AudioError::Open {
            end: *end,
            device: device.clone(),
            errno: error.errno().abs(),
            said: words.as_ref().map(|words| last_line(&words.borrow())).unwrap_or_default(),
        };
        let direction = match end {
            Direction::Capture => AlsaDirection::Capture,
            Direction::Playback => AlsaDirection::Playback,
        };
        let name =
            CString::new(device.as_str()).map_err(|_| refused(alsa::Error::new("open", libc::EINVAL)))?;
        let pcm = PCM::open(&name, direction, true).map_err(refused)?;
        let got = negotiate(&pcm, ask)?;
        let frames =
            FrameCodec::new(got.format, got.channels, &ask.channels).map_err(|misfit| ask.unfit(misfit))?;
        let queue_frames = ask.queue_frames(&got);
        let settings = pcm.sw_params_current().map_err(refused)?;
        arm(&pcm, &settings, &got, queue_frames).map_err(refused)?;
        drop(settings);
        Ok(Pcm { pcm, got, frames, queue_frames })
    }

    pub(in crate::audio) fn got(&self) -> &GrantedParams {
        &self.got
    }

    /// Makes the device ready to move frames; what this allocates is not allocated again.
    pub(in crate::audio) fn line(&self) -> Result<PcmStream<'_>, DeviceLost> {
        let io = self.pcm.io_bytes();
        if self.got.end == Direction::Capture {
            self.pcm.start().map_err(device_lost)?;
        }
        let count = self.pcm.count();
        let watch = PcmPoll::new(count, self.got.buffer_frames).ok_or(DeviceLost { errno: libc::ENOTSUP })?;
        Ok(PcmStream {
            pcm: &self.pcm,
            io,
            frames: &self.frames,
            bytes: vec![0; self.got.period_frames * self.frames.bytes()].into(),
            settings: self.pcm.sw_params_current().map_err(device_lost)?,
            got: &self.got,
            queue_frames: self.queue_frames,
            watch,
            left: 0,
            stalled: false,
        })
    }
}

/// Sets when the device wakes its thread, and that playback starts by itself with a full queue.
fn arm(pcm: &PCM, settings: &SwParams<'_>, got: &GrantedParams, queue_frames: usize) -> alsa::Result<()> {
    let period = got.period_frames;
    let avail_min = match got.end {
        Direction::Capture => period,
        // Half a period early: a card that moves in jerks may stand a little short of a whole one when it
        // interrupts, and sleeping through that interrupt would empty the queue.
        Direction::Playback => (got.buffer_frames - queue_frames + period.div_ceil(2)).min(got.buffer_frames),
    };
    let start_threshold = match got.end {
        Direction::Capture => 1,
        Direction::Playback => queue_frames,
    };
    settings.set_avail_min(avail_min as alsa::pcm::Frames)?;
    settings.set_start_threshold(start_threshold as alsa::pcm::Frames)?;
    pcm.sw_params(settings)
}

/// An open device that moves frames.
pub(in crate::audio) struct PcmStream<'a> {
    pcm: &'a PCM,
    io: IO<'a, u8>,
    frames: &'a FrameCodec,
    /// A period as the device spells it.
    bytes: Box<[u8]>,
    /// Made once, since making them allocates.
    settings: SwParams<'a>,
    got: &'a GrantedParams,
    queue_frames: usize,
    watch: PcmPoll,
    /// Frames the speaker held when last looked at, and what it was handed since.
    left: usize,
    /// Whether the device fell silent while it should have moved; said at the next turn.
    stalled: bool,
}

impl PcmStream<'_> {
    /// Waits until the device wants a turn, the bell is rung, or it is time to look anyway.
    ///
    /// A device in trouble is `resting`: it would be ready at once, for nothing.
    pub(in crate::audio) fn wait(&mut self, bell: &EventFd, resting: bool) -> Result<(), DeviceLost> {
        self.stalled = self.watch.wait(self.pcm, bell, resting)? == PollOutcome::TimedOut;
        Ok(())
    }

    /// Tells whether the device has moved more than it may fetch ahead.
    pub(in crate::audio) fn is_proven(&self) -> bool {
        self.watch.is_proven()
    }

    fn take_stall(&mut self) -> Result<(), PcmError> {
        if std::mem::take(&mut self.stalled) { Err(PcmError::Stall) } else { Ok(()) }
    }

    /// Makes the queue a period longer, as far as the buffer goes.
    ///
    /// Some cards fetch more than a period ahead when they start. They would run out of a short queue, be
    /// started again, and run out again, for ever.
    fn grow_queue(&mut self) -> Result<(), PcmError> {
        let longer = (self.queue_frames + self.got.period_frames).min(self.got.buffer_frames);
        if longer > self.queue_frames {
            self.queue_frames = longer;
            arm(self.pcm, &self.settings, self.got, longer).map_err(pcm_error)?;
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<Recovery, PcmError> {
        match self.pcm.resume() {
            Ok(()) => Ok(Recovery::Resumed),
            Err(error) if error.errno().abs() == libc::EAGAIN => Ok(Recovery::NotYet),
            // Most drivers cannot resume and say so; they can begin anew.
            Err(_) => self.prepare(),
        }
    }

    /// Empties a device that runs, or believes it does, and makes it ready.
    fn restart(&mut self) -> Result<Recovery, PcmError> {
        self.pcm.drop().map_err(pcm_error)?;
        self.prepare()
    }

    fn prepare(&mut self) -> Result<Recovery, PcmError> {
        self.left = 0;
        self.pcm.prepare().map(|()| Recovery::Emptied).map_err(pcm_error)
    }
}

impl CaptureDevice for PcmStream<'_> {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.take_stall()?;
        // Whole periods only: whoever takes a part of one is not woken at its end, since too little waits then.
        let waiting = self.pcm.avail_update().map_err(pcm_error)?;
        if usize::try_from(waiting).unwrap_or(0) < self.got.period_frames.min(into.len()) {
            return Ok(0);
        }
        let room = self.bytes.len().min(into.len() * self.frames.bytes());
        let taken = would_block_as_zero(self.io.readi(&mut self.bytes[..room]))?;
        let bytes = &self.bytes[..room.min(taken * self.frames.bytes())];
        let taken = self.frames.decode(bytes, into);
        self.watch.progressed(taken);
        Ok(taken)
    }

    fn recover(&mut self, trouble: PcmError) -> Result<Recovery, PcmError> {
        let recovery = match trouble {
            PcmError::Suspended => self.resume()?,
            PcmError::Stall => self.restart()?,
            PcmError::Xrun | PcmError::Lost(_) => self.prepare()?,
        };
        if recovery == Recovery::Emptied {
            self.pcm.start().map_err(pcm_error)?;
        }
        Ok(recovery)
    }
}

impl PlaybackDevice for PcmStream<'_> {
    fn queue_frames(&self) -> usize {
        self.queue_frames
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.take_stall()?;
        let (vacant, delay) = self.pcm.avail_delay().map_err(pcm_error)?;
        let queued = self.got.buffer_frames.saturating_sub(usize::try_from(vacant).unwrap_or(0));
        self.watch.progressed(self.left.saturating_sub(queued));
        self.left = queued;
        #[expect(clippy::useless_conversion, reason = "an ALSA frame count is 32 bits wide on 32-bit boards")]
        Ok(BufferLevel { queued, delay: i64::from(delay) })
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        let spelled = self.frames.encode(frames, &mut self.bytes);
        let taken = would_block_as_zero(self.io.writei(&self.bytes[..spelled]))?;
        self.left += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.restart().map(drop)
    }

    fn recover(&mut self, trouble: PcmError) -> Result<Recovery, PcmError> {
        match trouble {
            PcmError::Suspended => self.resume(),
            PcmError::Stall => self.restart(),
            PcmError::Xrun => {
                self.grow_queue()?;
                self.prepare()
            }
            PcmError::Lost(_) => self.prepare(),
        }
    }
}

fn would_block_as_zero(moved: alsa::Result<usize>) -> Result<usize, PcmError> {
    match moved {
        Err(error) if matches!(error.errno().abs(), libc::EAGAIN | libc::EINTR) => Ok(0),
        moved => moved.map_err(pcm_error),
    }
}

fn pcm_error(error: alsa::Error) -> PcmError {
    match error.errno().abs() {
        libc::EPIPE => PcmError::Xrun,
        // Linux says this instead of an xrun after 0.1 s without a period.
        libc::EIO => PcmError::Stall,
        libc::ESTRPIPE => PcmError::Suspended,
        errno => PcmError::Lost(DeviceLost { errno }),
    }
}

fn last_line(words: &Output) -> String {
    words.buffer_string(|bytes| {
        String::from_utf8_lossy(bytes).lines().last().unwrap_or_default().trim().to_owned()
    })
}
