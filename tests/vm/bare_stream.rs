//! A stream of the project's own card, opened without mynah: what a scenario needs to see the card itself.
//!
//! It is blocking, it starts only when told to, and it hides no error.

use std::os::fd::RawFd;

use alsa::pcm::{Access, Format, Frames, HwParams, IoFormat, PCM};
use alsa::{Direction, PollDescriptors, ValueOr};

/// `SNDRV_PCM_IOCTL_REWIND` of the kernel's `sound/asound.h`, on 64-bit machines.
const REWIND: libc::Ioctl = 0x4008_4146;

/// What to ask for.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) rate_hz: u32,
    pub(crate) format: Format,
    pub(crate) channels: u32,
    pub(crate) period_frames: Frames,
    pub(crate) buffer_frames: Frames,
}

impl Form {
    /// Periods of 10 ms in a buffer of 40.
    pub(crate) const PLAIN: Self = Self {
        rate_hz: 48_000,
        format: Format::S32LE,
        channels: 2,
        period_frames: 480,
        buffer_frames: 1_920,
    };
}

/// Opens and prepares a stream.
///
/// # Errors
///
/// The device is missing, or does not grant the form.
pub(crate) fn open(device: &str, direction: Direction, form: Form) -> alsa::Result<PCM> {
    let pcm = PCM::new(device, direction, false)?;
    {
        let hw = HwParams::any(&pcm)?;
        hw.set_rate_resample(false)?;
        hw.set_access(Access::RWInterleaved)?;
        hw.set_format(form.format)?;
        hw.set_channels(form.channels)?;
        hw.set_rate(form.rate_hz, ValueOr::Nearest)?;
        hw.set_period_size_near(form.period_frames, ValueOr::Nearest)?;
        hw.set_buffer_size_near(form.buffer_frames)?;
        pcm.hw_params(&hw)?;
        let sw = pcm.sw_params_current()?;
        // Playback would otherwise start with the first frame.
        sw.set_start_threshold(Frames::MAX / 2)?;
        sw.set_stop_threshold(hw.get_buffer_size()?)?;
        pcm.sw_params(&sw)?;
    }
    Ok(pcm)
}

/// Writes frames whose channels all are `sample`. Returns how many it wrote.
pub(crate) fn write_frames(pcm: &PCM, sample: i32, frames: usize) -> alsa::Result<usize> {
    let channels = pcm.hw_params_current()?.get_channels()? as usize;
    pcm.io_i32()?.writei(&vec![sample; frames * channels])
}

/// Reads `frames` frames.
pub(crate) fn read_frames<S: IoFormat + Default>(pcm: &PCM, frames: usize) -> alsa::Result<Vec<S>> {
    let channels = pcm.hw_params_current()?.get_channels()? as usize;
    let mut samples = vec![S::default(); frames * channels];
    let count = pcm.io_checked()?.readi(&mut samples)?;
    samples.truncate(count * channels);
    Ok(samples)
}

/// Takes back all that was written and the card has not read, but for `margin` frames: without any the stream would be
/// empty, which is an xrun. Returns how many frames; they are written next.
#[expect(unsafe_code, reason = "the alsa crate does not wrap a rewind")]
pub(crate) fn rewind(pcm: &PCM, margin: Frames) -> usize {
    let fd: RawFd = pcm.get().expect("descriptors")[0].fd;
    let buffer = pcm.hw_params_current().and_then(|hw| hw.get_buffer_size()).expect("a buffer");
    let queued = buffer - pcm.avail().expect("the card runs");
    let mut frames = libc::c_ulong::try_from(queued - margin).unwrap_or(0);
    // SAFETY: the request reads and writes one long, which is valid.
    let result = unsafe { libc::ioctl(fd, REWIND, &raw mut frames) };
    if result < 0 { 0 } else { frames as usize }
}
