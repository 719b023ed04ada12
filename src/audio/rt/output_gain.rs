//! The gain of what the speaker is given: the volume, and the duck while somebody may talk over the reply.
//!
//! Both are functions of the device's frame, so that what the device holds can be written again. It decides neither.

use crate::dsp::{GainRamp, factor, volume_factor};
use crate::model::TalkEvidence;

/// Length of the ramp with which a reply is turned down, in milliseconds: short enough to be heard at once, long enough
/// not to click.
const DUCK_MS: u32 = 10;
/// Length of the ramp with which it comes back: nobody has to notice that it was turned down for nothing.
const RESTORE_MS: u32 = 200;
/// By how much a reply is turned down, in decibels.
const WEAK_DB: f32 = -12.0;
const STRONG_DB: f32 = -26.0;

/// What the session requests of the gain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audio) struct GainRequest {
    /// The volume in percent.
    pub(in crate::audio) percent: u8,
    /// For which evidence of a talker the reply is turned down.
    pub(in crate::audio) talk: TalkEvidence,
}

/// The gain along the frames of a device.
pub(super) struct OutputGain {
    request: GainRequest,
    volume: GainRamp,
    duck: GainRamp,
    rate_hz: u32,
}

impl OutputGain {
    /// Creates the gain of full volume. A new volume is reached within `period_frames`.
    pub(super) fn new(rate_hz: u32, period_frames: usize) -> OutputGain {
        OutputGain {
            request: GainRequest { percent: 100, talk: TalkEvidence::None },
            volume: GainRamp::new(1.0, period_frames),
            duck: GainRamp::new(1.0, period_frames),
            rate_hz,
        }
    }

    pub(super) fn request(&self) -> GainRequest {
        self.request
    }

    /// Returns whether `request` has to be heard at once, also in what the device holds already: all but the end of a
    /// duck, which is slow.
    pub(super) fn is_urgent(&self, request: GainRequest) -> bool {
        request.percent != self.request.percent || request.talk > self.request.talk
    }

    /// Changes to `request` from the frame `start` on.
    pub(super) fn set(&mut self, request: GainRequest, start: u64) {
        self.volume.set_target(volume_factor(request.percent), start);
        let ramp_ms = if request.talk > self.request.talk { DUCK_MS } else { RESTORE_MS };
        self.duck.fade_to(duck_factor(request.talk), start, (ramp_ms * self.rate_hz / 1000) as usize);
        self.request = request;
    }

    /// Multiplies `samples`, the first of which is the frame `first`, in place.
    pub(super) fn apply(&self, first: u64, samples: &mut [f32]) {
        self.volume.apply(first, samples);
        self.duck.apply(first, samples);
    }
}

/// Returns the amplitude factor of a reply over which somebody may talk.
fn duck_factor(talk: TalkEvidence) -> f32 {
    match talk {
        TalkEvidence::None => 1.0,
        TalkEvidence::Weak => factor(WEAK_DB),
        TalkEvidence::Strong => factor(STRONG_DB),
    }
}
