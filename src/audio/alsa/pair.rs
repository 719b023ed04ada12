//! Opens microphone and speaker at the start: in an order in which they fit together, while a clock runs.
//!
//! Both directions of many cards share one clock. The speaker comes first and plays silence meanwhile, since a codec
//! that gives the clock captures only while it runs. A microphone that does not fit beside it comes first instead. It
//! negotiates no parameters; the caller requests those that fitted from then on.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::pcm::Pcm;
use crate::audio::GrantedParams;
use crate::audio::error::{AudioError, PcmError};
use crate::audio::rt::playback_device::PlaybackDevice;
use crate::audio::rt::threads::new_eventfd;
use crate::sys::EventFd;

/// The delay between two attempts to open a device that is busy, or has no clock yet.
const RETRY_MS: u32 = 250;
/// Attempts after the first: a driver or another program that takes longer than this is told to the user.
const RETRIES: usize = 3;
/// How often the silence is topped up: a quarter of what is queued.
const SILENCE_INTERVAL_MS: u32 = 5;

/// Opens the two devices, and waits.
pub(super) trait OpenDevices {
    type Microphone;
    /// Plays silence until it is dropped.
    type Speaker;

    fn open_microphone(&mut self) -> Result<Self::Microphone, AudioError>;
    fn open_speaker(&mut self) -> Result<Self::Speaker, AudioError>;
    fn wait(&mut self, ms: u32);
}

