//! The user interface: input events of the board, the state that the lights show, lines on the terminal, and the
//! settings to save.
//!
//! It decides neither what a press means nor what a state looks like: that is up to `conversation` and `light`.

mod settings;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use heapless::Deque;

use crate::background::StateWrite;
use crate::board::Board;
use crate::config::SavedState;
use crate::conversation::{Exit, Notice, ServerError, State};
use crate::inputs::InputEvent;
use crate::light::{HoldProgress, Impairments, Indication, Levels, LightState, STEP};
use crate::model::Time;
use crate::printable::LineRate;

pub(super) use settings::FULL_VOLUME;

use settings::Settings;

/// Capacity of the queue of input events. More events in one turn can only come from keys mashed on a terminal; further
/// ones are dropped.
const INPUTS: usize = 32;
/// The steps for which the light shows at the start that words or sound are recorded: three seconds.
const RECORDING_STEPS: u32 = 60;
/// How late a light update may be while the microphone is open: its wake-ups then spare the light one of its own.
const LIGHT_SLACK: Duration = Duration::from_millis(20);

/// How long another program's change of a light may last while the microphone is live.
const RESTORE_INTERVAL: Duration = Duration::from_millis(500);

/// Everything that the user presses and sees.
pub(super) struct Ui {
    board: Board,
    inputs: Deque<InputEvent, INPUTS>,
    light: LightState,
    /// When the light has to be updated next.
    light_due: Option<Time>,
    /// When the lights were last restored.
    restored: Time,
    impairments: Impairments,
    settings: Settings,
    words_rate: LineRate,
}

impl Ui {
    pub(super) fn new(mut board: Board, saved: &SavedState, state: State, now: Time) -> Self {
        board.set_remembered(saved.file.is_some(), saved.volume);
        Self {
            board,
            inputs: Deque::new(),
            light: LightState::begin(state, now),
            light_due: Some(now),
            restored: now,
            impairments: Impairments::default(),
            settings: Settings::new(saved),
            words_rate: LineRate::default(),
        }
    }

