//! A PCM handle of alsa-lib with its hardware and software parameters, called through alsa-sys.
//!
//! The alsa crate keeps its handle private, wraps no rewind, and allocates for every change of the software parameters.
//! This is the only file that calls alsa-lib's C functions. Each method is one call, or a few that belong together; it
//! decides nothing. The functions are described in alsa-lib's `pcm.c` and its pages "PCM interface", "Hardware
//! Parameters" and "Software Parameters".
#![expect(unsafe_code, reason = "no safe crate wraps snd_pcm_rewind, snd_pcm_type and kept sw_params")]

use std::ffi::CStr;
use std::ptr::{NonNull, null_mut};

use alsa_sys::*;
use libc::{c_int, c_uint, pollfd};

use super::timestamp::{TimestampBuffer, WrittenTime};
use crate::audio::SampleFormat;
use crate::audio::error::Direction;

/// An error number of alsa-lib, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Errno(pub(super) i32);

/// An open PCM, non-blocking.
pub(super) struct RawPcm {
    handle: NonNull<snd_pcm_t>,
    sw_params: NonNull<snd_pcm_sw_params_t>,
    status: NonNull<snd_pcm_status_t>,
}

/// One snapshot of a PCM.
pub(super) struct PcmStatus {
    pub(super) is_running: bool,
    /// Frames that can be read or written.
    pub(super) avail: usize,
    /// Frames until one written now is played, or since the next one to be read was captured.
    pub(super) delay: i64,
    pub(super) time: WrittenTime,
}

// SAFETY: alsa-lib keeps no state of a thread in a PCM; a PCM may be used by any thread, by one at a time.
unsafe impl Send for RawPcm {}

impl RawPcm {
    /// Opens a device by its ALSA name.
    pub(super) fn open(name: &CStr, direction: Direction) -> Result<RawPcm, Errno> {
        let stream = match direction {
            Direction::Capture => SND_PCM_STREAM_CAPTURE,
            Direction::Playback => SND_PCM_STREAM_PLAYBACK,
        };
        let mut sw_params = null_mut();
        // SAFETY: the pointer to write to is valid.
        checked(unsafe { snd_pcm_sw_params_malloc(&raw mut sw_params) })?;
        let sw_params = NonNull::new(sw_params).ok_or(Errno(libc::ENOMEM))?;
        let mut status = null_mut();
        // SAFETY: the pointer to write to is valid. What was allocated before is freed below.
        unsafe { snd_pcm_status_malloc(&raw mut status) };
        let Some(status) = NonNull::new(status) else {
            // SAFETY: allocated above and not used afterwards.
            unsafe { snd_pcm_sw_params_free(sw_params.as_ptr()) };
            return Err(Errno(libc::ENOMEM));
        };
        let mut handle = null_mut();
        // SAFETY: the name ends with a NUL and the pointer to write to is valid.
        let opened = checked(unsafe {
            snd_pcm_open(&raw mut handle, name.as_ptr(), stream, SND_PCM_NONBLOCK as c_int)
        });
        match opened.and_then(|_| NonNull::new(handle).ok_or(Errno(libc::ENODEV))) {
            Ok(handle) => Ok(RawPcm { handle, sw_params, status }),
            Err(errno) => {
                // SAFETY: allocated above and not used afterwards.
                unsafe {
                    snd_pcm_sw_params_free(sw_params.as_ptr());
                    snd_pcm_status_free(status.as_ptr());
                }
                Err(errno)
            }
        }
    }

    /// Returns whether the PCM is a device of a card, without a plugin or sound server between.
    pub(super) fn is_hardware(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { snd_pcm_type(self.handle.as_ptr()) == SND_PCM_TYPE_HW }
    }

    /// Returns the number of the PCM's card; `None` for a plugin without one.
    pub(super) fn card(&self) -> Option<u32> {
        let mut info = null_mut();
        // SAFETY: the pointer to write to is valid, and what is allocated is freed below.
        checked(unsafe { snd_pcm_info_malloc(&raw mut info) }).ok()?;
        // SAFETY: the handle is open and `info` was allocated.
        let card = unsafe {
            let card = checked(snd_pcm_info(self.handle.as_ptr(), info)).map(|_| snd_pcm_info_get_card(info));
            snd_pcm_info_free(info);
            card
        };
        u32::try_from(card.ok()?).ok()
    }

