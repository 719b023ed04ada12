//! The lamp cannot lie: it is lit before the first byte of the microphone arrives and dark only after the last.
//!
//! Of the moments between which the lamp has changed the one that is worse for it counts.

use super::{NAME, TAP_NS, enter, start};
use crate::cable::Mouth;
use crate::clock::{self, Dice, MS, ms_between, now};
use crate::gpio::{Change, Chip};
use crate::latency::counter;
use crate::service::Service;
use crate::table::{Goal, Table};

const ROUNDS: usize = 12;

/// One conversation without a word.
struct Round {
    pressed: u64,
    pressed_again: u64,
    over: u64,
}

/// While the lamp was surely lit.
struct Lit {
    from: u64,
    to: u64,
}

pub(super) fn run(table: &mut Table, service: &Service, chip: &Chip) {
    let mouth = Mouth::speak(counter);
    let began = now();
    let device = start("body-light", service, true, &["--mode", "tap"]);
    let agreed = service.wait_for("session.update", began, 5_000).is_some();
    table.expect(NAME, agreed, "there was no session in 5 s");
    clock::sleep_ms(800);
    let watch = chip.watch("LED");
    let mut dice = Dice::new();
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(chip, &mut dice)).collect();
    let lit = lit(&watch.end());
    let ended = device.leave();
    mouth.end();
    enter(table, "light", &ended);
    let log = service.log();
    let appends: Vec<u64> = log.appends.iter().map(|append| append.at).filter(|at| *at >= began).collect();
    edges(table, &rounds, &lit, &appends);
    let unlit = appends.iter().filter(|at| !lit.iter().any(|Lit { from, to }| (from..=to).contains(at)));
    table.number(
        NAME,
        "microphone on the wire while the light is dark",
        unlit.count() as f64,
        Goal::Max(0.0),
    );
}

/// Begins a conversation, and ends it.
fn round(chip: &Chip, dice: &mut Dice) -> Round {
    let pressed = chip.tap("TALK", TAP_NS);
    clock::sleep_ns(250 * MS + dice.below_ms(10));
    let pressed_again = chip.tap("TALK", TAP_NS);
    clock::sleep_ns(400 * MS + dice.below_ms(10));
    Round { pressed, pressed_again, over: now() }
}

fn edges(table: &mut Table, rounds: &[Round], lit: &[Lit], appends: &[u64]) {
    let (mut until_lit, mut early, mut late, mut until_dark) = (vec![], vec![], vec![], vec![]);
    for Round { pressed, pressed_again, over } in rounds {
        let mut own = appends.iter().filter(|at| (pressed..over).contains(at));
        let (first, last) = (own.next(), own.next_back());
        let shown: Vec<&Lit> =
            lit.iter().filter(|Lit { from, .. }| (pressed..over).contains(&from)).collect();
        if let (Some(first), Some(last), [Lit { from, to }]) = (first, last, shown.as_slice()) {
            until_lit.push(ms_between(*pressed, *from));
            early.push(ms_between(*first, *from));
            late.push(ms_between(*last, *to));
            until_dark.push(ms_between(*pressed_again, *to));
        }
    }
    table.expect(NAME, early.len() == rounds.len(), "not every press lit the lamp once and was heard");
    table.row(NAME, "press → light on, ms", until_lit, Goal::None, None);
    table.row(NAME, "light on − first microphone on the wire, ms", early, Goal::Max(0.0), None);
    table.row(NAME, "light off − last microphone on the wire, ms", late, Goal::Min(0.0), None);
    table.row(NAME, "press that ends → light off, ms", until_dark, Goal::None, None);
}

fn lit(changes: &[Change]) -> Vec<Lit> {
    let pairs = changes.windows(2).filter(|pair| pair[0].high && !pair[1].high);
    pairs.map(|pair| Lit { from: pair[0].after, to: pair[1].before }).collect()
}
