//! Selects the board, reads its file, and combines it with the user's settings, which win.
//!
//! A board is given by the name of a built-in file, by a path, or detected. It does not guess: if no board is detected,
//! the board is `desktop`.

mod alsa_name;
pub(super) mod audio;
mod buttons;
mod detect;
mod lights;
mod lines;
mod list;
pub(super) mod names;
mod pair;
mod parse;
mod show;

use super::host::HostInfo;
use super::schema::{Key, suggest};
use super::sources::file;
use super::values::Values;
use super::{AudioConfig, CaptureConfig, MixerControl, Peripherals, PlaybackConfig, UnplugPolicy};
use crate::sys::alsa_proc::CardInfo;
use audio::DeviceTable;
use detect::{Detection, best_match, match_signatures};
use pair::{CardPair, ChosenCard};
use parse::BoardFile;
use std::time::Duration;

pub(super) use list::request;

/// The names and files of the built-in boards.
const BUILT_IN: &[(&str, &str)] = &[
    ("adafruit-voice-bonnet", include_str!("../../../board/adafruit-voice-bonnet.toml")),
    ("aiy-voice-bonnet", include_str!("../../../board/aiy-voice-bonnet.toml")),
    ("aiy-voice-hat", include_str!("../../../board/aiy-voice-hat.toml")),
    ("codec-zero", include_str!("../../../board/codec-zero.toml")),
    (GENERIC, include_str!("../../../board/desktop.toml")),
    ("fusion-hat", include_str!("../../../board/fusion-hat.toml")),
    ("i2s-mems", include_str!("../../../board/i2s-mems.toml")),
    ("jabra-speak", include_str!("../../../board/jabra-speak.toml")),
    ("keyestudio-2mic", include_str!("../../../board/keyestudio-2mic.toml")),
    ("respeaker-2mic-v1", include_str!("../../../board/respeaker-2mic-v1.toml")),
    ("respeaker-2mic-v2", include_str!("../../../board/respeaker-2mic-v2.toml")),
    ("respeaker-4mic", include_str!("../../../board/respeaker-4mic.toml")),
    ("respeaker-6mic", include_str!("../../../board/respeaker-6mic.toml")),
    ("respeaker-lite", include_str!("../../../board/respeaker-lite.toml")),
    ("respeaker-usb-array", include_str!("../../../board/respeaker-usb-array.toml")),
    ("respeaker-xvf3800", include_str!("../../../board/respeaker-xvf3800.toml")),
    ("satellite1", include_str!("../../../board/satellite1.toml")),
    (TWO_CARDS, include_str!("../../../board/usb-microphone.toml")),
    ("usb-speakerphone", include_str!("../../../board/usb-speakerphone.toml")),
    ("waveshare-wm8960", include_str!("../../../board/waveshare-wm8960.toml")),
    ("whisplay", include_str!("../../../board/whisplay.toml")),
];

/// The board if none is detected.
const GENERIC: &str = "desktop";

/// The board without devices of its own: a Raspberry Pi's microphone and speaker on two cards.
const TWO_CARDS: &str = "usb-microphone";

/// Stands, in the name of a device, for the id of the card by which the board was detected.
const CARD: &str = "{card}";

/// The first device of that card which records, or plays.
const FIRST_DEVICE: &str = "hw:CARD={card}";

/// ALSA's default device.
const DEFAULT_DEVICE: &str = "default";

/// How long to wait for a disconnected card by default.
const UNPLUGGED: UnplugPolicy = UnplugPolicy::End(Duration::from_secs(5));

/// Reads the board that is set, or else detected. The string is a summary of which board it is, and why.
pub(super) fn read(values: &mut Values, host: &HostInfo) -> (AudioConfig, Peripherals, String) {
    let chosen = choose(values, host);
    let audio = resolve(values, host, &chosen);
    let mut peripherals = chosen.board_file.peripherals;
    if peripherals.lights.is_empty() && audio.has_microphone() {
        peripherals.lights.extend(host.own_led.as_deref().map(lights::of_machine));
    }
    (audio, peripherals, chosen.reason)
}

