//! GPIO lines that cannot be requested: exit code 2, and a message with the button or light, the line and the reason.

use gpiocdev::Request;

use super::{BOARD, NAME, board};
use crate::gpio::Chip;
use crate::refusals::refused;
use crate::table::{Goal, Table};

const LIGHT: &str = "gpio = \"LED\"";

pub(super) fn run(table: &mut Table, chip: &Chip) {
    let mut cases = 0;
    let mut right = 0;
    let mut case = |talk: &str, light: &str, what: &str, words: &[&str]| {
        board(talk, light);
        cases += 1;
        right += u32::from(refused(table, NAME, what, &["--board", BOARD], words));
    };
    let no_line = ["the button talk", "line TALKING", "TALK", "no line has that name"];
    case("gpio = \"TALKING\"", LIGHT, "a missing line", &no_line);
    let no_chip = ["the button talk", "line 0 of gpiochip7", "no such chip", "vm"];
    case("chip = \"gpiochip7\"\noffset = 0", LIGHT, "a missing chip", &no_chip);
    let no_offset = ["the button talk", "line 44 of vm", "0 to 3"];
    case("chip = \"vm\"\noffset = 44", LIGHT, "an offset beyond the chip", &no_offset);
    let spare = Request::builder()
        .on_chip(chip.device())
        .with_consumer("another program")
        .with_line(chip.offset("SPARE"))
        .as_input()
        .request()
        .expect("a free line");
    let busy = ["line SPARE", "\"another program\"", "vm, process"];
    case("gpio = \"SPARE\"", LIGHT, "a button's line in use", &busy);
    case("gpio = \"TALK\"", "gpio = \"SPARE\"", "a light's line in use", &busy);
    drop(spare);
    let right = f64::from(right);
    table.number(NAME, "wrong lines refused with a reason", right, Goal::Min(f64::from(cases)));
}
