//! What the owner hears of the link: two soft notes, falling when it is lost and rising when it is back.
//!
//! They wait until nothing else is heard, and are no part of any reply. Whether there is something to tell is the
//! conversation's to say.

use std::f32::consts::TAU;

use super::Session;
use crate::audio::Spoken;
use crate::conversation::Tone;
use crate::wire::RATE_HZ;

/// E5 and B4: a fourth, and where small loudspeakers are at their best.
const HIGH_HZ: f32 = 659.26;
const LOW_HZ: f32 = 493.88;
/// How long a note is, in frames: 150 ms; two of them pass for no word.
const NOTE_FRAMES: usize = RATE_HZ as usize * 150 / 1000;
/// How loud a note is at its loudest: 20 dB under full scale, before the owner's volume.
const PEAK: f32 = 3276.0;
/// The octave above, so that a small loudspeaker has something to play.
const OVERTONE: f32 = 0.2;
/// The part of a note in which it grows; in the rest it dies away.
const RISE: f32 = 0.12;

/// What is to be heard, and is not yet. One tone: a later one says more than an earlier.
#[derive(Debug)]
pub(super) struct Chime {
    /// Whether the owner wants to hear anything of it.
    wanted: bool,
    waiting: Option<Tone>,
}

impl Chime {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, waiting: None }
    }

    /// Takes in what the owner is to hear. An outage that is over before it could be heard of is none.
    pub(super) fn ask(&mut self, tone: Tone) {
        self.waiting = match (self.waiting, tone) {
            _ if !self.wanted => None,
            (Some(Tone::Lost), Tone::Back) => None,
            (Some(Tone::Lost | Tone::Back) | None, Tone::Lost | Tone::Back) => Some(tone),
        };
    }
}

impl Session {
    /// Lets the owner hear what waits, if nothing else is heard.
    pub(super) fn chime(&mut self) {
        let silent = !self.downlink.is_waiting() && self.ledger.unheard(self.sound.mouth.heard()) == 0;
        // Without a speaker it would be heard when that is back, and be untrue.
        if let Some(tone) = self.chime.waiting.take_if(|_| silent || self.away.speaker.is_some())
            && silent
            && self.away.speaker.is_none()
        {
            // The lane is empty, so all of it fits.
            let _ = self.sound.mouth.write(&frames(tone));
        }
    }
}

fn frames(tone: Tone) -> Vec<Spoken> {
    let notes = match tone {
        Tone::Lost => [HIGH_HZ, LOW_HZ],
        Tone::Back => [LOW_HZ, HIGH_HZ],
    };
    notes.into_iter().flat_map(note).collect()
}

fn note(hz: f32) -> impl Iterator<Item = Spoken> {
    (0..NOTE_FRAMES).map(move |frame| {
        let along = frame as f32 / NOTE_FRAMES as f32;
        let part = if along < RISE { along / RISE } else { (1.0 - along) / (1.0 - RISE) };
        // Half a cosine up and half a cosine down: no corner, no click.
        let swell = 0.5 - 0.5 * (TAU / 2.0 * part).cos();
        let turn = TAU * (hz * frame as f32 / RATE_HZ as f32).fract();
        let wave = (turn.sin() + OVERTONE * (2.0 * turn).sin()) / (1.0 + OVERTONE);
        [(PEAK * swell * wave) as i16]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_short_soft_and_has_no_corner() {
        for tone in [Tone::Lost, Tone::Back] {
            let samples: Vec<i32> = frames(tone).iter().map(|[sample]| i32::from(*sample)).collect();
            assert_eq!(samples.len(), 2 * NOTE_FRAMES);
            assert!(samples.iter().all(|sample| sample.abs() <= PEAK as i32));
            assert!(samples.iter().any(|sample| sample.abs() > PEAK as i32 / 2));
            let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            // The steepest slope of the higher note and its octave.
            let steepest = PEAK * TAU * HIGH_HZ / RATE_HZ as f32 * (1.0 + 2.0 * OVERTONE) / (1.0 + OVERTONE);
            assert!(steps.max().unwrap_or(0) <= steepest as i32 + 60);
            assert_eq!((samples.first(), samples.last().map(|last| last.abs() < 8)), (Some(&0), Some(true)));
        }
    }

    #[test]
    fn it_falls_when_the_link_is_lost_and_rises_when_it_is_back() {
        let crossings =
            |samples: &[Spoken]| samples.windows(2).filter(|pair| pair[0][0] < 0 && pair[1][0] >= 0).count();
        let halves = |tone| {
            let all = frames(tone);
            let (first, second) = all.split_at(NOTE_FRAMES);
            (crossings(first), crossings(second))
        };
        let ((lost, then), (back, after)) = (halves(Tone::Lost), halves(Tone::Back));
        assert!(lost > then + 15 && after > back + 15, "{lost} {then} {back} {after}");
    }

    #[test]
    fn an_outage_that_nobody_could_hear_of_ends_unheard() {
        let mut chime = Chime::new(true);
        chime.ask(Tone::Lost);
        chime.ask(Tone::Back);
        assert_eq!(chime.waiting, None);
        chime.ask(Tone::Back);
        assert_eq!(chime.waiting, Some(Tone::Back));
        let mut chime = Chime::new(false);
        chime.ask(Tone::Lost);
        assert_eq!(chime.waiting, None, "an owner who wants none hears none");
    }
}
