//! The buttons and switches of a body: whatever they are wired to, edges become touches here.
//!
//! It opens them all or says why not, never blocks, and reports what is wrong with one in plain words. What
//! a touch leads to is not its business.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::error::InputError;
use super::evdev::device;
use super::evdev::device::{Keyboard, WatchedKey};
use super::gesture::{ButtonFault, Gesture};
use super::gpio::edges;
use super::gpio::edges::WatchedLine;
use super::mute_switch::MuteSwitch;
use super::poll::{InputPoll, InputSource};
use super::simulated::{ButtonEdge, EDGES, SimulatedButtons};
use super::timestamp::ClockOffset;
use crate::config::{ButtonConfig, ButtonKind, ButtonSource};
use crate::inputs::InputEvent;
use crate::model::Time;

/// How often a device that was unplugged is looked for.
const SEARCH: Duration = Duration::from_secs(2);
/// The least time between two lines about the same button's faults.
const QUIET: Duration = Duration::from_secs(60);

/// All buttons and switches.
#[derive(Default)]
pub(crate) struct Buttons {
    all: Vec<ButtonState>,
    lines: Vec<EdgeLine>,
    keyboards: Vec<Keyboard>,
    /// Where edges come from that no kernel makes.
    simulated: Option<Receiver<ButtonEdge>>,
    /// When a device that was unplugged is looked for the next time.
    search: Option<Time>,
    /// What the mute switches last said together.
    switched: Option<bool>,
    /// Whether any was last said to be broken.
    broken: bool,
}

/// A line and which of the buttons it is.
struct EdgeLine {
    line: WatchedLine,
    button: usize,
    /// It chatters, so it wakes nobody and is looked at when it may have come to rest.
    is_aside: bool,
}

/// One button, wherever it is wired.
struct ButtonState {
    name: String,
    kind: ButtonKind,
    logic: ButtonLogic,
    logged_at: Option<Time>,
}

enum ButtonLogic {
    Push(Gesture),
    Switch(MuteSwitch),
}

impl Buttons {
    /// Opens `wanted`, and has `hub` wait for them.
    pub(crate) fn open(wanted: &[ButtonConfig], hub: &InputPoll) -> Result<Self, InputError> {
        let mut buttons = Self::default();
        for (index, button) in wanted.iter().enumerate() {
            let user = format!("the button {}", button.name);
            let mut level = false;
            match &button.source {
                ButtonSource::Line { line, active_low, bias, debounce } => {
                    let (line, active) = WatchedLine::open(&user, line, *active_low, *bias, *debounce)?;
                    hub.add(&line, InputSource::Button).map_err(InputError::Wait)?;
                    buttons.lines.push(EdgeLine { line, button: index, is_aside: false });
                    level = active;
                }
                ButtonSource::Key { device, code } => {
                    let key = WatchedKey { code: *code, button: index };
                    let keys = device.as_ref().map_or_else(|| vec![key], |device| keys_of(wanted, device));
                    // The first of a device's keys opens it for all of them.
                    if keys.first() == Some(&key) {
                        buttons.keyboards.push(Keyboard::open(&user, device.as_deref(), keys)?);
                    }
                }
            }
            buttons.all.push(ButtonState::new(button, level));
        }
        for keyboard in &buttons.keyboards {
            read_levels(&mut buttons.all, keyboard, hub).map_err(InputError::Wait)?;
        }
        // Where a switch stands at the start is asked for; only its moving is news.
        buttons.switched = buttons.mute_switch();
        Ok(buttons)
    }

    /// Makes buttons that are wired to the returned fingers, whatever place they name.
    pub(crate) fn simulated(wanted: &[ButtonConfig]) -> (Self, SimulatedButtons) {
        let (touching, touched) = sync_channel(EDGES);
        let all = wanted.iter().map(|button| ButtonState::new(button, false)).collect();
        (Self { all, simulated: Some(touched), ..Self::default() }, SimulatedButtons(touching))
    }

