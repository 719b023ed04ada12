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
const DOUBLE: Duration = Duration::from_millis(400);
/// A volume button that is held goes on after this, and then again and again.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const REPEAT: Duration = Duration::from_millis(200);
/// A button held for so long beyond everything that holding it can mean is stuck.
const STUCK: Duration = Duration::from_secs(60);
/// The same where holding can mean talking: no owner talks for longer in one breath.
const STUCK_TALK: Duration = Duration::from_secs(5 * 60);

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
    Once {
        until: Time,
    },
    Down(HeldPress),
    /// What it does means nothing until it is let go.
    Ignored,
}

impl Gesture {
    /// Begins watching a button that does this and is up.
    #[must_use]
    pub fn new(does: &ButtonBindings) -> Self {
        Self {
            bindings: does.clone(),
            debouncer: Debouncer::new(false),
            state: GestureState::Up,
            fault: None,
        }
    }

    /// Begins watching a button that is down already: it means nothing until it is let go.
    #[must_use]
    pub fn pressed_at_start(does: &ButtonBindings) -> Self {
        let (debouncer, fault) = (Debouncer::new(true), Some(ButtonFault::HeldAtStart));
        Self { bindings: does.clone(), debouncer, state: GestureState::Ignored, fault }
    }

    /// Takes in that the button went down or came up at `at`, and reports what that means.
    pub fn edge(&mut self, down: bool, at: Time, mut each: impl FnMut(InputEvent)) {
        self.expire(at, &mut each);
        if let Some(change) = self.debouncer.edge(down, at) {
            self.change(change, at, &mut each);
        }
    }

