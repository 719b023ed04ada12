//! The sound cards' two real-time threads: open, turn, wait, and open again what came back.
//!
//! In the loops: device calls, lane calls, counters, one ring of a bell. A device that stays away ends
//! its thread with an error that names it.

use std::sync::mpsc::{SyncSender, sync_channel};

use super::capture::Capture;
use super::crew::Post;
use super::form::{Ask, Form};
use super::pcm::{Line, Pcm};
use super::playback::Playback;
use super::realtime::{Refusal, lock_memory, prefault_stack, schedule};
use super::trouble::{AudioError, Gone};
use super::{Rig, Shape, Sound};

/// The two devices, and what to ask of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cards {
    /// Where sound comes in.
    pub microphone: Source,
    /// Where sound goes out.
    pub speaker: Drain,
}

/// A microphone.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its ALSA name.
    pub device: String,
    /// What to ask of it.
    pub form: Form,
    /// Which of its channels to hear, counted from 0, and mixed in equal parts; none means all of them.
    pub channels: Vec<u16>,
    /// How much louder to make it, decibels; what would clip is limited.
    pub gain_db: f32,
}

impl Default for Source {
    /// Returns ALSA's default device as it comes.
    fn default() -> Source {
        Source { device: "default".to_owned(), form: Form::default(), channels: Vec::new(), gain_db: 0.0 }
    }
}

/// A speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Its ALSA name.
    pub device: String,
    /// What to ask of it.
    pub form: Form,
    /// Which of its channels to play on, counted from 0; none means all of them.
    pub channels: Vec<u16>,
}

impl Default for Drain {
    /// Returns ALSA's default device.
    fn default() -> Drain {
        Drain { device: "default".to_owned(), form: Form::default(), channels: Vec::new() }
    }
}

/// The names and priorities of the threads; playback's is higher, since a gap there is heard.
const CAPTURE: (&str, i32) = ("mynah-capture", 70);
const PLAYBACK: (&str, i32) = ("mynah-playback", 71);

/// Opens both cards and starts their threads. The speaker plays from now on; the microphone stays
/// closed until it is asked for.
///
/// # Errors
/// When a device is missing, busy or unfit, in a sentence that names it.
pub fn cards(cards: Cards, shape: Shape) -> Result<Sound, AudioError> {
    let (mut hearing, mut speaking) =
        (Ask::source(&cards.microphone, shape), Ask::drain(&cards.speaker, shape));
    // Opened once to be sure of it, so that a wrong name is refused now and not at the first word.
    let microphone = Pcm::open(&hearing)?.got().clone();
    let pcm = Pcm::open(&speaking)?;
    let (intake, outlet) = (hearing.intake(&microphone)?, speaking.outlet(pcm.got())?);
    hearing.keep(&microphone);
    speaking.keep(pcm.got());
    let Rig { mut sound, capture, playback, capture_bell, playback_bell } =
        Rig::new(shape, intake, outlet, false)?;
    sound.granted = vec![microphone, pcm.got().clone()];
    sound.refused.extend(lock_memory());
    let (told, telling) = sync_channel(2);
    let tell = told.clone();
    sound.crew.start(CAPTURE.0, capture_bell, move |post| {
        take_privileges(CAPTURE, told);
        Listener { capture, post, device: Device { ask: hearing }, fruitless: 0 }.run()
    })?;
    sound.crew.start(PLAYBACK.0, playback_bell, move |post| {
        take_privileges(PLAYBACK, tell);
        Talker { playback, post, device: Device { ask: speaking }, fruitless: 0 }.run(pcm)
    })?;
    sound.refused.extend(telling.into_iter().flatten());
    Ok(sound)
}

fn take_privileges((thread, priority): (&'static str, i32), told: SyncSender<Option<Refusal>>) {
    prefault_stack();
    // It waits for no room: there is some for each thread.
    let _ = told.send(schedule(thread, priority));
}

/// The playback thread.
struct Talker<'a> {
    playback: Playback,
    post: &'a Post,
    device: Device,
    /// Openings in a row that led nowhere.
    fruitless: u32,
}

