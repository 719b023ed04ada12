//! `boards`: a conversation on each board's card, with an interruption, a mute, and an unplugged card.
//!
//! Button and service are simulated, the card is the project's own with the manners of the board's. What was heard is
//! judged from the loudspeaker alone, sample by sample: the replies are of one sign each, so that a sample tells its
//! reply.

mod conversation;
mod profiles;

use crate::gpio::Chip;
use crate::table::Table;
use conversation::converse;
use profiles::PROFILES;

const NAME: &str = "boards";
const LINES: &[&str] = &["TALK", "MUTE"];

pub(crate) fn run(table: &mut Table, _: bool) {
    let chip = Chip::new(LINES);
    for profile in PROFILES {
        converse(table, profile, &chip);
    }
}
