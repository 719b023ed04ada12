//! The sound cards and their two real-time threads.
//!
//! A card that is missing or busy at the start is refused; one that goes away later is waited for, as
//! long as it is told to, and then ends its thread with an error that names it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use super::away::{Open, Running, Unplugged, Waited};
use super::counters::Counters;
use super::doorbell::Doorbell;
use super::holder::explain;
use super::lookout::Lookout;
use super::loops::{Listener, Talker};
use super::mixer::{Control, controls};
use super::pcm::{Line, Pcm};
use super::realtime::{Refusal, lock_memory, prefault_stack, schedule};
use super::trouble::{AudioError, End, Gone};
use super::{Rig, Shape, Sound};

/// The two devices, and what is done with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Cards {
    /// The ALSA name of where sound comes in.
    pub microphone: String,
    /// The ALSA name of where sound goes out.
    pub speaker: String,
    /// The cards' own controls: set at the start, and again when a card has come back.
    pub controls: Vec<Control>,
    /// How long a device that has gone away is waited for.
    pub unplugged: Unplugged,
}

impl Default for Cards {
    /// Returns ALSA's default device for both, with its controls as they are.
    fn default() -> Cards {
        let default = || "default".to_owned();
        Cards {
            microphone: default(),
            speaker: default(),
            controls: Vec::new(),
            unplugged: Unplugged::default(),
        }
    }
}

/// The names and priorities of the threads; playback's is higher, since a gap there is heard.
const CAPTURE: (&str, i32) = ("mynah-capture", 70);
const PLAYBACK: (&str, i32) = ("mynah-playback", 71);

/// Opens both cards, sets their controls and starts their threads. The speaker plays from now on; the
/// microphone stays closed until it is asked for.
///
/// # Errors
/// When a device is missing, busy or unfit, or has no such control, in a sentence that names it.
pub fn cards(cards: Cards, shape: Shape) -> Result<Sound, AudioError> {
    let Cards { microphone, speaker, controls, unplugged } = cards;
    let open = |end, name: &str| Pcm::open(end, name, shape).map_err(|error| explain(error, Path::new("/")));
    // Opened once to be sure of it, so that a wrong name is refused now and not at the first word.
    let listened = open(End::Microphone, &microphone)?.got().clone();
    let pcm = open(End::Speaker, &speaker)?;
    self::controls(&controls)?;
    let Rig { mut sound, capture, playback, capture_bell, playback_bell } = Rig::new(shape, false)?;
    sound.granted = vec![listened, pcm.got().clone()];
    sound.refused.extend(lock_memory());
    let card = |end, name| Card::new(end, name, shape, &controls, Arc::clone(&sound.counters));
    let (microphone, speaker) = (card(End::Microphone, microphone)?, card(End::Speaker, speaker)?);
    let (told, telling) = sync_channel(2);
    let tell = told.clone();
    sound.crew.start(CAPTURE.0, capture_bell, move |post| {
        take_privileges(CAPTURE, told);
        Listener::new(capture, post.clone(), unplugged).run(microphone)
    })?;
    sound.crew.start(PLAYBACK.0, playback_bell, move |post| {
        take_privileges(PLAYBACK, tell);
        Talker::new(playback, post.clone(), unplugged).run(speaker, pcm)
    })?;
    sound.refused.extend(telling.into_iter().flatten());
    Ok(sound)
}

fn take_privileges((thread, priority): (&'static str, i32), told: SyncSender<Option<Refusal>>) {
    prefault_stack();
    // It waits for no room: there is some for each thread.
    let _ = told.send(schedule(thread, priority));
}

/// A sound card's device by name.
struct Card {
    end: End,
    name: String,
    shape: Shape,
    controls: Vec<Control>,
    counters: Arc<Counters>,
    lookout: Lookout,
}

impl Card {
    fn new(
        end: End,
        name: String,
        shape: Shape,
        controls: &[Control],
        counters: Arc<Counters>,
    ) -> Result<Card, AudioError> {
        let controls = controls.to_vec();
        Ok(Card { end, name, shape, controls, counters, lookout: Lookout::new()? })
    }
}

impl Open for Card {
    type Device = Pcm;
    type Line<'a> = Line<'a>;

    fn open(&mut self) -> Result<Pcm, Gone> {
        let pcm = Pcm::open(self.end, &self.name, self.shape).map_err(|error| errno(&error))?;
        // A card that was put back begins with controls of its own, even if nobody used it meanwhile.
        if self.lookout.take_changed() && controls(&self.controls).is_err() {
            self.counters.controls_refused.add(1);
        }
        Ok(pcm)
    }

    fn line(pcm: &Pcm) -> Result<Line<'_>, Gone> {
        pcm.line()
    }

    fn lost(&self, gone: Gone) -> AudioError {
        let (end, device, errno) = (self.end, self.name.clone(), gone.errno);
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

    fn wait(&mut self, bell: &Doorbell) -> Waited {
        self.lookout.wait(bell)
    }
}

impl Running for Line<'_> {
    fn wait(&mut self, bell: &Doorbell, resting: bool) -> Result<(), Gone> {
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
