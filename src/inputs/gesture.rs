//! One push button's gestures, as a pure function of timed edges.
//!
//! It tells what a press means as soon as it can mean nothing else: going down at once, a short press when
//! it is let go unless a second one could make it a double. A button that cannot be a finger (down since
//! before the start, down for minutes, never at rest) is reported once and ignored until it is let go.

use std::fmt;
use std::time::Duration;

use super::debounce::{Debounced, Debouncer};
use crate::config::{ButtonAction, ButtonBindings};
use crate::inputs::InputEvent;
use crate::model::Time;

/// A second press is a double if it begins within so long of the first one's beginning.
const DOUBLE_MAX: Duration = Duration::from_millis(400);
/// A volume button that is held goes on after this, and then again and again.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const REPEAT: Duration = Duration::from_millis(200);
/// A button held for so long beyond everything that holding it can mean is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// The same where holding can mean talking: no owner talks for longer in one breath.
const STUCK_TALK_AFTER: Duration = Duration::from_secs(5 * 60);

/// One push button being watched.
#[derive(Clone, Debug)]
pub struct Gesture {
    bindings: ButtonBindings,
    debouncer: Debouncer,
    state: GestureState,
    fault: Option<ButtonFault>,
}

/// Why a button is ignored for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonFault {
    /// It was down already when the watch began.
    HeldAtStart,
    /// It has been down for longer than anybody holds a button.
    Stuck,
    /// It goes up and down faster than a finger.
    Chatters,
}

#[derive(Clone, Debug)]
enum GestureState {
    Up,
    /// Up after a press that a second one may make a double until then.
    AwaitSecond {
        until: Time,
    },
    Down(HeldPress),
    /// What it does means nothing until it is let go.
    Ignored,
}

impl Gesture {
    /// Begins watching a button that does this and is up.
    #[must_use]
    pub fn new(bindings: &ButtonBindings) -> Self {
        Self {
            bindings: bindings.clone(),
            debouncer: Debouncer::new(false),
            state: GestureState::Up,
            fault: None,
        }
    }

    /// Begins watching a button that is down already: it means nothing until it is let go.
    #[must_use]
    pub fn pressed_at_start(bindings: &ButtonBindings) -> Self {
        let (debouncer, fault) = (Debouncer::new(true), Some(ButtonFault::HeldAtStart));
        Self { bindings: bindings.clone(), debouncer, state: GestureState::Ignored, fault }
    }

    /// Takes in that the button went down or came up at `at`, and reports what that means.
    pub fn edge(&mut self, down: bool, at: Time, mut emit: impl FnMut(InputEvent)) {
        self.expire(at, &mut emit);
        if let Some(change) = self.debouncer.edge(down, at) {
            self.change(change, at, &mut emit);
        }
    }

    /// Names the time at which the passing of time has a meaning.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let own = match &self.state {
            GestureState::Up | GestureState::Ignored => None,
            GestureState::AwaitSecond { until } => Some(*until),
            GestureState::Down(press) => Some(press.next_timer().0),
        };
        [own, self.debouncer.deadline()].into_iter().flatten().min()
    }

    /// Reports what the passing of time means. Every edge until `now` must have been told before.
    pub fn expire(&mut self, now: Time, mut emit: impl FnMut(InputEvent)) {
        while let Some(due) = self.deadline().filter(|due| now >= *due) {
            if let Some(change) = self.debouncer.expire(due) {
                self.change(change, due, &mut emit);
            } else {
                self.fire(now, &mut emit);
            }
        }
    }

    /// Lets the button up because nobody can tell any more whether it is down.
    pub fn disconnect(&mut self, mut emit: impl FnMut(InputEvent)) {
        if let GestureState::Down(press) = &mut self.state {
            press.release(&mut emit);
        }
        self.debouncer = Debouncer::new(false);
        self.state = GestureState::Up;
    }

    /// Tells whether its contact does not come to rest, so that looking at it now and then is enough.
    pub(crate) fn chatters(&self) -> bool {
        self.debouncer.chatters()
    }

    /// Tells whether it is ignored, for what is wrong with it.
    #[must_use]
    pub fn is_ignored(&self) -> bool {
        matches!(self.state, GestureState::Ignored)
    }

    /// Gives what is wrong with the button, once.
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

    /// Does what is due first.
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

/// What is known of a press that lasts.
#[derive(Clone, Debug)]
struct HeldPress {
    since: Time,
    /// The talk button has been told down and not up.
    is_talking: bool,
    /// It has not been anything but a press yet.
    may_be_short: bool,
    long: Option<Time>,
    warning: Option<Time>,
    /// Only once it has been warned of.
    reset: Option<Time>,
    repeat: Option<(ButtonAction, Time)>,
    stuck: Time,
}

/// What time does to a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GestureTimer {
    /// It is a long one.
    Long,
    /// Soon it resets the device.
    Warning,
    /// It resets the device.
    Reset,
    /// It does what it does again.
    Repeat,
    /// It is no press.
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

    /// Does what is due first, and tells what it was.
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
                    // The whole warning must be seen, however late it comes.
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

/// Tells of `deed`; `talks` is whether the talk button is down.
fn emit_action(action: ButtonAction, is_talking: &mut bool, emit: &mut impl FnMut(InputEvent)) {
    match action {
        ButtonAction::Talk if *is_talking => {}
        ButtonAction::Talk => {
            *is_talking = true;
            emit(InputEvent::Down);
        }
        ButtonAction::Mute => {
            emit(InputEvent::Mute);
            // After it, so that what was said while the button was on its way to mute ends unanswered.
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
            Self::HeldAtStart => "was down before anybody watched it, so it counts only once it is let go",
            Self::Stuck => "has been down for longer than anybody holds a button, so it counts as let go",
            Self::Chatters => {
                "goes up and down faster than a finger, so it is ignored until it has been quiet"
            }
        })
    }
}