    /// Installs hardware parameters.
    pub(super) fn set_hw_params(&self, params: &HwParams<'_>) -> Result<(), Errno> {
        // SAFETY: both are valid; the parameters were made for this handle.
        checked(unsafe { snd_pcm_hw_params(self.handle.as_ptr(), params.params.as_ptr()) })?;
        // SAFETY: both are valid.
        checked(unsafe { snd_pcm_sw_params_current(self.handle.as_ptr(), self.sw_params.as_ptr()) }).map(drop)
    }

    /// Sets the number of available frames at which poll(2) wakes. Nothing is allocated.
    pub(super) fn set_avail_min(&mut self, frames: usize) -> Result<(), Errno> {
        // SAFETY: both are valid.
        unsafe {
            let (handle, params) = (self.handle.as_ptr(), self.sw_params.as_ptr());
            checked(snd_pcm_sw_params_set_avail_min(handle, params, frames as snd_pcm_uframes_t))?;
            checked(snd_pcm_sw_params(handle, params)).map(drop)
        }
    }

    /// Sets the number of queued frames at which playback starts by itself. Nothing is allocated.
    pub(super) fn set_start_threshold(&mut self, frames: usize) -> Result<(), Errno> {
        // SAFETY: both are valid.
        unsafe {
            let (handle, params) = (self.handle.as_ptr(), self.sw_params.as_ptr());
            checked(snd_pcm_sw_params_set_start_threshold(handle, params, frames as snd_pcm_uframes_t))?;
            checked(snd_pcm_sw_params(handle, params)).map(drop)
        }
    }