/// Reads the audio settings, and why microphone and speaker are what they are, each as the end of a message.
pub(super) fn read_audio(values: &mut Values, host: &HostInfo) -> (AudioConfig, [String; 2]) {
    let chosen = choose(values, host);
    let audio = resolve(values, host, &chosen);
    let of_pair = |card: fn(&CardPair) -> Option<&ChosenCard>| chosen.pair.as_ref().and_then(card);
    let cards = [of_pair(|pair| Some(&pair.microphone)), of_pair(|pair| pair.speaker.as_ref())];
    let keys = [(Key::Speech, Key::Microphone), (Key::SpeakerFile, Key::Speaker)];
    let mut reasons = [String::new(), String::new()];
    for ((reason, card), (file, device)) in reasons.iter_mut().zip(cards).zip(keys) {
        let set = [file, device].into_iter().find(|key| values.layer(*key).is_some());
        *reason = match (set, card) {
            (Some(key), _) => format!("set by {}", values.place(key)),
            (None, Some(card)) => format!("chosen for this machine: {}", card.reason),
            (None, None) => chosen.reason.clone(),
        };
    }
    (audio, reasons)
}

fn choose(values: &mut Values, host: &HostInfo) -> ChosenBoard {
    let chosen = match values.text(Key::Board) {
        Some(name) => load_requested(values, host, &name),
        None => Some(detect_board(host)),
    };
    chosen.unwrap_or_default()
}

/// Returns the name of the file of a built-in board, for messages.
fn built_in_path(name: &str) -> String {
    format!("board/{name}.toml")
}

/// A board, the card by which it was detected, and a summary for the log.
#[derive(Default)]
struct ChosenBoard {
    board_file: BoardFile,
    card: Option<CardInfo>,
    /// The cards in place of ALSA's default device, if no board was detected.
    pair: Option<CardPair>,
    reason: String,
}

/// Reads the board that the user set; records problems in `values`.
fn load_requested(values: &mut Values, host: &HostInfo, name: &str) -> Option<ChosenBoard> {
    let (file, text) = load(values, name)?;
    let board_file = match BoardFile::parse(&file, &text) {
        Ok(board_file) => board_file,
        Err(problems) => {
            problems.into_iter().for_each(|problem| values.problem(problem));
            return None;
        }
    };
    if !values.switch(Key::AnyKeyboard) {
        board_file.any_keyboard_problems(&file).into_iter().for_each(|problem| values.problem(problem));
    }
    let card = match_signatures(&board_file.signatures, host).and_then(|fit| fit.card.cloned());
    let reason = format!("board {name}, set by {}", values.place(Key::Board));
    let board = ChosenBoard { board_file, card, pair: None, reason };
    if name != TWO_CARDS {
        return Some(board);
    }
    match pair::cards(host) {
        Some(pair) => Some(with_pair(board, pair)),
        None => {
            let is_set = |key| values.layer(key).is_some();
            if !is_set(Key::Microphone) && !is_set(Key::Speech) {
                values.missing_device(no_microphone(host));
            }
            Some(board)
        }
    }
}

/// Returns the name of the file for messages, and its text.
fn load(values: &mut Values, name: &str) -> Option<(String, String)> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Some((built_in_path(name), (*text).to_owned()));
    }
    if !is_path(name) {
        values.refuse_value(Key::Board, &unknown_board(name));
        return None;
    }
    match file::read(&values.path(Key::Board)?) {
        Ok(text) => Some((name.to_owned(), text)),
        Err(error) => {
            values.refuse_value(Key::Board, &format!("cannot be read: {error}"));
            None
        }
    }
}

/// Returns whether `name` is the path of a board file, not the name of a board.
pub(super) fn is_path(name: &str) -> bool {
    name.contains('/') || name.ends_with(".toml")
}

/// Returns the error for an unknown board `name`.
fn unknown_board(name: &str) -> String {
    let known: Vec<_> = BUILT_IN.iter().map(|(built_in, _)| *built_in).collect();
    let suggestion = suggest(name, known.iter().copied());
    format!("neither a board ({}) nor the path of a .toml file{suggestion}", known.join(", "))
}