/// Opens the speaker, then the microphone; or the other way round, if that is how they fit.
///
/// # Errors
/// Returns why a device cannot be used: the microphone, if neither can.
pub(super) fn open_pair<D: OpenDevices>(devices: &mut D) -> Result<(D::Microphone, D::Speaker), AudioError> {
    let Ok(speaker) = devices.open_speaker() else { return open_microphone_first(devices) };
    match retry(devices, D::open_microphone) {
        Ok(microphone) => Ok((microphone, speaker)),
        Err(error @ AudioError::Unfit { .. }) => {
            drop(speaker);
            open_microphone_first(devices).map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}

fn open_microphone_first<D: OpenDevices>(devices: &mut D) -> Result<(D::Microphone, D::Speaker), AudioError> {
    let microphone = devices.open_microphone()?;
    Ok((microphone, retry(devices, D::open_speaker)?))
}

/// Opens a device, again after a while if the error may pass.
fn retry<D: OpenDevices, T>(
    devices: &mut D,
    open: fn(&mut D) -> Result<T, AudioError>,
) -> Result<T, AudioError> {
    for _ in 0..RETRIES {
        match open(devices) {
            Err(error) if is_passing(&error) => devices.wait(RETRY_MS),
            result => return result,
        }
    }
    open(devices)
}

/// Returns whether the device may be opened a moment later: it is busy, or its clock does not run yet.
fn is_passing(error: &AudioError) -> bool {
    matches!(error, AudioError::Open { errno: libc::EBUSY | libc::EIO, .. })
}

/// An open speaker that plays silence, on a thread of its own.
pub(super) struct SilentSpeaker {
    params: GrantedParams,
    card: Option<u32>,
    is_over: Arc<EventFd>,
    thread: Option<JoinHandle<Pcm>>,
}

impl SilentSpeaker {
    /// Starts to play. When it returns, the clock of the device runs.
    pub(super) fn start(mut pcm: Pcm) -> Result<SilentSpeaker, AudioError> {
        let (params, card) = (pcm.params().clone(), pcm.card());
        let silence = vec![0.0; params.period_frames];
        let is_over = new_eventfd()?;
        let stop = Arc::clone(&is_over);
        top_up(&mut pcm, &silence);
        let thread = std::thread::Builder::new().name("mynah-silence".to_owned()).spawn(move || {
            while !stop.wait(Some(SILENCE_INTERVAL_MS)) {
                top_up(&mut pcm, &silence);
            }
            pcm
        });
        let thread = thread.map_err(|error| AudioError::system("a thread", &error))?;
        Ok(SilentSpeaker { params, card, is_over, thread: Some(thread) })
    }

    pub(super) fn params(&self) -> &GrantedParams {
        &self.params
    }

    pub(super) fn card(&self) -> Option<u32> {
        self.card
    }

    /// Returns the device, which plays what is still queued.
    pub(super) fn take(mut self) -> Option<Pcm> {
        self.end()
    }

    fn end(&mut self) -> Option<Pcm> {
        self.is_over.notify();
        self.thread.take()?.join().ok()
    }
}

impl Drop for SilentSpeaker {
    fn drop(&mut self) {
        self.end();
    }
}

/// Fills the speaker with silence: twice the usual queue, as no real-time thread tops it up.
fn top_up(speaker: &mut impl PlaybackDevice, silence: &[f32]) {
    let result = write_silence(speaker, silence);
    if matches!(result, Err(PcmError::Xrun | PcmError::Stall | PcmError::Suspended)) {
        // What is lost is silence; a device that does not recover is met by the playback thread.
        let _ = speaker.flush().and_then(|()| write_silence(speaker, silence));
    }
}

fn write_silence(speaker: &mut impl PlaybackDevice, silence: &[f32]) -> Result<(), PcmError> {
    let mut wanted = (2 * speaker.queue().short).saturating_sub(speaker.level()?.queued);
    while wanted > 0 {
        let taken = speaker.write(&silence[..wanted.min(silence.len())])?;
        if taken == 0 {
            break;
        }
        wanted = wanted.saturating_sub(taken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    use super::*;
    use crate::audio::error::Direction;

    const EIO: Option<i32> = Some(libc::EIO);
    const EBUSY: Option<i32> = Some(libc::EBUSY);
    const UNFIT: Option<i32> = Some(libc::EINVAL);
    const MISSING: Option<i32> = Some(libc::ENOENT);

    #[test]
    fn the_speaker_plays_before_the_microphone_is_opened() {
        assert_eq!(open(&[None, None]), (None, "speaker microphone".to_owned()));
    }

    #[test]
    fn a_microphone_without_a_clock_is_retried_while_the_speaker_plays() {
        for errno in [EIO, EBUSY] {
            let calls = "speaker microphone wait microphone wait microphone";
            assert_eq!(open(&[None, errno, errno, None]), (None, calls.to_owned()));
        }
        let calls = "speaker microphone wait microphone wait microphone wait microphone -speaker";
        assert_eq!(open(&[None, EIO, EIO, EIO, EIO]), (EIO, calls.to_owned()));
    }

    #[test]
    fn a_microphone_that_does_not_fit_beside_the_speaker_goes_first() {
        let calls = "speaker microphone -speaker microphone speaker";
        assert_eq!(open(&[None, UNFIT, None, None]), (None, calls.to_owned()));
        let calls = "speaker microphone -speaker microphone";
        assert_eq!(open(&[None, UNFIT, EIO]), (UNFIT, calls.to_owned()), "the first error is told");
        let calls = "speaker microphone -speaker microphone speaker";
        assert_eq!(open(&[None, UNFIT, None, MISSING]), (UNFIT, calls.to_owned()));
    }

    #[test]
    fn a_busy_speaker_is_retried_while_the_microphone_is_open() {
        let calls = "speaker microphone speaker wait speaker";
        assert_eq!(open(&[EBUSY, None, EBUSY, None]), (None, calls.to_owned()));
    }

    #[test]
    fn a_missing_device_is_told_at_once() {
        let calls = "speaker microphone speaker";
        assert_eq!(open(&[MISSING, None, MISSING]), (MISSING, calls.to_owned()));
        assert_eq!(
            open(&[EBUSY, MISSING]),
            (MISSING, "speaker microphone".to_owned()),
            "the microphone's is told"
        );
        assert_eq!(open(&[None, MISSING]), (MISSING, "speaker microphone -speaker".to_owned()));
    }

    /// Opens a pair with these results in turn; returns the error number, and the calls.
    fn open(results: &[Option<i32>]) -> (Option<i32>, String) {
        let calls = Rc::new(RefCell::new(Vec::new()));
        let mut script = Script { results: results.iter().copied().collect(), calls: Rc::clone(&calls) };
        let opened = open_pair(&mut script);
        let text = calls.borrow().join(" ");
        assert!(script.results.is_empty(), "not asked for: {:?}", script.results);
        let errno_of = |error| if let AudioError::Open { errno, .. } = error { errno } else { libc::EINVAL };
        let errno = opened.err().map(errno_of);
        (errno, text)
    }

    struct Script {
        results: VecDeque<Option<i32>>,
        calls: Rc<RefCell<Vec<&'static str>>>,
    }

    struct ScriptedSpeaker(Rc<RefCell<Vec<&'static str>>>);

    impl Drop for ScriptedSpeaker {
        fn drop(&mut self) {
            self.0.borrow_mut().push("-speaker");
        }
    }

    impl Script {
        fn next(&mut self, call: &'static str, direction: Direction) -> Result<(), AudioError> {
            self.calls.borrow_mut().push(call);
            let device = "hw:0".to_owned();
            match self.results.pop_front().flatten() {
                None => Ok(()),
                UNFIT => Err(AudioError::Unfit { direction, device, asked: String::new() }),
                Some(errno) => {
                    Err(AudioError::Open { direction, device, errno, alsa_message: String::new() })
                }
            }
        }
    }

    impl OpenDevices for Script {
        type Microphone = ();
        type Speaker = ScriptedSpeaker;

        fn open_microphone(&mut self) -> Result<(), AudioError> {
            self.next("microphone", Direction::Capture)
        }

        fn open_speaker(&mut self) -> Result<ScriptedSpeaker, AudioError> {
            self.next("speaker", Direction::Playback)?;
            Ok(ScriptedSpeaker(Rc::clone(&self.calls)))
        }

        fn wait(&mut self, _: u32) {
            self.calls.borrow_mut().push("wait");
        }
    }
}
