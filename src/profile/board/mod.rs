//! The board: which one it is, and what its file says, with what the owner says himself before it.
//!
//! A name means a file that is part of the program, a path any other file. What no file says is not
//! guessed: without a board of its own a machine is a desktop.

mod buttons;
mod facts;
mod find;
mod lights;
mod lines;
mod list;
mod show;
pub(super) mod sound;

use super::keys::{Key, nearest};
use super::machine::{Card, Machine};
use super::values::Values;
use super::{Body, Microphone, Sound, Speaker, Unplugged, text};
use facts::Facts;
use find::{Verdict, best, judge};
use sound::End;
use std::time::Duration;

pub(super) use list::request;

/// The boards that are part of the program: their names and files.
const BUILT_IN: &[(&str, &str)] = &[
    ("adafruit-voice-bonnet", include_str!("../../../board/adafruit-voice-bonnet.toml")),
    ("aiy-voice-bonnet", include_str!("../../../board/aiy-voice-bonnet.toml")),
    ("aiy-voice-hat", include_str!("../../../board/aiy-voice-hat.toml")),
    ("codec-zero", include_str!("../../../board/codec-zero.toml")),
    (GENERIC, include_str!("../../../board/desktop.toml")),
    ("i2s-mems", include_str!("../../../board/i2s-mems.toml")),
    ("respeaker-2mic-v1", include_str!("../../../board/respeaker-2mic-v1.toml")),
    ("respeaker-2mic-v2", include_str!("../../../board/respeaker-2mic-v2.toml")),
    ("respeaker-4mic", include_str!("../../../board/respeaker-4mic.toml")),
    ("respeaker-xvf3800", include_str!("../../../board/respeaker-xvf3800.toml")),
    ("usb-speakerphone", include_str!("../../../board/usb-speakerphone.toml")),
];

/// The board of a machine that has none.
const GENERIC: &str = "desktop";

/// Stands in a device's name for the id of the card by which the board was recognised.
const CARD: &str = "{card}";

/// What ALSA calls the sound device that the system prefers.
const DEFAULT_DEVICE: &str = "default";

/// How long a card that went away is waited for where nothing is said.
const UNPLUGGED: Unplugged = Unplugged::End(Duration::from_secs(5));

/// Reads the board that was asked for, or else found, and says which and why.
pub(super) fn read(values: &mut Values, machine: &Machine) -> (Sound, Body, String) {
    let chosen = match values.text(Key::Board) {
        Some(name) => asked(values, machine, &name),
        None => Some(found(machine)),
    };
    let chosen = chosen.unwrap_or_default();
    let sound = settle(values, machine, &chosen);
    (sound, chosen.facts.body, chosen.why)
}

/// Gives the name of a built-in board's file, as sentences call it.
fn file_of(name: &str) -> String {
    format!("board/{name}.toml")
}

/// A board, and the card it was recognised by.
#[derive(Default)]
struct Chosen {
    facts: Facts,
    card: Option<Card>,
    why: String,
}

/// What is wrong with the file goes to `values`.
fn asked(values: &mut Values, machine: &Machine, name: &str) -> Option<Chosen> {
    let (file, text) = load(values, name)?;
    let facts = match Facts::parse(&file, &text) {
        Ok(facts) => facts,
        Err(problems) => {
            problems.into_iter().for_each(|problem| values.problem(problem));
            return None;
        }
    };
    let card = best(&facts.finds, machine).and_then(|fit| fit.card.cloned());
    let why = format!("board {name}, because {} says so", values.place(Key::Board));
    Some(Chosen { facts, card, why })
}

/// Gives the file's name, as sentences call it, and its text.
fn load(values: &mut Values, name: &str) -> Option<(String, String)> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Some((file_of(name), (*text).to_owned()));
    }
    if !name.contains('/') && !name.ends_with(".toml") {
        values.refuse_value(Key::Board, &unknown(name));
        return None;
    }
    match text::read(&values.path(Key::Board)?) {
        Ok(text) => Some((name.to_owned(), text)),
        Err(error) => {
            values.refuse_value(Key::Board, &format!("cannot be read: {error}"));
            None
        }
    }
}

/// Says that `name` is no board.
fn unknown(name: &str) -> String {
    let known: Vec<_> = BUILT_IN.iter().map(|(built_in, _)| *built_in).collect();
    let meant = nearest(name, known.iter().copied());
    format!("neither a board ({}) nor the path of a .toml file{meant}", known.join(", "))
}