/// Detects which built-in board this machine has.
fn detect_board(host: &HostInfo) -> ChosenBoard {
    const OTHER: &str =
        "to use another, set --board NAME, or board = \"NAME\" in mynah.toml; mynah boards lists them";
    let named = |wanted: &str, reason: String| {
        let board_file = built_in().find(|(name, _)| *name == wanted).map(|(_, board_file)| board_file);
        ChosenBoard { board_file: board_file.unwrap_or_default(), card: None, pair: None, reason }
    };
    match search(host) {
        Detection::One((name, board_file), fit) => ChosenBoard {
            reason: format!("board {name}, detected by {}; {OTHER}", fit.evidence),
            card: fit.card.cloned(),
            pair: None,
            board_file,
        },
        Detection::None => match pair::choose(host) {
            None => named(GENERIC, format!("board {GENERIC}, because no other board was detected; {OTHER}")),
            Some(pair) => {
                let board =
                    named(TWO_CARDS, format!("board {TWO_CARDS}, because no other board was detected"));
                let board = with_pair(board, pair);
                ChosenBoard { reason: format!("{}; {OTHER}", board.reason), ..board }
            }
        },
        Detection::Tie(boards, evidence) => {
            let names: Vec<_> = boards.iter().map(|(name, _)| *name).collect();
            let reason = format!(
                "board {GENERIC}, because {} match equally well, by {evidence}, and mynah does not guess which one you \
                 have; {OTHER}",
                listed(&names)
            );
            named(GENERIC, reason)
        }
    }
}

/// Puts the cards of `pair` in place of the board's devices, and says so.
fn with_pair(board: ChosenBoard, pair: CardPair) -> ChosenBoard {
    let mut board_file = board.board_file;
    let speaker = pair
        .speaker
        .as_ref()
        .map_or_else(|| format!("{DEFAULT_DEVICE}, because no card plays"), |speaker| speaker.reason.clone());
    let reason = format!(
        "{}; microphone: {}; speaker: {speaker}; to change them, set --microphone and --speaker (mynah devices lists \
         names)",
        board.reason, pair.microphone.reason
    );
    board_file.microphone = pair.microphone.table.clone();
    if let Some(speaker) = &pair.speaker {
        board_file.speaker = speaker.table.clone();
    }
    ChosenBoard { board_file, pair: Some(pair), reason, ..board }
}

/// Returns the names as `A, B and C`.
fn listed(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn search(host: &HostInfo) -> Detection<'_, (&'static str, BoardFile)> {
    best_match(
        built_in()
            .filter_map(|(name, board_file)| {
                Some((match_signatures(&board_file.signatures, host)?, (name, board_file)))
            })
            .map(|(fit, board)| (board, fit)),
    )
}

/// Returns the built-in boards. A test checks that all of them parse.
fn built_in() -> impl Iterator<Item = (&'static str, BoardFile)> {
    BUILT_IN
        .iter()
        .filter_map(|(name, text)| Some((*name, BoardFile::parse(&built_in_path(name), text).ok()?)))
}

/// Combines the user's audio settings with those of the board. The user's settings win.
fn resolve(values: &mut Values, host: &HostInfo, chosen: &ChosenBoard) -> AudioConfig {
    let ChosenBoard { board_file, card, .. } = chosen;
    let card = card.as_ref();
    let (speech, speaker_file) = (values.file(Key::Speech), values.path(Key::SpeakerFile));
    let gain_db = values.number(Key::GainDb, audio::GAIN_DB);
    let keep_open = values.layer(Key::KeepOpen).map(|_| values.choice(Key::KeepOpen));
    let unplugged = values.wait(Key::UnpluggedS);
    let by_user = users_device(values, Key::Microphone);
    let microphone = ResolvedDevice::choose(&board_file.microphone, by_user, card, CardInfo::capture_name);
    let by_user = users_device(values, Key::Speaker);
    let speaker = ResolvedDevice::choose(&board_file.speaker, by_user, card, CardInfo::playback_name);
    let uses_board = microphone.follows_board || speaker.follows_board;
    let controls = if uses_board { &board_file.controls[..] } else { &[] };
    let card_missing = microphone.card_missing
        || speaker.card_missing
        || controls.iter().any(|control| fill_in_card(&control.card, card).is_none());
    // WAV files instead of the devices need no card.
    if card_missing && speech.is_none() && speaker_file.is_none() {
        values.missing_device(card_not_found(board_file, host));
    }
    let (microphone, speaker) = (microphone.table, speaker.table);
    let device_or_default = |device: Option<String>| device.unwrap_or_else(|| DEFAULT_DEVICE.to_owned());
    AudioConfig {
        microphone: CaptureConfig {
            device: device_or_default(microphone.device),
            form: microphone.form,
            channels: microphone.channels,
            gain_db: gain_db.unwrap_or(microphone.gain_db),
            keep_open: keep_open.or(microphone.keep_open),
        },
        speaker: PlaybackConfig {
            device: device_or_default(speaker.device),
            form: speaker.form,
            channels: speaker.channels,
            cut: speaker.cut,
            keep_awake: speaker.keep_awake,
        },
        controls: controls.iter().filter_map(|control| on_card(control, card)).collect(),
        unplugged: unplugged.or(board_file.unplugged).unwrap_or(UNPLUGGED),
        speech,
        speaker_file,
    }
}

