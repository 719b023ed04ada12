//! The sound cards and their two real-time threads.
//!
//! A card that is missing or busy at the start is refused; one that goes away later is waited for, as
//! long as it is told to, and then ends its thread with an error that names it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use super::hotplug::HotplugWatch;
use super::hw_params::HwRequest;
use super::mixer::controls;
use super::open_error::diagnose;
use super::pcm::{Pcm, PcmStream};
use crate::audio::error::{AudioError, DeviceLost};
use crate::audio::rt::counters::Counters;
use crate::audio::rt::loops::{CaptureLoop, PlaybackLoop, blocking};
use crate::audio::rt::privileges::{DeniedPrivilege, lock_memory, prefault_stack, schedule};
use crate::audio::rt::reconnect::{ActiveStream, DeviceSource, WakeReason};
use crate::audio::{AudioEndpoints, AudioIo, Drain, MixerControl, Source, StreamFormat, UnplugPolicy};
use crate::sys::EventFd;

/// The two devices, and what is done with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlsaDevices {
    pub microphone: Source,
    pub speaker: Drain,
    /// The cards' own controls: set at the start, and again when a card has come back.
    pub controls: Vec<MixerControl>,
    /// How long a device that has gone away is waited for.
    pub unplugged: UnplugPolicy,
}

/// The names and priorities of the threads; playback's is higher, since a gap there is heard.
const CAPTURE: (&str, i32) = ("mynah-capture", 70);
const PLAYBACK: (&str, i32) = ("mynah-playback", 71);

/// Opens both cards, sets their controls and starts their threads. The speaker plays from now on; the
/// microphone stays closed until it is asked for.
///
/// # Errors
/// When a device is missing, busy or unfit, in a sentence that names it.
pub fn open_alsa(cards: AlsaDevices, shape: StreamFormat) -> Result<AudioIo, AudioError> {
    let AlsaDevices { microphone, speaker, controls, unplugged } = cards;
    let (mut hearing, mut speaking) =
        (HwRequest::capture(&microphone, shape), HwRequest::playback(&speaker, shape));
    let open = |ask: &HwRequest| Pcm::open(ask).map_err(|error| diagnose(error, Path::new("/")));
    // Opened once to be sure of it, so that a wrong name is refused now and not at the first word.
    let listened = open(&hearing)?.got().clone();
    let pcm = open(&speaking)?;
    let unset = self::controls(&controls);
    let (intake, outlet) = (hearing.capture_chain(&listened)?, speaking.playback_chain(pcm.got())?);
    hearing.keep(&listened);
    speaking.keep(pcm.got());
    let AudioEndpoints {
        audio: mut sound,
        capture,
        playback,
        capture_wake: capture_bell,
        playback_wake: playback_bell,
    } = AudioEndpoints::new(shape, intake, outlet, false)?;
    sound.granted = vec![listened, pcm.got().clone()];
    sound.failed_controls = unset;
    sound.denied.extend(lock_memory());
    let card = |ask| AlsaDevice::new(ask, &controls, Arc::clone(&sound.counters));
    let (microphone, speaker) = (card(hearing)?, card(speaking)?);
    let (told, telling) = sync_channel(2);
    let tell = told.clone();
    sound.threads.start(CAPTURE.0, capture_bell, move |post| {
        request_privileges(CAPTURE, told);
        blocking(CaptureLoop::new(capture, post.clone(), unplugged).run(microphone))
    })?;
    sound.threads.start(PLAYBACK.0, playback_bell, move |post| {
        request_privileges(PLAYBACK, tell);
        blocking(PlaybackLoop::new(playback, post.clone(), unplugged).run(speaker, pcm))
    })?;
    sound.denied.extend(telling.into_iter().flatten());
    Ok(sound)
}

fn request_privileges((thread, priority): (&'static str, i32), told: SyncSender<Option<DeniedPrivilege>>) {
    prefault_stack();
    // It waits for no room: there is some for each thread.
    let _ = told.send(schedule(thread, priority));
}

/// A sound card's device by what is asked of it.
struct AlsaDevice {
    ask: HwRequest,
    controls: Vec<MixerControl>,
    counters: Arc<Counters>,
    lookout: HotplugWatch,
}

impl AlsaDevice {
    fn new(
        ask: HwRequest,
        controls: &[MixerControl],
        counters: Arc<Counters>,
    ) -> Result<AlsaDevice, AudioError> {
        Ok(AlsaDevice { ask, controls: controls.to_vec(), counters, lookout: HotplugWatch::new()? })
    }
}

impl DeviceSource for AlsaDevice {
    type Device = Pcm;
    type Stream<'a> = PcmStream<'a>;

    fn open(&mut self) -> Result<Pcm, DeviceLost> {
        let pcm = Pcm::open(&self.ask).map_err(|error| errno(&error))?;
        // A card that was put back begins with controls of its own, even if nobody used it meanwhile.
        if self.lookout.take_changed() && !controls(&self.controls).is_empty() {
            self.counters.controls_refused.add(1);
        }
        Ok(pcm)
    }

    fn start(pcm: &Pcm) -> Result<PcmStream<'_>, DeviceLost> {
        pcm.line()
    }

    fn lost_error(&self, gone: DeviceLost) -> AudioError {
        let (end, device, errno) = (self.ask.end, self.ask.device.clone(), gone.errno);
        if errno == libc::EBUSY {
            return diagnose(AudioError::Open { end, device, errno, said: String::new() }, Path::new("/"));
        }
        AudioError::Lost { end, device, errno }
    }

    fn set_give_up_after(&mut self, limit: Option<Duration>) {
        self.lookout.set_limit(limit);
    }

    fn set_retry_after(&mut self, after: Option<Duration>) {
        self.lookout.set_next_try(after);
    }

    async fn wait(&mut self, bell: &EventFd) -> WakeReason {
        self.lookout.wait(bell)
    }
}

impl ActiveStream for PcmStream<'_> {
    async fn wait(&mut self, bell: &EventFd, resting: bool) -> Result<(), DeviceLost> {
        PcmStream::wait(self, bell, resting)
    }

    fn is_proven(&self) -> bool {
        PcmStream::is_proven(self)
    }
}

fn errno(error: &AudioError) -> DeviceLost {
    match error {
        AudioError::Open { errno, .. }
        | AudioError::Lost { errno, .. }
        | AudioError::Forbidden { errno, .. }
        | AudioError::System { errno, .. } => DeviceLost { errno: *errno },
        AudioError::Busy { .. } => DeviceLost { errno: libc::EBUSY },
        AudioError::Missing { .. } => DeviceLost { errno: libc::ENODEV },
        AudioError::Unfit { .. } | AudioError::Mixer { .. } | AudioError::Wav { .. } => {
            DeviceLost { errno: libc::EINVAL }
        }
    }
}
