//! What is asked of a device and what it grants: rate, spelling, channels, period.
//!
//! What is said is asked for to the letter and refused with what the device offers; what is not said is
//! chosen from what it does by itself, so that no ALSA configuration and no converter of alsa-lib's is needed.

use std::fmt;

use alsa::ValueOr;
use alsa::pcm::{Access, Format as AlsaFormat, HwParams, PCM};

use crate::audio::error::{AudioError, Direction};
use crate::audio::{CaptureChain, Drain, PcmRequest, PlaybackChain, SampleFormat, Source, StreamFormat};
use crate::dsp::Resampler;

/// What a device granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedParams {
    pub end: Direction,
    /// Its ALSA name.
    pub device: String,
    pub rate_hz: u32,
    pub format: SampleFormat,
    pub channels: u16,
    pub period_frames: usize,
    pub buffer_frames: usize,
    /// Whether its rate is not that of the lanes.
    pub resampled: bool,
}

impl fmt::Display for GrantedParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GrantedParams { end, device, rate_hz, format, channels, period_frames, buffer_frames, resampled } =
            self;
        let (s, resampled) =
            (if *channels == 1 { "" } else { "s" }, if *resampled { ", resampled" } else { "" });
        write!(
            f,
            "{end} {device:?}: {rate_hz} Hz {format} {channels} channel{s}{resampled}; periods of {period_frames} \
             frames in a buffer of {buffer_frames}"
        )
    }
}

/// The rates that are tried where none is said, best first: ours, then those that are cleanest and cheapest.
const RATES: [u32; 6] = [24_000, 48_000, 16_000, 44_100, 32_000, 96_000];
/// The spellings that are tried where none is said: what is enough first.
const NARROW_FIRST: [SampleFormat; 4] =
    [SampleFormat::S16, SampleFormat::S32, SampleFormat::S24, SampleFormat::S24In3];
/// The same for a microphone that is made louder, which brings out the lowest bits.
const WIDE_FIRST: [SampleFormat; 4] =
    [SampleFormat::S32, SampleFormat::S24, SampleFormat::S24In3, SampleFormat::S16];
/// The most channels that are looked for where none are said.
const CHANNELS_MAX: u16 = 64;
/// Periods in the speaker's buffer: twice the queue, so that the queue can be topped up in time.
const PLAYBACK_PERIODS: usize = 4;
/// Periods in the microphone's buffer: what a late wake may cost without loss.
const CAPTURE_PERIODS: usize = 8;

/// All that is asked of a device.
pub(in crate::audio) struct HwRequest {
    pub(in crate::audio) end: Direction,
    pub(in crate::audio) device: String,
    pub(in crate::audio) form: PcmRequest,
    pub(in crate::audio) channels: Vec<u16>,
    gain_db: f32,
    shape: StreamFormat,
}

impl HwRequest {
    pub(in crate::audio) fn capture(source: &Source, shape: StreamFormat) -> HwRequest {
        let Source { device, form, channels, gain_db } = source.clone();
        HwRequest { end: Direction::Capture, device, form, channels, gain_db, shape }
    }

    pub(in crate::audio) fn playback(drain: &Drain, shape: StreamFormat) -> HwRequest {
        let Drain { device, form, channels } = drain.clone();
        HwRequest { end: Direction::Playback, device, form, channels, gain_db: 0.0, shape }
    }

    /// Asks from now on for the rate that was granted, since all else was made for it.
    pub(in crate::audio) fn pin_rate(&mut self, params: &GrantedParams) {
        self.form.rate_hz = Some(params.rate_hz);
    }

    pub(in crate::audio) fn capture_chain(&self, params: &GrantedParams) -> Result<CaptureChain, AudioError> {
        let exact = params.format == SampleFormat::S16;
        CaptureChain::new(self.shape, params.rate_hz, params.period_frames, self.gain_db, exact)
            .map_err(|unsupported| self.unfit(unsupported))
    }