/// Reads the device that the user set, if it can be one.
fn users_device(values: &mut Values, key: Key) -> Option<String> {
    let device = values.text(key)?;
    let is_folders = values.layer(key).is_some_and(|layer| values.is_of_folder(layer));
    let refusal = || (is_folders && !alsa_name::is_device(&device)).then(|| alsa_name::REFUSAL.to_owned());
    match names::alsa_name_problem(&device).or_else(refusal) {
        None => {
            if !alsa_name::is_harmless(&device) {
                values.warn(format!("{}: {device:?} {}", values.place(key), alsa_name::WARNING));
            }
            Some(device)
        }
        Some(problem) => {
            values.refuse_value(key, &problem);
            None
        }
    }
}

/// The settings of the microphone or the speaker.
struct ResolvedDevice {
    table: DeviceTable,
    /// Whether it is the device of the board file.
    follows_board: bool,
    /// Whether the card that names its device is missing.
    card_missing: bool,
}

impl ResolvedDevice {
    /// Returns the user's device, or else the board's. The board's PCM settings are for its own device, so they are not
    /// used for another.
    fn choose(
        board: &DeviceTable,
        by_user: Option<String>,
        card: Option<&CardInfo>,
        first_device: fn(&CardInfo) -> Option<String>,
    ) -> Self {
        let by_board =
            board.device.as_deref().and_then(|template| device_on_card(template, card, first_device));
        let card_missing = by_user.is_none() && board.device.is_some() && by_board.is_none();
        let follows_board = by_user.is_none() || board.device.is_none() || by_user == by_board;
        let described = if follows_board { board.clone() } else { DeviceTable::default() };
        Self { table: DeviceTable { device: by_user.or(by_board), ..described }, follows_board, card_missing }
    }
}

/// Returns the control with the id of its card, if the card is known.
fn on_card(control: &MixerControl, card: Option<&CardInfo>) -> Option<MixerControl> {
    Some(MixerControl { card: fill_in_card(&control.card, card)?, ..control.clone() })
}

/// Returns the device that a board file names, if its card is known. A card without a number stands for its first device
/// of the direction, since some cards have one device for each.
fn device_on_card(
    template: &str,
    card: Option<&CardInfo>,
    first_device: fn(&CardInfo) -> Option<String>,
) -> Option<String> {
    let first = card.filter(|_| template == FIRST_DEVICE).and_then(first_device);
    first.or_else(|| fill_in_card(template, card))
}

/// Replaces `{card}` by the id of the card, if the card is known.
fn fill_in_card(template: &str, card: Option<&CardInfo>) -> Option<String> {
    if !template.contains(CARD) {
        return Some(template.to_owned());
    }
    card.map(|card| template.replace(CARD, &card.id))
}

/// Returns the problem of a Raspberry Pi without a card that records.
fn no_microphone(host: &HostInfo) -> String {
    format!(
        "board {TWO_CARDS}: no sound card records: found {}; connect a USB microphone, or set --microphone",
        host.card_ids()
    )
}

fn card_not_found(board_file: &BoardFile, host: &HostInfo) -> String {
    let signatures: Vec<_> = board_file.signatures.iter().map(detect::BoardSignature::describe).collect();
    format!(
        "board {}: its sound card is missing: expected {}, found {}; connect it, or set --microphone and --speaker",
        board_file.name,
        signatures.join(", or "),
        host.card_ids()
    )
}
