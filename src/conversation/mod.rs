//! The conversation: a state machine of events and time that decides what the session does next.
//!
//! [`Conversation::handle`] returns the actions of an event; [`Conversation::deadline`] returns when to send
//! the next [`Event::Tick`]. State that only one phase needs is a field of that phase, so leaving the phase
//! cancels its timers. Whether the microphone is open, what the light shows and which audio may be played are
//! not commands; they are computed from the phase ([`Conversation::microphone_open`],
//! [`Conversation::state`], [`Conversation::accepts_audio_of`]).
//!
//! It reads no clock, knows no JSON, samples or hardware, and cannot fail.

mod backoff;
mod early_duck;
mod event;
mod half_duplex;
mod handover;
mod kept_audio;
mod offline;
mod online;
mod open_tap;
mod replies;
mod snapshot;
mod speech;
mod turn;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::model::{Id, Mode};
pub use backoff::{CloseReason, RATE_LIMIT_HOLD_OFF, RETRY_SPACING, STABLE_AFTER};
pub use early_duck::{CONFIRM_LIMIT, DUCK_LIMIT};
pub use event::{
    DeviceEvent, Event, LinkChange, ResponseStatus, ServerError, ServiceEvent, StandbyChange, UserInput,
};
pub use half_duplex::HalfDuplex;
pub use handover::{HANDOVER_BEFORE, SESSION_LIFETIME, SHORTEST_LIFETIME, SWITCH_BY, SWITCH_QUIET};
pub use kept_audio::KeptAudio;
pub use open_tap::{TAP_LIMIT, UNHEARD_LIMIT};
pub use snapshot::{Snapshot, SnapshotError};

use crate::model::Time;
use backoff::JitterRng;
use early_duck::EarlyDuck;
use offline::Offline;
use open_tap::OpenTap;
use turn::Online;

/// The actions of one event, in the order in which they must be carried out.
pub type Actions = heapless::Vec<Action, 8>;

/// Timeout of the answer to `session.update`.
pub const CONFIGURE_LIMIT: Duration = Duration::from_secs(10);
/// Timeout of DNS, TCP, TLS and the WebSocket upgrade together.
pub const DIAL_LIMIT: Duration = Duration::from_secs(30);
/// Timeout of the reply to a turn, counted from the latest sign of life of that reply.
pub const THINK_LIMIT: Duration = Duration::from_secs(30);
/// Timeout of the commit of speech that has ended (protocol §9.2: it follows at once). The service commits no noise.
pub const COMMIT_LIMIT: Duration = Duration::from_secs(5);
/// Timeout of the reply to a turn without words: a service that answers a transcript has nothing to answer.
pub const NO_WORDS_LIMIT: Duration = Duration::from_secs(5);
/// How long a reply that speech has silenced is kept while the speech goes on. A noise is shorter.
pub const PAUSE_LIMIT: Duration = Duration::from_secs(5);
/// How long it is kept at most while one noise follows another.
pub const PAUSE_LIMIT_TOTAL: Duration = Duration::from_secs(10);
/// When a silenced reply goes on after speech that the service has neither committed nor answered with a cancel, both
/// of which follow at once (protocol §9.3).
pub const RESUME_AFTER: Duration = Duration::from_secs(1);
/// How long after an interruption by button a reply that the service begins by itself counts as interrupted too.
pub const JUST_INTERRUPTED: Duration = Duration::from_secs(5);
/// How long `response.create` is deferred while the previous reply is still generated; the service may never
/// report the end of that reply.
pub const DEFERRED_CREATE_LIMIT: Duration = Duration::from_secs(3);
/// Timeout of the next audio, or other sign of life, of a reply whose queued audio has been played.
pub const STALL_LIMIT: Duration = Duration::from_secs(10);
/// Maximum playback time of one reply: the ten minutes that the reply queue holds, plus a margin.
pub const REPLY_LIMIT: Duration = Duration::from_secs(660);
/// Maximum duration of one utterance. Longer ones come from a stuck button or a room that is never quiet.
pub const UTTERANCE_LIMIT: Duration = Duration::from_secs(300);
/// Minimum captured audio of a push-to-talk turn. Shorter ones count as accidental presses (protocol §9.5).
pub const SHORTEST_HOLD: Duration = Duration::from_millis(150);
/// Timeout of the answer to the close frame when the user exits the program.
pub const CLOSE_LIMIT: Duration = Duration::from_millis(1500);
/// How long a reply waits for a disconnected speaker before it is abandoned.
pub const SPEAKER_WAIT_LIMIT: Duration = Duration::from_secs(3);
/// How long the program waits for a late reply after the end of the WAV file that replaces the microphone.
pub const INPUT_ENDED_WAIT: Duration = Duration::from_millis(1500);

