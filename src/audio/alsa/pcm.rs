//! A PCM of a sound card: opening it, reading, writing, and recovery from xruns, stalls and suspend.
//!
//! It converts between the device's format and mono floats at the device's rate. It does no other processing.

use std::ffi::CString;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::hw_params::{GrantedParams, HwRequest, Timestamps, negotiate};
use super::output::AlsaOutput;
use super::poll::{PcmPoll, PollOutcome, device_lost};
use super::raw_pcm::{Errno, PcmStatus, RawPcm};
use crate::audio::CutMode;
use crate::audio::error::{AudioError, DeviceLost, Direction, PcmError, Recovery};
use crate::audio::reference::clock_map::Stamp;
use crate::audio::rt::capture::CaptureDevice;
use crate::audio::rt::playback_device::{BufferLevel, PlaybackDevice, QueuePlan};
use crate::audio::rt::reference::CaptureStamp;
use crate::dsp::FrameCodec;
use crate::sys::alsa_proc::is_usb;
use crate::sys::{EventFd, TimerFd};

/// The most that a device prefetches when it starts, in periods.
const PREFETCHED_PERIODS: usize = 8;
/// A driver that takes longer to prepare its device sleeps in it; the microphone and the next word wait for it.
const SLOW_PREPARE: Duration = Duration::from_millis(100);

/// A running device whose position is older says nothing about now: it would have stalled.
const OLDEST_STAMP_NS: u64 = 2_000_000_000;
/// The shortest wait for a speaker behind a plugin, which does not say when it has played a frame.
const PLUGIN_WAIT_MS: u32 = 5;

/// An open PCM. After it was opened nothing is allocated.
pub(in crate::audio) struct Pcm {
    raw: RawPcm,
    params: GrantedParams,
    codec: FrameCodec,
    /// One period in the device's format.
    bytes: Box<[u8]>,
    plan: QueuePlan,
    /// Frames that cannot be taken back.
    margin_frames: usize,
    /// `avail_min` as it was last set.
    avail_min: usize,
    /// The frames that the device moves until it wakes the thread.
    wait_frames: usize,
    poll: PcmPoll,
    /// Frames that can still be read of those that the device has reported; `None` if it is to be asked.
    readable_frames: Option<usize>,
    /// Frames in the playback buffer: the last level read plus what was written since.
    queued_frames: usize,
    /// Expires while the device is prepared, if that takes long.
    slow_timer: TimerFd,
    slow_prepares: u64,
    /// Whether the last wait detected a stall; returned by the next read or level.
    stalled: bool,
    is_usb: bool,
    /// Whether the device is asked for timestamps.
    has_stamps: bool,
    /// The timestamp of the last level.
    stamp: Stamp,
}

