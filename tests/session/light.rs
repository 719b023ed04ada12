//! The light cannot lie: nothing of the microphone leaves while it is not green.
//!
//! The lamp's lines are the test's: it holds the session up at each change until the service has everything
//! that was sent, and counts.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mynah::board::BoardError;
use mynah::config::{GpioLine, LedWiring, LightConfig};
use mynah::conversation::Mode;
use mynah::leds::{Leds, OutputLines, SysfsPaths};

use super::{Device, TAP, after_a_turn, tone};
use crate::service::Step::{Answer, Expect, ExpectAudio, HangUp, Send, Wait};
use crate::service::{Behaviour, Service, events};

/// How long nothing must come for everything to have come.
const QUIET: Duration = Duration::from_millis(300);
/// Time enough for some frames, which a gate that is open would let through.
const SOME: Duration = Duration::from_millis(400);

#[test]
fn in_open_mode_every_frame_leaves_under_a_green_light_whatever_happens() {
    let begun = |reply: &str, item: &str| {
        [events::reply_begun(reply, item), events::audio_deltas(reply, item, &tone(1000, 6000))].concat()
    };
    let first = [
        after_a_turn(begun("r1", "i1")),
        vec![Wait(SOME)],
        events::sent([events::speech_started("u2", 3000)]),
        events::sent(events::reply_interrupted("r1", "i1")),
        vec![Expect("conversation.item.truncate")],
        events::sent([events::speech_stopped("u2", 3600), events::committed("u2")]),
        events::sent(begun("r2", "i2")),
        // The owner mutes, presses, unmutes and mutes twice more.
        vec![Expect("response.cancel"), Expect("input_audio_buffer.clear"), Wait(SOME * 4), HangUp],
    ];
    let service = [Behaviour::script(first.concat()), Behaviour::script(events::opening())];
    let service = Arc::new(Service::start(service));
    let (lamps, watch) = Watch::lamps(&service);
    let device = Device::shining(&service, Mode::Open, lamps);
    device.until("speaking", 2);
    device.key(b"m");
    watch.until(2);
    pause();
    device.press();
    device.until("muted", 1);
    device.key(b"m");
    watch.until(3);
    pause();
    device.key(b"m");
    watch.until(4);
    device.key(b"m");
    watch.until(5);
    device.until("offline", 1);
    // What the microphone hears in a short outage is kept and sent: the light stays green.
    device.until("listening", 2);
    service.until("the second session's sound", |all| all.len() == 2 && all[1].audio_ms > 0);
    pause();
    let (_, _) = device.leave();
    watch.assert_true(&service, 3);
}

#[test]
fn in_tap_mode_every_frame_leaves_under_a_green_light() {
    let service = [Behaviour::script([events::opening(), vec![ExpectAudio(200)]].concat())];
    let service = Arc::new(Service::start(service));
    let (lamps, watch) = Watch::lamps(&service);
    let device = Device::shining(&service, TAP, lamps);
    device.until("idle", 1);
    pause();
    device.press();
    watch.until(1);
    service.until("sound", |all| all[0].audio_ms >= 200);
    device.press();
    watch.until(2);
    pause();
    device.press();
    watch.until(3);
    pause();
    device.key(b"m");
    watch.until(4);
    pause();
    let (_, _) = device.leave();
    watch.assert_true(&service, 2);
}

#[test]
fn a_turn_that_waits_for_the_link_keeps_the_light_green_until_it_has_left() {
    let late = [Send(events::session_created()), Expect("session.update"), Wait(SOME * 5)];
    let then = [Answer(events::session_updated), Expect("input_audio_buffer.commit")];
    let service = Arc::new(Service::start([Behaviour::script(late.into_iter().chain(then))]));
    let (lamps, watch) = Watch::lamps(&service);
    let device = Device::shining(&service, Mode::Hold, lamps);
    service.wait_for("session.update");
    device.press();
    watch.until(1);
    pause();
    device.press();
    device.until("thinking", 1);
    service.wait_for("input_audio_buffer.commit");
    watch.until(2);
    pause();
    let (_, _) = device.leave();
    watch.assert_true(&service, 1);
}

