//! The ALSA backend: opens both sound cards and runs a real-time thread for each.
//!
//! A card that is missing or busy at the start is an error. A card that is disconnected later is reopened for
//! as long as [`UnplugPolicy`] says; then its thread ends with an error that names it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use super::definition::null_warning;
use super::hotplug::HotplugWatch;
use super::hw_params::HwRequest;
use super::late_controls::set_controls_again;
use super::mixer::set_controls;
use super::open_error::diagnose;
use super::pair::{OpenDevices, SilentSpeaker, open_pair};
use super::pcm::Pcm;
use crate::audio::error::{AudioError, DeviceLost, Direction, PcmError, Recovery};
use crate::audio::reference::clock_map::Stamp;
use crate::audio::reference::delay_locked_loop::Clocks;
use crate::audio::rt::capture::CaptureDevice;
use crate::audio::rt::counters::Counters;
use crate::audio::rt::device::{AudioDevice, Wait, Woken};
use crate::audio::rt::loops::{CaptureLoop, PlaybackLoop};
use crate::audio::rt::playback_device::{BufferLevel, PlaybackDevice, QueuePlan};
use crate::audio::rt::privileges::{DeniedPrivilege, lock_memory, prefault_stack, schedule};
use crate::audio::rt::reference::{CaptureStamp, ReferenceSink, with_reference};
use crate::audio::rt::threads::new_eventfd;
use crate::audio::{
    AudioEndpoints, AudioIo, CaptureConfig, KeepOpen, MixerControl, PlaybackConfig, StreamFormat,
    UnplugPolicy,
};
use crate::sys::EventFd;

/// The two devices and their settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlsaDevices {
    pub microphone: CaptureConfig,
    pub speaker: PlaybackConfig,
    /// Mixer controls, set at the start and after a card is reconnected, and each time again a little later.
    pub controls: Vec<MixerControl>,
    /// How long a disconnected device is waited for.
    pub unplugged: UnplugPolicy,
}

/// Thread names and SCHED_FIFO priorities; playback's is higher because a gap there is audible.
const CAPTURE: (&str, i32) = ("mynah-capture", 70);
const PLAYBACK: (&str, i32) = ("mynah-playback", 71);

/// Opens both cards, sets their controls and starts their threads. Playback starts at once; the microphone
/// stays closed until the session has requested something of it.
///
/// # Errors
/// Returns an error that names the device if one is missing, busy or does not grant the request.
pub fn open_alsa(devices: AlsaDevices, shape: StreamFormat) -> Result<AudioIo, AudioError> {
    open(devices, shape, None)
}

/// Opens both cards as [`open_alsa`] does, and passes what is captured to `sink` with what was played meanwhile.
///
/// # Errors
/// As those of [`open_alsa`].
pub fn open_alsa_with_reference(
    devices: AlsaDevices,
    shape: StreamFormat,
    sink: Box<dyn ReferenceSink>,
) -> Result<AudioIo, AudioError> {
    open(devices, shape, Some(sink))
}