    /// Names the time at which the passing of time has a meaning.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let own = match &self.state {
            GestureState::Up | GestureState::Ignored => None,
            GestureState::Once { until } => Some(*until),
            GestureState::Down(hold) => Some(hold.first().0),
        };
        [own, self.debouncer.deadline()].into_iter().flatten().min()
    }

    /// Reports what the passing of time means. Every edge until `now` must have been told before.
    pub fn expire(&mut self, now: Time, mut each: impl FnMut(InputEvent)) {
        while let Some(due) = self.deadline().filter(|due| now >= *due) {
            if let Some(change) = self.debouncer.expire(due) {
                self.change(change, due, &mut each);
            } else {
                self.pass(now, &mut each);
            }
        }
    }

    /// Lets the button up because nobody can tell any more whether it is down.
    pub fn lose(&mut self, mut each: impl FnMut(InputEvent)) {
        if let GestureState::Down(hold) = &mut self.state {
            hold.let_go(&mut each);
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

    fn change(&mut self, change: Debounced, at: Time, each: &mut impl FnMut(InputEvent)) {
        let state = std::mem::replace(&mut self.state, GestureState::Up);
        self.state = match (change, state) {
            (Debounced::Edge(true), GestureState::Up) => self.down(None, at, each),
            (Debounced::Edge(true), GestureState::Once { .. }) => self.down(self.bindings.double, at, each),
            (Debounced::Edge(true), state @ (GestureState::Down(_) | GestureState::Ignored)) => state,
            (Debounced::Edge(false), GestureState::Down(hold)) => self.up(hold, at, each),
            (Debounced::Edge(false), state @ (GestureState::Up | GestureState::Once { .. })) => state,
            (Debounced::Edge(false), GestureState::Ignored) => GestureState::Up,
            (Debounced::Chatter, state) => {
                if let GestureState::Down(mut hold) = state {
                    hold.let_go(each);
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
        each: &mut impl FnMut(InputEvent),
    ) -> GestureState {
        let mut hold = HeldPress::new(&self.bindings, double.is_some(), at);
        if let Some(deed) = double.or(self.bindings.press) {
            hold.tell(deed, each);
        }
        GestureState::Down(hold)
    }

    fn up(&self, mut hold: HeldPress, at: Time, each: &mut impl FnMut(InputEvent)) -> GestureState {
        hold.let_go(each);
        let until = hold.since + DOUBLE;
        if !hold.is_plain {
            return GestureState::Up;
        }
        if self.bindings.double.is_some() && at < until {
            return GestureState::Once { until };
        }
        self.short(each);
        GestureState::Up
    }

    fn short(&self, each: &mut impl FnMut(InputEvent)) {
        if let Some(deed) = self.bindings.short {
            let mut talks = false;
            tell(deed, &mut talks, each);
            if talks {
                each(InputEvent::Up);
            }
        }
    }

    /// Does what is due first.
    fn pass(&mut self, now: Time, each: &mut impl FnMut(InputEvent)) {
        match &mut self.state {
            GestureState::Up | GestureState::Ignored => {}
            GestureState::Once { .. } => {
                self.state = GestureState::Up;
                self.short(each);
            }
            GestureState::Down(hold) => {
                if hold.pass(&self.bindings, now, each) == GestureTimer::Stuck {
                    hold.let_go(each);
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
    talks: bool,
    /// It has not been anything but a press yet.
    is_plain: bool,
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
    fn new(does: &ButtonBindings, is_double: bool, since: Time) -> Self {
        let long = does.long.map(|(_, after)| after).filter(|_| !is_double);
        let holding = [long, does.reset.map(|reset| reset.act_after)].into_iter().flatten().max();
        let repeated = match (does.press, does.short) {
            _ if is_double || holding.is_some() => None,
            (Some(deed), _) | (None, Some(deed)) => Some(deed).filter(|deed| is_volume_step(*deed)),
            (None, None) => None,
        };
        let talk = Some(ButtonAction::Talk);
        let can_talk = does.press == talk || does.double == talk || does.long.map(|(deed, _)| deed) == talk;
        let patience = if can_talk { STUCK_TALK } else { STUCK };
        Self {
            since,
            talks: false,
            is_plain: !is_double,
            long: long.map(|after| since + after),
            warning: does.reset.map(|reset| since + reset.warn_after),
            reset: None,
            repeat: repeated.map(|deed| (deed, since + FIRST_REPEAT)),
            stuck: since + holding.unwrap_or_default() + patience,
        }
    }

    fn first(&self) -> (Time, GestureTimer) {
        let timers = [
            self.long.map(|at| (at, GestureTimer::Long)),
            self.warning.map(|at| (at, GestureTimer::Warning)),
            self.reset.map(|at| (at, GestureTimer::Reset)),
            self.repeat.map(|(_, at)| (at, GestureTimer::Repeat)),
        ];
        timers.into_iter().flatten().fold((self.stuck, GestureTimer::Stuck), |first, timer| {
            if timer.0 < first.0 { timer } else { first }
        })
    }

    /// Does what is due first, and tells what it was.
    fn pass(&mut self, does: &ButtonBindings, now: Time, each: &mut impl FnMut(InputEvent)) -> GestureTimer {
        let (_, timer) = self.first();
        match timer {
            GestureTimer::Long => {
                self.long = None;
                self.is_plain = false;
                if let Some((deed, _)) = does.long {
                    self.tell(deed, each);
                    self.repeat =
                        (is_volume_step(deed) && does.reset.is_none()).then_some((deed, now + REPEAT));
                }
            }
            GestureTimer::Warning => {
                self.warning = None;
                self.is_plain = false;
                if let Some(reset) = does.reset {
                    // The whole warning must be seen, however late it comes.
                    let left = reset.act_after.saturating_sub(reset.warn_after);
                    each(InputEvent::ResetNear(left));
                    self.reset = Some(now + left);
                    self.stuck = self.stuck.max(now + left + STUCK);
                }
            }
            GestureTimer::Reset => {
                self.reset = None;
                each(InputEvent::Reset);
            }
            GestureTimer::Repeat => {
                if let Some((deed, at)) = &mut self.repeat {
                    self.is_plain = false;
                    *at = now + REPEAT;
                    tell(*deed, &mut self.talks, each);
                }
            }
            GestureTimer::Stuck => {}
        }
        timer
    }

    fn tell(&mut self, deed: ButtonAction, each: &mut impl FnMut(InputEvent)) {
        tell(deed, &mut self.talks, each);
    }

    fn let_go(&mut self, each: &mut impl FnMut(InputEvent)) {
        if std::mem::take(&mut self.talks) {
            each(InputEvent::Up);
        }
        if self.reset.take().is_some() {
            each(InputEvent::ResetOff);
        }
    }
}

/// Tells of `deed`; `talks` is whether the talk button is down.
fn tell(deed: ButtonAction, talks: &mut bool, each: &mut impl FnMut(InputEvent)) {
    match deed {
        ButtonAction::Talk if *talks => {}
        ButtonAction::Talk => {
            *talks = true;
            each(InputEvent::Down);
        }
        ButtonAction::Mute => {
            each(InputEvent::Mute);
            // After it, so that what was said while the button was on its way to mute ends unanswered.
            if std::mem::take(talks) {
                each(InputEvent::Up);
            }
        }
        ButtonAction::VolumeUp => each(InputEvent::VolumeUp),
        ButtonAction::VolumeDown => each(InputEvent::VolumeDown),
    }
}

fn is_volume_step(deed: ButtonAction) -> bool {
    match deed {
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
