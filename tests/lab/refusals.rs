//! `refusals`: a wrong set-up is refused before anything is said, with exit code 2 and one sentence.

use alsa::Direction;

use crate::cable::{MICROPHONE, SPEAKER, open};
use crate::device::Device;
use crate::table::{Goal, Table};

const NAME: &str = "refusals";

pub(crate) fn run(table: &mut Table, _: bool) {
    let mut right = 0;
    let mut cases = 0;
    let mut refused = |table: &mut Table, what: &str, arguments: &[&str], words: &[&str]| {
        cases += 1;
        let ended = Device::start_bare(NAME, &[&["--parrot"], arguments].concat()).ended(5_000);
        let said = ended.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n");
        let lacking = words.iter().find(|word| !said.contains(**word));
        if ended.code != Some(2) {
            table.fail(NAME, &format!("{what}: exit code {:?}, not 2; it said: {said}", ended.code));
        } else if let Some(word) = lacking {
            table.fail(NAME, &format!("{what}: no word of {word:?}; it said: {said}"));
        } else {
            right += 1;
        }
    };
    let cards = ["--microphone", MICROPHONE, "--speaker", SPEAKER];
    let held = open(SPEAKER, Direction::Playback, 240, 960).expect("the card");
    refused(table, "a speaker that is busy", &cards, &["speaker", SPEAKER, "held by lab"]);
    drop(held);
    let held = open(MICROPHONE, Direction::Capture, 240, 1920).expect("the card");
    refused(table, "a microphone that is busy", &cards, &["microphone", MICROPHONE, "held by lab"]);
    drop(held);
    let nothing = ["--microphone", "hw:Nothing,0", "--speaker", SPEAKER];
    refused(table, "a card that is not there", &nothing, &["microphone", "hw:Nothing,0", "arecord -L"]);
    let right = f64::from(right);
    table.number(NAME, "wrong set-ups refused with their sentence", right, Goal::Min(f64::from(cases)));
}