impl Talker<'_> {
    fn run(mut self, mut pcm: Pcm) -> Result<(), AudioError> {
        loop {
            let Err(gone) = self.talk(&pcm) else { return Ok(()) };
            drop(pcm);
            self.playback.start_afresh();
            if self.fruitless >= FRUITLESS_OPENINGS {
                return Err(self.device.lost(gone));
            }
            match self.device.open_again(self.post, gone, || !self.is_over())? {
                None => return Ok(()),
                Some(back) => pcm = back,
            }
            self.playback.counters().reopens.add(1);
        }
    }

    fn talk(&mut self, pcm: &Pcm) -> Result<(), Gone> {
        self.fruitless += 1;
        let mut line = pcm.line()?;
        while !self.is_over() {
            if line.is_proven() {
                self.fruitless = 0;
            }
            if self.playback.turn(&mut line)? {
                self.post.wake.ring();
            }
            line.wait(&self.post.bell, self.playback.is_resting())?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.post.is_over() || self.playback.is_abandoned()
    }
}

/// The capture thread.
struct Listener<'a> {
    capture: Capture,
    post: &'a Post,
    device: Device,
    /// Openings in a row that led nowhere.
    fruitless: u32,
}

impl Listener<'_> {
    fn run(mut self) -> Result<(), AudioError> {
        let mut lost = None;
        while !self.is_over() {
            if !self.capture.is_wanted() {
                (lost, self.fruitless) = (None, 0);
                self.post.bell.wait(None);
                continue;
            }
            let opened = match lost {
                None => self.device.open(),
                Some(gone) => match self.device.open_again(self.post, gone, || self.is_wanted())? {
                    None => continue,
                    Some(pcm) => {
                        self.capture.counters().reopens.add(1);
                        Ok(pcm)
                    }
                },
            };
            lost = match opened {
                Ok(pcm) => self.listen(pcm).err(),
                Err(gone) => Some(gone),
            };
            if let (Some(gone), FRUITLESS_OPENINGS..) = (lost, self.fruitless) {
                return Err(self.device.lost(gone));
            }
        }
        Ok(())
    }

    /// Listens until nobody wants it; the device is closed again when this returns.
    fn listen(&mut self, pcm: Pcm) -> Result<(), Gone> {
        let ended = pcm.line().and_then(|mut line| self.listen_on(&mut line));
        drop(pcm);
        self.capture.mark_open(false);
        self.post.wake.ring();
        ended
    }

    fn listen_on(&mut self, line: &mut Line<'_>) -> Result<(), Gone> {
        self.capture.mark_open(true);
        self.post.wake.ring();
        self.fruitless += 1;
        while self.is_wanted() {
            if line.is_proven() {
                self.fruitless = 0;
            }
            if self.capture.turn(line)? {
                self.post.wake.ring();
            }
            line.wait(&self.post.bell, self.capture.is_resting())?;
        }
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        self.capture.is_wanted() && !self.is_over()
    }

    fn is_over(&self) -> bool {
        self.post.is_over() || self.capture.is_abandoned()
    }
}

/// Times a device that is gone is tried again, and how long is waited before each, in milliseconds: 5 s
/// in all, as a USB card takes to come back.
const TRIES: u32 = 20;
const TRY_AFTER_MS: u32 = 250;
/// Openings in a row that may move no frame.
const FRUITLESS_OPENINGS: u32 = 3;

/// A device by name.
struct Device {
    ask: Ask,
}

impl Device {
    fn open(&self) -> Result<Pcm, Gone> {
        Pcm::open(&self.ask).map_err(|error| match error {
            AudioError::Open { errno, .. }
            | AudioError::Gone { errno, .. }
            | AudioError::System { errno, .. } => Gone { errno },
            AudioError::Unfit { .. } | AudioError::Tape { .. } => Gone { errno: libc::EINVAL },
        })
    }

    /// Opens a device that is gone as soon as it is back; `None` when it is no longer wanted.
    fn open_again(
        &self,
        post: &Post,
        gone: Gone,
        wanted: impl Fn() -> bool,
    ) -> Result<Option<Pcm>, AudioError> {
        for _ in 0..TRIES {
            while wanted() && post.bell.wait(Some(TRY_AFTER_MS)) {}
            if !wanted() {
                return Ok(None);
            }
            if let Ok(pcm) = self.open() {
                return Ok(Some(pcm));
            }
        }
        Err(self.lost(gone))
    }

    fn lost(&self, gone: Gone) -> AudioError {
        AudioError::Gone { end: self.ask.end, device: self.ask.device.clone(), errno: gone.errno }
    }
}
