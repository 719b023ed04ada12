//! The early duck: a reply is turned down when the device itself hears somebody talk over it, before the service has
//! reported speech.
//!
//! It only bridges that time. Speech that the service reports pauses or cuts the reply; without it the volume comes back,
//! however sure the device is. It neither mutes the microphone nor ends a reply.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Action, Actions, Conversation, DeviceEvent, Event, ServiceEvent, State};
use crate::model::{TalkEvidence, Time};

/// How long after the last evidence of a talker the service may still confirm it. Its detector wants a few hundred
/// milliseconds of speech, and as much again passes in the network and its queues (protocol §9.3).
pub const CONFIRM_LIMIT: Duration = Duration::from_secs(1);
/// How long a reply is turned down at most, while the evidence goes on and the service does not confirm it: it hears a turned
/// down speaker and the talker all that time, so the evidence is wrong.
pub const DUCK_LIMIT: Duration = Duration::from_secs(3);

/// A talker of whom only the device knows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum EarlyDuck {
    /// The reply is turned down for the strongest evidence so far. There is none since `quiet_since`.
    Ducked { evidence: TalkEvidence, since: Time, quiet_since: Option<Time> },
    /// The service has not confirmed the evidence while it lasted: it is not believed before it has been away for
    /// [`CONFIRM_LIMIT`].
    Disbelieved { quiet_since: Option<Time> },
}

impl EarlyDuck {
    fn begin(evidence: TalkEvidence, now: Time) -> Option<Self> {
        let ducked = Self::Ducked { evidence, since: now, quiet_since: None };
        (evidence != TalkEvidence::None).then_some(ducked)
    }

    /// Returns what follows from new evidence.
    fn with(self, evidence: TalkEvidence, now: Time) -> Option<Self> {
        let is_quiet = evidence == TalkEvidence::None;
        match self {
            Self::Ducked { evidence: before, since, quiet_since } => {
                let quiet_since = is_quiet.then(|| quiet_since.unwrap_or(now));
                Some(Self::Ducked { evidence: before.max(evidence), since, quiet_since })
            }
            Self::Disbelieved { quiet_since: Some(since) } if !is_quiet && now >= since + CONFIRM_LIMIT => {
                Self::begin(evidence, now)
            }
            Self::Disbelieved { quiet_since } => {
                Some(Self::Disbelieved { quiet_since: is_quiet.then(|| quiet_since.unwrap_or(now)) })
            }
        }
    }

    /// Returns what is left of it now.
    fn at(self, now: Time) -> Option<Self> {
        match self {
            Self::Ducked { quiet_since: Some(since), .. } if now >= since + CONFIRM_LIMIT => None,
            Self::Ducked { since, quiet_since, .. } if now >= since + DUCK_LIMIT => {
                Some(Self::Disbelieved { quiet_since })
            }
            Self::Ducked { .. } | Self::Disbelieved { .. } => Some(self),
        }
    }

    /// Returns when the volume comes back.
    fn until(self) -> Option<Time> {
        match self {
            Self::Ducked { since, quiet_since, .. } => {
                let limit = since + DUCK_LIMIT;
                Some(quiet_since.map_or(limit, |quiet_since| limit.min(quiet_since + CONFIRM_LIMIT)))
            }
            Self::Disbelieved { .. } => None,
        }
    }

    /// Returns the times of past events.
    pub(super) fn past_times(&self) -> impl Iterator<Item = Time> {
        let (since, quiet_since) = match self {
            Self::Ducked { since, quiet_since, .. } => (Some(*since), *quiet_since),
            Self::Disbelieved { quiet_since } => (None, *quiet_since),
        };
        since.into_iter().chain(quiet_since)
    }
}

impl Conversation {
    /// Returns for which evidence of a talker the reply is turned down.
    #[must_use]
    pub fn duck(&self) -> TalkEvidence {
        match self.early_duck {
            Some(EarlyDuck::Ducked { evidence, .. }) => evidence,
            Some(EarlyDuck::Disbelieved { .. }) | None => TalkEvidence::None,
        }
    }

