//! Gestures of one push button, as a pure function of timed edges.
//!
//! A gesture is emitted as soon as it is unambiguous: a press at its edge, a short press at its release
//! unless a second press could make it a double. A button that is down at the start, stuck or chattering is
//! reported once and ignored until it is released. It reads no clock and no device.

use std::fmt;
use std::time::Duration;

use super::debounce::{Debounced, Debouncer};
use crate::config::{ButtonAction, ButtonBindings};
use crate::inputs::InputEvent;
use crate::model::Time;

/// The longest time between the starts of the two presses of a double.
const DOUBLE_MAX: Duration = Duration::from_millis(400);
/// Delay before a held volume button repeats.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
/// Time between two repeats.
const REPEAT: Duration = Duration::from_millis(200);
/// A button is stuck if it is held for this much longer than its longest hold gesture.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// The same for a button that talks while it is held: no user talks for longer at once.
const STUCK_TALK_AFTER: Duration = Duration::from_secs(5 * 60);

/// The state of one push button.
#[derive(Clone, Debug)]
pub struct Gesture {
    bindings: ButtonBindings,
    debouncer: Debouncer,
    state: GestureState,
    fault: Option<ButtonFault>,
}

/// Why a button is ignored until it is released or quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonFault {
    /// It was down at the start.
    HeldAtStart,
    /// It has been down for too long.
    Stuck,
    /// Its edges come faster than a person can press.
    Chatters,
}

#[derive(Clone, Debug)]
enum GestureState {
    Up,
    /// Up after a press; a second press before `until` makes it a double.
    AwaitSecond {
        until: Time,
    },
    Down(HeldPress),
    /// Ignored until it is released.
    Ignored,
}

impl Gesture {
    /// Creates the gestures of a button that is up.
    #[must_use]
    pub fn new(bindings: &ButtonBindings) -> Self {
        Self {
            bindings: bindings.clone(),
            debouncer: Debouncer::new(false),
            state: GestureState::Up,
            fault: None,
        }
    }

    /// Creates the gestures of a button that is down already: it is ignored until it is released.
    #[must_use]
    pub fn pressed_at_start(bindings: &ButtonBindings) -> Self {
        let (debouncer, fault) = (Debouncer::new(true), Some(ButtonFault::HeldAtStart));
        Self { bindings: bindings.clone(), debouncer, state: GestureState::Ignored, fault }
    }

    /// Handles an edge at `at` and emits its events.
    pub fn edge(&mut self, down: bool, at: Time, mut emit: impl FnMut(InputEvent)) {
        self.expire(at, &mut emit);
        if let Some(change) = self.debouncer.edge(down, at) {
            self.change(change, at, &mut emit);
        }
    }