    pub(super) fn start(&mut self) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        checked(unsafe { snd_pcm_start(self.handle.as_ptr()) }).map(drop)
    }

    pub(super) fn prepare(&mut self) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        checked(unsafe { snd_pcm_prepare(self.handle.as_ptr()) }).map(drop)
    }

    /// Stops the stream and drops its frames.
    pub(super) fn drop_frames(&mut self) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        checked(unsafe { snd_pcm_drop(self.handle.as_ptr()) }).map(drop)
    }

    pub(super) fn resume(&mut self) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        checked(unsafe { snd_pcm_resume(self.handle.as_ptr()) }).map(drop)
    }

    /// Returns the number of frames that can be read or written.
    pub(super) fn avail(&mut self) -> Result<usize, Errno> {
        // SAFETY: the handle is open.
        frames(unsafe { snd_pcm_avail_update(self.handle.as_ptr()) })
    }

    /// Returns the number of frames that can be written, and the frames until one written now is played.
    pub(super) fn avail_and_delay(&mut self) -> Result<(usize, i64), Errno> {
        let (mut avail, mut delay) = (0, 0);
        // SAFETY: the handle is open and both pointers are valid.
        checked(unsafe { snd_pcm_avail_delay(self.handle.as_ptr(), &raw mut avail, &raw mut delay) })?;
        #[allow(clippy::useless_conversion, reason = "an ALSA frame count is 32 bits wide on 32-bit boards")]
        Ok((usize::try_from(avail).unwrap_or(0), i64::from(delay)))
    }

    /// Has the device keep the time of its position, by CLOCK_MONOTONIC. Nothing is allocated.
    pub(super) fn enable_timestamps(&mut self) -> Result<(), Errno> {
        // SAFETY: both are valid.
        unsafe {
            let (handle, params) = (self.handle.as_ptr(), self.sw_params.as_ptr());
            checked(snd_pcm_sw_params_set_tstamp_mode(handle, params, SND_PCM_TSTAMP_ENABLE))?;
            checked(snd_pcm_sw_params_set_tstamp_type(handle, params, SND_PCM_TSTAMP_TYPE_MONOTONIC))?;
            checked(snd_pcm_sw_params(handle, params)).map(drop)
        }
    }

    /// Returns one snapshot of the device's position and its time. Nothing is allocated.
    ///
    /// # Errors
    /// As those of [`avail_and_delay`](Self::avail_and_delay), if the device has stopped by itself.
    pub(super) fn status(&mut self) -> Result<PcmStatus, Errno> {
        let mut time = TimestampBuffer::new();
        let status = self.status.as_ptr();
        // SAFETY: the handle is open and `status` was allocated by alsa-lib. The time is at most as large as its buffer,
        // which does not depend on the width that this program was built for.
        let (state, avail, delay) = unsafe {
            checked(snd_pcm_status(self.handle.as_ptr(), status))?;
            snd_pcm_status_get_htstamp(status, time.as_mut_ptr());
            (
                snd_pcm_status_get_state(status),
                snd_pcm_status_get_avail(status),
                snd_pcm_status_get_delay(status),
            )
        };
        match state {
            SND_PCM_STATE_XRUN => return Err(Errno(libc::EPIPE)),
            SND_PCM_STATE_SUSPENDED => return Err(Errno(libc::ESTRPIPE)),
            SND_PCM_STATE_DISCONNECTED => return Err(Errno(libc::ENODEV)),
            _ => {}
        }
        let is_running = matches!(state, SND_PCM_STATE_RUNNING | SND_PCM_STATE_DRAINING);
        #[allow(clippy::useless_conversion, reason = "an ALSA frame count is 32 bits wide on 32-bit boards")]
        Ok(PcmStatus {
            is_running,
            avail: usize::try_from(avail).unwrap_or(0),
            delay: i64::from(delay),
            time: time.time(),
        })
    }

    /// Reads whole interleaved frames into `bytes` and returns their number.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Errno> {
        let count = self.frames_in(bytes.len());
        // SAFETY: the handle is open, and `count` frames of its format fit in `bytes`.
        frames(unsafe { snd_pcm_readi(self.handle.as_ptr(), bytes.as_mut_ptr().cast(), count) })
    }

    /// Writes the whole interleaved frames in `bytes`, as many as fit, and returns their number.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let count = self.frames_in(bytes.len());
        // SAFETY: the handle is open, and `bytes` holds `count` frames of its format.
        frames(unsafe { snd_pcm_writei(self.handle.as_ptr(), bytes.as_ptr().cast(), count) })
    }

    fn frames_in(&self, bytes: usize) -> snd_pcm_uframes_t {
        // SAFETY: the handle is open and has hardware parameters. Without them the result is negative.
        let count = unsafe { snd_pcm_bytes_to_frames(self.handle.as_ptr(), bytes.cast_signed()) };
        snd_pcm_uframes_t::try_from(count).unwrap_or(0)
    }

    /// Takes back up to `frames` of the last written frames, and returns their number.
    pub(super) fn rewind(&mut self, frames: usize) -> Result<usize, Errno> {
        // SAFETY: the handle is open.
        let rewindable = self::frames(unsafe { snd_pcm_rewindable(self.handle.as_ptr()) })?;
        let count = frames.min(rewindable) as snd_pcm_uframes_t;
        // SAFETY: the handle is open.
        self::frames(unsafe { snd_pcm_rewind(self.handle.as_ptr(), count) })
    }

    /// Returns the number of descriptors to poll.
    pub(super) fn poll_count(&self) -> usize {
        // SAFETY: the handle is open.
        usize::try_from(unsafe { snd_pcm_poll_descriptors_count(self.handle.as_ptr()) }).unwrap_or(0)
    }

    /// Fills in the descriptors to poll and returns their number.
    pub(super) fn poll_descriptors(&self, fds: &mut [pollfd]) -> Result<usize, Errno> {
        // SAFETY: the handle is open and `fds` has the given length.
        let filled =
            unsafe { snd_pcm_poll_descriptors(self.handle.as_ptr(), fds.as_mut_ptr(), fds.len() as c_uint) };
        checked(filled).map(|filled| filled as usize)
    }

    /// Passes the result of poll(2) to the device; some plugins clear their wake-up in this call.
    pub(super) fn take_revents(&mut self, fds: &mut [pollfd]) -> Result<(), Errno> {
        let mut revents = 0;
        let (first, count) = (fds.as_mut_ptr(), fds.len() as c_uint);
        // SAFETY: the handle is open, `fds` has the given length and the last pointer is valid.
        checked(unsafe {
            snd_pcm_poll_descriptors_revents(self.handle.as_ptr(), first, count, &raw mut revents)
        })
        .map(drop)
    }
}

impl Drop for RawPcm {
    fn drop(&mut self) {
        // SAFETY: both are valid, and neither is used afterwards.
        unsafe {
            snd_pcm_close(self.handle.as_ptr());
            snd_pcm_sw_params_free(self.sw_params.as_ptr());
            snd_pcm_status_free(self.status.as_ptr());
        }
    }
}

