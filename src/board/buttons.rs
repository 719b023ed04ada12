//! The buttons and switches of a body: whatever they are wired to, edges become touches here.
//!
//! It opens them all or says why not, never blocks, and reports what is wrong with one in plain words. What
//! a touch leads to is not its business.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::Touch;
use super::fingers::{EDGES, Edge, Fingers};
use super::gesture::{Fault, Gesture};
use super::hub::{Hub, Source};
use super::input::{self, Key, Keyboard};
use super::lines::{self, Watched};
use super::refused::BoardError;
use super::stamp::Stamps;
use super::switch::Switch;
use crate::model::Time;
use crate::profile::{Button, Kind, Place};

/// How often a device that was unplugged is looked for.
const SEARCH: Duration = Duration::from_secs(2);
/// The least time between two lines about the same button's faults.
const QUIET: Duration = Duration::from_secs(60);

/// All buttons and switches.
#[derive(Default)]
pub(super) struct Buttons {
    all: Vec<Held>,
    lines: Vec<Wire>,
    keyboards: Vec<Keyboard>,
    /// Where edges come from that no kernel makes.
    fingers: Option<Receiver<Edge>>,
    /// When a device that was unplugged is looked for the next time.
    search: Option<Time>,
    /// What the mute switches last said together.
    switched: Option<bool>,
    /// Whether any was last said to be broken.
    broken: bool,
}

/// A line and which of the buttons it is.
struct Wire {
    line: Watched,
    button: usize,
    /// It chatters, so it wakes nobody and is looked at when it may have come to rest.
    is_aside: bool,
}

/// One button, wherever it is wired.
struct Held {
    name: String,
    kind: Kind,
    sense: Sense,
    told_at: Option<Time>,
}

enum Sense {
    Push(Gesture),
    Switch(Switch),
}

impl Buttons {
    /// Opens `wanted`, and has `hub` wait for them.
    pub(super) fn open(wanted: &[Button], hub: &Hub) -> Result<Self, BoardError> {
        let mut buttons = Self::default();
        for (index, button) in wanted.iter().enumerate() {
            let user = format!("the button {}", button.name);
            let mut level = false;
            match &button.place {
                Place::Line { line, active_low, bias, debounce } => {
                    let (line, active) = Watched::open(&user, line, *active_low, *bias, *debounce)?;
                    hub.add(&line, Source::Button).map_err(BoardError::Wait)?;
                    buttons.lines.push(Wire { line, button: index, is_aside: false });
                    level = active;
                }
                Place::Key { device, code } => {
                    let key = Key { code: *code, button: index };
                    let keys = device.as_ref().map_or_else(|| vec![key], |device| keys_of(wanted, device));
                    // The first of a device's keys opens it for all of them.
                    if keys.first() == Some(&key) {
                        buttons.keyboards.push(Keyboard::open(&user, device.as_deref(), keys)?);
                    }
                }
            }
            buttons.all.push(Held::new(button, level));
        }
        for keyboard in &buttons.keyboards {
            greet(&mut buttons.all, keyboard, hub).map_err(BoardError::Wait)?;
        }
        // Where a switch stands at the start is asked for; only its moving is news.
        buttons.switched = buttons.mute_switch();
        Ok(buttons)
    }

    /// Makes buttons that are wired to the returned fingers, whatever place they name.
    pub(super) fn by_hand(wanted: &[Button]) -> (Self, Fingers) {
        let (touching, touched) = sync_channel(EDGES);
        let all = wanted.iter().map(|button| Held::new(button, false)).collect();
        (Self { all, fingers: Some(touched), ..Self::default() }, Fingers(touching))
    }

    pub(super) fn are_by_hand(&self) -> bool {
        self.fingers.is_some()
    }

    /// Tells whether any can still be touched, or may be again.
    pub(super) fn are_any(&self) -> bool {
        !self.lines.is_empty() || !self.keyboards.is_empty()
    }

    /// Tells whether a switch cuts the microphone off; none where there is no switch.
    pub(super) fn mute_switch(&self) -> Option<bool> {
        let switches = self.all.iter().filter_map(|held| match &held.sense {
            Sense::Push(_) => None,
            Sense::Switch(switch) => Some(switch.is_on()),
        });
        switches.reduce(|one, other| one || other)
    }

