//! Sound that is sent at 16 kHz has the same length and pitch as at 24 kHz, and the service is told its rate.

use mynah::conversation::Mode;
use mynah::parrot::ParrotConfig;
use mynah::session::ServiceEndpoint;
use tempfile::TempDir;

use super::turns::appended_samples;
use super::{Device, TAP, remote};
use crate::service::Step::{Answer, Expect, Send};
use crate::service::{Behaviour, Service, Step, events};

/// The pitch of the speech.
const TONE_HZ: f64 = 500.0;

#[test]
fn the_service_gets_as_much_sound_at_the_rate_that_it_is_told() {
    for (rate_hz, per_second) in [(24_000, 24_000), (16_000, 16_000)] {
        let service = Service::start([Behaviour::script([
            Send(events::session_created()),
            Expect("session.update"),
            Answer(events::session_updated),
            Step::ExpectAudio(500),
        ])]);
        let mut speech = tone(1200);
        speech.extend(vec![0; 24_000 * 2]);
        let device = Device::at_rate(TempDir::new().unwrap(), remote(&service), TAP, Some(&speech), rate_hz);
        device.wait_for_line("idle", 1);
        device.press();
        // The service counts the bytes as of 24 kHz.
        let counted_ms = 1600 * u64::from(rate_hz) / 24_000;
        service.until("the sound", |all| all.iter().any(|one| one.audio_ms >= counted_ms));
        let (_, _) = device.quit();
        let one = &service.connections()[0];
        assert_eq!(one.received[0]["session"]["input_audio_sampling_rate"], rate_hz);
        let sent = appended_samples(one);
        let loud = |sample: &i16| sample.unsigned_abs() > 4000;
        let (first, last) = (sent.iter().position(loud).unwrap(), sent.iter().rposition(loud).unwrap());
        let frames = last - first;
        let expected = per_second * 1200 / 1000;
        assert!(frames.abs_diff(expected) < per_second / 100, "{frames} frames of 1.2 s at {rate_hz} Hz");
        let rises = sent[first..last].windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!(rises.abs_diff(600) <= 6, "{rises} periods of 500 Hz in 1.2 s at {rate_hz} Hz");
    }
}

#[test]
fn the_builtin_service_repeats_speech_of_either_rate_at_its_own_length() {
    let lengths: Vec<usize> = [24_000, 16_000]
        .into_iter()
        .map(|rate_hz| {
            let service = ServiceEndpoint::Parrot(ParrotConfig::default());
            let mut speech = tone(1000);
            speech.extend(vec![0; 24_000 * 2]);
            let folder = TempDir::new().unwrap();
            let device = Device::at_rate(folder, service, Mode::Open, Some(&speech), rate_hz);
            device.wait_for_line("time: reply heard", 1);
            let (_, speaker) = device.quit();
            speaker.iter().filter(|sample| sample.unsigned_abs() > 1000).count()
        })
        .collect();
    assert!(lengths[0] > 12_000, "{lengths:?}");
    assert!(lengths[0].abs_diff(lengths[1]) < lengths[0] / 20, "{lengths:?}");
}

/// Returns a tone of this length at the rate of the WAV files.
fn tone(ms: usize) -> Vec<i16> {
    let sample = |at: usize| (at as f64 * TONE_HZ * std::f64::consts::TAU / 24_000.0).sin() * 12_000.0;
    (0..ms * 24).map(|at| sample(at) as i16).collect()
}
