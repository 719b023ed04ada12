//! The conversation: what to do next, as a machine that is a function of events and time.
//!
//! `handle(event, now)` returns what the session is to do; `deadline` says when to come back with
//! [`Event::Tick`]. What is needed only in one phase lives inside that phase, so leaving it cancels its
//! timers. Whether the microphone is open, what the light shows and whose audio may be heard are not
//! commanded: they are read off the phase ([`Conversation::microphone`], [`Conversation::state`],
//! [`Conversation::accepts_audio_of`]).
//!
//! It never reads a clock, knows no JSON, samples or hardware, and cannot fail.

mod backoff;
mod event;
mod handover;
mod offline;
mod online;
mod snapshot;
mod turn;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::model::{Id, Mode};
pub use backoff::{CloseReason, RETRY_SPACING, STABLE_AFTER, UNAUTHORIZED_LIMIT};
pub use event::{
    DeviceEvent, Event, LinkChange, ResponseStatus, ServerError, ServiceEvent, StandbyChange, UserInput,
};
pub use handover::{HANDOVER_BEFORE, SESSION_LIFE, SWITCH_BY, SWITCH_QUIET};
pub use snapshot::{Snapshot, SnapshotError};

use crate::model::Time;
use backoff::JitterRng;
use offline::Offline;
use turn::Online;

/// What one event leads to, in order.
pub type Actions = heapless::Vec<Action, 8>;

/// How long the service may take to answer `session.update` before the link counts as broken.
pub const CONFIGURE_LIMIT: Duration = Duration::from_secs(10);
/// How long DNS, TCP, TLS and the upgrade may take together.
pub const DIAL_LIMIT: Duration = Duration::from_secs(30);
/// How long a turn may go unanswered before the device is at rest again.
pub const THINK_LIMIT: Duration = Duration::from_secs(30);
/// How long a turn waits for the end of the reply before it, which the service may have forgotten to tell.
pub const DEFERRED_CREATE_LIMIT: Duration = Duration::from_secs(3);
/// How long a reply that has run dry may stay unfinished.
pub const STALL_LIMIT: Duration = Duration::from_secs(10);
/// How long one reply may be heard: the backlog's ten minutes and a margin.
pub const REPLY_LIMIT: Duration = Duration::from_secs(660);
/// How long one utterance may last; beyond it the button is stuck or the room is never quiet.
pub const UTTERANCE_LIMIT: Duration = Duration::from_secs(300);
/// How little sound a push to talk may hold before it counts as a slip of the finger (protocol §9.5).
pub const SHORTEST_HOLD: Duration = Duration::from_millis(150);
/// How long the service may take to answer a close frame when the owner leaves.
pub const GOODBYE_LIMIT: Duration = Duration::from_millis(1500);
/// How long a reply waits for a speaker that went away, before it is given up.
pub const SPEAKER_WAIT_LIMIT: Duration = Duration::from_secs(3);
/// How long a recorded voice that has ended waits, at rest, for a late reply.
pub const INPUT_ENDED_WAIT: Duration = Duration::from_millis(1500);

/// How long what is said without a link is kept for the next: what is older is no answer's beginning any more.
pub const KEEP_LIMIT: Duration = Duration::from_secs(10);
/// How short an outage may be, while nobody speaks, to pass without a sound.
pub const OUTAGE_GRACE: Duration = Duration::from_secs(2);
/// How many errors of the service's own, within [`TROUBLE_WINDOW`], make a session not worth keeping (protocol §11).
pub const ERROR_BURST: u32 = 3;
/// In what time they have to come.
pub const ERROR_BURST_WINDOW: Duration = Duration::from_secs(30);

/// What the device is doing, as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The link is being made or set up.
    Connecting,
    /// At rest, microphone closed.
    Idle,
    /// The microphone is live and it is the owner's turn.
    Listening,
    /// The turn is over and no reply is heard yet.
    Thinking,
    /// A reply is being heard.
    Speaking,
    /// No link; the next try is scheduled.
    Offline,
    /// At rest with the microphone cut off by its owner.
    Muted,
}

