//! All buttons and mute switches, on GPIO lines, evdev keys or simulated: turns their edges into input
//! events.
//!
//! It opens all of them or returns an error, never blocks, and logs faults. It does not decide what an event
//! does.

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

/// Time between two searches for a disconnected device.
const RESCAN_INTERVAL: Duration = Duration::from_secs(2);
/// The shortest time between two log lines about the same button.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// All buttons and switches.
#[derive(Default)]
pub(crate) struct Buttons {
    states: Vec<ButtonState>,
    lines: Vec<EdgeLine>,
    keyboards: Vec<Keyboard>,
    simulated: Option<Receiver<ButtonEdge>>,
    /// When to search for disconnected devices; `None` while all are connected.
    next_rescan: Option<Time>,
    /// The combined level of the mute switches that was emitted last.
    last_mute_switch: Option<bool>,
    /// The value of the last [`InputEvent::ButtonFault`].
    last_fault: bool,
}

/// A GPIO line and the index of its button.
struct EdgeLine {
    line: WatchedLine,
    button: usize,
    /// Not polled, because it chatters; it is read when it may have become quiet.
    is_unpolled: bool,
}

/// One button or switch, independent of its wiring.
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
    /// Opens the configured buttons and adds them to `poll`.
    pub(crate) fn open(configs: &[ButtonConfig], poll: &InputPoll) -> Result<Self, InputError> {
        let mut buttons = Self::default();
        for (index, button) in configs.iter().enumerate() {
            let user = format!("the button {}", button.name);
            let mut level = false;
            match &button.source {
                ButtonSource::Line { line, active_low, bias, debounce } => {
                    let (line, active) = WatchedLine::open(&user, line, *active_low, *bias, *debounce)?;
                    poll.add(&line, InputSource::Button).map_err(InputError::Wait)?;
                    buttons.lines.push(EdgeLine { line, button: index, is_unpolled: false });
                    level = active;
                }
                ButtonSource::Key { device, code, .. } => {
                    let key = WatchedKey { code: *code, button: index };
                    let keys = device.as_ref().map_or_else(|| vec![key], |device| keys_of(configs, device));
                    // The first key of a device opens it for all its keys.
                    if keys.first() == Some(&key) {
                        let optional = keys.iter().all(|key| is_optional(&configs[key.button]));
                        match Keyboard::open(&user, device.as_deref(), keys) {
                            Ok(keyboard) => buttons.keyboards.push(keyboard),
                            Err(error) if optional => log::warn!("{error}; mynah goes on without it"),
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
            }
            buttons.states.push(ButtonState::new(button, level));
        }
        for keyboard in &buttons.keyboards {
            read_levels(&mut buttons.states, keyboard, poll).map_err(InputError::Wait)?;
        }
        // The caller queries a switch's level at the start; only changes are emitted.
        buttons.last_mute_switch = buttons.mute_switch();
        Ok(buttons)
    }

    /// Creates buttons that are pressed through the returned [`SimulatedButtons`], whatever their configured
    /// source.
    pub(crate) fn simulated(configs: &[ButtonConfig]) -> (Self, SimulatedButtons) {
        let (edge_tx, edge_rx) = sync_channel(EDGES_MAX);
        let states = configs.iter().map(|button| ButtonState::new(button, false)).collect();
        (Self { states, simulated: Some(edge_rx), ..Self::default() }, SimulatedButtons(edge_tx))
    }

    pub(crate) fn are_simulated(&self) -> bool {
        self.simulated.is_some()
    }

    /// Returns whether there is a line, or an input device, connected or not.
    pub(crate) fn are_any(&self) -> bool {
        !self.lines.is_empty() || !self.keyboards.is_empty()
    }

    /// Returns whether any mute switch is on; `None` if there is no switch.
    pub(crate) fn mute_switch(&self) -> Option<bool> {
        let switches = self.states.iter().filter_map(|state| match &state.logic {
            ButtonLogic::Push(_) => None,
            ButtonLogic::Switch(switch) => Some(switch.is_on()),
        });
        switches.reduce(|one, other| one || other)
    }

    /// Returns when to call [`expire`](Self::expire).
    pub(crate) fn deadline(&self) -> Option<Time> {
        let deadlines = self.states.iter().filter_map(|state| state.logic.deadline());
        deadlines.chain(self.next_rescan).min()
    }

    /// Reads all pending edges and emits their events.
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
                device::DeviceRead::EventsLost => {
                    log::debug!(
                        "input device {:?}: events lost, read its key state instead",
                        keyboard.name()
                    );
                }
                device::DeviceRead::Disconnected => {
                    log::warn!(
                        "input device {:?} is disconnected; its buttons do not work until it is reconnected: check \
                         its cable",
                        keyboard.name()
                    );
                    keyboard.lose();
                    keyboard.buttons().for_each(|button| states[button].lose(emit));
                    self.next_rescan.get_or_insert(now + RESCAN_INTERVAL);
                }
            }
        }
    }

    /// Handles timers that are due at `now` and emits their events. The caller must have read pending edges
    /// before.
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

    /// Searches for disconnected devices and returns whether any is still missing.
    fn rescan(&mut self, poll: &InputPoll) -> bool {
        let mut missing = false;
        for keyboard in self.keyboards.iter_mut().filter(|keyboard| keyboard.fd().is_none()) {
            let found = keyboard.search().is_ok() && read_levels(&mut self.states, keyboard, poll).is_ok();
            if found {
                log::info!("input device {:?} is reconnected", keyboard.name());
            } else {
                keyboard.lose();
            }
            missing |= !found;
        }
        missing
    }
}

