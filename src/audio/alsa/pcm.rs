//! A PCM of a sound card: opening it, reading, writing, and recovery from xruns, stalls and suspend.
//!
//! It converts between the device's format and mono floats at the device's rate. It does no other processing.

use std::ffi::CString;

use alsa::Direction as AlsaDirection;
use alsa::pcm::{IO, PCM, SwParams};
use alsa::poll::Descriptors;

use super::hw_params::{GrantedParams, HwRequest, negotiate};
use super::output::AlsaOutput;
use super::poll::{PcmPoll, PollOutcome, device_lost};
use crate::audio::error::{AudioError, DeviceLost, Direction, PcmError, Recovery};
use crate::audio::rt::capture::CaptureDevice;
use crate::audio::rt::playback::{BufferLevel, PlaybackDevice};
use crate::dsp::FrameCodec;
use crate::sys::EventFd;

pub(super) fn alsa_direction(direction: Direction) -> AlsaDirection {
    match direction {
        Direction::Capture => AlsaDirection::Capture,
        Direction::Playback => AlsaDirection::Playback,
    }
}

/// An open PCM.
pub(in crate::audio) struct Pcm {
    pcm: PCM,
    params: GrantedParams,
    codec: FrameCodec,
    queue_frames: usize,
}

impl Pcm {
    /// Opens a device with the requested parameters; its period and buffer may differ and are read back.
    pub(in crate::audio) fn open(request: &HwRequest) -> Result<Pcm, AudioError> {
        let HwRequest { direction: end, device, .. } = request;
        let alsa_output = AlsaOutput::capture();
        let refused = |error: alsa::Error| request.open_error(error.errno().abs(), alsa_output.text());
        let direction = alsa_direction(*end);
        let name =
            CString::new(device.as_str()).map_err(|_| refused(alsa::Error::new("open", libc::EINVAL)))?;
        let pcm = PCM::open(&name, direction, true).map_err(refused)?;
        let params = negotiate(&pcm, request, &alsa_output)?;
        let codec = FrameCodec::new(params.format, params.channels, &request.channels)
            .map_err(|misfit| request.unfit(misfit))?;
        let queue_frames = request.queue_frames(&params);
        let sw_params = pcm.sw_params_current().map_err(refused)?;
        apply_sw_params(&pcm, &sw_params, &params, queue_frames).map_err(refused)?;
        drop(sw_params);
        Ok(Pcm { pcm, params, codec, queue_frames })
    }

    pub(in crate::audio) fn params(&self) -> &GrantedParams {
        &self.params
    }

    /// Makes the device ready to move frames and starts capture. All allocation happens here.
    pub(in crate::audio) fn start(&self) -> Result<PcmStream<'_>, DeviceLost> {
        let io = self.pcm.io_bytes();
        if self.params.direction == Direction::Capture {
            self.pcm.start().map_err(device_lost)?;
        }
        let count = self.pcm.count();
        let poll =
            PcmPoll::new(count, self.params.buffer_frames).ok_or(DeviceLost { errno: libc::ENOTSUP })?;
        Ok(PcmStream {
            pcm: &self.pcm,
            io,
            codec: &self.codec,
            bytes: vec![0; self.params.period_frames * self.codec.bytes()].into(),
            sw_params: self.pcm.sw_params_current().map_err(device_lost)?,
            params: &self.params,
            queue_frames: self.queue_frames,
            poll,
            queued_frames: 0,
            stalled: false,
        })
    }
}

/// Sets `avail_min`, when poll wakes the thread, and `start_threshold`: playback starts with a full queue.
fn apply_sw_params(
    pcm: &PCM,
    sw_params: &SwParams<'_>,
    params: &GrantedParams,
    queue_frames: usize,
) -> alsa::Result<()> {
    let period = params.period_frames;
    let avail_min = match params.direction {
        Direction::Capture => period,
        // Half a period early: a card that moves in bursts may be slightly short of a whole period at its
        // interrupt, and sleeping through that interrupt would empty the queue.
        Direction::Playback => {
            (params.buffer_frames - queue_frames + period.div_ceil(2)).min(params.buffer_frames)
        }
    };
    let start_threshold = match params.direction {
        Direction::Capture => 1,
        Direction::Playback => queue_frames,
    };
    sw_params.set_avail_min(avail_min as alsa::pcm::Frames)?;
    sw_params.set_start_threshold(start_threshold as alsa::pcm::Frames)?;
    pcm.sw_params(sw_params)
}