/// Something for the session to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make a link.
    Dial,
    /// Close the link politely, or give up the attempt at one, and the second with it.
    HangUp,
    /// Make a second link beside the first.
    DialStandby,
    /// Send the whole session configuration over the second link.
    ConfigureStandby,
    /// Close the second link, or give up the attempt at one.
    DropStandby,
    /// Put the second link in the place of the first, as far as it has come, and close the first politely if it is
    /// still there. What the service has not taken as a turn yet goes again, and what was said so far goes along.
    SwitchToStandby,
    /// Send the whole session configuration.
    Configure,
    /// Silence the reply that is heard or queued, at once.
    Cut,
    /// Discard the audio that the service holds for an unfinished turn.
    Clear,
    /// End the turn: everything captured so far goes first.
    Commit,
    /// Ask for a reply.
    Create,
    /// Stop the service's work on this reply.
    Cancel(Id),
    Notify(Notice),
    /// Let the owner hear this, when nothing else is heard.
    PlayEarcon(Earcon),
    Finish(Exit),
}

/// What the owner hears of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Earcon {
    Disconnected,
    Reconnected,
}

/// Something the owner should know, that the light cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    NoReply,
    ReplyStalled,
    ReplyFailed,
    /// The press was too short to hold a word.
    TooShort,
    /// The button asks for a microphone that is muted.
    Muted,
    /// A button asks for a microphone that a switch holds muted.
    MuteSwitched,
    /// Nobody can hear the reply: there is no speaker.
    NoSpeaker,
    /// The service did not answer the configuration in time.
    NoSession,
    /// There was no link for so long that what was said is not sent any more.
    Unsent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// The owner asked for it.
    Requested,
    /// Trying again cannot help: something has to be set up differently.
    Misconfigured,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    mode: Mode,
    mute: Mute,
    speaker: SpeakerStatus,
    input_ended: bool,
    jitter: JitterRng,
    /// Until when the service asked not to be dialled.
    dial_not_before: Option<Time>,
    phase: Phase,
}

/// Who has cut the microphone off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mute {
    by_button: bool,
    by_switch: bool,
}

/// Whether a reply can be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum SpeakerStatus {
    Present,
    Missing { until: Time },
    GivenUp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Phase {
    Offline(Offline),
    Online(Online),
    Leaving { until: Time },
    Ended,
}

impl Conversation {
    /// Begins by dialling: carry out the returned actions. `seed` spreads the retries of many devices.
    #[must_use]
    pub fn begin(mode: Mode, muted: bool, seed: u64, now: Time) -> (Self, Actions) {
        let phase = Phase::Offline(Offline::begin(now));
        let mute = Mute { by_button: muted, by_switch: false };
        let rng = JitterRng::new(seed);
        let speaker = SpeakerStatus::Present;
        let conversation =
            Self { mode, mute, speaker, input_ended: false, jitter: rng, dial_not_before: None, phase };
        (conversation, actions([Action::Dial]))
    }

    /// Takes in one event and says what it leads to.
    #[must_use]
    pub fn handle(&mut self, event: &Event, now: Time) -> Actions {
        if *event == Event::Input(UserInput::Leave) {
            return self.leave(now);
        }
        if let Event::Device(DeviceEvent::Speaker { there }) = event {
            self.set_speaker(*there, now);
        }
        if *event == Event::Tick && self.speaker_deadline().is_some_and(|until| now >= until) {
            self.speaker = SpeakerStatus::GivenUp;
            return self.give_up_reply(now);
        }
        self.input_ended |= *event == Event::Device(DeviceEvent::InputEnded);
        match &mut self.phase {
            Phase::Offline(_) => self.handle_offline(event, now),
            Phase::Online(_) => self.handle_online(event, now),
            Phase::Leaving { until } => {
                let over = matches!(event, Event::Link(LinkChange::Down(_)))
                    || (matches!(event, Event::Tick) && now >= *until);
                if over { self.finish(Exit::Requested) } else { Actions::new() }
            }
            Phase::Ended => Actions::new(),
        }
    }