impl Pcm {
    /// Opens a device with the requested parameters; its period and buffer may differ and are read back.
    pub(in crate::audio) fn open(request: &HwRequest) -> Result<Pcm, AudioError> {
        let alsa_output = AlsaOutput::capture();
        let refused = |Errno(errno)| request.open_error(errno, alsa_output.text());
        let name = CString::new(request.device.as_str()).map_err(|_| refused(Errno(libc::EINVAL)))?;
        let mut raw = RawPcm::open(&name, request.direction).map_err(refused)?;
        let number = raw.card();
        let card = number.filter(|_| raw.is_hardware());
        let cut = request.cut(card);
        let mut params = negotiate(&raw, request, cut.mode, &alsa_output)?;
        let codec = FrameCodec::new(params.format, params.channels, &request.channels)
            .map_err(|misfit| request.unfit(misfit))?;
        let prefetched = (PREFETCHED_PERIODS * params.period_frames).min(params.buffer_frames);
        let poll = PcmPoll::new(raw.poll_count(), prefetched).ok_or_else(|| refused(Errno(libc::ENOTSUP)))?;
        let plan = request.queue_plan(&params, cut.mode, card.is_some());
        let start_threshold = match params.direction {
            Direction::Capture => 1,
            Direction::Playback => request.queue_frames(&params, card.is_some()),
        };
        raw.set_start_threshold(start_threshold).map_err(refused)?;
        let avail_min = params.period_frames;
        raw.set_avail_min(avail_min).map_err(refused)?;
        // A plugin may refuse; then it counts as a device without timestamps.
        let has_stamps = request.stamps && raw.enable_timestamps().is_ok();
        params.timestamps =
            request.stamps.then(|| if has_stamps { timestamps(&mut raw) } else { Timestamps::None });
        let bytes = vec![0; params.period_frames * codec.bytes()].into();
        let margin_frames = (cut.margin.as_secs_f64() * f64::from(params.rate_hz)).ceil() as usize;
        let slow_timer = TimerFd::new().map_err(|error| AudioError::system("a timer", &error))?;
        let is_usb = number.is_some_and(|number| is_usb(Path::new("/"), number));
        Ok(Pcm {
            raw,
            params,
            codec,
            bytes,
            plan,
            margin_frames,
            avail_min,
            wait_frames: 0,
            poll,
            readable_frames: None,
            queued_frames: 0,
            slow_timer,
            slow_prepares: 0,
            stalled: false,
            is_usb,
            has_stamps,
            stamp: Stamp::Missing,
        })
    }

    pub(in crate::audio) fn params(&self) -> &GrantedParams {
        &self.params
    }

    /// Returns whether it is a device of a sound card, without a plugin or a sound server between.
    pub(in crate::audio) fn is_hardware(&self) -> bool {
        self.raw.is_hardware()
    }

    /// Returns the number of its card; `None` for a plugin without one.
    pub(in crate::audio) fn card(&self) -> Option<u32> {
        self.raw.card()
    }

    /// Returns whether its card is on USB.
    pub(in crate::audio) fn is_usb(&self) -> bool {
        self.is_usb
    }

    /// Starts capture; playback starts by itself with a full queue.
    pub(in crate::audio) fn start(&mut self) -> Result<(), DeviceLost> {
        match self.params.direction {
            Direction::Capture => self.raw.start().map_err(device_lost),
            Direction::Playback => Ok(()),
        }
    }

    /// Waits until the device is ready, `wake` is notified, or the check interval has passed.
    ///
    /// With `in_recovery` it sleeps instead of polling: a failed device would be ready at once.
    pub(in crate::audio) fn wait(&mut self, wake: &EventFd, in_recovery: bool) -> Result<(), DeviceLost> {
        let expected_ms = self.wait_frames as u64 * 1000 / u64::from(self.params.rate_hz);
        let expected_ms = u32::try_from(expected_ms).unwrap_or(u32::MAX);
        let asleep_ms = match self.params.direction {
            _ if self.raw.is_hardware() => 0,
            // A plugin ignores avail_min, and is ready with every period.
            Direction::Capture if self.wait_frames > self.params.period_frames => expected_ms,
            Direction::Capture => 0,
            Direction::Playback => expected_ms.max(PLUGIN_WAIT_MS),
        };
        let outcome = self.poll.wait(&mut self.raw, wake, in_recovery, expected_ms, asleep_ms)?;
        self.stalled = outcome == PollOutcome::TimedOut;
        Ok(())
    }

    /// Returns whether the device has moved more frames than it may prefetch.
    pub(in crate::audio) fn is_proven(&self) -> bool {
        self.poll.is_proven()
    }

    /// Returns both, of one snapshot with the timestamp if there is one.
    fn avail_and_delay(&mut self) -> Result<(usize, i64), Errno> {
        self.stamp = Stamp::Missing;
        if !self.has_stamps {
            return self.raw.avail_and_delay();
        }
        let status = self.raw.status()?;
        self.stamp = stamp_of(&status);
        Ok((status.avail, status.delay))
    }

    fn take_stall(&mut self) -> Result<(), PcmError> {
        if std::mem::take(&mut self.stalled) { Err(PcmError::Stall) } else { Ok(()) }
    }

