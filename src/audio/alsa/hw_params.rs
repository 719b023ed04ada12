//! Negotiation of hw_params: rate, sample format, channels, period and buffer.
//!
//! A configured value is requested exactly; if the device does not offer it, the error lists what it offers.
//! Any other value is chosen from what the device supports natively. It never uses alsa-lib's rate or format
//! conversion.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::cut_mode::{DeviceCut, choose_cut};
use super::output::AlsaOutput;
use super::raw_pcm::{Errno, HwParams, RawPcm};
use crate::audio::chain::device_queue::LONGEST_QUEUE_S;
use crate::audio::error::{AudioError, Direction};
use crate::audio::rt::playback_device::QueuePlan;
use crate::audio::{
    CaptureChain, CaptureConfig, CutMode, KeepAwake, PcmRequest, PlaybackChain, PlaybackConfig, SampleFormat,
    StreamFormat,
};
use crate::dsp::Resampler;

/// The parameters that a device granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedParams {
    pub direction: Direction,
    /// The ALSA name.
    pub device: String,
    pub rate_hz: u32,
    pub format: SampleFormat,
    pub channels: u16,
    pub period_frames: usize,
    pub buffer_frames: usize,
    /// Whether the rate differs from that of the lanes.
    pub resampled: bool,
    /// `None` if they were not asked for.
    pub timestamps: Option<Timestamps>,
}

/// Whether a device states at what time its position was true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    None,
    /// Of CLOCK_MONOTONIC, in a structure of so many bytes, which depends on the C library that alsa-lib was built for.
    Bytes(usize),
}

impl fmt::Display for GrantedParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GrantedParams {
            direction: end,
            device,
            rate_hz,
            format,
            channels,
            period_frames,
            buffer_frames,
            resampled,
            timestamps,
        } = self;
        let (s, resampled) =
            (if *channels == 1 { "" } else { "s" }, if *resampled { ", resampled" } else { "" });
        write!(
            f,
            "{end} {device:?}: {rate_hz} Hz {format} {channels} channel{s}{resampled}; periods of {period_frames} \
             frames in a buffer of {buffer_frames}"
        )?;
        match timestamps {
            None => Ok(()),
            Some(Timestamps::None) => f.write_str("; no timestamps"),
            Some(Timestamps::Bytes(bytes)) => write!(f, "; timestamps of {bytes} bytes"),
        }
    }
}

/// Rates in Hz tried on a card if none is configured: the one that every driver is tested with, then the lanes' own,
/// then by quality and cost of resampling.
const CARD_RATES: [u32; 6] = [48_000, 24_000, 16_000, 44_100, 32_000, 96_000];
/// The same through a plugin or a sound server, after the lanes' own: what resamples for others can do without.
const OTHER_RATES: [u32; 6] = [24_000, 48_000, 16_000, 44_100, 32_000, 96_000];
/// Sample formats tried if none is configured: the narrowest that suffices first.
const NARROW_FIRST: [SampleFormat; 4] =
    [SampleFormat::S16, SampleFormat::S32, SampleFormat::S24, SampleFormat::S24In3];
/// The same for a microphone with gain, which makes the lowest bits audible.
const WIDE_FIRST: [SampleFormat; 4] =
    [SampleFormat::S32, SampleFormat::S24, SampleFormat::S24In3, SampleFormat::S16];
/// The largest channel count tried if none is configured.
const CHANNELS_MAX: u16 = 64;
/// The queue of a device that is rewritten while a reply is heard, in milliseconds: how late its thread may wake. It
/// delays nothing.
const REWRITTEN_QUEUE_MS: u32 = 100;
/// How long a plugin or sound server runs on while nothing is heard.
const PLUGIN_AWAKE: Duration = Duration::from_secs(10);
/// The smallest period of a card in bytes that mono is chosen for: the Raspberry Pi's headphone jack moves no fewer at
/// a time, so that its periods would be longer.
const MONO_PERIOD_BYTES: usize = 1024;
/// The period of a microphone behind a plugin or sound server, in milliseconds: what travels together while somebody
/// speaks.
const PLUGIN_CAPTURE_PERIOD_MS: u32 = 20;
/// The period and the buffer of a speaker behind one, in milliseconds. PulseAudio itself keeps two periods less than the
/// buffer in its sink, which delays a reply, and wakes this process for each period.
const PLUGIN_PLAYBACK_PERIOD_MS: u32 = 40;
const PLUGIN_PLAYBACK_BUFFER_MS: u32 = 100;
/// Periods in the playback buffer: twice the queue, so that the queue can be refilled in time.
const PLAYBACK_PERIODS: usize = 4;
/// Periods in the capture buffer: a wake may be this late without an overrun.
const CAPTURE_PERIODS: usize = 8;