fn open(
    devices: AlsaDevices,
    shape: StreamFormat,
    sink: Option<Box<dyn ReferenceSink>>,
) -> Result<AudioIo, AudioError> {
    let AlsaDevices { microphone, speaker, controls, unplugged } = devices;
    let (mut capture_request, mut playback_request) =
        (HwRequest::capture(&microphone, shape), HwRequest::playback(&speaker, shape));
    (capture_request.stamps, playback_request.stamps) = (sink.is_some(), sink.is_some());
    let denied_memory = lock_memory();
    let mut cards = Cards { capture: &capture_request, playback: &playback_request, timer: new_eventfd()? };
    let (capture_pcm, silent_speaker) =
        open_pair(&mut cards).map_err(|error| diagnose(error, Path::new("/")))?;
    let keep_open = microphone.keep_open.unwrap_or(default_keep_open(capture_pcm.is_hardware()));
    let (capture_params, playback_params) = (capture_pcm.params().clone(), silent_speaker.params().clone());
    // A plugin may resample, or lead to another card.
    let is_one_card = capture_pcm.is_hardware() && capture_pcm.card() == silent_speaker.card();
    let clocks = if is_one_card { Clocks::Same } else { Clocks::Apart };
    // It was opened so that a wrong setting fails at the start; whether it may stay open the session knows.
    drop(capture_pcm);
    let failed_controls = set_controls(&controls);
    set_controls_again(&controls);
    let (capture_chain, playback_chain) =
        (capture_request.capture_chain(&capture_params)?, playback_request.playback_chain(&playback_params)?);
    capture_request.pin(&capture_params);
    playback_request.pin(&playback_params);
    let AudioEndpoints { audio: mut io, capture, playback, capture_wake, playback_wake } =
        AudioEndpoints::new(shape, capture_chain, playback_chain, false)?;
    let (capture, playback) = match sink {
        Some(sink) => with_reference(capture, playback, clocks, sink),
        None => (capture, playback),
    };
    io.granted = vec![capture_params, playback_params];
    io.failed_controls = failed_controls;
    let null_devices = [(&capture_request, Direction::Capture), (&playback_request, Direction::Playback)];
    io.device_warnings = null_devices
        .into_iter()
        .filter_map(|(request, direction)| null_warning(&request.device, direction, Path::new("/")))
        .collect();
    io.denied.extend(denied_memory);
    let device = |request| AlsaDevice::new(request, &controls, Arc::clone(&io.counters));
    let (mut microphone, mut speaker) = (device(capture_request)?, device(playback_request)?);
    let (denied_tx, denied_rx) = sync_channel(2);
    let playback_denied_tx = denied_tx.clone();
    io.threads.start(CAPTURE.0, capture_wake, move |context| {
        request_privileges(CAPTURE, denied_tx);
        let mut capture = CaptureLoop::new(capture, context.clone(), unplugged).keep_open(keep_open);
        microphone.run(&context.thread_wake, |microphone, woken| capture.step(microphone, woken))
    })?;
    io.threads.start(PLAYBACK.0, playback_wake, move |context| {
        request_privileges(PLAYBACK, playback_denied_tx);
        let mut playback = PlaybackLoop::new(playback, context.clone(), unplugged);
        speaker.pcm = silent_speaker.take();
        speaker.run(&context.thread_wake, |speaker, woken| playback.step(speaker, woken))
    })?;
    io.denied.extend(denied_rx.into_iter().flatten());
    Ok(io)
}

/// Both devices, before their parameters are known.
struct Cards<'a> {
    capture: &'a HwRequest,
    playback: &'a HwRequest,
    timer: Arc<EventFd>,
}

impl OpenDevices for Cards<'_> {
    type Microphone = Pcm;
    type Speaker = SilentSpeaker;

    fn open_microphone(&mut self) -> Result<Pcm, AudioError> {
        Pcm::open(self.capture)
    }

    fn open_speaker(&mut self) -> Result<SilentSpeaker, AudioError> {
        SilentSpeaker::start(Pcm::open(self.playback)?)
    }

    fn wait(&mut self, ms: u32) {
        self.timer.wait(Some(ms));
    }
}

/// Returns whether a microphone stays open that no setting decides. A card may click, be slow or fail when it is
/// opened at every turn; a sound server shows its users that a microphone is open.
fn default_keep_open(is_card: bool) -> KeepOpen {
    if is_card { KeepOpen::UnlessMuted } else { KeepOpen::Never }
}

