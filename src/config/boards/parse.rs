//! Parses a board file strictly: unknown keys and contradictions are errors.
//!
//! It does not look at the machine.

use super::audio::DeviceTable;
use super::detect::BoardSignature;
use super::{CARD, audio, buttons, lights, lines};
use crate::config::sources::strict_toml::StrictTable;
use crate::config::{MixerControl, Peripherals, UnplugPolicy};

/// The contents of a board file.
#[derive(Clone, Debug, Default)]
pub(super) struct BoardFile {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) signatures: Vec<BoardSignature>,
    pub(super) microphone: DeviceTable,
    pub(super) speaker: DeviceTable,
    pub(super) controls: Vec<MixerControl>,
    pub(super) unplugged: Option<UnplugPolicy>,
    pub(super) peripherals: Peripherals,
}

impl BoardFile {
    /// Parses the `text` of the file called `file`.
    ///
    /// # Errors
    /// Returns every problem found, one sentence each.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Vec<String>> {
        let mut root = StrictTable::parse(file, text);
        let mut table_problems = Vec::new();
        let [mut board, mut microphone, mut speaker, mut unplugged] =
            ["board", "microphone", "speaker", "unplugged"].map(|name| root.table(name));
        let board_file = Self {
            name: board.required_text("name").unwrap_or_default(),
            about: board.required_text("about").unwrap_or_default(),
            microphone: audio::microphone(&mut microphone),
            speaker: audio::speaker(&mut speaker),
            unplugged: audio::unplugged(&mut unplugged),
            signatures: read_all(&mut root, "find", &mut table_problems, |table| {
                Some(BoardSignature::read(table))
            }),
            controls: read_all(&mut root, "control", &mut table_problems, audio::control),
            peripherals: Peripherals {
                buttons: read_all(&mut root, "button", &mut table_problems, buttons::read),
                lights: read_all(&mut root, "light", &mut table_problems, lights::read),
                driven: read_all(&mut root, "drive", &mut table_problems, buttons::drive),
            },
        };
        let mut problems = root.finish();
        problems.extend([board, microphone, speaker, unplugged].into_iter().flat_map(StrictTable::finish));
        problems.extend(table_problems);
        if problems.is_empty() {
            problems
                .extend(board_file.contradictions().into_iter().map(|reason| format!("{file}: {reason}")));
        }
        if problems.is_empty() { Ok(board_file) } else { Err(problems) }
    }

    /// Returns whether it uses `{card}`.
    pub(super) fn uses_card(&self) -> bool {
        let devices = [&self.microphone, &self.speaker].into_iter().filter_map(|table| table.device.as_ref());
        devices.chain(self.controls.iter().map(|control| &control.card)).any(|name| name.contains(CARD))
    }

    /// Returns what is wrong in the file called `file` unless the user allows keys of every keyboard.
    pub(super) fn any_keyboard_problems(&self, file: &str) -> Vec<String> {
        let problems = self.peripherals.buttons.iter().filter_map(buttons::any_keyboard_problem);
        problems.map(|problem| format!("{file}: {problem}")).collect()
    }

    fn contradictions(&self) -> Vec<String> {
        let mut problems = lines::conflicts(&self.peripherals);
        let peripherals = &self.peripherals;
        push_duplicates(
            &mut problems,
            "button",
            peripherals.buttons.iter().map(|button| button.name.as_str()),
        );
        push_duplicates(&mut problems, "light", peripherals.lights.iter().map(|light| light.name.as_str()));
        if self.uses_card()
            && (self.signatures.is_empty() || !self.signatures.iter().all(BoardSignature::has_card))
        {
            problems.push(format!(
                "{CARD}, and a [[control]] without card, stand for the detected card: add a [[find]], and set cards \
                 in each"
            ));
        }
        problems
    }
}

/// Reads the array of tables `name`; adds its problems to `problems`.
fn read_all<T>(
    root: &mut StrictTable<'_>,
    name: &'static str,
    problems: &mut Vec<String>,
    read: impl Fn(&mut StrictTable<'_>) -> Option<T>,
) -> Vec<T> {
    let tables = root.tables(name);
    let read_one = |mut table: StrictTable<'_>| {
        let found = read(&mut table);
        problems.extend(table.finish());
        found
    };
    tables.into_iter().filter_map(read_one).collect()
}

fn push_duplicates<'n>(problems: &mut Vec<String>, table: &str, names: impl Iterator<Item = &'n str>) {
    let names: Vec<_> = names.collect();
    let duplicates = (0..names.len()).filter(|at| names[..*at].contains(&names[*at]));
    problems.extend(duplicates.map(|at| format!("[[{table}]]: the name {:?} is used twice", names[at])));
}