impl EdgeLine {
    /// Emits the events of its edges and returns whether the line still exists.
    fn read(
        &mut self,
        state: &mut ButtonState,
        clock: &ClockOffset,
        emit: &mut impl FnMut(InputEvent),
    ) -> bool {
        match self.line.read(clock, |down, at| state.logic.edge(down, at, emit)) {
            edges::LineRead::All => {}
            // Edges of a chattering contact are ignored anyway.
            edges::LineRead::EdgesLost(_) if self.is_unpolled => {}
            edges::LineRead::EdgesLost(count) => {
                state.log(&format!("lost {count} edges; its current level was read instead"), clock.now())
            }
            edges::LineRead::Disconnected => {
                state.lose(emit);
                log::error!(
                    "the button {} is disconnected: its GPIO chip was removed; restart mynah when it is back",
                    state.name
                );
                return false;
            }
        }
        true
    }

    /// Stops polling the line while it chatters.
    fn update_polling(&mut self, chatters: bool, poll: &InputPoll) {
        if chatters && !self.is_unpolled {
            poll.remove(&self.line);
            self.is_unpolled = true;
        } else if !chatters && self.is_unpolled {
            // Edges that arrived meanwhile are readable then. A failure is retried in the next turn.
            self.is_unpolled = poll.add(&self.line, InputSource::Button).is_err();
        }
    }
}

/// Adds a device to `poll` and resets its buttons to the keys' current levels.
fn read_levels(states: &mut [ButtonState], keyboard: &Keyboard, poll: &InputPoll) -> std::io::Result<()> {
    if let Some(fd) = keyboard.fd() {
        poll.add(fd, InputSource::Button)?;
    }
    keyboard.levels(|button, down| states[button].reset(down))
}

fn is_optional(button: &ButtonConfig) -> bool {
    matches!(button.source, ButtonSource::Key { optional: true, .. })
}

/// Returns the keys of all buttons on the input device `name`.
fn keys_of(configs: &[ButtonConfig], name: &str) -> Vec<WatchedKey> {
    let keys = configs.iter().enumerate().filter_map(|(button, config)| match &config.source {
        ButtonSource::Key { device: Some(device), code, .. } if device == name => {
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

    /// Releases a push button; a disconnected switch keeps its last level.
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