    /// Sets the number of captured frames after which the thread is woken.
    pub(super) fn wake_after(&mut self, frames: usize) -> Result<(), PcmError> {
        let GrantedParams { period_frames, buffer_frames, .. } = self.params;
        // Whole periods, since the card wakes at their ends; half the buffer is left for a late wake.
        let frames = (frames / period_frames * period_frames).min(buffer_frames / 2).max(period_frames);
        self.wait_frames = frames;
        self.set_avail_min(frames)
    }

    fn set_avail_min(&mut self, frames: usize) -> Result<(), PcmError> {
        if self.avail_min != frames {
            self.raw.set_avail_min(frames).map_err(pcm_error)?;
            self.avail_min = frames;
        }
        Ok(())
    }

    /// Makes the short queue one period longer, up to the buffer size.
    ///
    /// Some cards prefetch more than a period when they start. With a short queue they would underrun, be
    /// restarted, and underrun again without end.
    fn grow_queue(&mut self) -> Result<(), PcmError> {
        let longer = (self.plan.short + self.params.period_frames).min(self.params.buffer_frames);
        if longer > self.plan.short {
            self.plan.short = longer;
            self.plan.long = self.plan.long.max(longer);
            self.plan.fade_at = self.plan.fade_at.max(longer + self.params.period_frames);
            if self.plan.cut != CutMode::Rewrite {
                self.raw.set_start_threshold(longer).map_err(pcm_error)?;
            }
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<Recovery, PcmError> {
        match self.raw.resume() {
            Ok(()) => Ok(Recovery::Resumed),
            Err(Errno(libc::EAGAIN)) => Ok(Recovery::NotYet),
            // Most drivers do not support resume (ENOSYS); prepare restarts the stream.
            Err(_) => self.prepare(),
        }
    }

    /// Drops all frames of a running or stalled device and prepares it.
    fn restart(&mut self) -> Result<Recovery, PcmError> {
        self.raw.drop_frames().map_err(pcm_error)?;
        self.prepare()
    }

    fn prepare(&mut self) -> Result<Recovery, PcmError> {
        self.queued_frames = 0;
        self.slow_timer.set(Some(SLOW_PREPARE));
        let prepared = self.raw.prepare();
        self.slow_prepares += u64::from(self.slow_timer.drain() > 0);
        self.slow_timer.set(None);
        prepared.map(|()| Recovery::Emptied).map_err(pcm_error)
    }

    /// Returns how often preparing the device took long since the last call.
    pub(super) fn take_slow_prepares(&mut self) -> u64 {
        std::mem::take(&mut self.slow_prepares)
    }
}

impl CaptureDevice for Pcm {
    fn stamp(&mut self) -> Result<CaptureStamp, PcmError> {
        let (_, delay) = self.avail_and_delay().map_err(pcm_error)?;
        Ok(CaptureStamp { delay, time: self.stamp })
    }

    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.take_stall()?;
        // The device is asked once for all that is read in turn: what arrives meanwhile wakes the thread again.
        let readable = match self.readable_frames.take() {
            Some(frames) => frames,
            None => self.raw.avail().map_err(pcm_error)?,
        };
        // Read whole periods only: after a partial read fewer than avail_min frames are left at the boundary
        // and poll does not fire.
        if readable < self.params.period_frames.min(into.len()) {
            return Ok(0);
        }
        let capacity = self.bytes.len().min(into.len() * self.codec.bytes());
        let count = would_block_as_zero(self.raw.read(&mut self.bytes[..capacity]))?;
        let bytes = &self.bytes[..capacity.min(count * self.codec.bytes())];
        let count = self.codec.decode(bytes, into);
        self.readable_frames = Some(readable.saturating_sub(count));
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
            self.raw.start().map_err(pcm_error)?;
        }
        Ok(recovery)
    }
}