    /// Names the time at which [`expire`](Self::expire) has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        let senses = self.all.iter().filter_map(|held| held.sense.deadline());
        senses.chain(self.search).min()
    }

    /// Reads everything that has come, and reports what it means.
    pub(super) fn read(&mut self, now: Time, each: &mut impl FnMut(Touch)) {
        let stamps = Stamps::read(now);
        let all = &mut self.all;
        for Edge { button, down, at } in self.fingers.iter().flat_map(Receiver::try_iter) {
            if let Some(held) = all.get_mut(button) {
                held.sense.edge(down, at, each);
            }
        }
        self.lines.retain_mut(|wire| wire.read(&mut all[wire.button], &stamps, each));
        for keyboard in &mut self.keyboards {
            match keyboard.read(&stamps, |button, down, at| all[button].sense.edge(down, at, each)) {
                input::Read::All => {}
                input::Read::Lost => log::debug!("events of {:?} were lost", keyboard.name()),
                input::Read::Gone => {
                    log::warn!("{:?} is unplugged; its buttons work again when it returns", keyboard.name());
                    keyboard.lose();
                    keyboard.buttons().for_each(|button| all[button].lose(each));
                    self.search.get_or_insert(now + SEARCH);
                }
            }
        }
    }

    /// Reports what the passing of time means; what has come must have been read before.
    pub(super) fn expire(&mut self, hub: &Hub, now: Time, each: &mut impl FnMut(Touch)) {
        if self.lines.iter().any(|wire| wire.is_aside) && self.deadline().is_some_and(|due| now >= due) {
            self.read(now, each);
        }
        for held in &mut self.all {
            held.sense.expire(now, each);
            if let Some(fault) = held.sense.take_fault() {
                held.say(&fault.to_string(), now);
            }
        }
        for wire in &mut self.lines {
            wire.settle(self.all[wire.button].sense.chatters(), hub);
        }
        if self.search.is_some_and(|at| now >= at) {
            self.search = self.look_again(hub).then_some(now + SEARCH);
        }
        let switched = self.mute_switch();
        if switched != self.switched {
            self.switched = switched;
            switched.into_iter().for_each(|on| each(Touch::MuteSwitch(on)));
        }
        let broken = self.all.iter().any(|held| held.sense.is_broken());
        if broken != self.broken {
            self.broken = broken;
            each(Touch::Broken(broken));
        }
    }

    /// Looks for what was unplugged, and tells whether anything is still missing.
    fn look_again(&mut self, hub: &Hub) -> bool {
        let mut missing = false;
        for keyboard in self.keyboards.iter_mut().filter(|keyboard| keyboard.fd().is_none()) {
            let found = keyboard.search().is_ok() && greet(&mut self.all, keyboard, hub).is_ok();
            if found {
                log::info!("{:?} is back", keyboard.name());
            } else {
                keyboard.lose();
            }
            missing |= !found;
        }
        missing
    }
}

impl Wire {
    /// Reports what its edges mean, and tells whether it is still there.
    fn read(&mut self, held: &mut Held, stamps: &Stamps, each: &mut impl FnMut(Touch)) -> bool {
        match self.line.read(stamps, |down, at| held.sense.edge(down, at, each)) {
            lines::Read::All => {}
            // Of one that chatters nobody misses any.
            lines::Read::Lost(_) if self.is_aside => {}
            lines::Read::Lost(count) => held.say(&format!("lost {count} of its edges"), stamps.now()),
            lines::Read::Gone => {
                held.lose(each);
                log::error!("the button {} is gone: its GPIO chip was removed", held.name);
                return false;
            }
        }
        true
    }

    /// Is waited for unless it chatters.
    fn settle(&mut self, chatters: bool, hub: &Hub) {
        if chatters && !self.is_aside {
            hub.remove(&self.line);
            self.is_aside = true;
        } else if !chatters && self.is_aside {
            // What has come meanwhile is readable then. What fails is tried again in the next turn.
            self.is_aside = hub.add(&self.line, Source::Button).is_err();
        }
    }
}

/// Begins waiting for a device, whose keys may be down already.
fn greet(all: &mut [Held], keyboard: &Keyboard, hub: &Hub) -> std::io::Result<()> {
    if let Some(fd) = keyboard.fd() {
        hub.add(fd, Source::Button)?;
    }
    keyboard.levels(|button, down| all[button].begin(down))
}

/// Gives the keys of all buttons that are on the input device `name`.
fn keys_of(wanted: &[Button], name: &str) -> Vec<Key> {
    let keys = wanted.iter().enumerate().filter_map(|(button, wanted)| match &wanted.place {
        Place::Key { device: Some(device), code } if device == name => Some(Key { code: *code, button }),
        Place::Key { .. } | Place::Line { .. } => None,
    });
    keys.collect()
}

impl Held {
    fn new(button: &Button, level: bool) -> Self {
        let Button { name, kind, .. } = button.clone();
        Self { name, sense: Sense::new(&kind, level), kind, told_at: None }
    }

    fn begin(&mut self, level: bool) {
        self.sense = Sense::new(&self.kind, level);
    }

    /// A switch that is gone stays as it was: nobody has switched it.
    fn lose(&mut self, each: &mut impl FnMut(Touch)) {
        match &mut self.sense {
            Sense::Push(gesture) => gesture.lose(each),
            Sense::Switch(_) => {}
        }
    }

    fn say(&mut self, what: &str, now: Time) {
        if self.told_at.is_none_or(|told_at| now >= told_at + QUIET) {
            self.told_at = Some(now);
            log::warn!("the button {} {what}", self.name);
        }
    }
}

impl Sense {
    fn new(kind: &Kind, level: bool) -> Self {
        match kind {
            Kind::Push(does) if level => Self::Push(Gesture::held(does)),
            Kind::Push(does) => Self::Push(Gesture::new(does)),
            Kind::MuteSwitch => Self::Switch(Switch::new(level)),
        }
    }

    fn edge(&mut self, down: bool, at: Time, each: &mut impl FnMut(Touch)) {
        match self {
            Self::Push(gesture) => gesture.edge(down, at, each),
            Self::Switch(switch) => switch.edge(down, at),
        }
    }

    fn is_broken(&self) -> bool {
        match self {
            Self::Push(gesture) => gesture.is_deaf(),
            Self::Switch(switch) => switch.chatters(),
        }
    }

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Push(gesture) => gesture.deadline(),
            Self::Switch(switch) => switch.deadline(),
        }
    }

    fn expire(&mut self, now: Time, each: &mut impl FnMut(Touch)) {
        match self {
            Self::Push(gesture) => gesture.expire(now, each),
            Self::Switch(switch) => switch.expire(now),
        }
    }

    fn chatters(&self) -> bool {
        match self {
            Self::Push(gesture) => gesture.chatters(),
            Self::Switch(switch) => switch.chatters(),
        }
    }

    fn take_fault(&mut self) -> Option<Fault> {
        match self {
            Self::Push(gesture) => gesture.take_fault(),
            Self::Switch(switch) => switch.take_fault(),
        }
    }
}
