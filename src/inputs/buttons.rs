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
use super::simulated::{ButtonEdge, EDGES_MAX, SimulatedButtons};
use super::timestamp::ClockOffset;
use crate::config::{ButtonConfig, ButtonKind, ButtonSource};
use crate::inputs::InputEvent;
use crate::model::Time;

/// How often a device that was unplugged is looked for.
const RESCAN_INTERVAL: Duration = Duration::from_secs(2);
/// The least time between two lines about the same button's faults.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// All buttons and switches.
#[derive(Default)]
pub(crate) struct Buttons {
    states: Vec<ButtonState>,
    lines: Vec<EdgeLine>,
    keyboards: Vec<Keyboard>,
    /// Where edges come from that no kernel makes.
    simulated: Option<Receiver<ButtonEdge>>,
    /// When a device that was unplugged is looked for the next time.
    next_rescan: Option<Time>,
    /// What the mute switches last said together.
    last_mute_switch: Option<bool>,
    /// Whether any was last said to be broken.
    last_fault: bool,
}

/// A line and which of the buttons it is.
struct EdgeLine {
    line: WatchedLine,
    button: usize,
    /// It chatters, so it wakes nobody and is looked at when it may have come to rest.
    is_unpolled: bool,
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
    pub(crate) fn open(wanted: &[ButtonConfig], poll: &InputPoll) -> Result<Self, InputError> {
        let mut buttons = Self::default();
        for (index, button) in wanted.iter().enumerate() {
            let user = format!("the button {}", button.name);
            let mut level = false;
            match &button.source {
                ButtonSource::Line { line, active_low, bias, debounce } => {
                    let (line, active) = WatchedLine::open(&user, line, *active_low, *bias, *debounce)?;
                    poll.add(&line, InputSource::Button).map_err(InputError::Wait)?;
                    buttons.lines.push(EdgeLine { line, button: index, is_unpolled: false });
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
            buttons.states.push(ButtonState::new(button, level));
        }
        for keyboard in &buttons.keyboards {
            read_levels(&mut buttons.states, keyboard, poll).map_err(InputError::Wait)?;
        }
        // Where a switch stands at the start is asked for; only its moving is news.
        buttons.last_mute_switch = buttons.mute_switch();
        Ok(buttons)
    }

    /// Makes buttons that are wired to the returned fingers, whatever place they name.
    pub(crate) fn simulated(wanted: &[ButtonConfig]) -> (Self, SimulatedButtons) {
        let (edge_tx, edge_rx) = sync_channel(EDGES_MAX);
        let states = wanted.iter().map(|button| ButtonState::new(button, false)).collect();
        (Self { states, simulated: Some(edge_rx), ..Self::default() }, SimulatedButtons(edge_tx))
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
        let switches = self.states.iter().filter_map(|state| match &state.logic {
            ButtonLogic::Push(_) => None,
            ButtonLogic::Switch(switch) => Some(switch.is_on()),
        });
        switches.reduce(|one, other| one || other)
    }

    /// Names the time at which [`expire`](Self::expire) has something to do.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let deadlines = self.states.iter().filter_map(|state| state.logic.deadline());
        deadlines.chain(self.next_rescan).min()
    }

    /// Reads everything that has come, and reports what it means.
    pub(crate) fn read(&mut self, now: Time, emit: &mut impl FnMut(InputEvent)) {
        let clock = ClockOffset::read(now);
        let states = &mut self.states;
        for ButtonEdge { button, down, at } in self.simulated.iter().flat_map(Receiver::try_iter) {
            if let Some(state) = states.get_mut(button) {
                state.logic.edge(down, at, emit);
            }
        }
        self.lines.retain_mut(|edge_line| edge_line.read(&mut states[edge_line.button], &clock, emit));
        for keyboard in &mut self.keyboards {
            match keyboard.read(&clock, |button, down, at| states[button].logic.edge(down, at, emit)) {
                device::DeviceRead::All => {}
                device::DeviceRead::EventsLost => log::debug!("events of {:?} were lost", keyboard.name()),
                device::DeviceRead::Disconnected => {
                    log::warn!("{:?} is unplugged; its buttons work again when it returns", keyboard.name());
                    keyboard.lose();
                    keyboard.buttons().for_each(|button| states[button].lose(emit));
                    self.next_rescan.get_or_insert(now + RESCAN_INTERVAL);
                }
            }
        }
    }

    /// Reports what the passing of time means; what has come must have been read before.
    pub(crate) fn expire(&mut self, poll: &InputPoll, now: Time, emit: &mut impl FnMut(InputEvent)) {
        if self.lines.iter().any(|edge_line| edge_line.is_unpolled)
            && self.deadline().is_some_and(|due| now >= due)
        {
            self.read(now, emit);
        }
        for state in &mut self.states {
            state.logic.expire(now, emit);
            if let Some(fault) = state.logic.take_fault() {
                state.log(&fault.to_string(), now);
            }
        }
        for edge_line in &mut self.lines {
            edge_line.update_polling(self.states[edge_line.button].logic.chatters(), poll);
        }
        if self.next_rescan.is_some_and(|at| now >= at) {
            self.next_rescan = self.rescan(poll).then_some(now + RESCAN_INTERVAL);
        }
        let mute_switch = self.mute_switch();
        if mute_switch != self.last_mute_switch {
            self.last_mute_switch = mute_switch;
            mute_switch.into_iter().for_each(|on| emit(InputEvent::MuteSwitch(on)));
        }
        let faulty = self.states.iter().any(|state| state.logic.is_faulty());
        if faulty != self.last_fault {
            self.last_fault = faulty;
            emit(InputEvent::ButtonFault(faulty));
        }
    }

    /// Looks for what was unplugged, and tells whether anything is still missing.
    fn rescan(&mut self, poll: &InputPoll) -> bool {
        let mut missing = false;
        for keyboard in self.keyboards.iter_mut().filter(|keyboard| keyboard.fd().is_none()) {
            let found = keyboard.search().is_ok() && read_levels(&mut self.states, keyboard, poll).is_ok();
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
        state: &mut ButtonState,
        clock: &ClockOffset,
        emit: &mut impl FnMut(InputEvent),
    ) -> bool {
        match self.line.read(clock, |down, at| state.logic.edge(down, at, emit)) {
            edges::LineRead::All => {}
            // Of one that chatters nobody misses any.
            edges::LineRead::EdgesLost(_) if self.is_unpolled => {}
            edges::LineRead::EdgesLost(count) => {
                state.log(&format!("lost {count} of its edges"), clock.now())
            }
            edges::LineRead::Disconnected => {
                state.lose(emit);
                log::error!("the button {} is gone: its GPIO chip was removed", state.name);
                return false;
            }
        }
        true
    }

    /// Is waited for unless it chatters.
    fn update_polling(&mut self, chatters: bool, poll: &InputPoll) {
        if chatters && !self.is_unpolled {
            poll.remove(&self.line);
            self.is_unpolled = true;
        } else if !chatters && self.is_unpolled {
            // What has come meanwhile is readable then. What fails is tried again in the next turn.
            self.is_unpolled = poll.add(&self.line, InputSource::Button).is_err();
        }
    }
}

/// Begins waiting for a device, whose keys may be down already.
fn read_levels(states: &mut [ButtonState], keyboard: &Keyboard, poll: &InputPoll) -> std::io::Result<()> {
    if let Some(fd) = keyboard.fd() {
        poll.add(fd, InputSource::Button)?;
    }
    keyboard.levels(|button, down| states[button].reset(down))
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

    fn reset(&mut self, level: bool) {
        self.logic = ButtonLogic::new(&self.kind, level);
    }

    /// A switch that is gone stays as it was: nobody has switched it.
    fn lose(&mut self, emit: &mut impl FnMut(InputEvent)) {
        match &mut self.logic {
            ButtonLogic::Push(gesture) => gesture.disconnect(emit),
            ButtonLogic::Switch(_) => {}
        }
    }

    fn log(&mut self, what: &str, now: Time) {
        if self.logged_at.is_none_or(|logged_at| now >= logged_at + LOG_INTERVAL) {
            self.logged_at = Some(now);
            log::warn!("the button {} {what}", self.name);
        }
    }
}

impl ButtonLogic {
    fn new(kind: &ButtonKind, level: bool) -> Self {
        match kind {
            ButtonKind::Push(bindings) if level => Self::Push(Gesture::pressed_at_start(bindings)),
            ButtonKind::Push(bindings) => Self::Push(Gesture::new(bindings)),
            ButtonKind::MuteSwitch => Self::Switch(MuteSwitch::new(level)),
        }
    }

    fn edge(&mut self, down: bool, at: Time, emit: &mut impl FnMut(InputEvent)) {
        match self {
            Self::Push(gesture) => gesture.edge(down, at, emit),
            Self::Switch(switch) => switch.edge(down, at),
        }
    }

    fn is_faulty(&self) -> bool {
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

    fn expire(&mut self, now: Time, emit: &mut impl FnMut(InputEvent)) {
        match self {
            Self::Push(gesture) => gesture.expire(now, emit),
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
