//! `echo`: a conversation in a room where the microphone hears the speaker.
//!
//! The recorded voice speaks three sentences, one of them during a reply. Without cancellation the built-in service hears
//! its own replies too.

use crate::clock;
use crate::device::Device;
use crate::room::Room;
use crate::table::{Goal, Table};
use crate::talk::recorded;

const NAME: &str = "echo";
/// The recorded voice, and the reply to its last sentence.
const TALK_MS: u64 = 18_000;
/// The gain from the speaker to the microphone: 10 dB less, so that the echo is as loud as the voice.
const GAIN: f32 = 0.3;
/// The noise of the room, in samples of 16 bits.
const NOISE: f32 = 4.0;

pub(crate) fn run(table: &mut Table, _: bool) {
    let off = turns(table, "off");
    let device = turns(table, "device");
    table.number(NAME, "turns heard of three sentences, echo_cancellation = off", off, Goal::None);
    table.number(NAME, "turns heard of three sentences, echo_cancellation = device", device, Goal::Max(3.0));
    table.expect(NAME, device >= 3.0, &format!("{device} turns were heard, not 3"));
}

/// Holds the conversation, and returns the number of turns that the service has heard.
fn turns(table: &mut Table, cancellation: &str) -> f64 {
    let voice = recorded();
    let talker = move |place: u64| voice.get(place as usize).copied().unwrap_or_default();
    let name = format!("{NAME}-{cancellation}");
    let device = Device::start(&name, &["--parrot", "--echo-cancellation", cancellation]);
    table.expect(NAME, device.says("listening", 0, 3_000).is_some(), "it did not listen within 3 s");
    let room = Room::start(GAIN, NOISE, talker);
    clock::sleep_ms(TALK_MS);
    let ended = device.leave();
    room.stop();
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    let remains = ended.lines.iter().find(|line| line.text.contains("echo is not removed"));
    if let Some(line) = remains {
        table.fail(NAME, &line.text);
    }
    ended.count("you: (") as f64
}