    pub(in crate::audio) fn playback_chain(
        &self,
        params: &GrantedParams,
    ) -> Result<PlaybackChain, AudioError> {
        PlaybackChain::new(self.shape, params.rate_hz, params.period_frames)
            .map_err(|unsupported| self.unfit(unsupported))
    }

    /// Returns the frames a speaker is kept holding: as long as the lanes' shape says, and two periods at
    /// least; just these where a period was asked for.
    pub(in crate::audio) fn queue_frames(&self, params: &GrantedParams) -> usize {
        let default = match self.form.period {
            Some(_) => 0,
            None => scaled(self.shape.queue_frames, params.rate_hz, self.shape),
        };
        default.max(2 * params.period_frames).min(params.buffer_frames)
    }

    /// Says in one sentence what does not fit.
    pub(in crate::audio) fn unfit(&self, asked: impl fmt::Display) -> AudioError {
        AudioError::Unfit { end: self.end, device: self.device.clone(), asked: asked.to_string() }
    }

    /// Refuses what was said.
    fn refuse(&self, requested: impl fmt::Display, offered: impl fmt::Display) -> AudioError {
        self.unfit(format!("the profile asks for {requested}; it offers {offered}"))
    }

    fn period_frames(&self, rate_hz: u32) -> usize {
        let frames = match self.form.period {
            Some(period) => (period.as_secs_f64() * f64::from(rate_hz)).round() as usize,
            None => scaled(self.shape.period_frames, rate_hz, self.shape),
        };
        frames.max(1)
    }
}

/// Returns the frames of a device that last as long as these of the lanes.
fn scaled(frames: usize, rate_hz: u32, shape: StreamFormat) -> usize {
    frames * rate_hz as usize / shape.rate_hz.max(1) as usize
}

/// Sets the form of an open device.
pub(in crate::audio) fn negotiate(pcm: &PCM, request: &HwRequest) -> Result<GrantedParams, AudioError> {
    let not_granted =
        |what: &'static str| move |_: alsa::Error| request.unfit(format!("it does not grant {what}"));
    let hw = HwParams::any(pcm).map_err(not_granted("any form"))?;
    hw.set_rate_resample(false).map_err(not_granted("its own rates"))?;
    hw.set_access(Access::RWInterleaved).map_err(not_granted("interleaved frames"))?;
    let rate_hz = rate(&hw, request)?;
    hw.set_rate(rate_hz, ValueOr::Nearest).map_err(not_granted("a rate"))?;
    let format = format(&hw, request)?;
    hw.set_format(alsa_format(format)).map_err(not_granted("a sample format"))?;
    let channels = channels(&hw, request)?;
    hw.set_channels(u32::from(channels)).map_err(not_granted("channels"))?;
    let period = request.period_frames(rate_hz) as alsa::pcm::Frames;
    let periods = match request.end {
        Direction::Capture => CAPTURE_PERIODS,
        Direction::Playback => PLAYBACK_PERIODS,
    };
    hw.set_period_size_near(period, ValueOr::Nearest).map_err(not_granted("any period"))?;
    hw.set_buffer_size_near(period * periods as alsa::pcm::Frames).map_err(not_granted("any buffer"))?;
    pcm.hw_params(&hw).map_err(not_granted("that combination of rate, format, channels and periods"))?;

    let params = pcm.hw_params_current().map_err(not_granted("a look at what it granted"))?;
    let granted = (params.get_rate(), params.get_format(), params.get_channels());
    if granted != (Ok(rate_hz), Ok(alsa_format(format)), Ok(u32::from(channels))) {
        return Err(request.unfit("it grants something else than it says"));
    }
    let frames =
        |size: alsa::Result<alsa::pcm::Frames>| size.ok().and_then(|size| usize::try_from(size).ok());
    match (frames(params.get_period_size()), frames(params.get_buffer_size())) {
        (Some(period_frames @ 1..), Some(buffer_frames @ 1..)) => Ok(GrantedParams {
            end: request.end,
            device: request.device.clone(),
            rate_hz,
            format,
            channels,
            period_frames,
            buffer_frames,
            resampled: rate_hz != request.shape.rate_hz,
        }),
        (_, _) => Err(request.unfit("it does not grant a fixed period and buffer")),
    }
}

