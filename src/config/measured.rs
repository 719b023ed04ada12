//! What `mynah doctor echo --fix` has measured, kept beside the saved state: a setting that is weaker than any that the
//! user writes, and stronger than the defaults.
//!
//! It reads and formats the file; `doctor` writes it. A file that cannot be understood is told and not used.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::saved_state;
use super::schema::Key;
use super::session_options::HALF_DUPLEX_TAIL_MAX_MS;
use super::sources::file as source_file;
use super::sources::strict_toml::StrictTable;
use super::values::{Keyword, Values};
use crate::model::EchoCancellation;
use crate::printable::Printable;

/// Name of the file, beside the state file.
pub const MEASURED_FILE: &str = "measured.toml";
/// Its section and keys, which are those of the config file.
const SECTION: &str = "hearing";
const CANCELLATION: &str = "echo_cancellation";
const TAIL: &str = "half_duplex_tail_ms";

/// What follows from a measurement of the echo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredEcho {
    pub cancellation: EchoCancellation,
    /// For half duplex.
    pub half_duplex_tail: Duration,
    /// Why, in words.
    pub reason: String,
}

impl MeasuredEcho {
    /// Returns the text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { cancellation, half_duplex_tail, reason } = self;
        format!(
            "# Measured by mynah doctor echo --fix; --undo removes it. What is set elsewhere goes before it.\n\
             # {}\n[{SECTION}]\n{CANCELLATION} = {:?}\n{TAIL} = {}\n",
            Printable(reason),
            Self::word(*cancellation),
            half_duplex_tail.as_millis()
        )
    }

    /// Returns the word for `cancellation` in the settings.
    #[must_use]
    pub fn word(cancellation: EchoCancellation) -> &'static str {
        let words = EchoCancellation::ALL.iter();
        words.copied().find(|(_, known)| *known == cancellation).map_or("", |(word, _)| word)
    }
}

/// Sets what was measured and is not set by the user.
pub(super) fn apply(values: &mut Values) {
    let Some(file) = file(values) else { return };
    let text = match source_file::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return warn(values, &format!("{}: cannot be read: {error}", file.display())),
    };
    let name = file.display().to_string();
    let mut root = StrictTable::parse(&name, &text);
    let mut table = root.table(SECTION);
    let lines = [CANCELLATION, TAIL].map(|key| table.line_at(key));
    let places = [table.place(CANCELLATION, lines[0]), table.place(TAIL, lines[1])];
    let cancellation = table.keyword::<EchoCancellation>(CANCELLATION);
    let tail_ms = table.integer(TAIL, 0, HALF_DUPLEX_TAIL_MAX_MS);
    let problem = root.finish().into_iter().chain(table.finish()).next();
    match (problem, cancellation) {
        (Some(problem), _) => warn(values, &problem),
        (None, None) => warn(values, &format!("{name}: {CANCELLATION} is not set")),
        (None, Some(cancellation)) => {
            let [cancellation_place, tail_place] = places;
            let word = MeasuredEcho::word(cancellation);
            if cancellation == EchoCancellation::Device
                && values.text_matches(Key::InputRate, |hz| hz != "24000")
            {
                let reason =
                    format!("does not work with the input_rate that {} sets", values.place(Key::InputRate));
                return values.warn(format!("{cancellation_place}: {word} {reason}; it is not used"));
            }
            values.set_measured(Key::EchoCancellation, word.to_owned(), cancellation_place);
            let is_half_duplex = |word: &str| word == MeasuredEcho::word(EchoCancellation::HalfDuplex);
            if let Some(ms) = tail_ms
                && values.text_matches(Key::EchoCancellation, is_half_duplex)
            {
                values.set_measured(Key::HalfDuplexTailMs, ms.to_string(), tail_place);
            }
        }
    }
}

fn warn(values: &mut Values, problem: &str) {
    values.warn(format!(
        "{problem}; what was measured is not used: run mynah doctor echo --fix again, or remove the file"
    ));
}

/// Returns the path of the file; `None` if no state is kept.
fn file(values: &Values) -> Option<PathBuf> {
    let state = match values.layer(Key::StateFile) {
        Some(_) => values.unchecked_path(Key::StateFile),
        None => saved_state::default_file(values),
    };
    state.as_deref().map(|state: &Path| state.with_file_name(MEASURED_FILE))
}
