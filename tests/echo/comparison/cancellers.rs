//! The cancellers that are compared, behind one interface: none, sonora's, and mynah's.

use mynah::echo::{DELAY_FRAMES, Duck, EchoCanceller, FRAME, RATE_HZ};
use sonora::config::EchoCanceller as Aec3;
use sonora::{AudioProcessing, Config, StreamConfig};

/// Something that makes 10 ms of what goes up of 10 ms of both signals.
pub(crate) trait Canceller {
    /// Writes the output, and returns whether somebody talks over the echo; those that cannot tell always say so.
    fn process(
        &mut self,
        microphone: &[f32; FRAME],
        reference: &[f32; FRAME],
        out: &mut [f32; FRAME],
    ) -> bool;
}

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    None,
    Sonora,
    Mynah,
}

impl Kind {
    pub(crate) fn create(self) -> Box<dyn Canceller> {
        match self {
            Kind::None => Box::new(Through),
            Kind::Sonora => Box::new(Sonora::new()),
            Kind::Mynah => Box::new(Mynah(EchoCanceller::new())),
        }
    }

    /// Returns by how many samples the output is late: measured, with noise that is no echo.
    pub(crate) fn latency(self) -> usize {
        const LONGEST: usize = 3 * FRAME;
        if self == Kind::Mynah {
            return DELAY_FRAMES * FRAME;
        }
        let (mut canceller, mut rng) = (self.create(), fastrand::Rng::with_seed(1));
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            let (noise, mut out) = ([0.0; FRAME].map(|_: f32| 0.2 * (rng.f32() - 0.5)), [0.0; FRAME]);
            canceller.process(&noise, &[0.0; FRAME], &mut out);
            before.extend(noise);
            after.extend(out);
        }
        let alike = |late: usize| -> f32 {
            before.iter().zip(&after[late..]).map(|(before, after)| before * after).sum()
        };
        (0..LONGEST).max_by(|a, b| alike(*a).total_cmp(&alike(*b))).unwrap_or(0)
    }
}

struct Through;

impl Canceller for Through {
    fn process(&mut self, microphone: &[f32; FRAME], _: &[f32; FRAME], out: &mut [f32; FRAME]) -> bool {
        *out = *microphone;
        true
    }
}

/// WebRTC's third echo canceller with its defaults, at the rate of the scenes.
struct Sonora(AudioProcessing);

impl Sonora {
    fn new() -> Sonora {
        let config = Config { echo_canceller: Some(Aec3::default()), ..Config::default() };
        let mono = StreamConfig::new(RATE_HZ, 1);
        Sonora(AudioProcessing::builder().config(config).capture_config(mono).render_config(mono).build())
    }
}

impl Canceller for Sonora {
    fn process(
        &mut self,
        microphone: &[f32; FRAME],
        reference: &[f32; FRAME],
        out: &mut [f32; FRAME],
    ) -> bool {
        let mut unused = [0.0; FRAME];
        self.0.process_render_f32(&[reference], &mut [&mut unused]).expect("10 ms of one channel");
        // It finds the delay itself; this is what it starts from.
        self.0.set_stream_delay_ms(4).expect("a short delay");
        self.0.process_capture_f32(&[microphone], &mut [out]).expect("10 ms of one channel");
        true
    }
}

struct Mynah(EchoCanceller);

impl Canceller for Mynah {
    fn process(
        &mut self,
        microphone: &[f32; FRAME],
        reference: &[f32; FRAME],
        out: &mut [f32; FRAME],
    ) -> bool {
        self.0.process(microphone, reference, out).duck >= Duck::Weak
    }
}
