//! Scenes for the echo canceller: a reply from a loudspeaker in a room, and somebody who talks over it.
//!
//! All is drawn from a seed: voices, room, places, noise. There are no recordings, and nothing here is a real room or
//! a real loudspeaker. The reference leads by 4 ms, as it has to.

pub(crate) mod cards;
#[allow(dead_code, reason = "the simulation uses more of it")]
pub(crate) mod echo_path;
pub(crate) mod fourier;
pub(crate) mod measure;
pub(crate) mod room;
pub(crate) mod stoi;
pub(crate) mod voice;

use std::ops::Range;

use mynah::echo::{DELAY_FRAMES, EchoCanceller, EchoReport, FRAME};

use cards::Cards;
use measure::{level_db, rms_db};
use room::{Distortion, Room, heard, play};
use voice::Voice;

pub(crate) const RATE: usize = mynah::echo::RATE_HZ as usize;
/// The level of the reply as written and of its echo at the microphone, in dBFS while it is not silent.
const REPLY_DB: f32 = -23.0;
const ECHO_DB: f32 = -26.0;
/// By how many samples the reference leads: 4 ms.
const LEAD: usize = 96;

/// What a scene is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Of the room.
    pub(crate) seed: u64,
    /// Of the voices and the noise, with the seed of the room.
    pub(crate) voices: u64,
    pub(crate) rt60_s: f64,
    pub(crate) distance_m: f64,
    pub(crate) distortion: Distortion,
    /// The talker's level at the microphone relative to the echo's.
    pub(crate) talker_db: f32,
    pub(crate) noise_db: f32,
    /// When the device is moved, in seconds.
    pub(crate) moved_s: Option<f32>,
    /// The sound cards whose timestamps the reference is read by; without them it is exact.
    pub(crate) cards: Option<Cards>,
    pub(crate) reply_s: Vec<Range<f32>>,
    pub(crate) talk_s: Vec<Range<f32>>,
}

impl Plan {
    /// The scene that all others differ from in one respect: 60 s, RT60 0.4 s, 10 cm, a talker 10 dB below the echo
    /// from 15 and from 45 s on, and alone from 26 s on.
    pub(crate) fn base(seed: u64) -> Plan {
        Plan {
            seed,
            voices: 0,
            rt60_s: 0.4,
            distance_m: 0.1,
            distortion: Distortion::None,
            talker_db: -10.0,
            noise_db: -65.0,
            moved_s: None,
            cards: None,
            reply_s: vec![0.0..25.0, 30.0..57.0],
            talk_s: vec![15.5..25.0, 26.0..29.5, 45.5..57.0],
        }
    }

    pub(crate) fn build(&self) -> Scene {
        let end_s = self.reply_s.iter().chain(&self.talk_s).fold(0.0, |end, span| span.end.max(end));
        let samples = (end_s * RATE as f32) as usize / FRAME * FRAME;
        let room = Room::new(self.seed, self.rt60_s, self.distance_m);
        let mut rng = fastrand::Rng::with_seed(self.seed ^ (0x5eed + (self.voices << 32)));
        let (mut reply, _) = spoken(rng.u64(..), &self.reply_s, samples, 0.3..0.9);
        scale_to(&mut reply, REPLY_DB, level_db);
        let (mut talk, sentences) = spoken(rng.u64(..), &self.talk_s, samples, 0.4..1.2);
        let mut echo = self.echo(&room, &reply);
        scale_to(&mut echo, ECHO_DB, level_db);
        echo.splice(0..0, [0.0; LEAD]);
        echo.truncate(samples);
        let reference = match &self.cards {
            None => reply,
            Some(cards) => {
                echo = cards.capture(&echo);
                cards.reference(&reply, self.seed ^ self.voices)
            }
        };
        if !sentences.is_empty() {
            talk = heard(&talk, &room.talk());
            scale_to(&mut talk, ECHO_DB + self.talker_db, level_db);
        }
        let mut noise = pink_noise(rng.u64(..), samples);
        scale_to(&mut noise, self.noise_db, rms_db);
        let microphone = (0..samples).map(|n| (echo[n] + talk[n] + noise[n]).clamp(-1.0, 1.0)).collect();
        let in_reply = |sentence: &Range<usize>| {
            let spans = self.reply_s.iter().map(|span| in_samples(span, samples));
            spans.into_iter().any(|span| span.start <= sentence.start && sentence.end <= span.end)
        };
        let over_reply = sentences.into_iter().filter(in_reply).collect();
        Scene { reference, microphone, echo, talk, over_reply }
    }