/// What is requested of a device.
pub(in crate::audio) struct HwRequest {
    pub(in crate::audio) direction: Direction,
    pub(in crate::audio) device: String,
    pub(in crate::audio) form: PcmRequest,
    pub(in crate::audio) channels: Vec<u16>,
    cut: Option<CutMode>,
    keep_awake: Option<KeepAwake>,
    gain_db: f32,
    shape: StreamFormat,
    /// Whether the device is to be asked for timestamps.
    pub(in crate::audio) stamps: bool,
}

impl HwRequest {
    pub(in crate::audio) fn capture(config: &CaptureConfig, shape: StreamFormat) -> HwRequest {
        let CaptureConfig { device, form, channels, gain_db, keep_open: _ } = config.clone();
        HwRequest {
            direction: Direction::Capture,
            device,
            form,
            channels,
            cut: None,
            keep_awake: None,
            gain_db,
            shape: shape.of_capture(),
            stamps: false,
        }
    }

    pub(in crate::audio) fn playback(config: &PlaybackConfig, shape: StreamFormat) -> HwRequest {
        let PlaybackConfig { device, form, channels, cut, keep_awake } = config.clone();
        let (direction, gain_db) = (Direction::Playback, 0.0);
        HwRequest { direction, device, form, channels, cut, keep_awake, gain_db, shape, stamps: false }
    }

