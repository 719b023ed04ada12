//! No microphone audio is sent while the light is not green.
//!
//! The tests implement the LED's lines: each change blocks the session until the service has received
//! everything that was sent, and counts the messages.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mynah::board::BoardError;
use mynah::config::{GpioLine, LedWiring, LightConfig};
use mynah::conversation::Mode;
use mynah::leds::{Leds, OutputLines, SysfsPaths};

use super::{Device, TAP, after_one_turn, constant};
use crate::service::Step::{Answer, Expect, ExpectAudio, HangUp, Send, Wait};
use crate::service::{Behaviour, Service, events};

/// If nothing arrives for this time, everything has arrived.
const QUIET: Duration = Duration::from_millis(300);
/// Long enough for several frames to be sent if the microphone is open.
const SOME: Duration = Duration::from_millis(400);

#[test]
fn in_open_mode_frames_are_sent_only_under_a_green_light() {
    let begun = |reply: &str, item: &str| {
        [events::reply_begun(reply, item), events::audio_deltas(reply, item, &constant(1000, 6000))].concat()
    };
    let first = [
        after_one_turn(begun("r1", "i1")),
        vec![Wait(SOME)],
        events::sent([events::speech_started("u2", 3000)]),
        events::sent(events::reply_interrupted("r1", "i1")),
        vec![Expect("conversation.item.truncate")],
        events::sent([events::speech_stopped("u2", 3600), events::committed("u2")]),
        events::sent(begun("r2", "i2")),
        // The user mutes, presses, unmutes and mutes twice more.
        vec![Expect("response.cancel"), Expect("input_audio_buffer.clear"), Wait(SOME * 4), HangUp],
    ];
    let service = [Behaviour::script(first.concat()), Behaviour::script(events::opening())];
    let service = Arc::new(Service::start(service));
    let (leds, watch) = LightWatch::leds(&service);
    let device = Device::with_leds(&service, Mode::Open, leds);
    device.wait_for_line("speaking", 2);
    device.key(b"m");
    watch.wait_for_changes(2);
    pause();
    device.press();
    device.wait_for_line("muted", 1);
    device.key(b"m");
    watch.wait_for_changes(3);
    pause();
    device.key(b"m");
    watch.wait_for_changes(4);
    device.key(b"m");
    watch.wait_for_changes(5);
    device.wait_for_line("offline", 1);
    // Audio captured in a short outage is buffered and sent later, so the light stays green.
    device.wait_for_line("listening", 2);
    service.until("the second session's sound", |all| all.len() == 2 && all[1].audio_ms > 0);
    pause();
    let (_, _) = device.quit();
    watch.assert_no_audio_unlit(&service, 3);
}

#[test]
fn in_tap_mode_frames_are_sent_only_under_a_green_light() {
    let service = [Behaviour::script([events::opening(), vec![ExpectAudio(200)]].concat())];
    let service = Arc::new(Service::start(service));
    let (leds, watch) = LightWatch::leds(&service);
    let device = Device::with_leds(&service, TAP, leds);
    device.wait_for_line("idle", 1);
    pause();
    device.press();
    watch.wait_for_changes(1);
    service.until("sound", |all| all[0].audio_ms >= 200);
    device.press();
    watch.wait_for_changes(2);
    pause();
    device.press();
    watch.wait_for_changes(3);
    pause();
    device.key(b"m");
    watch.wait_for_changes(4);
    pause();
    let (_, _) = device.quit();
    watch.assert_no_audio_unlit(&service, 2);
}

#[test]
fn a_turn_that_waits_for_the_link_keeps_the_light_green() {
    let late = [Send(events::session_created()), Expect("session.update"), Wait(SOME * 5)];
    let then = [Answer(events::session_updated), Expect("input_audio_buffer.commit")];
    let service = Arc::new(Service::start([Behaviour::script(late.into_iter().chain(then))]));
    let (leds, watch) = LightWatch::leds(&service);
    let device = Device::with_leds(&service, Mode::Hold, leds);
    service.wait_for("session.update");
    device.press();
    watch.wait_for_changes(1);
    pause();
    device.press();
    device.wait_for_line("thinking", 1);
    service.wait_for("input_audio_buffer.commit");
    watch.wait_for_changes(2);
    pause();
    let (_, _) = device.quit();
    watch.assert_no_audio_unlit(&service, 1);
}