    /// Returns the descriptor of the inputs to poll for reading.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.board.fd()
    }

    /// Returns whether a mute switch is on; `None` if there is none.
    pub(super) fn mute_switch(&self) -> Option<bool> {
        self.board.mute_switch()
    }

    /// Reads the inputs that are `readable`, and those whose timers have expired.
    pub(super) fn handle_inputs(&mut self, readable: bool, now: Time) {
        let inputs = &mut self.inputs;
        self.board.read_inputs(readable, now, |event| {
            let _ = inputs.push_back(event);
        });
        if self.board.take_resized() {
            self.light_due = Some(now);
        }
    }

    /// Returns the next input event.
    pub(super) fn poll_input(&mut self) -> Option<InputEvent> {
        self.inputs.pop_front()
    }

    /// Returns when to call [`handle_inputs`](Self::handle_inputs) even if nothing is readable.
    pub(super) fn input_deadline(&self) -> Option<Time> {
        self.board.deadline()
    }

    /// Returns the state that the light shows.
    pub(super) fn light(&self) -> &LightState {
        &self.light
    }

    /// Shows the conversation's state, and whether the microphone is muted and whether captured audio may leave the
    /// device (`live`).
    pub(super) fn set_state(&mut self, state: State, muted: bool, live: bool, now: Time) {
        self.change_light(now, |light| {
            if light.state != state {
                light.since = now;
            }
            if light.microphone_live && !live {
                light.closed = Some(now);
            }
            (light.state, light.muted, light.microphone_live) = (state, muted, live);
        });
    }

    /// Shows that a reply was interrupted.
    pub(super) fn set_interrupted(&mut self, now: Time) {
        self.change_light(now, |light| light.interrupted = Some(now));
    }

    /// Shows the volume, in percent.
    pub(super) fn set_volume(&mut self, percent: u8, now: Time) {
        self.board.set_volume(percent);
        self.change_light(now, |light| light.volume = Some((percent, now)));
    }

    /// Shows that the button is held for a reset that is due after `left`, or no longer held (`None`).
    pub(super) fn set_reset(&mut self, left: Option<Duration>, now: Time) {
        let hold = left.map(|left| HoldProgress { since: now, until: now + left });
        self.change_light(now, |light| light.reset = hold);
    }

    /// Changes what impairs the device, and shows the worst of it.
    pub(super) fn change_impairments(&mut self, now: Time, change: impl FnOnce(&mut Impairments)) {
        change(&mut self.impairments);
        let impairments = self.impairments;
        self.change_light(now, |light| light.set_impairments(impairments, now));
    }

    /// Shows a notice, as far as the light can.
    pub(super) fn set_notice(&mut self, notice: Notice, now: Time) {
        self.change_light(now, |light| light.set_notice(notice, now));
    }

    /// Shows an error of the service, as far as the light can.
    pub(super) fn set_server_error(&mut self, error: ServerError, now: Time) {
        self.change_light(now, |light| light.set_server_error(error, now));
    }

    /// Shows why the program exits, and returns for how long: without lights, not at all.
    pub(super) fn set_exit(&mut self, exit: Exit, now: Time) -> Duration {
        let shown = self.change_light(now, |light| light.set_exit(exit, now));
        if self.board.has_leds() { shown } else { Duration::ZERO }
    }

    /// Returns whether [`show`](Self::show) is due.
    pub(super) fn is_light_due(&self, now: Time) -> bool {
        self.light_due.is_some_and(|due| now >= due)
    }

    /// Shows the next frame of the light. `levels` are the peaks since the last one.
    pub(super) fn show(&mut self, levels: Levels, now: Time) {
        let next = self.board.show(&Indication { light: self.light, levels }, now);
        self.light_due = next.map(|wait| now + wait);
    }

    /// Writes the lights again while the microphone is live, in case another program has changed them. It has no
    /// deadline: a live microphone wakes the session often enough.
    pub(super) fn restore_light(&mut self, now: Time) {
        if self.light.microphone_live && now >= self.restored + RESTORE_INTERVAL {
            self.restored = now;
            if !self.board.restore_leds() {
                self.light_due = Some(now);
            }
        }
    }

    /// Returns when to call [`show`](Self::show); a little later while the microphone is open.
    pub(super) fn light_deadline(&self, microphone_open: bool) -> Option<Time> {
        let slack = if microphone_open { LIGHT_SLACK } else { Duration::ZERO };
        self.light_due.map(|due| due + slack)
    }

    /// Prints what a speaker has said, unless lines come too fast. What is left out is counted, and said with the next.
    pub(super) fn print_words(&mut self, who: &str, words: &str, now: Time) {
        let Some(dropped) = self.words_rate.admit(Duration::from_nanos(now.as_nanos())) else { return };
        if dropped > 0 {
            self.print("notice", &format!("{dropped} lines of words are missing here: they came too fast"));
        }
        self.print(who, words);
    }

    /// Prints a notice or the delays of a turn.
    pub(super) fn print(&mut self, who: &str, text: &str) {
        self.board.print(who, text);
    }

    /// Saves the mark of an access that the service has accepted.
    pub(super) fn accept_access(&mut self, mark: String) {
        self.settings.accept(mark);
    }

    /// Saves the conversation with an agent that the next start resumes.
    pub(super) fn keep_conversation(&mut self, id: String) {
        self.settings.keep_conversation(id);
    }

    /// Deletes the saved settings.
    pub(super) fn delete_settings(&mut self) {
        self.board.set_volume(FULL_VOLUME);
        self.settings.delete();
    }

    /// Returns the next write of the settings, if they differ from those that were saved last.
    pub(super) fn poll_state_write(&mut self, muted: bool, volume: u8) -> Option<StateWrite> {
        self.settings.poll_write(muted, volume)
    }

    /// Changes the light. If that changes what is shown, a frame is due at once.
    fn change_light<T>(&mut self, now: Time, change: impl FnOnce(&mut LightState) -> T) -> T {
        let before = self.light;
        let result = change(&mut self.light);
        if self.light != before {
            self.light_due = Some(now);
        }
        result
    }
}

/// Shows on the lights that the program is starting, until a session sets them. If it `records` words or sound, it
/// first shows that, before a microphone is open: green could hide it. `pause` waits, or in a test does not.
pub fn show_startup(board: &mut Board, records: bool, mut pause: impl FnMut(Duration)) {
    let starting = LightState { booted: false, records, ..LightState::begin(State::Connecting, Time::ZERO) };
    if records && board.has_leds() {
        for step in 0..RECORDING_STEPS {
            board.show_leds(&starting, Time::ZERO + STEP * step);
            pause(STEP);
        }
    }
    board.show_leds(&LightState { records: false, ..starting }, Time::ZERO);
}