/// Maximum age of speech recorded while offline. Older speech is not sent.
pub const KEEP_LIMIT: Duration = Duration::from_secs(10);
/// Maximum duration of an outage at rest that is not announced by an earcon.
pub const OUTAGE_GRACE: Duration = Duration::from_secs(2);
/// Number of internal errors of the service within [`ERROR_BURST_WINDOW`] that end the session (protocol
/// §11).
pub const ERROR_BURST: u32 = 3;
/// Window of [`ERROR_BURST`], counted from the first error.
pub const ERROR_BURST_WINDOW: Duration = Duration::from_secs(30);

/// The state of the device as the user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A link is being dialled or configured.
    Connecting,
    /// At rest, with the microphone closed.
    Idle,
    /// The microphone is open for the user's turn.
    Listening,
    /// The turn has ended and no audio of the reply has arrived.
    Thinking,
    /// A reply is playing.
    Speaking,
    /// There is no link; the next dial is scheduled.
    Offline,
    /// At rest, with the microphone muted by the user.
    Muted,
}

/// A command for the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Dial the active link.
    Dial,
    /// Close the active link with a close frame, or abandon its dial, and drop the standby link.
    HangUp,
    /// Dial the standby link.
    DialStandby,
    /// Send the whole session configuration over the standby link.
    ConfigureStandby,
    /// Close the standby link, or abandon its dial.
    DropStandby,
    /// Make the standby link the active one, whatever its stage, and close the previous link with a close
    /// frame if it is still open. Audio that the service has not committed is sent again, after the history
    /// of the conversation.
    SwitchToStandby,
    /// Send the whole session configuration over the active link.
    Configure,
    /// Stop playback at once and discard the queued audio of the reply, also if it was paused.
    Cut,
    /// Stop playback at once, and keep the audio of the reply that was not played.
    Pause,
    /// Continue playback where it was paused.
    Resume,
    /// Send `input_audio_buffer.clear`: discard the audio of an unfinished turn.
    Clear,
    /// Send `input_audio_buffer.commit` after all audio captured so far.
    Commit,
    /// Send `response.create`.
    Create,
    /// Send `response.cancel` for this reply.
    Cancel(Id),
    Notify(Notice),
    /// Play this earcon as soon as nothing else is playing.
    PlayEarcon(Earcon),
    Finish(Exit),
}

/// A sound that announces a change of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Earcon {
    Disconnected,
    Reconnected,
}

/// A message for the user that the light cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    NoReply,
    ReplyStalled,
    ReplyFailed,
    /// The service did not make the reply, and said why.
    ReplyRefused,
    /// The press was too short to contain speech.
    TooShort,
    /// A press needs the microphone, which is muted.
    Muted,
    /// The mute button was pressed while the mute switch is on.
    MuteSwitched,
    /// The reply was abandoned because the speaker is disconnected.
    NoSpeaker,
    /// The service did not answer the configuration in time.
    NoSession,
    /// Speech recorded while offline was discarded because it is too old.
    Unsent,
    /// In tap mode, the microphone was open for too long since the press, so that it was closed.
    TapTooLong,
    /// In tap mode, the service reported speech, and nothing was heard: the microphone was closed.
    NothingHeard,
}

/// Why the program exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// The user exited the program, or the WAV file that replaces the microphone ended.
    Requested,
    /// Another attempt cannot succeed until the user changes the configuration.
    Misconfigured,
}

/// The state machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    mode: Mode,
    mute: Mute,
    /// Whether a reply goes on after a noise.
    resumes_replies: bool,
    speaker: SpeakerStatus,
    input_ended: bool,
    jitter: JitterRng,
    /// Earliest next dial after a rate limit.
    dial_not_before: Option<Time>,
    /// In tap mode, while the microphone is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open_tap: Option<OpenTap>,
    /// While a reply is turned down because of a talker of whom the service knows nothing, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    early_duck: Option<EarlyDuck>,
    phase: Phase,
}

/// What mutes the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mute {
    by_button: bool,
    by_switch: bool,
}

/// Whether the speaker can play a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum SpeakerStatus {
    Present,
    Missing { until: Time },
    GivenUp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(
    clippy::large_enum_variant,
    reason = "a device is online nearly always, and the core does not allocate"
)]
enum Phase {
    Offline(Offline),
    Online(Online),
    Leaving { until: Time },
    Ended,
}