    fn echo(&self, room: &Room, reply: &[f32]) -> Vec<f32> {
        let played = play(reply, self.distortion);
        let echo = heard(&played, &room.echo());
        let Some(moved_s) = self.moved_s else { return echo };
        // Within 0.2 s.
        let after = heard(&played, &room.echo_after_a_push());
        let share = |n: usize| ((n as f32 / RATE as f32 - moved_s) / 0.2).clamp(0.0, 1.0);
        (0..echo.len()).map(|n| echo[n] + share(n) * (after[n] - echo[n])).collect()
    }
}

/// Signals at the microphone, full scale being 1, all equally long.
pub(crate) struct Scene {
    pub(crate) reference: Vec<f32>,
    pub(crate) microphone: Vec<f32>,
    pub(crate) echo: Vec<f32>,
    pub(crate) talk: Vec<f32>,
    /// The talker's sentences over the reply.
    pub(crate) over_reply: Vec<Range<usize>>,
}

/// What a canceller made of a scene: its output in step with the microphone, and a report for each frame.
pub(crate) struct Outcome {
    pub(crate) out: Vec<f32>,
    pub(crate) reports: Vec<EchoReport>,
}

impl Scene {
    pub(crate) fn run(&self, canceller: &mut EchoCanceller) -> Outcome {
        let (mut out, mut reports) = (Vec::new(), Vec::new());
        let mut frame = [0.0; FRAME];
        let frames = self.microphone.as_chunks::<FRAME>().0.iter().zip(self.reference.as_chunks::<FRAME>().0);
        for (microphone, reference) in frames {
            reports.push(canceller.process(microphone, reference, &mut frame));
            out.extend(frame);
        }
        out.drain(..DELAY_FRAMES * FRAME);
        out.resize(self.microphone.len(), 0.0);
        Outcome { out, reports }
    }
}

/// Returns a voice that talks within the spans with pauses of these lengths, and where its sentences are.
fn spoken(
    seed: u64,
    spans_s: &[Range<f32>],
    samples: usize,
    pause_s: Range<f32>,
) -> (Vec<f32>, Vec<Range<usize>>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut voice = Voice::new(rng.u64(..));
    let (mut speech, mut sentences) = (vec![0.0; samples], Vec::new());
    for span in spans_s {
        let Range { start: mut at, end } = in_samples(span, samples);
        while at + RATE / 2 < end {
            let sentence = voice.sentence();
            let stop = (at + sentence.len()).min(end);
            speech[at..stop].copy_from_slice(&sentence[..stop - at]);
            for n in 0..FRAME {
                speech[stop - 1 - n] *= n as f32 / FRAME as f32;
            }
            sentences.push(at..stop);
            let pause = pause_s.start + (pause_s.end - pause_s.start) * rng.f32();
            at = stop + (pause * RATE as f32) as usize;
        }
    }
    (speech, sentences)
}

fn in_samples(span_s: &Range<f32>, most: usize) -> Range<usize> {
    let sample = |seconds: f32| ((seconds * RATE as f32) as usize).min(most);
    sample(span_s.start)..sample(span_s.end)
}

/// Brings samples to a level in dBFS, which `measured` finds out.
fn scale_to(samples: &mut [f32], level_db: f32, measured: impl Fn(&[f32]) -> f32) {
    let factor = 10f32.powf((level_db - measured(samples)) / 20.0);
    samples.iter_mut().for_each(|sample| *sample *= factor);
}

/// Returns noise of −3 dB per octave, as a sum of low passes an octave and a half apart.
fn pink_noise(seed: u64, samples: usize) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut states = [0.0_f32; 6];
    (0..samples)
        .map(|_| {
            let white = 2.0 * rng.f32() - 1.0;
            let mut pole = 0.5_f32;
            for state in &mut states {
                *state += pole * (white / pole.sqrt() - *state);
                pole /= 2.83;
            }
            states.iter().sum()
        })
        .collect()
}
