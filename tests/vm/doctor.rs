//! `doctor`: `mynah doctor` finds what is wrong with the card, sets its controls and sets them back.
//!
//! A room stands between the speaker and the microphone of the loopback card; the controls are those of snd-dummy.

use std::process::Command;

use alsa::Direction;

use crate::loopback::{MICROPHONE, RATE_HZ, SPEAKER, open};
use crate::room::Room;
use crate::table::{Goal, Table};

const NAME: &str = "doctor";
const BOARD: &str = "doctor.toml";

pub(crate) fn run(table: &mut Table, _: bool) {
    let mut right = 0;
    let rooms = [
        ("a good room", 0.3, 20.0, "good  sound    echo: "),
        ("a speaker that is silent", 0.0, 20.0, "WRONG sound    echo: the test sound was not heard"),
        ("a microphone that is muted", 0.0, 0.0, "it delivers only zeros"),
        ("a loud hum", 0.3, 3_000.0, "the noise is very loud"),
        ("a speaker that is too loud", 6.0, 20.0, "samples are clipped"),
    ];
    for (what, gain, noise, expected) in rooms {
        write_board("");
        let room = Room::start(gain, noise, |_| 0);
        let (code, printed) = examine(&[]);
        room.stop();
        let is_good = expected.starts_with("good");
        right += u32::from(judge(table, what, is_good, code, &printed, expected));
    }
    right += controls(table);
    right += echoes(table);
    let held = open(SPEAKER, Direction::Playback, 240, 960).expect("the card");
    let (code, printed) = examine(&[]);
    drop(held);
    right += u32::from(judge(table, "a speaker that is busy", false, code, &printed, "in use by vm"));
    table.number(NAME, "faults and cures told", f64::from(right), Goal::Min(rooms.len() as f64 + 8.0));
}

/// Measures the echo in three rooms; returns the number that were judged right.
fn echoes(table: &mut Table) -> u32 {
    let rooms = [
        ("an echo", 0.3, 0, " echo     best: "),
        ("no echo", 0.0, 1, "WRONG echo     echo: the test sound is not in what the microphone hears"),
        ("a clipped echo", 6.0, 1, "% of it is clipped"),
    ];
    let mut right = 0;
    write_board("");
    for (what, gain, exit_code, expected) in rooms {
        let room = Room::start(gain, 20.0, |_| 0);
        let (code, printed) = examine_topic("echo", &[]);
        room.stop();
        right += u32::from(judge(table, what, exit_code == 0, code, &printed, expected));
    }
    right
}

/// Compares, sets and sets back controls of snd-dummy; returns the number of steps that were right.
fn controls(table: &mut Table) -> u32 {
    write_board(
        "[[control]]\ncard = \"hw:CARD=Dummy\"\nname = \"Master\"\npercent = 81\n\
         [[control]]\ncard = \"hw:CARD=Dummy\"\nname = \"Mastre\"\non = true\n",
    );
    let room = Room::start(0.3, 20.0, |_| 0);
    let mut right = 0;
    for (what, arguments, expected) in [
        ("a control that differs", &[][..], "and the board's file says 81 %"),
        (
            "a control that does not exist",
            &[],
            "WRONG sound    control: Mastre; does not exist; use one that the card has: \"Master\"",
        ),
        ("setting a control", &["--fix"], "1 set; mynah doctor --undo sets them back"),
        ("setting it back", &["--undo"], "good  sound    control: Master is "),
    ] {
        let (code, printed) = examine(arguments);
        let is_good = arguments == ["--undo"];
        right += u32::from(judge(table, what, is_good, code, &printed, expected));
        if arguments == ["--fix"] {
            let (_, again) = examine(&[]);
            table.expect(
                NAME,
                again.contains("good  sound    control: Master is"),
                "--fix did not set the control",
            );
        }
    }
    let (_, printed) = examine(&[]);
    table.expect(
        NAME,
        printed.contains("and the board's file says 81 %"),
        "--undo did not set the control back",
    );
    room.stop();
    right
}

fn judge(
    table: &mut Table,
    what: &str,
    is_good: bool,
    code: Option<i32>,
    printed: &str,
    expected: &str,
) -> bool {
    let wanted = Some(i32::from(!is_good));
    if code != wanted || !printed.contains(expected) {
        table.fail(
            NAME,
            &format!("{what}: exit code {code:?}, not {wanted:?}, or without {expected:?}: {printed}"),
        );
    }
    code == wanted && printed.contains(expected)
}

fn write_board(controls: &str) {
    let form = format!("rate_hz = {RATE_HZ}\nformat = \"S16\"\nchannels = 1\n");
    let text = format!(
        "[board]\nname = \"doctor\"\nabout = \"a card with a room\"\n\
         [microphone]\ndevice = \"{MICROPHONE}\"\n{form}[speaker]\ndevice = \"{SPEAKER}\"\n{form}{controls}"
    );
    std::fs::write(BOARD, text).expect("room for a board file");
}

/// Runs `mynah doctor sound` and returns its exit code and output.
fn examine(arguments: &[&str]) -> (Option<i32>, String) {
    examine_topic("sound", arguments)
}

fn examine_topic(topic: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("chrt")
        .args(["-o", "0", "mynah", "doctor", topic, "--config", "/dev/null", "--parrot", "--board", BOARD])
        .args(arguments)
        .output()
        .expect("mynah starts");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code(), text.concat())
}
