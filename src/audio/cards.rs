//! The sound cards and their two real-time threads.
//!
//! A card that is missing or busy at the start is refused; one that goes away later is waited for, as
//! long as it is told to, and then ends its thread with an error that names it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use super::away::{Open, Running, Waited};
use super::counters::Counters;
use super::form::Ask;
use super::holder::explain;
use super::lookout::Lookout;
use super::loops::{Listener, Talker, blocking};
use super::mixer::controls;
use super::pcm::{Line, Pcm};
use super::realtime::{Refusal, lock_memory, prefault_stack, schedule};
use super::trouble::{AudioError, Gone};
use super::{Control, Drain, Rig, Shape, Sound, Source, Unplugged};
use crate::sys::EventFd;

/// The two devices, and what is done with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cards {
    pub microphone: Source,
    pub speaker: Drain,
    /// The cards' own controls: set at the start, and again when a card has come back.
    pub controls: Vec<Control>,
    /// How long a device that has gone away is waited for.
    pub unplugged: Unplugged,
}

/// The names and priorities of the threads; playback's is higher, since a gap there is heard.
const CAPTURE: (&str, i32) = ("mynah-capture", 70);
const PLAYBACK: (&str, i32) = ("mynah-playback", 71);

/// Opens both cards, sets their controls and starts their threads. The speaker plays from now on; the
/// microphone stays closed until it is asked for.
///
/// # Errors
/// When a device is missing, busy or unfit, in a sentence that names it.
pub fn cards(cards: Cards, shape: Shape) -> Result<Sound, AudioError> {
    let Cards { microphone, speaker, controls, unplugged } = cards;
    let (mut hearing, mut speaking) = (Ask::source(&microphone, shape), Ask::drain(&speaker, shape));
    let open = |ask: &Ask| Pcm::open(ask).map_err(|error| explain(error, Path::new("/")));
    // Opened once to be sure of it, so that a wrong name is refused now and not at the first word.
    let listened = open(&hearing)?.got().clone();
    let pcm = open(&speaking)?;
    let unset = self::controls(&controls);
    let (intake, outlet) = (hearing.intake(&listened)?, speaking.outlet(pcm.got())?);
    hearing.keep(&listened);
    speaking.keep(pcm.got());
    let Rig { mut sound, capture, playback, capture_bell, playback_bell } =
        Rig::new(shape, intake, outlet, false)?;
    sound.granted = vec![listened, pcm.got().clone()];
    sound.unset = unset;
    sound.refused.extend(lock_memory());
    let card = |ask| Card::new(ask, &controls, Arc::clone(&sound.counters));
    let (microphone, speaker) = (card(hearing)?, card(speaking)?);
    let (told, telling) = sync_channel(2);
    let tell = told.clone();
    sound.crew.start(CAPTURE.0, capture_bell, move |post| {
        take_privileges(CAPTURE, told);
        blocking(Listener::new(capture, post.clone(), unplugged).run(microphone))
    })?;
    sound.crew.start(PLAYBACK.0, playback_bell, move |post| {
        take_privileges(PLAYBACK, tell);
        blocking(Talker::new(playback, post.clone(), unplugged).run(speaker, pcm))
    })?;
    sound.refused.extend(telling.into_iter().flatten());
    Ok(sound)
}

fn take_privileges((thread, priority): (&'static str, i32), told: SyncSender<Option<Refusal>>) {
    prefault_stack();
    // It waits for no room: there is some for each thread.
    let _ = told.send(schedule(thread, priority));
}

/// A sound card's device by what is asked of it.
struct Card {
    ask: Ask,
    controls: Vec<Control>,
    counters: Arc<Counters>,
    lookout: Lookout,
}

impl Card {
    fn new(ask: Ask, controls: &[Control], counters: Arc<Counters>) -> Result<Card, AudioError> {
        Ok(Card { ask, controls: controls.to_vec(), counters, lookout: Lookout::new()? })
    }
}

impl Open for Card {
    type Device = Pcm;
    type Line<'a> = Line<'a>;

    fn open(&mut self) -> Result<Pcm, Gone> {
        let pcm = Pcm::open(&self.ask).map_err(|error| errno(&error))?;
        // A card that was put back begins with controls of its own, even if nobody used it meanwhile.
        if self.lookout.take_changed() && !controls(&self.controls).is_empty() {
            self.counters.controls_refused.add(1);
        }
        Ok(pcm)
    }

    fn line(pcm: &Pcm) -> Result<Line<'_>, Gone> {
        pcm.line()
    }

    fn lost(&self, gone: Gone) -> AudioError {
        let (end, device, errno) = (self.ask.end, self.ask.device.clone(), gone.errno);
        if errno == libc::EBUSY {
            return explain(AudioError::Open { end, device, errno, said: String::new() }, Path::new("/"));
        }
        AudioError::Gone { end, device, errno }
    }

    fn set_limit(&mut self, limit: Option<Duration>) {
        self.lookout.set_limit(limit);
    }

    fn set_next_try(&mut self, after: Option<Duration>) {
        self.lookout.set_next_try(after);
    }

    async fn wait(&mut self, bell: &EventFd) -> Waited {
        self.lookout.wait(bell)
    }
}

impl Running for Line<'_> {
    async fn wait(&mut self, bell: &EventFd, resting: bool) -> Result<(), Gone> {
        Line::wait(self, bell, resting)
    }

    fn is_proven(&self) -> bool {
        Line::is_proven(self)
    }
}

fn errno(error: &AudioError) -> Gone {
    match error {
        AudioError::Open { errno, .. }
        | AudioError::Gone { errno, .. }
        | AudioError::Forbidden { errno, .. }
        | AudioError::System { errno, .. } => Gone { errno: *errno },
        AudioError::Held { .. } => Gone { errno: libc::EBUSY },
        AudioError::Missing { .. } => Gone { errno: libc::ENODEV },
        AudioError::Unfit { .. } | AudioError::Mixer { .. } | AudioError::Tape { .. } => {
            Gone { errno: libc::EINVAL }
        }
    }
}