fn rate(hw: &HwParams<'_>, request: &HwRequest) -> Result<u32, AudioError> {
    let offers = |hz: u32| hw.test_rate(hz).is_ok();
    let range = || match (hw.get_rate_min(), hw.get_rate_max()) {
        (Ok(min), Ok(max)) if min == max => format!("{min} Hz"),
        (Ok(min), Ok(max)) => format!("{min} to {max} Hz"),
        (_, _) => "no rate".to_owned(),
    };
    let Some(requested) = request.form.rate_hz else {
        let default = [request.shape.rate_hz].into_iter().chain(RATES).find(|hz| offers(*hz));
        return default.ok_or_else(|| {
            request.unfit(format!(
                "it offers {} and none of {}",
                range(),
                join(RATES.iter()).replace(',', " Hz,")
            ))
        });
    };
    if !offers(requested) {
        return Err(request.refuse(format_args!("{requested} Hz"), range()));
    }
    match Resampler::new(requested, request.shape.rate_hz, 1) {
        Ok(_) => Ok(requested),
        Err(unsupported) => Err(request.unfit(unsupported)),
    }
}

fn format(hw: &HwParams<'_>, request: &HwRequest) -> Result<SampleFormat, AudioError> {
    let offers = |format: &SampleFormat| hw.test_format(alsa_format(*format)).is_ok();
    let offered = || match join(NARROW_FIRST.iter().filter(|format| offers(format))) {
        none if none.is_empty() => "none of S16, S32, S24 and S24_3LE".to_owned(),
        some => some,
    };
    match request.form.format {
        Some(requested) if offers(&requested) => Ok(requested),
        Some(requested) => Err(request.refuse(requested, offered())),
        None => {
            let order = if request.gain_db > 0.0 { WIDE_FIRST } else { NARROW_FIRST };
            order.into_iter().find(offers).ok_or_else(|| request.unfit(format!("it offers {}", offered())))
        }
    }
}

fn channels(hw: &HwParams<'_>, request: &HwRequest) -> Result<u16, AudioError> {
    let offers = |count: u16| hw.test_channels(u32::from(count)).is_ok();
    let range = || match (hw.get_channels_min(), hw.get_channels_max()) {
        (Ok(1), Ok(1)) => "1 channel".to_owned(),
        (Ok(min), Ok(max)) if min == max => format!("{min} channels"),
        (Ok(min), Ok(max)) => format!("{min} to {max} channels"),
        (_, _) => "no channels".to_owned(),
    };
    // As many as are chosen from at least, and no more than that if it can be.
    let highest = request.channels.iter().max().copied();
    let fewest = highest.map_or(1, |highest| highest.saturating_add(1));
    match (request.form.channels, highest) {
        (Some(requested), _) if !offers(requested) => {
            let s = if requested == 1 { "" } else { "s" };
            Err(request.refuse(format_args!("{requested} channel{s}"), range()))
        }
        (Some(requested), _) => Ok(requested),
        (None, _) => {
            (fewest..=fewest.max(CHANNELS_MAX)).find(|count| offers(*count)).ok_or_else(|| match highest {
                Some(channel) => request.refuse(format_args!("channel {channel}, counted from 0"), range()),
                None => request.unfit(format!("it offers {}", range())),
            })
        }
    }
}

fn alsa_format(format: SampleFormat) -> AlsaFormat {
    match format {
        SampleFormat::S16 => AlsaFormat::S16LE,
        SampleFormat::S24 => AlsaFormat::S24LE,
        SampleFormat::S24In3 => AlsaFormat::S243LE,
        SampleFormat::S32 => AlsaFormat::S32LE,
    }
}

fn join<'a, W: fmt::Display + 'a>(all: impl Iterator<Item = &'a W>) -> String {
    all.map(W::to_string).collect::<Vec<_>>().join(", ")
}
