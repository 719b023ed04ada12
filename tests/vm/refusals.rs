//! `refusals`: wrong settings are refused at start with exit code 2 and a message that names the device.

use alsa::Direction;

use crate::device::Device;
use crate::loopback::{MICROPHONE, SPEAKER, open};
use crate::table::{Goal, Table};

const NAME: &str = "refusals";

pub(crate) fn run(table: &mut Table, _: bool) {
    let mut right = 0;
    let mut cases = 0;
    let mut case = |what: &str, arguments: &[&str], words: &[&str]| {
        cases += 1;
        right += u32::from(refused(table, NAME, what, arguments, words));
    };
    let cards = ["--microphone", MICROPHONE, "--speaker", SPEAKER];
    let held = open(SPEAKER, Direction::Playback, 240, 960).expect("the card");
    case("a speaker that is busy", &cards, &["speaker", SPEAKER, "in use by vm"]);
    drop(held);
    let held = open(MICROPHONE, Direction::Capture, 240, 1920).expect("the card");
    case("a microphone that is busy", &cards, &["microphone", MICROPHONE, "in use by vm"]);
    drop(held);
    let nothing = ["--microphone", "hw:Nothing,0", "--speaker", SPEAKER];
    case("a missing card", &nothing, &["microphone", "hw:Nothing,0", "arecord -L"]);
    let right = f64::from(right);
    table.number(NAME, "wrong settings refused with a reason", right, Goal::Min(f64::from(cases)));
}

/// Checks that mynah exits with code 2 and a message that contains these words. Returns whether it did.
pub(crate) fn refused(
    table: &mut Table,
    scenario: &'static str,
    what: &str,
    arguments: &[&str],
    words: &[&str],
) -> bool {
    let name = format!("{scenario}-{}", what.replace(' ', "-"));
    let ended = Device::start_bare(&name, &[&["--parrot"], arguments].concat()).ended(5_000);
    let output = ended.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
    let missing = words.iter().find(|word| !output.contains(**word));
    if ended.code != Some(2) {
        table.fail(scenario, &format!("{what}: exit code {:?}, not 2: {output}", ended.code));
    } else if let Some(word) = missing {
        table.fail(scenario, &format!("{what}: the message lacks {word:?}: {output}"));
    }
    ended.code == Some(2) && missing.is_none()
}