    pub(crate) fn are_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// Tells whether any can still be touched, or may be again.
    pub(crate) fn are_any(&self) -> bool {
        !self.lines.is_empty() || !self.keyboards.is_empty()
    }

    /// Tells whether a switch cuts the microphone off; none where there is no switch.
    pub(crate) fn mute_switch(&self) -> Option<bool> {
        let switches = self.all.iter().filter_map(|held| match &held.logic {
            ButtonLogic::Push(_) => None,
            ButtonLogic::Switch(switch) => Some(switch.is_on()),
        });
        switches.reduce(|one, other| one || other)
    }

    /// Names the time at which [`expire`](Self::expire) has something to do.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let senses = self.all.iter().filter_map(|held| held.logic.deadline());
        senses.chain(self.search).min()
    }

    /// Reads everything that has come, and reports what it means.
    pub(crate) fn read(&mut self, now: Time, each: &mut impl FnMut(InputEvent)) {
        let stamps = ClockOffset::read(now);
        let all = &mut self.all;
        for ButtonEdge { button, down, at } in self.simulated.iter().flat_map(Receiver::try_iter) {
            if let Some(held) = all.get_mut(button) {
                held.logic.edge(down, at, each);
            }
        }
        self.lines.retain_mut(|wire| wire.read(&mut all[wire.button], &stamps, each));
        for keyboard in &mut self.keyboards {
            match keyboard.read(&stamps, |button, down, at| all[button].logic.edge(down, at, each)) {
                device::DeviceRead::All => {}
                device::DeviceRead::Lost => log::debug!("events of {:?} were lost", keyboard.name()),
                device::DeviceRead::Gone => {
                    log::warn!("{:?} is unplugged; its buttons work again when it returns", keyboard.name());
                    keyboard.lose();
                    keyboard.buttons().for_each(|button| all[button].lose(each));
                    self.search.get_or_insert(now + SEARCH);
                }
            }
        }
    }

    /// Reports what the passing of time means; what has come must have been read before.
    pub(crate) fn expire(&mut self, hub: &InputPoll, now: Time, each: &mut impl FnMut(InputEvent)) {
        if self.lines.iter().any(|wire| wire.is_aside) && self.deadline().is_some_and(|due| now >= due) {
            self.read(now, each);
        }
        for held in &mut self.all {
            held.logic.expire(now, each);
            if let Some(fault) = held.logic.take_fault() {
                held.log(&fault.to_string(), now);
            }
        }
        for wire in &mut self.lines {
            wire.settle(self.all[wire.button].logic.chatters(), hub);
        }
        if self.search.is_some_and(|at| now >= at) {
            self.search = self.rescan(hub).then_some(now + SEARCH);
        }
        let switched = self.mute_switch();
        if switched != self.switched {
            self.switched = switched;
            switched.into_iter().for_each(|on| each(InputEvent::MuteSwitch(on)));
        }
        let broken = self.all.iter().any(|held| held.logic.is_broken());
        if broken != self.broken {
            self.broken = broken;
            each(InputEvent::ButtonFault(broken));
        }
    }

    /// Looks for what was unplugged, and tells whether anything is still missing.
    fn rescan(&mut self, hub: &InputPoll) -> bool {
        let mut missing = false;
        for keyboard in self.keyboards.iter_mut().filter(|keyboard| keyboard.fd().is_none()) {
            let found = keyboard.search().is_ok() && read_levels(&mut self.all, keyboard, hub).is_ok();
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

impl EdgeLine {
    /// Reports what its edges mean, and tells whether it is still there.
    fn read(
        &mut self,
        held: &mut ButtonState,
        stamps: &ClockOffset,
        each: &mut impl FnMut(InputEvent),
    ) -> bool {
        match self.line.read(stamps, |down, at| held.logic.edge(down, at, each)) {
            edges::LineRead::All => {}
            // Of one that chatters nobody misses any.
            edges::LineRead::Lost(_) if self.is_aside => {}
            edges::LineRead::Lost(count) => held.log(&format!("lost {count} of its edges"), stamps.now()),
            edges::LineRead::Gone => {
                held.lose(each);
                log::error!("the button {} is gone: its GPIO chip was removed", held.name);
                return false;
            }
        }
        true
    }

    /// Is waited for unless it chatters.
    fn settle(&mut self, chatters: bool, hub: &InputPoll) {
        if chatters && !self.is_aside {
            hub.remove(&self.line);
            self.is_aside = true;
        } else if !chatters && self.is_aside {
            // What has come meanwhile is readable then. What fails is tried again in the next turn.
            self.is_aside = hub.add(&self.line, InputSource::Button).is_err();
        }
    }
}

/// Begins waiting for a device, whose keys may be down already.
fn read_levels(all: &mut [ButtonState], keyboard: &Keyboard, hub: &InputPoll) -> std::io::Result<()> {
    if let Some(fd) = keyboard.fd() {
        hub.add(fd, InputSource::Button)?;
    }
    keyboard.levels(|button, down| all[button].begin(down))
}

/// Gives the keys of all buttons that are on the input device `name`.
fn keys_of(wanted: &[ButtonConfig], name: &str) -> Vec<WatchedKey> {
    let keys = wanted.iter().enumerate().filter_map(|(button, wanted)| match &wanted.source {
        ButtonSource::Key { device: Some(device), code } if device == name => {
            Some(WatchedKey { code: *code, button })
        }
        ButtonSource::Key { .. } | ButtonSource::Line { .. } => None,
    });
    keys.collect()
}

impl ButtonState {
    fn new(button: &ButtonConfig, level: bool) -> Self {
        let ButtonConfig { name, kind, .. } = button.clone();
        Self { name, logic: ButtonLogic::new(&kind, level), kind, logged_at: None }
    }

    fn begin(&mut self, level: bool) {
        self.logic = ButtonLogic::new(&self.kind, level);
    }

    /// A switch that is gone stays as it was: nobody has switched it.
    fn lose(&mut self, each: &mut impl FnMut(InputEvent)) {
        match &mut self.logic {
            ButtonLogic::Push(gesture) => gesture.lose(each),
            ButtonLogic::Switch(_) => {}
        }
    }

    fn log(&mut self, what: &str, now: Time) {
        if self.logged_at.is_none_or(|told_at| now >= told_at + QUIET) {
            self.logged_at = Some(now);
            log::warn!("the button {} {what}", self.name);
        }
    }
}

impl ButtonLogic {
    fn new(kind: &ButtonKind, level: bool) -> Self {
        match kind {
            ButtonKind::Push(does) if level => Self::Push(Gesture::pressed_at_start(does)),
            ButtonKind::Push(does) => Self::Push(Gesture::new(does)),
            ButtonKind::MuteSwitch => Self::Switch(MuteSwitch::new(level)),
        }
    }

    fn edge(&mut self, down: bool, at: Time, each: &mut impl FnMut(InputEvent)) {
        match self {
            Self::Push(gesture) => gesture.edge(down, at, each),
            Self::Switch(switch) => switch.edge(down, at),
        }
    }

    fn is_broken(&self) -> bool {
        match self {
            Self::Push(gesture) => gesture.is_ignored(),
            Self::Switch(switch) => switch.chatters(),
        }
    }

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Push(gesture) => gesture.deadline(),
            Self::Switch(switch) => switch.deadline(),
        }
    }

    fn expire(&mut self, now: Time, each: &mut impl FnMut(InputEvent)) {
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

    fn take_fault(&mut self) -> Option<ButtonFault> {
        match self {
            Self::Push(gesture) => gesture.take_fault(),
            Self::Switch(switch) => switch.take_fault(),
        }
    }
}