fn request_privileges(
    (thread, priority): (&'static str, i32),
    denied_tx: SyncSender<Option<DeniedPrivilege>>,
) {
    prefault_stack();
    // Never blocks: the channel has a slot for each thread.
    let _ = denied_tx.send(schedule(thread, priority));
}

/// One device of a sound card, and what is requested of it.
struct AlsaDevice {
    request: HwRequest,
    controls: Vec<MixerControl>,
    counters: Arc<Counters>,
    hotplug: HotplugWatch,
    /// `None` while the device is closed.
    pcm: Option<Pcm>,
}

impl AlsaDevice {
    fn new(
        request: HwRequest,
        controls: &[MixerControl],
        counters: Arc<Counters>,
    ) -> Result<AlsaDevice, AudioError> {
        let hotplug = HotplugWatch::new()?;
        Ok(AlsaDevice { request, controls: controls.to_vec(), counters, hotplug, pcm: None })
    }

    /// Takes steps and waits in turn until the session has ended.
    fn run(
        &mut self,
        wake: &EventFd,
        mut step: impl FnMut(&mut AlsaDevice, Woken) -> Result<Wait, AudioError>,
    ) -> Result<(), AudioError> {
        let mut woken = Woken::Notified;
        loop {
            woken = match (step(self, woken)?, &mut self.pcm) {
                (Wait::Over, _) => return Ok(()),
                (Wait::ForDevice { in_recovery }, Some(pcm)) => {
                    pcm.wait(wake, in_recovery).map_or_else(Woken::Lost, |()| Woken::Ready)
                }
                (Wait::ForSession, _) => {
                    wake.wait(None);
                    Woken::Ready
                }
                (Wait::ForDevice { .. } | Wait::WithoutDevice, _) => self.hotplug.wait(wake),
            };
        }
    }

    /// Calls the open device, and counts what took long.
    fn restart<T>(&mut self, call: impl FnOnce(&mut Pcm) -> Result<T, PcmError>) -> Result<T, PcmError> {
        let pcm = self.pcm()?;
        let result = call(pcm);
        let slow = pcm.take_slow_prepares();
        self.counters.slow_prepares.add(slow);
        result
    }

    fn pcm(&mut self) -> Result<&mut Pcm, DeviceLost> {
        self.pcm.as_mut().ok_or(DeviceLost { errno: libc::ENODEV })
    }
}

impl AudioDevice for AlsaDevice {
    fn open(&mut self) -> Result<(), DeviceLost> {
        self.pcm = Some(Pcm::open(&self.request).map_err(|error| errno(&error))?);
        // A replugged card starts with its default controls, even if no stream was open meanwhile.
        if self.hotplug.take_changed() {
            if !set_controls(&self.controls).is_empty() {
                self.counters.controls_refused.add(1);
            }
            set_controls_again(&self.controls);
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), DeviceLost> {
        self.pcm()?.start()
    }

    fn close(&mut self) {
        self.pcm = None;
    }

    fn is_proven(&self) -> bool {
        self.pcm.as_ref().is_some_and(Pcm::is_proven)
    }

    fn lost_error(&self, lost: DeviceLost) -> AudioError {
        let (direction, device, errno) = (self.request.direction, self.request.device.clone(), lost.errno);
        if matches!(errno, libc::EBUSY | libc::EACCES | libc::EPERM) {
            return diagnose(
                AudioError::Open { direction, device, errno, alsa_message: String::new() },
                Path::new("/"),
            );
        }
        AudioError::Lost { direction, device, errno }
    }

    fn set_give_up_after(&mut self, limit: Option<Duration>) {
        self.hotplug.set_limit(limit);
    }

    fn set_retry_after(&mut self, after: Option<Duration>) {
        self.hotplug.set_next_try(after);
    }
}

impl CaptureDevice for AlsaDevice {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.pcm()?.read(into)
    }

    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError> {
        self.restart(|pcm| CaptureDevice::recover(pcm, error))
    }

    fn wake_after(&mut self, frames: usize) -> Result<(), PcmError> {
        self.pcm()?.wake_after(frames)
    }

    fn stamp(&mut self) -> Result<CaptureStamp, PcmError> {
        CaptureDevice::stamp(self.pcm()?)
    }

    fn may_mute_itself(&self) -> bool {
        self.pcm.as_ref().is_some_and(Pcm::is_usb)
    }
}

impl PlaybackDevice for AlsaDevice {
    fn queue(&self) -> QueuePlan {
        self.pcm.as_ref().map_or(QueuePlan::fixed(0), Pcm::queue)
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.pcm()?.level()
    }

    fn stamp(&self) -> Stamp {
        self.pcm.as_ref().map_or(Stamp::Missing, PlaybackDevice::stamp)
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.pcm()?.write(frames)
    }

    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        self.pcm()?.take_back(frames)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.restart(PlaybackDevice::flush)
    }

    fn wake_at(&mut self, queued: usize) -> Result<(), PcmError> {
        self.pcm()?.wake_at(queued)
    }

    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError> {
        self.restart(|pcm| PlaybackDevice::recover(pcm, error))
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
        AudioError::Unfit { .. }
        | AudioError::Misconfigured { .. }
        | AudioError::Mixer { .. }
        | AudioError::Wav { .. } => DeviceLost { errno: libc::EINVAL },
    }
}