    /// Returns whether it has to know when the device hears somebody talk over the speaker: a reply is heard, and the
    /// microphone is open.
    #[must_use]
    pub fn heeds_talk(&self) -> bool {
        self.state() == State::Speaking && self.microphone_open()
    }

    /// Follows what an event and its actions mean for the duck, which ends with its reply at the latest.
    pub(super) fn follow_talk(&mut self, event: &Event, all: &Actions, now: Time) {
        let is_over = !self.heeds_talk()
            || all
                .iter()
                .any(|action| matches!(action, Action::Cut | Action::Pause | Action::SwitchToStandby))
            || matches!(event, Event::Service(ServiceEvent::ReplyCreated(_)));
        self.early_duck = match (self.early_duck, event) {
            _ if is_over => None,
            (None, Event::Device(DeviceEvent::Talk(evidence))) => EarlyDuck::begin(*evidence, now),
            (Some(duck), Event::Device(DeviceEvent::Talk(evidence))) => duck
                .at(now)
                .map_or_else(|| EarlyDuck::begin(*evidence, now), |duck| duck.with(*evidence, now)),
            (duck, _) => duck.and_then(|duck| duck.at(now)),
        };
    }

    /// Returns when the volume comes back if nothing happens before.
    pub(super) fn duck_deadline(&self) -> Option<Time> {
        self.early_duck.and_then(EarlyDuck::until)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "ids of a test are short")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::conversation::{Id, LinkChange, Mode};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_heard_during_a_reply_its_volume_is_back_in_time(
            steps in prop::collection::vec((0_usize..10, 0_u64..1500), 1..100),
        ) {
            let (mut conversation, mut now) = speaking();
            let (mut ducked_since, mut quiet_since) = (None::<Time>, None::<Time>);
            for (choice, wait_ms) in steps {
                now += Duration::from_millis(wait_ms);
                // As the session does, which is woken for it.
                let _ = conversation.handle(&Event::Tick, now);
                if conversation.duck() == TalkEvidence::None {
                    ducked_since = None;
                }
                let event = happening(choice);
                let _ = conversation.handle(&event, now);
                if let Event::Device(DeviceEvent::Talk(evidence)) = event {
                    quiet_since = (evidence == TalkEvidence::None).then(|| quiet_since.unwrap_or(now));
                }
                if conversation.duck() == TalkEvidence::None {
                    ducked_since = None;
                    continue;
                }
                let limit = *ducked_since.get_or_insert(now) + DUCK_LIMIT;
                let until = quiet_since.map_or(limit, |since| limit.min(since + CONFIRM_LIMIT));
                prop_assert!(conversation.heeds_talk(), "{:?} is turned down", conversation.state());
                prop_assert!(now < until, "turned down for too long");
                prop_assert!(conversation.deadline().is_some_and(|at| at <= until), "nothing ends the duck");
            }
        }
    }

    fn happening(choice: usize) -> Event {
        match choice {
            0..3 => Event::Device(DeviceEvent::Talk(TalkEvidence::None)),
            3 | 4 => Event::Device(DeviceEvent::Talk(TalkEvidence::Weak)),
            5 => Event::Device(DeviceEvent::Talk(TalkEvidence::Strong)),
            6 => Event::Service(ServiceEvent::SpeechStarted),
            7 => Event::Service(ServiceEvent::SpeechStopped),
            _ => Event::Service(ServiceEvent::Audio(reply())),
        }
    }

    /// Returns a conversation in which a reply is heard.
    fn speaking() -> (Conversation, Time) {
        let now = Time::ZERO;
        let (mut conversation, _) = Conversation::begin(Mode::Open, false, 1, now);
        for event in [
            Event::Link(LinkChange::Up),
            Event::Link(LinkChange::Configured),
            Event::Service(ServiceEvent::ReplyCreated(reply())),
            Event::Service(ServiceEvent::Audio(reply())),
        ] {
            let _ = conversation.handle(&event, now);
        }
        assert!(conversation.heeds_talk());
        (conversation, now)
    }

    fn reply() -> Id {
        Id::try_from("a").unwrap()
    }
}
