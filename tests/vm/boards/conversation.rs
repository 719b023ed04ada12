//! One conversation on a board's card: its steps, and what has to be true of them.
//!
//! 1. A turn and its whole reply.
//! 2. A reply that the button interrupts, and the reply to that turn.
//! 3. A reply during which the microphone is muted.
//! 4. The card is unplugged for a second; a turn and its reply.

use std::fs;

use alsa::Direction::{Capture, Playback};

use super::NAME;
use super::profiles::Profile;
use crate::card::{Cards, Heard};
use crate::clock::{self, MS, ms_between, now};
use crate::device::Device;
use crate::gpio::Chip;
use crate::scripted::events;
use crate::service::Service;
use crate::table::{Goal, Table};

const BOARD: &str = "boards.toml";
const STATE: &str = "boards-state.toml";
/// The level of all replies; the sign tells them apart.
const LEVEL: i16 = 8_000;
/// What counts as sound: above the ringing of a resampler beside a step.
const SOUND: i16 = 1_500;
/// Of a reply that is faded no more than this is left.
const FADED: i16 = 6_500;
/// How long the user speaks.
const SPEECH_MS: u64 = 500;
/// How long a card is unplugged.
const AWAY_MS: u64 = 1_000;
/// The microphone has to be heard within this time after a press.
const OPEN_MS: f64 = 500.0;
/// A cut reply has to be silent within this time: a queue of 20 ms, what USB reads ahead, and the fade.
const SILENCE_MS: f64 = 40.0;
/// The duration of a press of the mute button.
const TAP_NS: u64 = 60 * MS;
/// How long after the mute a message may still be on its way.
const MUTED_MS: u64 = 20;

/// The times of a conversation.
#[derive(Default)]
struct Times {
    whole: u64,
    cut: u64,
    cut_pressed: u64,
    after_cut: u64,
    muted_reply: u64,
    last: u64,
    end: u64,
}

struct Talk<'a> {
    table: &'a mut Table,
    profile: &'static Profile,
    service: Service,
    device: Device,
    cards: Cards,
    chip: &'a Chip,
    turns: usize,
}

pub(super) fn converse(table: &mut Table, profile: &'static Profile, chip: &Chip) {
    let cards = Cards::load(profile.parameters);
    cards.speak(profile.cards.0, now(), 24_000, true, &tone_in_noise());
    let ear = cards.listen(profile.cards.1);
    let service = Service::start();
    let device = start(profile, &service);
    let mut talk = Talk { table, profile, service, device, cards, chip, turns: 0 };
    let times = talk.run();
    let Talk { device, cards, .. } = talk;
    let ended = device.leave();
    let heard = ear.stop();
    let what = format!("{}: mynah ended with exit code {:?}", profile.name, ended.code);
    table.expect(NAME, ended.code == Some(0), &what);
    table.number(NAME, &format!("{}: xruns", profile.name), ended.xruns() as f64, Goal::None);
    if let Some(times) = times {
        judge(table, profile, &times, &heard);
    }
    drop(cards);
}

/// Returns a second of a tone in noise: mynah takes a microphone that repeats itself sooner for broken.
fn tone_in_noise() -> Vec<i16> {
    let mut noise = 1_u32;
    let sample = |place: u16| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((f64::from(place) / 24.0).sin() * 6_000.0) as i16 + (noise >> 26) as i16
    };
    (0..24_000).map(sample).collect()
}

fn start(profile: &Profile, service: &Service) -> Device {
    fs::write(BOARD, profile.board()).expect("room for a board file");
    let _ = fs::remove_file(STATE);
    let service = service.arguments();
    let service: Vec<&str> = service.iter().map(String::as_str).collect();
    let arguments = ["--board", BOARD, "--state-file", STATE, "--mode", "hold"];
    Device::start_bare(&format!("boards-{}", profile.name), &[service.as_slice(), &arguments].concat())
}