/// Finds out which of the built-in boards this machine has.
fn found(machine: &Machine) -> Chosen {
    const OTHER: &str =
        "--board NAME, or board = \"NAME\" in mynah.toml, takes another; mynah boards lists them";
    let generic = |why: String| {
        let facts = built_in().find(|(name, _)| *name == GENERIC).map(|(_, facts)| facts).unwrap_or_default();
        Chosen { facts, card: None, why }
    };
    match search(machine) {
        Verdict::One((name, facts), fit) => Chosen {
            why: format!("board {name}, recognised by {}; {OTHER}", fit.because),
            card: fit.card.cloned(),
            facts,
        },
        Verdict::None => generic(format!("board {GENERIC}, because no other was recognised here; {OTHER}")),
        Verdict::Tie(boards, because) => {
            let names: Vec<_> = boards.iter().map(|(name, _)| *name).collect();
            generic(format!(
                "board {GENERIC}, because {} fit alike, by {because}, and mynah does not guess; {OTHER}",
                names.join(" and ")
            ))
        }
    }
}

fn search(machine: &Machine) -> Verdict<'_, (&'static str, Facts)> {
    judge(
        built_in()
            .filter_map(|(name, facts)| Some((best(&facts.finds, machine)?, (name, facts))))
            .map(|(fit, board)| (board, fit)),
    )
}

/// Lists the built-in boards that parse, which is all of them, as a test sees to.
fn built_in() -> impl Iterator<Item = (&'static str, Facts)> {
    BUILT_IN.iter().filter_map(|(name, text)| Some((*name, Facts::parse(&file_of(name), text).ok()?)))
}

/// What the owner says himself comes before what the board's file says. A form goes with the device it belongs to.
fn settle(values: &mut Values, machine: &Machine, chosen: &Chosen) -> Sound {
    let facts = &chosen.facts;
    let (speech, speaker_file) = (values.file(Key::Speech), values.path(Key::SpeakerFile));
    let is_tape = speech.is_some() || speaker_file.is_some();
    let gain_db = values.number(Key::GainDb, sound::GAIN_DB);
    let unplugged = values.wait(Key::UnpluggedS);
    let mut lost = false;
    let mut end = |key: Key, said: &End| {
        let ours = said.device.as_deref().map(|device| name(device, chosen.card.as_ref()));
        let owners = values.text(key);
        lost |= owners.is_none() && ours == Some(None);
        let ours = ours.flatten();
        match owners {
            Some(device) if said.device.is_some() && Some(&device) != ours.as_ref() => {
                (End { device: Some(device), ..End::default() }, false)
            }
            Some(device) => (End { device: Some(device), ..said.clone() }, true),
            None => (End { device: ours, ..said.clone() }, true),
        }
    };
    let (microphone, microphone_is_ours) = end(Key::Microphone, &facts.microphone);
    let (speaker, speaker_is_ours) = end(Key::Speaker, &facts.speaker);
    let mut controls = Vec::new();
    if microphone_is_ours || speaker_is_ours {
        for control in &facts.controls {
            match name(&control.card, chosen.card.as_ref()) {
                Some(card) => controls.push(super::Control { card, ..control.clone() }),
                None => lost = true,
            }
        }
    }
    if lost && !is_tape {
        values.absence(lost_card(facts, machine));
    }
    let device = |end: &End| end.device.clone().unwrap_or_else(|| DEFAULT_DEVICE.to_owned());
    Sound {
        microphone: Microphone {
            device: device(&microphone),
            form: microphone.form,
            channels: microphone.channels.clone(),
            gain_db: gain_db.unwrap_or(microphone.gain_db),
        },
        speaker: Speaker { device: device(&speaker), form: speaker.form, channels: speaker.channels.clone() },
        controls,
        unplugged: unplugged.or(facts.unplugged).unwrap_or(UNPLUGGED),
        speech,
        speaker_file,
    }
}

/// Puts the card's id where `{card}` stands, if it is known.
fn name(template: &str, card: Option<&Card>) -> Option<String> {
    if !template.contains(CARD) {
        return Some(template.to_owned());
    }
    card.map(|card| template.replace(CARD, &card.id))
}

fn lost_card(facts: &Facts, machine: &Machine) -> String {
    let wanted: Vec<_> = facts.finds.iter().map(find::Find::describe).collect();
    format!(
        "board {}: its sound card is not here; it is recognised by {}, and {}: connect it, or name the devices \
         with --microphone and --speaker",
        facts.name,
        wanted.join(", or "),
        machine.card_ids()
    )
}