impl Conversation {
    /// Creates a conversation that starts by dialling, and returns its first actions. `seed` spreads the
    /// retries of many devices.
    #[must_use]
    pub fn begin(mode: Mode, muted: bool, seed: u64, now: Time) -> (Self, Actions) {
        let phase = Phase::Offline(Offline::begin(now));
        let mute = Mute { by_button: muted, by_switch: false };
        let rng = JitterRng::new(seed);
        let speaker = SpeakerStatus::Present;
        let conversation = Self {
            mode,
            mute,
            resumes_replies: true,
            speaker,
            input_ended: false,
            jitter: rng,
            dial_not_before: None,
            open_tap: None,
            early_duck: None,
            phase,
        };
        (conversation, actions([Action::Dial]))
    }

    /// Sets whether a reply that a noise has silenced goes on; without it, all speech that the service detects interrupts
    /// for good.
    pub fn set_resumes_replies(&mut self, resumes: bool) {
        self.resumes_replies = resumes;
    }

    /// Handles one event and returns the resulting actions.
    #[must_use]
    pub fn handle(&mut self, event: &Event, now: Time) -> Actions {
        let all = self.decide(event, now);
        self.follow_talk(event, &all, now);
        all
    }

    fn decide(&mut self, event: &Event, now: Time) -> Actions {
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
        let before = self.state();
        let mut all = self.handle_in_phase(event, now);
        for action in self.follow_tap(event, before, now) {
            let _ = all.push(action);
        }
        all
    }

    fn handle_in_phase(&mut self, event: &Event, now: Time) -> Actions {
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

    /// Returns when to send the next [`Event::Tick`] if no other event occurs before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let phase = match &self.phase {
            Phase::Offline(offline) => Some(offline.deadline()),
            Phase::Online(online) => online.deadline(),
            Phase::Leaving { until } => Some(*until),
            Phase::Ended => None,
        };
        phase
            .into_iter()
            .chain(self.input_ended_deadline())
            .chain(self.speaker_deadline())
            .chain(self.tap_deadline())
            .chain(self.duck_deadline())
            .min()
    }

    /// Returns the state to show to the user.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Offline(offline) => offline.state(self.muted()),
            Phase::Online(online) => online.state(self.muted()),
            Phase::Leaving { .. } | Phase::Ended => State::Idle,
        }
    }

    /// Returns whether the microphone must be open.
    #[must_use]
    pub fn microphone_open(&self) -> bool {
        !self.muted()
            && match &self.phase {
                Phase::Offline(offline) => offline.microphone_open(),
                Phase::Online(online) => online.microphone_open(self.mode),
                Phase::Leaving { .. } | Phase::Ended => false,
            }
    }

    /// Returns whether captured audio may be sent to the service. Before that it is kept as pre-roll.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        matches!(self.phase, Phase::Online(_))
    }

    /// Returns whether the microphone is muted by button or switch.
    #[must_use]
    pub fn muted(&self) -> bool {
        self.mute.by_button || self.mute.by_switch
    }

    /// Returns whether the microphone is muted by button. Only this has to be saved: a switch keeps its
    /// position.
    #[must_use]
    pub fn muted_by_button(&self) -> bool {
        self.mute.by_button
    }

    /// Returns whether the user is speaking, according to the service or, in hold mode, to the button.
    #[must_use]
    pub fn speech_active(&self) -> bool {
        matches!(&self.phase, Phase::Online(online) if online.speech_active())
    }

    /// Returns whether a reply may be heard within seconds: the user speaks or is expected to, waits, or listens.
    #[must_use]
    pub fn reply_is_near(&self) -> bool {
        match self.state() {
            State::Thinking | State::Speaking => true,
            State::Listening => self.mode != Mode::Open || self.speech_active(),
            State::Connecting | State::Idle | State::Offline | State::Muted => false,
        }
    }

    /// Returns whether a session is configured, there is no speech and no reply in progress, and the turn
    /// has no deadline.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        matches!(&self.phase, Phase::Online(online) if online.is_at_rest())
    }

    /// Returns whether the program is exiting, so that the end of the link is expected.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. } | Phase::Ended)
    }

    /// Returns what would follow from an event, so that a message about it can say so.
    #[must_use]
    pub fn preview(&self, event: &Event, now: Time) -> Actions {
        self.clone().handle(event, now)
    }

    fn leave(&mut self, now: Time) -> Actions {
        match &self.phase {
            Phase::Online(_) => {
                self.phase = Phase::Leaving { until: now + CLOSE_LIMIT };
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

    /// Applies the position of the mute switch, or a press of the mute button if `switch` is `None`. Returns
    /// whether the microphone is now muted or unmuted by that.
    ///
    /// # Errors
    /// [`Notice::MuteSwitched`] if the button was pressed while the switch is on.
    fn apply_mute(&mut self, switch: Option<bool>) -> Result<bool, Notice> {
        let before = self.muted();
        self.mute = match switch {
            Some(true) => Mute { by_switch: true, ..self.mute },
            // Turning the switch off unmutes, even if the button muted before.
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