impl Talk<'_> {
    /// Runs all steps. Returns their times, or `None` if mynah has not started.
    fn run(&mut self) -> Option<Times> {
        let mut times = Times::default();
        if self.service.wait_for("session.update", 0, 8_000).is_none() {
            self.table.fail(NAME, &format!("{}: there was no session within 8 s", self.profile.name));
            return None;
        }
        clock::sleep_ms(2_500);
        let before = self.cards.counts(self.profile.cards.1, Playback);
        self.turn("first press");
        times.whole = self.reply(LEVEL, 1_000);
        clock::sleep_ms(2_500);

        self.turn("second press");
        times.cut = self.reply(-LEVEL, 3_000);
        clock::sleep_ms(1_000);
        let cut = self.turns;
        times.cut_pressed = self.turn("press during a reply");
        if self.device.is_running() {
            self.service.send([events::truncated(&format!("item_{cut}"), 0)]);
        }
        times.after_cut = self.reply(LEVEL, 1_000);
        clock::sleep_ms(2_500);

        self.turn("fourth press");
        times.muted_reply = self.reply(-LEVEL, 1_000);
        self.mute();
        let stops = self.cards.counts(self.profile.cards.1, Playback).stops - before.stops;
        self.number("stops of playback until here", f64::from(stops), Goal::None);
        if self.profile.has_mute_key {
            self.mute_by_hand();
        }

        self.cards.disconnect(self.profile.cards.1);
        clock::sleep_ms(AWAY_MS);
        self.cards.reconnect(self.profile.cards.1);
        clock::sleep_ms(4_000);
        self.turn("press after the replug");
        times.last = self.reply(LEVEL, 1_000);
        clock::sleep_ms(2_500);
        times.end = now();
        Some(times)
    }

    /// Presses, speaks and releases. Returns when it was pressed.
    fn turn(&mut self, what: &str) -> u64 {
        self.turns += 1;
        let pressed = self.chip.press("TALK");
        let opened = self.service.wait_for_sound(pressed, 3_000);
        match opened {
            Some(at) => {
                let what = format!("{what} → microphone on the wire, ms");
                self.number(&what, ms_between(pressed, at), Goal::Max(OPEN_MS));
            }
            None => self.fail(&format!("{what}: no microphone audio within 3 s")),
        }
        clock::sleep_ms(SPEECH_MS);
        let released = self.chip.release("TALK");
        if opened.is_some() && self.service.wait_for("input_audio_buffer.commit", released, 2_000).is_none() {
            self.fail(&format!("{what}: the turn was not committed"));
        }
        let log = self.service.log();
        let said = log.appends.iter().filter(|append| (pressed..=released).contains(&append.at));
        let peak = said.flat_map(|append| append.samples.iter().map(|sample| sample.unsigned_abs())).max();
        drop(log);
        if peak.is_some_and(|peak| peak < 1_000) {
            self.fail(&format!("{what}: what was said is not what was sent"));
        }
        pressed
    }

    /// Sends a reply of this level, if mynah still runs: nobody else would take it. Returns when.
    fn reply(&mut self, level: i16, ms: usize) -> u64 {
        if !self.device.is_running() {
            self.fail("mynah has ended");
            return now();
        }
        let [user, reply, item] = ["user", "resp", "item"].map(|kind| format!("{kind}_{}", self.turns));
        self.service.send([
            events::committed(&user),
            events::user_item_created(&user),
            events::user_item_done(&user),
        ]);
        self.service.send(events::reply_begun(&reply, &item));
        let at = self.service.send(events::audio_deltas(&reply, &item, &vec![level; 24 * ms]));
        self.service.send(events::reply_ended(&reply, &item, "Said."));
        at
    }

    /// Mutes during a reply, tries to speak, and unmutes.
    fn mute(&mut self) {
        clock::sleep_ms(300);
        self.chip.tap("MUTE", TAP_NS);
        let muted = now();
        clock::sleep_ms(2_000);
        self.chip.press("TALK");
        clock::sleep_ms(SPEECH_MS);
        self.chip.release("TALK");
        clock::sleep_ms(500);
        let unmuted = self.chip.tap("MUTE", TAP_NS);
        let log = self.service.log();
        let span = muted + MUTED_MS * MS..unmuted;
        let count = log.appends.iter().filter(|append| span.contains(&append.at)).count();
        drop(log);
        self.number("messages of the microphone while muted", count as f64, Goal::Max(0.0));
        clock::sleep_ms(500);
    }

    /// Mutes the microphone itself while the user speaks; it must not be opened again for that.
    fn mute_by_hand(&mut self) {
        let card = self.profile.cards.0;
        self.chip.press("TALK");
        clock::sleep_ms(500);
        let before = self.cards.counts(card, Capture);
        self.cards.set("zeros", "1");
        clock::sleep_ms(5_000);
        let after = self.cards.counts(card, Capture);
        self.cards.set("zeros", "0");
        clock::sleep_ms(500);
        self.chip.release("TALK");
        // Whatever was sent of it is a turn, which the service answers.
        self.turns += 1;
        self.reply(LEVEL, 300);
        self.number(
            "muted by hand: starts of the microphone",
            f64::from(after.starts - before.starts),
            Goal::Max(0.0),
        );
        clock::sleep_ms(1_000);
    }

    fn number(&mut self, what: &str, value: f64, goal: Goal) {
        self.table.number(NAME, &format!("{}: {what}", self.profile.name), value, goal);
    }

    fn fail(&mut self, what: &str) {
        self.table.fail(NAME, &format!("{}: {what}", self.profile.name));
    }
}

/// Judges the loudspeaker.
fn judge(table: &mut Table, profile: &Profile, times: &Times, heard: &[Heard]) {
    let mut number = |what: &str, value: f64, goal| {
        table.number(NAME, &format!("{}: {what}", profile.name), value, goal);
    };
    let ms = |from: u64, to: u64, is_it: &dyn Fn(i16) -> bool| {
        let between = heard.iter().filter(|heard| (from..to).contains(&heard.at) && is_it(heard.sample()));
        between.count() as f64 * profile.frame_s() * 1_000.0
    };
    let positive = |sample: i16| sample > SOUND;
    let negative = |sample: i16| sample < -SOUND;
    let whole = Goal::Min(990.0);
    number("first reply heard, ms of 1000", ms(times.whole, times.cut, &positive), whole);
    number(
        "cut reply heard before the cut, ms",
        ms(times.cut, times.cut_pressed, &negative),
        Goal::Min(800.0),
    );
    let cut = heard.iter().filter(|heard| (times.cut_pressed..times.muted_reply).contains(&heard.at));
    match cut.clone().rfind(|heard| negative(heard.sample())) {
        Some(last) => number(
            "press → the last of the cut reply, ms",
            ms_between(times.cut_pressed, last.at),
            Goal::Max(SILENCE_MS),
        ),
        None => number("press → the last of the cut reply, ms", 0.0, Goal::Min(1.0)),
    }
    let fading = |sample: i16| negative(sample) && sample > -FADED;
    let fade = ms(times.cut_pressed, times.after_cut, &fading);
    number("fade of the cut reply, ms", fade, Goal::Min(2.0));
    number("reply after the cut heard, ms of 1000", ms(times.after_cut, times.muted_reply, &positive), whole);
    number("reply over the mute heard, ms of 1000", ms(times.muted_reply, times.last, &negative), whole);
    number("reply after the replug heard, ms of 1000", ms(times.last, times.end, &positive), whole);
}