/// The hardware parameters that a PCM has, or still offers.
pub(super) struct HwParams<'a> {
    pcm: &'a RawPcm,
    params: NonNull<snd_pcm_hw_params_t>,
}

impl HwParams<'_> {
    /// Returns everything that the device offers.
    pub(super) fn offered(pcm: &RawPcm) -> Result<HwParams<'_>, Errno> {
        let params = HwParams::new(pcm)?;
        // SAFETY: both are valid.
        checked(unsafe { snd_pcm_hw_params_any(params.handle(), params.as_ptr()) })?;
        Ok(params)
    }

    /// Returns what is installed.
    pub(super) fn installed(pcm: &RawPcm) -> Result<HwParams<'_>, Errno> {
        let params = HwParams::new(pcm)?;
        // SAFETY: both are valid.
        checked(unsafe { snd_pcm_hw_params_current(params.handle(), params.as_ptr()) })?;
        Ok(params)
    }

    fn new(pcm: &RawPcm) -> Result<HwParams<'_>, Errno> {
        let mut params = null_mut();
        // SAFETY: the pointer to write to is valid.
        checked(unsafe { snd_pcm_hw_params_malloc(&raw mut params) })?;
        Ok(HwParams { pcm, params: NonNull::new(params).ok_or(Errno(libc::ENOMEM))? })
    }

    fn handle(&self) -> *mut snd_pcm_t {
        self.pcm.handle.as_ptr()
    }

    fn as_ptr(&self) -> *mut snd_pcm_hw_params_t {
        self.params.as_ptr()
    }

    /// Forbids alsa-lib's resampling.
    pub(super) fn forbid_resampling(&mut self) -> Result<(), Errno> {
        // SAFETY: both are valid, as in every method below.
        checked(unsafe { snd_pcm_hw_params_set_rate_resample(self.handle(), self.as_ptr(), 0) }).map(drop)
    }

    /// Requests interleaved frames, moved by reads and writes.
    pub(super) fn set_interleaved(&mut self) -> Result<(), Errno> {
        // SAFETY: see `forbid_resampling`.
        checked(unsafe {
            snd_pcm_hw_params_set_access(self.handle(), self.as_ptr(), SND_PCM_ACCESS_RW_INTERLEAVED)
        })
        .map(drop)
    }

    pub(super) fn offers_rate(&self, hz: u32) -> bool {
        // SAFETY: see `forbid_resampling`; the call changes nothing.
        unsafe { snd_pcm_hw_params_test_rate(self.handle(), self.as_ptr(), hz, 0) == 0 }
    }

    pub(super) fn set_rate(&mut self, hz: u32) -> Result<(), Errno> {
        // SAFETY: see `forbid_resampling`.
        checked(unsafe { snd_pcm_hw_params_set_rate(self.handle(), self.as_ptr(), hz, 0) }).map(drop)
    }

    pub(super) fn rate(&self) -> Option<u32> {
        self.value(snd_pcm_hw_params_get_rate)
    }

    /// Returns the lowest and the highest rate.
    pub(super) fn rates(&self) -> Option<(u32, u32)> {
        Some((self.value(snd_pcm_hw_params_get_rate_min)?, self.value(snd_pcm_hw_params_get_rate_max)?))
    }

    pub(super) fn offers_format(&self, format: SampleFormat) -> bool {
        // SAFETY: see `forbid_resampling`; the call changes nothing.
        unsafe { snd_pcm_hw_params_test_format(self.handle(), self.as_ptr(), alsa_format(format)) == 0 }
    }

    pub(super) fn set_format(&mut self, format: SampleFormat) -> Result<(), Errno> {
        // SAFETY: see `forbid_resampling`.
        checked(unsafe { snd_pcm_hw_params_set_format(self.handle(), self.as_ptr(), alsa_format(format)) })
            .map(drop)
    }

    pub(super) fn has_format(&self, format: SampleFormat) -> bool {
        let mut set = SND_PCM_FORMAT_UNKNOWN;
        // SAFETY: see `forbid_resampling`.
        checked(unsafe { snd_pcm_hw_params_get_format(self.as_ptr(), &raw mut set) }).is_ok()
            && set == alsa_format(format)
    }

    pub(super) fn offers_channels(&self, count: u16) -> bool {
        // SAFETY: see `forbid_resampling`; the call changes nothing.
        unsafe { snd_pcm_hw_params_test_channels(self.handle(), self.as_ptr(), count.into()) == 0 }
    }

    pub(super) fn set_channels(&mut self, count: u16) -> Result<(), Errno> {
        // SAFETY: see `forbid_resampling`.
        checked(unsafe { snd_pcm_hw_params_set_channels(self.handle(), self.as_ptr(), count.into()) })
            .map(drop)
    }

    pub(super) fn channels(&self) -> Option<u32> {
        self.count(snd_pcm_hw_params_get_channels)
    }

    /// Returns the lowest and the highest number of channels.
    pub(super) fn channel_counts(&self) -> Option<(u32, u32)> {
        Some((
            self.count(snd_pcm_hw_params_get_channels_min)?,
            self.count(snd_pcm_hw_params_get_channels_max)?,
        ))
    }

    /// Requests a period of about `frames` and returns what is granted.
    pub(super) fn set_period_near(&mut self, frames: usize) -> Result<usize, Errno> {
        let (mut granted, mut direction) = (frames as snd_pcm_uframes_t, 0);
        // SAFETY: see `forbid_resampling`.
        checked(unsafe {
            snd_pcm_hw_params_set_period_size_near(
                self.handle(),
                self.as_ptr(),
                &raw mut granted,
                &raw mut direction,
            )
        })?;
        Ok(granted as usize)
    }

    /// Requests a buffer of about `frames`.
    pub(super) fn set_buffer_near(&mut self, frames: usize) -> Result<(), Errno> {
        let mut granted = frames as snd_pcm_uframes_t;
        // SAFETY: see `forbid_resampling`.
        checked(unsafe {
            snd_pcm_hw_params_set_buffer_size_near(self.handle(), self.as_ptr(), &raw mut granted)
        })
        .map(drop)
    }

    /// Returns the period in frames, if it is fixed.
    pub(super) fn period(&self) -> Option<usize> {
        let (mut frames, mut direction) = (0, 0);
        // SAFETY: see `forbid_resampling`.
        checked(unsafe {
            snd_pcm_hw_params_get_period_size(self.as_ptr(), &raw mut frames, &raw mut direction)
        })
        .ok()?;
        usize::try_from(frames).ok().filter(|frames| *frames > 0)
    }

    /// Returns the buffer in frames, if it is fixed.
    pub(super) fn buffer(&self) -> Option<usize> {
        let mut frames = 0;
        // SAFETY: see `forbid_resampling`.
        checked(unsafe { snd_pcm_hw_params_get_buffer_size(self.as_ptr(), &raw mut frames) }).ok()?;
        usize::try_from(frames).ok().filter(|frames| *frames > 0)
    }

    fn value(
        &self,
        get: unsafe extern "C" fn(*const snd_pcm_hw_params_t, *mut c_uint, *mut c_int) -> c_int,
    ) -> Option<u32> {
        let (mut value, mut direction) = (0, 0);
        // SAFETY: see `forbid_resampling`.
        checked(unsafe { get(self.as_ptr(), &raw mut value, &raw mut direction) }).ok().map(|_| value)
    }

    fn count(
        &self,
        get: unsafe extern "C" fn(*const snd_pcm_hw_params_t, *mut c_uint) -> c_int,
    ) -> Option<u32> {
        let mut count = 0;
        // SAFETY: see `forbid_resampling`.
        checked(unsafe { get(self.as_ptr(), &raw mut count) }).ok().map(|_| count)
    }
}

impl Drop for HwParams<'_> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` and not used afterwards.
        unsafe { snd_pcm_hw_params_free(self.as_ptr()) };
    }
}

fn alsa_format(format: SampleFormat) -> snd_pcm_format_t {
    match format {
        SampleFormat::S16 => SND_PCM_FORMAT_S16_LE,
        SampleFormat::S24 => SND_PCM_FORMAT_S24_LE,
        SampleFormat::S24In3 => SND_PCM_FORMAT_S24_3LE,
        SampleFormat::S32 => SND_PCM_FORMAT_S32_LE,
    }
}

fn checked(result: c_int) -> Result<c_int, Errno> {
    // alsa-lib returns most error numbers negative.
    if result < 0 { Err(Errno(result.saturating_neg())) } else { Ok(result) }
}

fn frames(result: snd_pcm_sframes_t) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno(i32::try_from(result.saturating_neg()).unwrap_or(libc::EIO)))
}