    /// Names the time to come back with [`Event::Tick`], if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let phase = match &self.phase {
            Phase::Offline(offline) => Some(offline.deadline()),
            Phase::Online(online) => online.deadline(),
            Phase::Leaving { until } => Some(*until),
            Phase::Ended => None,
        };
        phase.into_iter().chain(self.input_ended_deadline()).chain(self.speaker_deadline()).min()
    }

    /// Tells what the owner is to see.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Offline(offline) => offline.state(self.muted()),
            Phase::Online(online) => online.state(self.muted()),
            Phase::Leaving { .. } | Phase::Ended => State::Idle,
        }
    }

    /// Tells whether the microphone is to be open.
    #[must_use]
    pub fn microphone_open(&self) -> bool {
        !self.muted()
            && match &self.phase {
                Phase::Offline(offline) => offline.microphone_open(),
                Phase::Online(online) => online.microphone_open(self.mode),
                Phase::Leaving { .. } | Phase::Ended => false,
            }
    }

    /// Tells whether captured audio may go to the service now; before that it is pre-roll.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        matches!(self.phase, Phase::Online(_))
    }

    /// Tells whether audio of this reply may still be queued and heard.
    #[must_use]
    pub fn accepts_audio_of(&self, reply: &str) -> bool {
        matches!(&self.phase, Phase::Online(online) if online.accepts_audio_of(reply))
    }

    /// Tells whether the microphone is cut off, by button or switch.
    #[must_use]
    pub fn muted(&self) -> bool {
        self.mute.by_button || self.mute.by_switch
    }

    /// Tells whether the owner has muted the microphone with a button, which is to be remembered; a switch
    /// remembers itself.
    #[must_use]
    pub fn muted_by_button(&self) -> bool {
        self.mute.by_button
    }

    /// Tells whether the service hears somebody speak, or a button says so.
    #[must_use]
    pub fn speech_active(&self) -> bool {
        matches!(&self.phase, Phase::Online(online) if online.speech_active())
    }

    /// Tells whether a session is there, nobody speaks, listens to a reply or waits for one, and time alone will not
    /// change that.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        matches!(&self.phase, Phase::Online(online) if online.is_at_rest())
    }

    /// Tells whether the end of the link is wanted.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. } | Phase::Ended)
    }

    fn leave(&mut self, now: Time) -> Actions {
        match &self.phase {
            Phase::Online(_) => {
                self.phase = Phase::Leaving { until: now + GOODBYE_LIMIT };
                actions([Action::Cut, Action::HangUp])
            }
            Phase::Offline(_) => {
                self.phase = Phase::Ended;
                actions([Action::Cut, Action::HangUp, Action::Finish(Exit::Requested)])
            }
            Phase::Leaving { .. } => self.finish(Exit::Requested),
            Phase::Ended => Actions::new(),
        }
    }

    /// Lets a switch that is on or off, or else a button, mute or unmute; tells whether that changes anything.
    fn apply_mute(&mut self, switch: Option<bool>) -> Result<bool, Notice> {
        let before = self.muted();
        self.mute = match switch {
            Some(true) => Mute { by_switch: true, ..self.mute },
            // Whoever lets the switch go means it, whatever a button has said before.
            Some(false) => Mute { by_button: false, by_switch: false },
            None if self.mute.by_switch => return Err(Notice::MuteSwitched),
            None => Mute { by_button: !self.mute.by_button, by_switch: false },
        };
        Ok(self.muted() != before)
    }

    fn set_speaker(&mut self, there: bool, now: Time) {
        self.speaker = match (there, self.speaker) {
            (true, _) => SpeakerStatus::Present,
            (false, SpeakerStatus::Present) => SpeakerStatus::Missing { until: now + SPEAKER_WAIT_LIMIT },
            (false, status @ (SpeakerStatus::Missing { .. } | SpeakerStatus::GivenUp)) => status,
        };
    }

    fn speaker_deadline(&self) -> Option<Time> {
        match (self.speaker, &self.phase) {
            (SpeakerStatus::Missing { until }, Phase::Online(_) | Phase::Offline(_)) => Some(until),
            (SpeakerStatus::Present | SpeakerStatus::GivenUp | SpeakerStatus::Missing { .. }, _) => None,
        }
    }

    fn finish(&mut self, exit: Exit) -> Actions {
        self.phase = Phase::Ended;
        actions([Action::Finish(exit)])
    }

    fn input_ended_deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Online(online) if self.input_ended => {
                online.quiet_since().map(|since| since + INPUT_ENDED_WAIT)
            }
            Phase::Online(_) | Phase::Offline(_) | Phase::Leaving { .. } | Phase::Ended => None,
        }
    }
}

fn actions<const N: usize>(all: [Action; N]) -> Actions {
    Actions::from_iter(all)
}