    /// Requests what was granted from now on: the processing chain was built for its rate, and it fits beside the
    /// other direction, with which it may share a clock.
    pub(in crate::audio) fn pin(&mut self, params: &GrantedParams) {
        self.form.rate_hz = Some(params.rate_hz);
        (self.form.format, self.form.channels) = (Some(params.format), Some(params.channels));
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

    /// Returns how a playback device is cut; `card` is its number if it is the device of a card.
    pub(in crate::audio) fn cut(&self, card: Option<u32>) -> DeviceCut {
        choose_cut(self.cut, card, Path::new("/"))
    }

    /// Returns how much a playback device is kept filled with.
    pub(in crate::audio) fn queue_plan(
        &self,
        params: &GrantedParams,
        cut: CutMode,
        is_hardware: bool,
    ) -> QueuePlan {
        let GrantedParams { rate_hz, buffer_frames, .. } = *params;
        let longest = buffer_frames.min((LONGEST_QUEUE_S * rate_hz) as usize);
        let queue = self.queue_frames(params, is_hardware);
        let rewritten = (REWRITTEN_QUEUE_MS * rate_hz / 1000) as usize;
        let keep_awake = self.keep_awake.unwrap_or(match is_hardware {
            true => KeepAwake::Forever,
            false => KeepAwake::For(PLUGIN_AWAKE),
        });
        let is_long = cut == CutMode::Drop && !is_hardware;
        let (short, long) = match cut {
            CutMode::Rewrite => (queue.max(rewritten.min(longest)), longest),
            CutMode::RunOut => (queue, longest),
            CutMode::Drop if is_long => (longest, longest),
            CutMode::Drop => (queue, queue),
        };
        QueuePlan {
            cut,
            short,
            long,
            // Two periods are left when the thread wakes at the end of the next one.
            fade_at: if is_long { queue } else { queue + params.period_frames },
            awake_frames: match keep_awake {
                KeepAwake::Forever => None,
                KeepAwake::For(duration) => Some((duration.as_secs_f64() * f64::from(rate_hz)) as u64),
            },
        }
    }

    /// Returns the number of frames with which playback starts, and which a card holds at least: the lanes' queue, but
    /// two periods of a card; exactly two periods if a period is configured. What a sound server moves at once comes on
    /// top, since it underruns at once with less.
    pub(in crate::audio) fn queue_frames(&self, params: &GrantedParams, is_hardware: bool) -> usize {
        let (lanes, periods) =
            (scaled(self.shape.queue_frames, params.rate_hz, self.shape), 2 * params.period_frames);
        let frames = match self.form.period {
            Some(_) => periods,
            None if is_hardware => lanes.max(periods),
            None => lanes + params.period_frames,
        };
        frames.min(params.buffer_frames)
    }

    /// Returns the error for a device that cannot be opened, with what alsa-lib said.
    pub(in crate::audio) fn open_error(&self, errno: i32, alsa_message: String) -> AudioError {
        AudioError::Open { direction: self.direction, device: self.device.clone(), errno, alsa_message }
    }

    /// Returns the error for a device that does not fit, with the reason.
    pub(in crate::audio) fn unfit(&self, asked: impl fmt::Display) -> AudioError {
        AudioError::Unfit { direction: self.direction, device: self.device.clone(), asked: asked.to_string() }
    }

    /// Returns the error for a configured value that the device does not offer.
    fn refuse(&self, requested: impl fmt::Display, offered: impl fmt::Display) -> AudioError {
        self.unfit(format!("{requested} configured; the device offers {offered}"))
    }

    fn period_frames(&self, rate_hz: u32, is_hardware: bool) -> usize {
        let frames = match self.form.period {
            Some(period) => (period.as_secs_f64() * f64::from(rate_hz)).round() as usize,
            // A sound server wakes this process for each period, whatever the thread waits for.
            None if !is_hardware => {
                let ms = match self.direction {
                    Direction::Capture => PLUGIN_CAPTURE_PERIOD_MS,
                    Direction::Playback => PLUGIN_PLAYBACK_PERIOD_MS,
                };
                (ms * rate_hz / 1000) as usize
            }
            None => scaled(self.shape.period_frames, rate_hz, self.shape),
        };
        frames.max(1)
    }
}

/// Converts a number of frames from the lanes' rate to `rate_hz`.
fn scaled(frames: usize, rate_hz: u32, shape: StreamFormat) -> usize {
    frames * rate_hz as usize / shape.rate_hz.max(1) as usize
}

/// Negotiates and sets the hw_params of an open device; `alsa_output` holds what alsa-lib says meanwhile.
pub(super) fn negotiate(
    pcm: &RawPcm,
    request: &HwRequest,
    cut: CutMode,
    alsa_output: &AlsaOutput,
) -> Result<GrantedParams, AudioError> {
    let not_granted =
        |what: &'static str| move |Errno(errno)| refusal(request, what, errno, &alsa_output.text());
    let mut hw = HwParams::offered(pcm).map_err(not_granted("any parameters"))?;
    hw.forbid_resampling().map_err(not_granted("a rate without resampling"))?;
    hw.set_interleaved().map_err(not_granted("interleaved frames"))?;
    let is_card = pcm.is_hardware();
    let rate_hz = rate(&hw, request, is_card)?;
    hw.set_rate(rate_hz).map_err(not_granted("the rate"))?;
    let format = format(&hw, request)?;
    hw.set_format(format).map_err(not_granted("the sample format"))?;
    let mono_bytes = request.period_frames(rate_hz, is_card) * format.bytes();
    let channels = channels(&hw, request, is_card && mono_bytes < MONO_PERIOD_BYTES)?;
    hw.set_channels(channels).map_err(not_granted("the number of channels"))?;
    let periods = match request.direction {
        Direction::Capture => CAPTURE_PERIODS,
        Direction::Playback => PLAYBACK_PERIODS,
    };
    // A coarse driver rounds the period; a buffer for the requested one would then hold too few of them.
    let period = hw
        .set_period_near(request.period_frames(rate_hz, is_card))
        .map_err(not_granted("any period size"))?;
    // A long buffer lets the thread sleep. What a sound server buffers of playback it may also delay.
    let is_long = match request.direction {
        Direction::Playback => cut != CutMode::Drop,
        Direction::Capture => is_card,
    };
    let buffer = match request.direction {
        _ if is_long => ((LONGEST_QUEUE_S * rate_hz) as usize / period * period).max(period * periods),
        Direction::Playback if !is_card && request.form.period.is_none() => {
            (PLUGIN_PLAYBACK_BUFFER_MS * rate_hz / 1000) as usize
        }
        Direction::Playback | Direction::Capture => period * periods,
    };
    hw.set_buffer_near(buffer).map_err(not_granted("any buffer size"))?;
    pcm.set_hw_params(&hw).map_err(not_granted("this combination of rate, format, channels and periods"))?;

    let params = HwParams::installed(pcm).map_err(not_granted("a report of its parameters"))?;
    let is_as_set = params.rate() == Some(rate_hz)
        && params.has_format(format)
        && params.channels() == Some(u32::from(channels));
    if !is_as_set {
        return Err(request.unfit("the device reports other parameters than it granted"));
    }
    match (params.period(), params.buffer()) {
        (Some(period_frames), Some(buffer_frames)) => Ok(GrantedParams {
            direction: request.direction,
            device: request.device.clone(),
            rate_hz,
            format,
            channels,
            period_frames,
            buffer_frames,
            resampled: rate_hz != request.shape.rate_hz,
            timestamps: None,
        }),
        (_, _) => Err(request.unfit("the device does not grant a fixed period and buffer size")),
    }
}

/// Returns the error for parameters that were not granted. Only EINVAL says that the device has others; any other error
/// is about the device itself.
fn refusal(request: &HwRequest, what: &str, errno: i32, alsa_text: &str) -> AudioError {
    if errno != libc::EINVAL {
        return request.open_error(errno, alsa_text.to_owned());
    }
    let said = alsa_text.lines().next().map(|line| format!(" [{line}]")).unwrap_or_default();
    request.unfit(format!(
        "the device does not grant {what}{said}; if nothing else helps, see `dmesg`: its overlay may name the wrong clock"
    ))
}

fn rate(hw: &HwParams<'_>, request: &HwRequest, is_card: bool) -> Result<u32, AudioError> {
    let offers = |hz: u32| hw.offers_rate(hz);
    let range = || match hw.rates() {
        Some((min, max)) if min == max => format!("{min} Hz"),
        Some((min, max)) => format!("{min} to {max} Hz"),
        None => "no rate".to_owned(),
    };
    let Some(requested) = request.form.rate_hz else {
        return default_rates(request.shape, is_card).find(|hz| offers(*hz)).ok_or_else(|| {
            request.unfit(format!(
                "the device offers {} and none of {}",
                range(),
                join(CARD_RATES.iter()).replace(',', " Hz,")
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

/// Returns the rates to try if none is configured, best first.
fn default_rates(shape: StreamFormat, is_card: bool) -> impl Iterator<Item = u32> {
    let first = (!is_card).then_some(shape.rate_hz);
    first.into_iter().chain(if is_card { CARD_RATES } else { OTHER_RATES })
}

fn format(hw: &HwParams<'_>, request: &HwRequest) -> Result<SampleFormat, AudioError> {
    let offers = |format: &SampleFormat| hw.offers_format(*format);
    let offered = || match join(NARROW_FIRST.iter().filter(|format| offers(format))) {
        none if none.is_empty() => "none of S16, S32, S24 and S24_3LE".to_owned(),
        some => some,
    };
    match request.form.format {
        Some(requested) if offers(&requested) => Ok(requested),
        Some(requested) => Err(request.refuse(requested, offered())),
        None => {
            let order = if request.gain_db > 0.0 { WIDE_FIRST } else { NARROW_FIRST };
            order
                .into_iter()
                .find(offers)
                .ok_or_else(|| request.unfit(format!("the device offers {}", offered())))
        }
    }
}

fn channels(hw: &HwParams<'_>, request: &HwRequest, stereo_first: bool) -> Result<u16, AudioError> {
    let offers = |count: u16| hw.offers_channels(count);
    let range = || match hw.channel_counts() {
        Some((1, 1)) => "1 channel".to_owned(),
        Some((min, max)) if min == max => format!("{min} channels"),
        Some((min, max)) => format!("{min} to {max} channels"),
        None => "no channels".to_owned(),
    };
    // The smallest count that contains every selected channel.
    let highest = request.channels.iter().max().copied();
    let fewest = highest.map_or(1, |highest| highest.saturating_add(1));
    match (request.form.channels, highest) {
        (Some(requested), _) if !offers(requested) => {
            let s = if requested == 1 { "" } else { "s" };
            Err(request.refuse(format_args!("{requested} channel{s}"), range()))
        }
        (Some(requested), _) => Ok(requested),
        (None, _) => {
            default_channels(fewest, stereo_first).find(|count| offers(*count)).ok_or_else(|| match highest {
                Some(channel) => request.refuse(format_args!("channel {channel}, counted from 0"), range()),
                None => request.unfit(format!("the device offers {}", range())),
            })
        }
    }
}

/// Returns the numbers of channels to try if none is configured, best first.
fn default_channels(fewest: u16, stereo_first: bool) -> impl Iterator<Item = u16> {
    let first = (stereo_first && fewest == 1).then_some(2);
    first.into_iter().chain(fewest..=fewest.max(CHANNELS_MAX))
}

fn join<'a, W: fmt::Display + 'a>(all: impl Iterator<Item = &'a W>) -> String {
    all.map(W::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_plays_at_48_khz_and_a_sound_server_at_the_rate_of_the_lanes() {
        let first = |is_card| default_rates(StreamFormat::default(), is_card).next();
        assert_eq!((first(true), first(false)), (Some(48_000), Some(24_000)));
        for is_card in [true, false] {
            let all: Vec<_> = default_rates(StreamFormat::default(), is_card).collect();
            assert!(CARD_RATES.iter().all(|hz| all.contains(hz)), "{all:?}");
        }
    }

    #[test]
    fn stereo_is_tried_first_only_in_place_of_mono() {
        assert_eq!(default_channels(1, true).take(3).collect::<Vec<_>>(), [2, 1, 2]);
        assert_eq!(default_channels(1, false).next(), Some(1));
        assert_eq!(default_channels(4, true).next(), Some(4), "channel 3 was selected");
    }
}