    /// Returns when to call [`expire`](Self::expire).
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let state_deadline = match &self.state {
            GestureState::Up | GestureState::Ignored => None,
            GestureState::AwaitSecond { until } => Some(*until),
            GestureState::Down(press) => Some(press.next_timer().0),
        };
        [state_deadline, self.debouncer.deadline()].into_iter().flatten().min()
    }

    /// Handles the timers that are due at `now` and emits their events. The caller must have passed every
    /// edge until `now` before.
    pub fn expire(&mut self, now: Time, mut emit: impl FnMut(InputEvent)) {
        while let Some(due) = self.deadline().filter(|due| now >= *due) {
            if let Some(change) = self.debouncer.expire(due) {
                self.change(change, due, &mut emit);
            } else {
                self.fire(now, &mut emit);
            }
        }
    }

    /// Releases the button because its device is disconnected and its level unknown.
    pub fn disconnect(&mut self, mut emit: impl FnMut(InputEvent)) {
        if let GestureState::Down(press) = &mut self.state {
            press.release(&mut emit);
        }
        self.debouncer = Debouncer::new(false);
        self.state = GestureState::Up;
    }

    /// Returns whether the contact chatters, so that its edges need not be polled.
    pub(crate) fn chatters(&self) -> bool {
        self.debouncer.chatters()
    }

    /// Returns whether the button is ignored because of a fault.
    #[must_use]
    pub fn is_ignored(&self) -> bool {
        matches!(self.state, GestureState::Ignored)
    }

    /// Returns a new fault of the button, once.
    pub fn take_fault(&mut self) -> Option<ButtonFault> {
        self.fault.take()
    }

    fn change(&mut self, change: Debounced, at: Time, emit: &mut impl FnMut(InputEvent)) {
        let state = std::mem::replace(&mut self.state, GestureState::Up);
        self.state = match (change, state) {
            (Debounced::Edge(true), GestureState::Up) => self.down(None, at, emit),
            (Debounced::Edge(true), GestureState::AwaitSecond { .. }) => {
                self.down(self.bindings.double, at, emit)
            }
            (Debounced::Edge(true), state @ (GestureState::Down(_) | GestureState::Ignored)) => state,
            (Debounced::Edge(false), GestureState::Down(press)) => self.up(press, at, emit),
            (Debounced::Edge(false), state @ (GestureState::Up | GestureState::AwaitSecond { .. })) => state,
            (Debounced::Edge(false), GestureState::Ignored) => GestureState::Up,
            (Debounced::Chatter, state) => {
                if let GestureState::Down(mut press) = state {
                    press.release(emit);
                }
                self.fault = Some(ButtonFault::Chatters);
                GestureState::Ignored
            }
            (Debounced::Quiet(true), _) => GestureState::Ignored,
            (Debounced::Quiet(false), _) => GestureState::Up,
        };
    }

    fn down(
        &self,
        double: Option<ButtonAction>,
        at: Time,
        emit: &mut impl FnMut(InputEvent),
    ) -> GestureState {
        let mut press = HeldPress::new(&self.bindings, double.is_some(), at);
        if let Some(action) = double.or(self.bindings.press) {
            press.emit_action(action, emit);
        }
        GestureState::Down(press)
    }

    fn up(&self, mut press: HeldPress, at: Time, emit: &mut impl FnMut(InputEvent)) -> GestureState {
        press.release(emit);
        let until = press.since + DOUBLE_MAX;
        if !press.may_be_short {
            return GestureState::Up;
        }
        if self.bindings.double.is_some() && at < until {
            return GestureState::AwaitSecond { until };
        }
        self.emit_short(emit);
        GestureState::Up
    }

    fn emit_short(&self, emit: &mut impl FnMut(InputEvent)) {
        if let Some(action) = self.bindings.short {
            let mut is_talking = false;
            emit_action(action, &mut is_talking, emit);
            if is_talking {
                emit(InputEvent::Up);
            }
        }
    }

    /// Handles the timer that is due first.
    fn fire(&mut self, now: Time, emit: &mut impl FnMut(InputEvent)) {
        match &mut self.state {
            GestureState::Up | GestureState::Ignored => {}
            GestureState::AwaitSecond { .. } => {
                self.state = GestureState::Up;
                self.emit_short(emit);
            }
            GestureState::Down(press) => {
                if press.fire(&self.bindings, now, emit) == GestureTimer::Stuck {
                    press.release(emit);
                    self.fault = Some(ButtonFault::Stuck);
                    self.state = GestureState::Ignored;
                }
            }
        }
    }
}

/// A press in progress.
#[derive(Clone, Debug)]
struct HeldPress {
    since: Time,
    /// [`InputEvent::Down`] has been emitted and [`InputEvent::Up`] has not.
    is_talking: bool,
    /// The press has not become a double, a long press, a repeat or a reset.
    may_be_short: bool,
    long: Option<Time>,
    warning: Option<Time>,
    /// Set by the warning.
    reset: Option<Time>,
    repeat: Option<(ButtonAction, Time)>,
    stuck: Time,
}

/// The timers of a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GestureTimer {
    Long,
    /// Warns of the factory reset.
    Warning,
    Reset,
    Repeat,
    Stuck,
}

impl HeldPress {
    fn new(bindings: &ButtonBindings, is_double: bool, since: Time) -> Self {
        let long = bindings.long.map(|(_, after)| after).filter(|_| !is_double);
        let longest_hold = [long, bindings.reset.map(|reset| reset.act_after)].into_iter().flatten().max();
        let repeat_action = match (bindings.press, bindings.short) {
            _ if is_double || longest_hold.is_some() => None,
            (Some(action), _) | (None, Some(action)) => Some(action).filter(|action| is_volume_step(*action)),
            (None, None) => None,
        };
        let talk = Some(ButtonAction::Talk);
        let can_talk = bindings.press == talk
            || bindings.double == talk
            || bindings.long.map(|(action, _)| action) == talk;
        let stuck_after = if can_talk { STUCK_TALK_AFTER } else { STUCK_AFTER };
        Self {
            since,
            is_talking: false,
            may_be_short: !is_double,
            long: long.map(|after| since + after),
            warning: bindings.reset.map(|reset| since + reset.warn_after),
            reset: None,
            repeat: repeat_action.map(|action| (action, since + FIRST_REPEAT)),
            stuck: since + longest_hold.unwrap_or_default() + stuck_after,
        }
    }

