//! Lines that cannot be had: exit code 2, and one sentence that says who wants which, why not, and what there is.

use gpiocdev::Request;

use super::{BOARD, NAME, board};
use crate::gpio::Chip;
use crate::refusals::refused;
use crate::table::{Goal, Table};

const LAMP: &str = "gpio = \"LED\"";

pub(super) fn run(table: &mut Table, chip: &Chip) {
    let mut cases = 0;
    let mut right = 0;
    let mut case = |talk: &str, lamp: &str, what: &str, words: &[&str]| {
        board(talk, lamp);
        cases += 1;
        right += u32::from(refused(table, NAME, what, &["--board", BOARD], words));
    };
    let no_line = ["the button talk", "line TALKING", "TALK", "no line has that name"];
    case("gpio = \"TALKING\"", LAMP, "a line that is not there", &no_line);
    let no_chip = ["the button talk", "line 0 of gpiochip7", "no such chip", "vm"];
    case("chip = \"gpiochip7\"\noffset = 0", LAMP, "a chip that is not there", &no_chip);
    let no_offset = ["the button talk", "line 44 of vm", "0 to 3"];
    case("chip = \"vm\"\noffset = 44", LAMP, "a number that the chip does not have", &no_offset);
    let spare = Request::builder()
        .on_chip(chip.device())
        .with_consumer("a finger")
        .with_line(chip.offset("SPARE"))
        .as_input()
        .request()
        .expect("a line that is free");
    let busy = ["line SPARE", "\"a finger\"", "vm, process", "end it first"];
    case("gpio = \"SPARE\"", LAMP, "a button's line that is busy", &busy);
    case("gpio = \"TALK\"", "gpio = \"SPARE\"", "a lamp's line that is busy", &busy);
    drop(spare);
    let right = f64::from(right);
    table.number(NAME, "wrong lines refused with their sentence", right, Goal::Min(f64::from(cases)));
}
