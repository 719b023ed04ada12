//! The room in which a simulated device stands: its microphone hears its speaker, noise, and somebody who talks.
//!
//! Voices and responses are synthesised (`echo::scenes`), and all is drawn from a seed. It passes the sound on and keeps
//! what was captured, sent and understood; the tests and `world` judge.

mod air;
mod fault;
mod record;

use std::sync::{Arc, Mutex};

use fastrand::Rng;
use mynah::audio::{Clocks, EchoStatus};
use mynah::model::EchoCancellation;

use super::clock::{At, MS, S};
use crate::echo::scenes::echo_path::{BLOCK, EchoPath};
use crate::echo::scenes::measure::level_db;
use crate::echo::scenes::room::{Distortion, heard, play};
use crate::echo::scenes::voice::Voice;
use crate::echo::scenes::{RATE, room as walls};
use air::PlayedSound;
use fault::FaultState;
pub(crate) use fault::RoomFault;
pub(super) use record::{AlignmentCheck, CheckedCanceller};
pub(crate) use record::{MOST_ERROR_MS, RoomRecord};

/// The level of a reply as it is sent, and of its echo at the microphone, in dBFS while it is not silent.
const REPLY_DB: f32 = -23.0;
const ECHO_DB: f32 = -26.0;
/// The seconds of a voice by which its level is set.
const SAMPLE_S: usize = 6;
/// How long after the talker's last sound the service may still find him.
const FOUND_WITHIN: At = 700 * MS;

/// What the room is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomPlan {
    /// Of the walls, the places and the voices.
    pub(crate) seed: u64,
    pub(crate) rt60_s: f64,
    pub(crate) distance_m: f64,
    /// The talker's level at the microphone relative to the echo's.
    pub(crate) talker_db: f32,
    pub(crate) noise_db: f32,
    /// Who removes the echo.
    pub(crate) cancellation: EchoCancellation,
    /// Whether both devices are one card.
    pub(crate) clocks: Clocks,
    /// What is wrong with the audio path.
    pub(crate) fault: RoomFault,
}

impl RoomPlan {
    /// Draws a room, the speaker's clock, and how loud the user is in it.
    pub(crate) fn drawn(seed: u64, rng: &mut Rng) -> Self {
        let within = |low: f64, range: f64, rng: &mut Rng| low + range * rng.f64();
        Self {
            rt60_s: within(0.15, 0.3, rng),
            talker_db: within(-10.0, 10.0, rng) as f32,
            noise_db: within(-65.0, 5.0, rng) as f32,
            clocks: if rng.bool() { Clocks::Same } else { Clocks::Apart },
            ..Self::loud(seed, EchoCancellation::Device)
        }
    }

    /// A loud device in a living room: RT60 0.3 s, the microphone 10 cm from the speaker, the talker 10 dB below the echo.
    pub(crate) fn loud(seed: u64, cancellation: EchoCancellation) -> Self {
        let (rt60_s, distance_m, talker_db, noise_db) = (0.3, 0.1, -10.0, -65.0);
        let fault = RoomFault::None;
        Self { seed, rt60_s, distance_m, talker_db, noise_db, cancellation, clocks: Clocks::Apart, fault }
    }
}

/// The room of one run.
pub(super) struct Room {
    played: PlayedSound,
    path: EchoPath,
    /// When the next block is captured if nothing is lost.
    next_at: f64,
    talker: Talker,
    talks: Vec<Talk>,
    replies: Talker,
    noise: (f32, Rng),
    pub(super) fault: FaultState,
    status: Option<Arc<EchoStatus>>,
    alignment: Arc<Mutex<AlignmentCheck>>,
    pub(super) record: RoomRecord,
}

/// Somebody, and by what factor he is louder than the synthesiser.
struct Talker {
    voice: Voice,
    /// The room, for somebody who is in it.
    response: Vec<f32>,
    factor: f32,
    rest: Vec<f32>,
}

/// What the talker says, as the microphone hears it.
struct Talk {
    at: At,
    until: At,
    samples: Vec<f32>,
}

impl Room {
    pub(super) fn new(plan: &RoomPlan) -> Self {
        let walls = walls::Room::new(plan.seed, plan.rt60_s, plan.distance_m);
        let mut rng = Rng::with_seed(plan.seed ^ 0x5eed);
        let mut replies = Talker::new(rng.u64(..), Vec::new(), REPLY_DB);
        let talker = Talker::new(rng.u64(..), walls.talk(), ECHO_DB + plan.talker_db);
        let mut response = play(&walls.echo(), Distortion::None);
        plan.fault.change_response(&mut response);
        let echo_db = level_db(&heard(&replies.say(SAMPLE_S * RATE), &response));
        let factor = 10f32.powf((ECHO_DB - echo_db) / 20.0);
        response.iter_mut().for_each(|tap| *tap *= factor);
        let noise = (10f32.powf(plan.noise_db / 20.0) * 3f32.sqrt(), rng);
        Self {
            played: PlayedSound::default(),
            path: EchoPath::new(&response),
            next_at: 0.0,
            talker,
            talks: Vec::new(),
            replies,
            noise,
            fault: FaultState::new(plan.fault),
            status: None,
            alignment: Arc::default(),
            record: RoomRecord::default(),
        }
    }