    fn next_timer(&self) -> (Time, GestureTimer) {
        let timers = [
            self.long.map(|at| (at, GestureTimer::Long)),
            self.warning.map(|at| (at, GestureTimer::Warning)),
            self.reset.map(|at| (at, GestureTimer::Reset)),
            self.repeat.map(|(_, at)| (at, GestureTimer::Repeat)),
        ];
        timers.into_iter().flatten().fold((self.stuck, GestureTimer::Stuck), |next_timer, timer| {
            if timer.0 < next_timer.0 { timer } else { next_timer }
        })
    }

    /// Handles the timer that is due first and returns it.
    fn fire(
        &mut self,
        bindings: &ButtonBindings,
        now: Time,
        emit: &mut impl FnMut(InputEvent),
    ) -> GestureTimer {
        let (_, timer) = self.next_timer();
        match timer {
            GestureTimer::Long => {
                self.long = None;
                self.may_be_short = false;
                if let Some((action, _)) = bindings.long {
                    self.emit_action(action, emit);
                    self.repeat = (is_volume_step(action) && bindings.reset.is_none())
                        .then_some((action, now + REPEAT));
                }
            }
            GestureTimer::Warning => {
                self.warning = None;
                self.may_be_short = false;
                if let Some(reset) = bindings.reset {
                    // Even a late warning must be visible for its whole duration.
                    let left = reset.act_after.saturating_sub(reset.warn_after);
                    emit(InputEvent::ResetNear(left));
                    self.reset = Some(now + left);
                    self.stuck = self.stuck.max(now + left + STUCK_AFTER);
                }
            }
            GestureTimer::Reset => {
                self.reset = None;
                emit(InputEvent::Reset);
            }
            GestureTimer::Repeat => {
                if let Some((action, at)) = &mut self.repeat {
                    self.may_be_short = false;
                    *at = now + REPEAT;
                    emit_action(*action, &mut self.is_talking, emit);
                }
            }
            GestureTimer::Stuck => {}
        }
        timer
    }

    fn emit_action(&mut self, action: ButtonAction, emit: &mut impl FnMut(InputEvent)) {
        emit_action(action, &mut self.is_talking, emit);
    }

    fn release(&mut self, emit: &mut impl FnMut(InputEvent)) {
        if std::mem::take(&mut self.is_talking) {
            emit(InputEvent::Up);
        }
        if self.reset.take().is_some() {
            emit(InputEvent::ResetOff);
        }
    }
}

/// Emits the events of `action`; `is_talking` is whether the talk button is down.
fn emit_action(action: ButtonAction, is_talking: &mut bool, emit: &mut impl FnMut(InputEvent)) {
    match action {
        ButtonAction::Talk if *is_talking => {}
        ButtonAction::Talk => {
            *is_talking = true;
            emit(InputEvent::Down);
        }
        ButtonAction::Mute => {
            emit(InputEvent::Mute);
            // After the mute, so that the audio recorded during a long press is discarded and not answered.
            if std::mem::take(is_talking) {
                emit(InputEvent::Up);
            }
        }
        ButtonAction::VolumeUp => emit(InputEvent::VolumeUp),
        ButtonAction::VolumeDown => emit(InputEvent::VolumeDown),
    }
}

fn is_volume_step(action: ButtonAction) -> bool {
    match action {
        ButtonAction::VolumeUp | ButtonAction::VolumeDown => true,
        ButtonAction::Talk | ButtonAction::Mute => false,
    }
}

impl fmt::Display for ButtonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeldAtStart => {
                "was down at the start; it is ignored until it is released: check its wiring"
            }
            Self::Stuck => {
                "has been down for too long; it counts as released and is ignored until it is up: check whether it \
                 is stuck"
            }
            Self::Chatters => {
                "chatters: more than 20 edges in 1 s; it is ignored until it is quiet for 1 s: check its contact and \
                 wiring"
            }
        })
    }
}
