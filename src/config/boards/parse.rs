//! What one board file says, all of it, read strictly: an unknown key is refused, and so is what
//! contradicts itself. It looks at no machine.

use super::audio::DeviceTable;
use super::detect::BoardSignature;
use super::{CARD, audio, buttons, lights, lines};
use crate::config::strict_toml::StrictTable;
use crate::config::{MixerControl, Peripherals, UnplugPolicy};

/// What a board file says.
#[derive(Clone, Debug, Default)]
pub(super) struct BoardFile {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) finds: Vec<BoardSignature>,
    pub(super) microphone: DeviceTable,
    pub(super) speaker: DeviceTable,
    pub(super) controls: Vec<MixerControl>,
    pub(super) unplugged: Option<UnplugPolicy>,
    pub(super) body: Peripherals,
}

impl BoardFile {
    /// Reads the `text` of the file called `file`.
    ///
    /// # Errors
    /// Returns every problem found, one sentence each.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Vec<String>> {
        let mut top = StrictTable::parse(file, text);
        let mut rest = Vec::new();
        let [mut board, mut microphone, mut speaker, mut unplugged] =
            ["board", "microphone", "speaker", "unplugged"].map(|name| top.table(name));
        let facts = Self {
            name: board.required_text("name").unwrap_or_default(),
            about: board.required_text("about").unwrap_or_default(),
            microphone: audio::microphone(&mut microphone),
            speaker: audio::speaker(&mut speaker),
            unplugged: audio::unplugged(&mut unplugged),
            finds: each(&mut top, "find", &mut rest, |section| Some(BoardSignature::read(section))),
            controls: each(&mut top, "control", &mut rest, audio::control),
            body: Peripherals {
                buttons: each(&mut top, "button", &mut rest, buttons::read),
                lights: each(&mut top, "light", &mut rest, lights::read),
                driven: each(&mut top, "drive", &mut rest, buttons::drive),
            },
        };
        let mut problems = top.finish();
        problems.extend([board, microphone, speaker, unplugged].into_iter().flat_map(StrictTable::finish));
        problems.extend(rest);
        if problems.is_empty() {
            problems.extend(facts.contradictions().into_iter().map(|why| format!("{file}: {why}")));
        }
        if problems.is_empty() { Ok(facts) } else { Err(problems) }
    }

    /// Tells whether it uses `{card}`.
    pub(super) fn uses_card(&self) -> bool {
        let devices = [&self.microphone, &self.speaker].into_iter().filter_map(|end| end.device.as_ref());
        devices.chain(self.controls.iter().map(|control| &control.card)).any(|name| name.contains(CARD))
    }

    fn contradictions(&self) -> Vec<String> {
        let mut found = lines::clashes(&self.body);
        let body = &self.body;
        twice(&mut found, "button", body.buttons.iter().map(|button| button.name.as_str()));
        twice(&mut found, "light", body.lights.iter().map(|light| light.name.as_str()));
        if self.uses_card() && (self.finds.is_empty() || !self.finds.iter().all(BoardSignature::has_card)) {
            found.push(format!(
                "{CARD} and a [[control]] without card mean the card that was found, so there must be a [[find]], \
                 and each must name cards"
            ));
        }
        found
    }
}

/// Reads every table called `name`; what is wrong with one goes to `problems`.
fn each<T>(
    top: &mut StrictTable<'_>,
    name: &'static str,
    problems: &mut Vec<String>,
    read: impl Fn(&mut StrictTable<'_>) -> Option<T>,
) -> Vec<T> {
    let tables = top.tables(name);
    let one = |mut section: StrictTable<'_>| {
        let found = read(&mut section);
        problems.extend(section.finish());
        found
    };
    tables.into_iter().filter_map(one).collect()
}

fn twice<'n>(found: &mut Vec<String>, what: &str, names: impl Iterator<Item = &'n str>) {
    let names: Vec<_> = names.collect();
    let again = (0..names.len()).filter(|at| names[..*at].contains(&names[*at]));
    found.extend(again.map(|at| format!("[[{what}]]: two are called {:?}", names[at])));
}
