//! The light never lags: it is on before the first byte of the microphone arrives and off only after the last.
//!
//! A change lies between two reads of the line; the less favourable of the two times counts.

use super::{NAME, TAP_NS, enter, start};
use crate::clock::{self, MS, Random, ms_between, now};
use crate::gpio::{Chip, LineChange};
use crate::latency::counter;
use crate::loopback::SoundSource;
use crate::service::Service;
use crate::table::{Goal, Table};

const ROUNDS: usize = 12;

/// One conversation without speech.
struct Round {
    pressed: u64,
    pressed_again: u64,
    over: u64,
}

/// A time span in which the light was certainly on.
struct LitSpan {
    from: u64,
    to: u64,
}

pub(super) fn run(table: &mut Table, service: &Service, chip: &Chip) {
    let source = SoundSource::start(counter);
    let began = now();
    let device = start("peripherals-light", service, true, &["--mode", "tap"]);
    let configured = service.wait_for("session.update", began, 5_000).is_some();
    table.expect(NAME, configured, "there was no session within 5 s");
    clock::sleep_ms(800);
    let watch = chip.watch("LED");
    let mut random = Random::new();
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(chip, &mut random)).collect();
    let lit = lit(&watch.end());
    let ended = device.leave();
    source.stop();
    enter(table, "light", &ended);
    let log = service.log();
    let appends: Vec<u64> = log.appends.iter().map(|append| append.at).filter(|at| *at >= began).collect();
    edges(table, &rounds, &lit, &appends);
    let unlit = appends.iter().filter(|at| !lit.iter().any(|LitSpan { from, to }| (from..=to).contains(at)));
    table.number(NAME, "microphone on the wire while the light is off", unlit.count() as f64, Goal::Max(0.0));
}

/// Starts and ends a conversation with the button.
fn round(chip: &Chip, random: &mut Random) -> Round {
    let pressed = chip.tap("TALK", TAP_NS);
    clock::sleep_ns(250 * MS + random.below_ms(10));
    let pressed_again = chip.tap("TALK", TAP_NS);
    clock::sleep_ns(400 * MS + random.below_ms(10));
    Round { pressed, pressed_again, over: now() }
}

fn edges(table: &mut Table, rounds: &[Round], lit: &[LitSpan], appends: &[u64]) {
    let (mut until_lit, mut early, mut late, mut until_dark) = (vec![], vec![], vec![], vec![]);
    for Round { pressed, pressed_again, over } in rounds {
        let mut own = appends.iter().filter(|at| (pressed..over).contains(at));
        let (first, last) = (own.next(), own.next_back());
        let shown: Vec<&LitSpan> =
            lit.iter().filter(|LitSpan { from, .. }| (pressed..over).contains(&from)).collect();
        if let (Some(first), Some(last), [LitSpan { from, to }]) = (first, last, shown.as_slice()) {
            until_lit.push(ms_between(*pressed, *from));
            early.push(ms_between(*first, *from));
            late.push(ms_between(*last, *to));
            until_dark.push(ms_between(*pressed_again, *to));
        }
    }
    table.expect(
        NAME,
        early.len() == rounds.len(),
        "not every press switched the light on once and sent audio",
    );
    table.row(NAME, "press → light on, ms", until_lit, Goal::None, None);
    table.row(NAME, "light on − first microphone on the wire, ms", early, Goal::Max(0.0), None);
    table.row(NAME, "light off − last microphone on the wire, ms", late, Goal::Min(0.0), None);
    table.row(NAME, "press that ends → light off, ms", until_dark, Goal::None, None);
}

fn lit(changes: &[LineChange]) -> Vec<LitSpan> {
    let pairs = changes.windows(2).filter(|pair| pair[0].high && !pair[1].high);
    pairs.map(|pair| LitSpan { from: pair[0].after, to: pair[1].before }).collect()
}