    /// Returns where the canceller leaves what it was given.
    pub(super) fn alignment(&self) -> Arc<Mutex<AlignmentCheck>> {
        Arc::clone(&self.alignment)
    }

    /// Keeps what the canceller tells.
    pub(super) fn watch(&mut self, status: Arc<EchoStatus>) {
        self.status = Some(status);
    }

    /// Lets the user talk from `at` on.
    pub(super) fn talk(&mut self, at: At, time: At) {
        let samples = self.talker.say((time as f64 / S as f64 * RATE as f64) as usize);
        self.record.talks.push(at..at + time);
        self.talks.push(Talk { at, until: at + time, samples });
    }

    /// Keeps what the service would repeat in its reply of this number, and returns a loud voice in its place.
    pub(super) fn answer(&mut self, replies: usize, repeated: &[u8]) -> Vec<u8> {
        self.record.understood.resize(replies.max(self.record.understood.len()), Vec::new());
        let samples = repeated.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        self.record.understood[replies - 1].extend(samples);
        let voice = self.replies.say(repeated.len() / 2);
        voice.iter().flat_map(|sample| ((sample * 32_768.0) as i16).to_le_bytes()).collect()
    }

    /// Records that the service has found speech.
    pub(super) fn hear_speech(&mut self, now: At) {
        let is_talker = self.talks.iter().any(|talk| talk.at <= now && now < talk.until + FOUND_WITHIN);
        self.record.heard.push((now, is_talker));
    }

    pub(super) fn play(&mut self, sample: i16, at: At, frames_per_ns: f64) {
        self.played.push(self.fault.play(f32::from(sample) / 32_768.0, at), at, frames_per_ns);
    }

    /// Records frames of the speaker that are never played.
    pub(super) fn lose(&mut self, frames: usize) {
        self.played.lose(frames);
    }

    /// Captures a block, whose first frame is captured `at` by a clock of so many frames per nanosecond.
    pub(super) fn capture(&mut self, at: At, frames_per_ns: f64, into: &mut [f32]) {
        let at_ns = at as f64;
        let block_ns = BLOCK as f64 / frames_per_ns;
        if (at_ns - self.next_at).abs() * frames_per_ns > 0.5 {
            // What was played before is still heard.
            for before in (1..=self.path.blocks()).rev() {
                let begin = at_ns - before as f64 * block_ns;
                self.path.push(&std::array::from_fn(|n| self.played.sound(begin + n as f64 / frames_per_ns)));
            }
        }
        self.next_at = at_ns + block_ns;
        let played = std::array::from_fn(|n| self.played.sound(at_ns + n as f64 / frames_per_ns));
        let echo = self.path.push(&played);
        let mut talk = [0.0; BLOCK];
        self.talks.iter().for_each(|said| said.add(at_ns, frames_per_ns, &mut talk));
        let (level, rng) = &mut self.noise;
        for ((into, echo), talk) in into.iter_mut().zip(echo).zip(talk) {
            let sound = echo + talk + *level * (2.0 * rng.f32() - 1.0);
            *into = self.fault.capture(sound).clamp(-1.0, 1.0);
        }
        self.record.blocks.push(at);
        self.record.talk.extend(talk);
        self.record.echo.extend(echo);
        self.alignment.lock().unwrap().begin_block(at, self.played.position(at_ns));
    }

    /// Returns what was kept, when the run is over.
    pub(super) fn take_record(&mut self) -> RoomRecord {
        let errors = self.alignment.lock().unwrap().take_errors();
        let told = self.status.as_ref().map(|status| (status.fault(), status.is_weak(), status.erle_db()));
        RoomRecord { errors, told, ..std::mem::take(&mut self.record) }
    }
}

impl Talker {
    fn new(seed: u64, response: Vec<f32>, wanted_db: f32) -> Self {
        let mut talker = Self { voice: Voice::new(seed), response, factor: 1.0, rest: Vec::new() };
        let level_db = level_db(&talker.say(SAMPLE_S * RATE));
        Self { factor: 10f32.powf((wanted_db - level_db) / 20.0), ..talker }
    }

    /// Returns the next samples of sentences without a pause between them.
    fn say(&mut self, samples: usize) -> Vec<f32> {
        while self.rest.len() < samples {
            self.rest.extend(self.voice.sentence());
        }
        let said: Vec<f32> = self.rest.drain(..samples).map(|sample| self.factor * sample).collect();
        if self.response.is_empty() { said } else { heard(&said, &self.response) }
    }
}

impl Talk {
    fn add(&self, at_ns: f64, frames_per_ns: f64, to: &mut [f32; BLOCK]) {
        let first = ((at_ns - self.at as f64) * frames_per_ns).round() as i64;
        for (n, to) in (first..).zip(to) {
            let sample = usize::try_from(n).ok().and_then(|n| self.samples.get(n));
            *to += sample.copied().unwrap_or(0.0);
        }
    }
}