#[test]
fn speech_of_an_abandoned_turn_is_not_sent_once_connected() {
    for off in [b" ", b"m"] {
        let late = [Send(events::session_created()), Expect("session.update"), Wait(SOME * 5)];
        let late = late.into_iter().chain([Answer(events::session_updated)]);
        let service = Arc::new(Service::start([Behaviour::script(late)]));
        let (leds, watch) = LightWatch::leds(&service);
        let device = Device::with_leds(&service, TAP, leds);
        service.wait_for("session.update");
        device.press();
        watch.wait_for_changes(1);
        pause();
        device.key(off);
        watch.wait_for_changes(2);
        device.wait_for_line(if off == b"m" { "muted" } else { "idle" }, 1);
        pause();
        let (_, _) = device.quit();
        watch.assert_no_audio_unlit(&service, 0);
        assert_eq!(count_appends(&service), 0);
    }
}

/// Records each change of the light to or from green, and how many messages had been sent by then.
struct LightWatch {
    changes: Arc<Mutex<Vec<(bool, usize)>>>,
}

/// Red, green and blue, on the session's thread.
struct RecordingLines {
    service: Arc<Service>,
    changes: Arc<Mutex<Vec<(bool, usize)>>>,
    green: bool,
}

/// An RGB LED on the given output lines.
pub(super) fn leds_on(lines: impl OutputLines + 'static) -> Leds {
    let line = |name: &str| GpioLine::Named(name.to_owned());
    let wiring = LedWiring::Lines { rgb: [line("R"), line("G"), line("B")], active_low: false };
    let light = LightConfig { name: "status".to_owned(), wiring, brightness: 255 };
    let mut lines = Some(Box::new(lines) as Box<dyn OutputLines>);
    Leds::open::<BoardError>(&[light], &SysfsPaths::default(), &mut |_, _, _| Ok(lines.take().unwrap()))
        .unwrap()
}

impl LightWatch {
    fn leds(service: &Arc<Service>) -> (Leds, Self) {
        let changes = Arc::<Mutex<Vec<_>>>::default();
        let (service, lines) = (Arc::clone(service), Arc::clone(&changes));
        let leds = leds_on(RecordingLines { service, changes: lines, green: false });
        (leds, Self { changes })
    }

    /// Waits until the light has changed this number of times.
    fn wait_for_changes(&self, changes: usize) {
        for _ in 0..1000 {
            if self.changes.lock().unwrap().len() >= changes {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("the light did not change {changes} times: {:?}", self.changes.lock().unwrap());
    }

    /// Asserts that nothing was sent while the light was not green, and that audio was sent in at least
    /// `min_busy` green periods.
    fn assert_no_audio_unlit(&self, service: &Service, min_busy: usize) {
        let mut changes = vec![(false, 0)];
        changes.extend(self.changes.lock().unwrap().iter());
        changes.push((changes.last().is_some_and(|(green, _)| !green), count_appends(service)));
        let mut busy = 0;
        for pair in changes.windows(2) {
            let [(green, before), (_, after)] = pair else { continue };
            assert!(
                *green || before == after,
                "{} frames sent without a green light: {changes:?}",
                after - before
            );
            busy += usize::from(*green && before < after);
        }
        assert!(busy >= min_busy, "{changes:?}");
    }
}

impl OutputLines for RecordingLines {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        let green = lit == [false, true, false];
        if green != self.green {
            self.green = green;
            let sent = count_settled_appends(&self.service);
            self.changes.lock().unwrap().push((green, sent));
        }
        Ok(())
    }
}

/// Counts the messages once no more arrive. Blocks the session meanwhile.
fn count_settled_appends(service: &Service) -> usize {
    loop {
        let before = count_appends(service);
        sleep(QUIET);
        if count_appends(service) == before {
            return before;
        }
    }
}

fn count_appends(service: &Service) -> usize {
    service.received().iter().filter(|event| event["type"] == "input_audio_buffer.append").count()
}

fn pause() {
    sleep(SOME);
}

#[allow(clippy::disallowed_methods, reason = "a test outside the program lets time pass for it")]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}
