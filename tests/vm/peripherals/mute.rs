//! Muting closes the microphone's device, according to the kernel, and survives a restart.

use std::fs;

use super::{LONG_MS, NAME, enter, start};
use crate::clock::{self, MS, Random, ms_between, now};
use crate::gpio::Chip;
use crate::latency::counter;
use crate::loopback::SoundSource;
use crate::service::Service;
use crate::table::{Goal, Table};

const ROUNDS: usize = 12;
/// The state of the microphone's device.
const STATUS: &str = "/proc/asound/Loopback/pcm0c/sub0/status";
/// Its first line, muted and not muted.
const CLOSED: &str = "closed";
const RUNNING: &str = "state: RUNNING";
const TIMEOUT_MS: u64 = 2_000;
const POLL_NS: u64 = 100_000;

/// The times of one muting and unmuting.
struct Round {
    mute_at: u64,
    closed: u64,
    unmute_at: u64,
    running: u64,
}

pub(super) fn run(table: &mut Table, service: &Service, chip: &Chip) {
    let source = SoundSource::start(counter);
    let device = start("peripherals-mute", service, true, &[]);
    table.expect(
        NAME,
        service.wait_for_sound(now(), 5_000).is_some(),
        "no microphone audio arrived within 5 s",
    );
    clock::sleep_ms(500);
    let mut random = Random::new();
    let mut rounds = |table: &mut Table, how: &str, toggle: &dyn Fn(bool) -> u64| {
        let rounds: Vec<Round> = (0..ROUNDS).filter_map(|_| round(chip, toggle, &mut random)).collect();
        judge(table, service, how, &rounds);
    };
    rounds(table, "switch", &|on| if on { chip.press("MUTE") } else { chip.release("MUTE") });
    rounds(table, "long press", &|_| hold(chip));
    let muted = wait_for_status(chip, CLOSED, hold(chip)).is_some();
    table.expect(NAME, muted, "the last long press did not close the microphone");
    clock::sleep_ms(300);
    enter(table, "mute", &device.leave());
    restart(table, service, chip);
    source.stop();
}

/// Mutes and unmutes once. Returns `None` if the device did not follow.
fn round(chip: &Chip, toggle: &dyn Fn(bool) -> u64, random: &mut Random) -> Option<Round> {
    clock::sleep_ns(300 * MS + random.below_ms(10));
    let mute_at = toggle(true);
    let closed = wait_for_status(chip, CLOSED, mute_at)?;
    clock::sleep_ns(300 * MS + random.below_ms(10));
    let unmute_at = toggle(false);
    let running = wait_for_status(chip, RUNNING, unmute_at)?;
    Some(Round { mute_at, closed, unmute_at, running })
}

fn judge(table: &mut Table, service: &Service, how: &str, rounds: &[Round]) {
    table.expect(NAME, rounds.len() == ROUNDS, &format!("{how}: not every one muted and unmuted"));
    let closed = rounds.iter().map(|round| ms_between(round.mute_at, round.closed)).collect();
    table.row(NAME, &format!("{how} → microphone closed, ms"), closed, Goal::Max(100.0), None);
    let running = rounds.iter().map(|round| ms_between(round.unmute_at, round.running)).collect();
    table.row(NAME, &format!("{how} back → microphone running, ms"), running, Goal::Max(100.0), None);
    let log = service.log();
    let muted = |at: u64| rounds.iter().any(|round| (round.closed..round.unmute_at).contains(&at));
    let count = log.appends.iter().filter(|append| muted(append.at)).count();
    table.number(NAME, &format!("{how}: microphone on the wire while muted"), count as f64, Goal::Max(0.0));
}

/// Starts mynah again with its saved state, and unmutes.
fn restart(table: &mut Table, service: &Service, chip: &Chip) {
    let began = now();
    let device = start("peripherals-mute-again", service, false, &[]);
    let configured = service.wait_for("session.update", began, 5_000).is_some();
    table.expect(NAME, configured, "there was no session within 5 s after the restart");
    let opened = clock::until(2_000, || !status().starts_with(CLOSED));
    table.expect(NAME, !opened, "the microphone opened after a restart while muted");
    let mute_at = hold(chip);
    table.expect(
        NAME,
        wait_for_status(chip, RUNNING, mute_at).is_some(),
        "after the restart a long press did not unmute",
    );
    table.expect(
        NAME,
        service.wait_for_sound(mute_at, 2_000).is_some(),
        "no microphone audio arrived after unmuting",
    );
    let log = service.log();
    let count = log.appends.iter().filter(|append| (began..mute_at).contains(&append.at)).count();
    drop(log);
    table.number(NAME, "restarted while muted: microphone on the wire", count as f64, Goal::Max(0.0));
    enter(table, "restarted while muted", &device.leave());
}

/// Holds the talk button and returns when the press becomes a long one.
fn hold(chip: &Chip) -> u64 {
    let due = chip.press("TALK") + LONG_MS * MS;
    clock::sleep_ns(due.saturating_sub(now()));
    due
}

/// Waits until the device's state starts with `words` and releases the talk button. Returns when it did.
fn wait_for_status(chip: &Chip, words: &str, since: u64) -> Option<u64> {
    let reached_at = loop {
        if status().starts_with(words) {
            break Some(now());
        }
        if now() > since + TIMEOUT_MS * MS {
            break None;
        }
        clock::sleep_ns(POLL_NS);
    };
    chip.release("TALK");
    reached_at
}

fn status() -> String {
    fs::read_to_string(STATUS).expect("the card has this device")
}