impl PlaybackDevice for Pcm {
    fn queue(&self) -> QueuePlan {
        self.plan
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.take_stall()?;
        let (avail, delay) = match self.avail_and_delay() {
            // PulseAudio's plugin fails so until the server has told it the latency; then nothing has been heard.
            Err(Errno(libc::EIO)) if !self.raw.is_hardware() => {
                let avail = self.raw.avail().map_err(pcm_error)?;
                (avail, self.params.buffer_frames.saturating_sub(avail) as i64)
            }
            level => level.map_err(pcm_error)?,
        };
        let queued = self.params.buffer_frames.saturating_sub(avail);
        self.poll.progressed(self.queued_frames.saturating_sub(queued));
        self.queued_frames = queued;
        Ok(BufferLevel { queued, delay })
    }

    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        let length = self.codec.encode(frames, &mut self.bytes);
        let count = would_block_as_zero(self.raw.write(&self.bytes[..length]))?;
        self.queued_frames += count;
        Ok(count)
    }

    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        let possible = self.queued_frames.saturating_sub(self.margin_frames);
        if self.plan.cut != CutMode::Rewrite || frames.min(possible) == 0 {
            return Ok(0);
        }
        let taken_back = self.raw.rewind(frames.min(possible)).map_err(pcm_error)?;
        self.queued_frames = self.queued_frames.saturating_sub(taken_back);
        Ok(taken_back)
    }

    fn wake_at(&mut self, queued: usize) -> Result<(), PcmError> {
        self.wait_frames = self.queued_frames.saturating_sub(queued);
        self.set_avail_min(self.params.buffer_frames.saturating_sub(queued).max(1))
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

/// Returns whether a device that has not started states a true time.
fn timestamps(raw: &mut RawPcm) -> Timestamps {
    let Ok(status) = raw.status() else { return Timestamps::None };
    match stamp_of(&PcmStatus { is_running: true, ..status }) {
        Stamp::At(_) => Timestamps::Bytes(status.time.bytes),
        Stamp::NotRunning | Stamp::Missing | Stamp::Foreign => Timestamps::None,
    }
}

/// Returns the timestamp of a snapshot, compared with the clock that it should be of.
fn stamp_of(status: &PcmStatus) -> Stamp {
    let now = clock_gettime(ClockId::Monotonic);
    let now_ns = now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs() as u64;
    match status.time.ns {
        _ if !status.is_running => Stamp::NotRunning,
        None => Stamp::Missing,
        Some(ns) if ns > now_ns || now_ns - ns > OLDEST_STAMP_NS => Stamp::Foreign,
        Some(ns) => Stamp::At(ns),
    }
}

fn would_block_as_zero(result: Result<usize, Errno>) -> Result<usize, PcmError> {
    match result {
        Err(Errno(libc::EAGAIN | libc::EINTR)) => Ok(0),
        result => result.map_err(pcm_error),
    }
}

fn pcm_error(Errno(errno): Errno) -> PcmError {
    match errno {
        libc::EPIPE => PcmError::Xrun,
        // The kernel returns EIO after 0.1 s without a period.
        libc::EIO => PcmError::Stall,
        libc::ESTRPIPE => PcmError::Suspended,
        errno => PcmError::Lost(DeviceLost { errno }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{PlaybackConfig, StreamFormat};

    #[test]
    fn a_timestamp_of_this_alsa_lib_is_read_in_its_own_width() {
        let config = PlaybackConfig { device: "null".to_owned(), ..PlaybackConfig::default() };
        let mut request = HwRequest::playback(&config, StreamFormat::default());
        request.stamps = true;
        let pcm = Pcm::open(&request).expect("the null device");
        let Some(Timestamps::Bytes(bytes)) = pcm.params.timestamps else { panic!("{:?}", pcm.params) };
        // On 32-bit boards the structure of alsa-lib and that of this program may differ.
        let expected = if cfg!(target_pointer_width = "64") { 16..=16 } else { 8..=16 };
        assert!(expected.contains(&bytes), "{}", pcm.params);
        assert!(pcm.params.to_string().ends_with(&format!("; timestamps of {bytes} bytes")));
    }
}
