//! The board file: the facts of one piece of hardware, as TOML.
//!
//! A name means a file that is part of the program, a path any other file. Unknown keys are refused.

use super::document::Section;
use super::keys::{Key, nearest};
use super::values::Values;
use std::time::Duration;

use super::{Body, Form, Microphone, Sound, Speaker, Unplugged};

/// The boards that are part of the program: their names and files.
const BUILT_IN: &[(&str, &str)] = &[("desktop", include_str!("../../board/desktop.toml"))];

/// What ALSA calls the sound device that the system prefers.
const DEFAULT_DEVICE: &str = "default";

/// Reads the board that was asked for. What the owner says himself comes before what its file says.
pub(super) fn read(values: &mut Values) -> (Sound, Body) {
    let facts = find(values).and_then(|(file, text)| parse(values, &file, &text)).unwrap_or_default();
    let mut device =
        |key, fact: Option<String>| values.text(key).or(fact).unwrap_or_else(|| DEFAULT_DEVICE.to_owned());
    let microphone = device(Key::Microphone, facts.microphone);
    let speaker = device(Key::Speaker, facts.speaker);
    let (speech, speaker_file) = (values.file(Key::Speech), values.path(Key::SpeakerFile));
    let sound = Sound {
        microphone: Microphone {
            device: microphone,
            form: Form::default(),
            channels: Vec::new(),
            gain_db: 0.0,
        },
        speaker: Speaker { device: speaker, form: Form::default(), channels: Vec::new() },
        controls: Vec::new(),
        unplugged: Unplugged::End(Duration::from_secs(5)),
        speech,
        speaker_file,
    };
    (sound, Body::default())
}

#[derive(Default)]
struct Facts {
    microphone: Option<String>,
    speaker: Option<String>,
}

/// Gives the file's name, as sentences call it, and its text.
fn find(values: &mut Values) -> Option<(String, String)> {
    let name = values.text(Key::Board)?;
    if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Some((format!("board/{name}.toml"), (*text).to_owned()));
    }
    if !name.contains('/') && !name.ends_with(".toml") {
        let known: Vec<_> = BUILT_IN.iter().map(|(built_in, _)| *built_in).collect();
        let meant = nearest(&name, known.iter().copied());
        let known = known.join(", ");
        values.refuse_value(
            Key::Board,
            &format!("neither a board ({known}) nor the path of a .toml file{meant}"),
        );
        return None;
    }
    match std::fs::read_to_string(values.path(Key::Board)?) {
        Ok(text) => Some((name, text)),
        Err(error) => {
            values.refuse_value(Key::Board, &format!("cannot be read: {error}"));
            None
        }
    }
}

fn parse(values: &mut Values, file: &str, text: &str) -> Option<Facts> {
    let mut top = Section::parse(file, text);
    let [mut board, mut microphone, mut speaker] =
        ["board", "microphone", "speaker"].map(|name| top.table(name));
    // Only people read these two, but a board file without them is not one to share.
    board.required_text("name");
    board.required_text("about");
    let facts = Facts { microphone: microphone.text("device"), speaker: speaker.text("device") };
    let problems: Vec<_> = [top, board, microphone, speaker].into_iter().flat_map(Section::finish).collect();
    let sound = problems.is_empty();
    problems.into_iter().for_each(|problem| values.problem(problem));
    sound.then_some(facts)
}