#[test]
fn what_was_said_for_a_turn_that_is_off_again_is_not_sent_when_the_link_is_there() {
    for off in [b" ", b"m"] {
        let late = [Send(events::session_created()), Expect("session.update"), Wait(SOME * 5)];
        let late = late.into_iter().chain([Answer(events::session_updated)]);
        let service = Arc::new(Service::start([Behaviour::script(late)]));
        let (lamps, watch) = Watch::lamps(&service);
        let device = Device::shining(&service, TAP, lamps);
        service.wait_for("session.update");
        device.press();
        watch.until(1);
        pause();
        device.key(off);
        watch.until(2);
        device.until(if off == b"m" { "muted" } else { "idle" }, 1);
        pause();
        let (_, _) = device.leave();
        watch.assert_true(&service, 0);
        assert_eq!(appends(&service), 0);
    }
}

/// Sees each change of the light between green and not, and how much had been sent by then.
struct Watch {
    changes: Arc<Mutex<Vec<(bool, usize)>>>,
}

/// Red, green and blue, on the session's thread.
struct Lines {
    service: Arc<Service>,
    changes: Arc<Mutex<Vec<(bool, usize)>>>,
    green: bool,
}

/// A lamp of three colours on somebody's lines.
pub(super) fn on_lines(pins: impl OutputLines + 'static) -> Leds {
    let line = |name: &str| GpioLine::Named(name.to_owned());
    let lamp = LedWiring::Lines { rgb: [line("R"), line("G"), line("B")], active_low: false };
    let light = LightConfig { name: "status".to_owned(), wiring: lamp, brightness: 255 };
    let mut pins = Some(Box::new(pins) as Box<dyn OutputLines>);
    Leds::open::<BoardError>(&[light], &SysfsPaths::default(), &mut |_, _, _| Ok(pins.take().unwrap()))
        .unwrap()
}

impl Watch {
    fn lamps(service: &Arc<Service>) -> (Leds, Self) {
        let changes = Arc::<Mutex<Vec<_>>>::default();
        let (service, pins) = (Arc::clone(service), Arc::clone(&changes));
        let lamps = on_lines(Lines { service, changes: pins, green: false });
        (lamps, Self { changes })
    }

    /// Waits until the light has changed so often.
    fn until(&self, changes: usize) {
        for _ in 0..1000 {
            if self.changes.lock().unwrap().len() >= changes {
                return;
            }
            nap(Duration::from_millis(20));
        }
        panic!("the light did not change {changes} times: {:?}", self.changes.lock().unwrap());
    }

    /// Nothing left between a change to dark and the next, and at least so often something left in between.
    fn assert_true(&self, service: &Service, spells: usize) {
        let mut changes = vec![(false, 0)];
        changes.extend(self.changes.lock().unwrap().iter());
        changes.push((changes.last().is_some_and(|(green, _)| !green), appends(service)));
        let mut busy = 0;
        for pair in changes.windows(2) {
            let [(green, before), (_, after)] = pair else { continue };
            assert!(*green || before == after, "{} frames left in the dark: {changes:?}", after - before);
            busy += usize::from(*green && before < after);
        }
        assert!(busy >= spells, "{changes:?}");
    }
}

impl OutputLines for Lines {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        let green = lit == [false, true, false];
        if green != self.green {
            self.green = green;
            let sent = settled(&self.service);
            self.changes.lock().unwrap().push((green, sent));
        }
        Ok(())
    }
}

/// Counts what was sent once nothing more comes. The session waits meanwhile.
fn settled(service: &Service) -> usize {
    loop {
        let before = appends(service);
        nap(QUIET);
        if appends(service) == before {
            return before;
        }
    }
}

fn appends(service: &Service) -> usize {
    service.received().iter().filter(|event| event["type"] == "input_audio_buffer.append").count()
}

fn pause() {
    nap(SOME);
}

#[allow(clippy::disallowed_methods, reason = "a test outside the program lets time pass for it")]
fn nap(time: Duration) {
    std::thread::sleep(time);
}