/// An open PCM that moves frames.
pub(in crate::audio) struct PcmStream<'a> {
    pcm: &'a PCM,
    io: IO<'a, u8>,
    codec: &'a FrameCodec,
    /// One period in the device's format.
    bytes: Box<[u8]>,
    /// Kept, because creating it allocates.
    sw_params: SwParams<'a>,
    params: &'a GrantedParams,
    queue_frames: usize,
    poll: PcmPoll,
    /// Frames in the playback buffer: the last level read plus what was written since.
    queued_frames: usize,
    /// Whether the last wait detected a stall; returned by the next read or level.
    stalled: bool,
}

impl PcmStream<'_> {
    /// Waits until the device is ready, `wake` is notified, or the check interval has passed.
    ///
    /// With `in_recovery` it sleeps instead of polling: a failed device would be ready at once.
    pub(in crate::audio) fn wait(&mut self, wake: &EventFd, in_recovery: bool) -> Result<(), DeviceLost> {
        self.stalled = self.poll.wait(self.pcm, wake, in_recovery)? == PollOutcome::TimedOut;
        Ok(())
    }

    /// Returns whether the device has moved more frames than it may prefetch.
    pub(in crate::audio) fn is_proven(&self) -> bool {
        self.poll.is_proven()
    }

    fn take_stall(&mut self) -> Result<(), PcmError> {
        if std::mem::take(&mut self.stalled) { Err(PcmError::Stall) } else { Ok(()) }
    }

    /// Makes the queue one period longer, up to the buffer size.
    ///
    /// Some cards prefetch more than a period when they start. With a short queue they would underrun, be
    /// restarted, and underrun again without end.
    fn grow_queue(&mut self) -> Result<(), PcmError> {
        let longer = (self.queue_frames + self.params.period_frames).min(self.params.buffer_frames);
        if longer > self.queue_frames {
            self.queue_frames = longer;
            apply_sw_params(self.pcm, &self.sw_params, self.params, longer).map_err(pcm_error)?;
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<Recovery, PcmError> {
        match self.pcm.resume() {
            Ok(()) => Ok(Recovery::Resumed),
            Err(error) if error.errno().abs() == libc::EAGAIN => Ok(Recovery::NotYet),
            // Most drivers do not support resume (ENOSYS); prepare restarts the stream.
            Err(_) => self.prepare(),
        }
    }

    /// Drops all frames of a running or stalled device and prepares it.
    fn restart(&mut self) -> Result<Recovery, PcmError> {
        self.pcm.drop().map_err(pcm_error)?;
        self.prepare()
    }

    fn prepare(&mut self) -> Result<Recovery, PcmError> {
        self.queued_frames = 0;
        self.pcm.prepare().map(|()| Recovery::Emptied).map_err(pcm_error)
    }
}

impl CaptureDevice for PcmStream<'_> {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.take_stall()?;
        // Read whole periods only: after a partial read fewer than avail_min frames are left at the boundary
        // and poll does not fire.
        let avail = self.pcm.avail_update().map_err(pcm_error)?;
        if usize::try_from(avail).unwrap_or(0) < self.params.period_frames.min(into.len()) {
            return Ok(0);
        }
        let capacity = self.bytes.len().min(into.len() * self.codec.bytes());
        let count = would_block_as_zero(self.io.readi(&mut self.bytes[..capacity]))?;
        let bytes = &self.bytes[..capacity.min(count * self.codec.bytes())];
        let count = self.codec.decode(bytes, into);
        self.poll.progressed(count);
        Ok(count)
    }

    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError> {
        let recovery = match error {
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
        let (avail, delay) = self.pcm.avail_delay().map_err(pcm_error)?;
        let queued = self.params.buffer_frames.saturating_sub(usize::try_from(avail).unwrap_or(0));
        self.poll.progressed(self.queued_frames.saturating_sub(queued));
        self.queued_frames = queued;
        #[expect(clippy::useless_conversion, reason = "an ALSA frame count is 32 bits wide on 32-bit boards")]
        Ok(BufferLevel { queued, delay: i64::from(delay) })
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        let length = self.codec.encode(frames, &mut self.bytes);
        let count = would_block_as_zero(self.io.writei(&self.bytes[..length]))?;
        self.queued_frames += count;
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.restart().map(drop)
    }

    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError> {
        match error {
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

fn would_block_as_zero(result: alsa::Result<usize>) -> Result<usize, PcmError> {
    match result {
        Err(error) if matches!(error.errno().abs(), libc::EAGAIN | libc::EINTR) => Ok(0),
        result => result.map_err(pcm_error),
    }
}

fn pcm_error(error: alsa::Error) -> PcmError {
    match error.errno().abs() {
        libc::EPIPE => PcmError::Xrun,
        // The kernel returns EIO after 0.1 s without a period.
        libc::EIO => PcmError::Stall,
        libc::ESTRPIPE => PcmError::Suspended,
        errno => PcmError::Lost(DeviceLost { errno }),
    }
}
