//! The tape: WAV files at the ends of the lanes, faster than real time.

use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use mynah::audio::{AudioError, AudioIo, StreamFormat, WavDevices, open_wav};

use super::cards::{until, until_mut};
use super::dac::{FADE, largest_jump, tone};

#[test]
fn what_was_recorded_is_heard_in_order_and_then_silence() {
    let folder = tempfile::tempdir().unwrap();
    let samples: Vec<i16> = (1..=24_000).collect();
    let speech = record(folder.path(), "speech.wav", 16, &samples);
    let mut sound = play(WavDevices { speech: Some(speech), speaker: None, speed: 50 });
    assert!(!sound.input_ended());
    sound.capture.set_open(true);
    let heard = hear(&mut sound, 30_000);
    assert_eq!(heard[..24_000], samples);
    assert!(heard[24_000..].iter().all(|sample| *sample == 0));
    assert!(sound.input_ended() && sound.capture.is_open());
}

#[test]
fn the_tape_stands_still_while_the_microphone_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let samples: Vec<i16> = (1..=24_000).collect();
    let speech = record(folder.path(), "speech.wav", 16, &samples);
    let mut sound = play(WavDevices { speech: Some(speech), speaker: None, speed: 50 });
    let before = sound.counters().played.get();
    until(&sound, |sound| sound.counters().played.get() > before + 10_000);
    sound.capture.set_open(true);
    let mut heard = hear(&mut sound, 2_400);
    sound.capture.set_open(false);
    until(&sound, |sound| !sound.capture.is_open());
    heard.extend(read(&mut sound));
    let before = sound.counters().played.get();
    until(&sound, |sound| sound.counters().played.get() > before + 10_000);
    assert_eq!(sound.capture.waiting(), 0);
    sound.capture.set_open(true);
    heard.extend(hear(&mut sound, 2_400));
    // On a busy machine it may have been played to its end.
    let recorded = heard.len().min(samples.len());
    assert_eq!(heard[..recorded], samples[..recorded]);
}

#[test]
fn eight_bits_are_heard_at_full_scale() {
    let folder = tempfile::tempdir().unwrap();
    let speech = record(folder.path(), "speech.wav", 8, &[-128, -1, 0, 1, 127]);
    let mut sound = play(WavDevices { speech: Some(speech), speaker: None, speed: 50 });
    sound.capture.set_open(true);
    assert_eq!(hear(&mut sound, 6)[..6], [-32768, -256, 0, 256, 32512, 0]);
}

#[test]
fn without_speech_the_microphone_hears_silence() {
    let mut sound = play(WavDevices { speed: 50, ..WavDevices::default() });
    assert!(!sound.input_ended());
    sound.capture.set_open(true);
    assert!(hear(&mut sound, 2_400).iter().all(|sample| *sample == 0));
}

#[test]
fn what_the_mouth_says_lands_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let speaker = folder.path().join("speaker.wav");
    let mut sound = play(WavDevices { speech: None, speaker: Some(speaker.clone()), speed: 50 });
    let reply = tone(24_000);
    say(&mut sound, &reply);
    until(&sound, |sound| sound.playback.played_position() == 24_000);
    drop(sound);
    let (spec, played) = listen_to(&speaker);
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 24_000, 16));
    let start = starts(&played, &reply[..480]);
    assert_eq!(played[start..start + 24_000], reply);
}

#[test]
fn a_cut_leaves_what_was_heard_a_fade_and_silence_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let speaker = folder.path().join("speaker.wav");
    let mut sound = play(WavDevices { speech: None, speaker: Some(speaker.clone()), speed: 5 });
    let reply = tone(48_000);
    say(&mut sound, &reply);
    until(&sound, |sound| sound.playback.played_position() > 10_000);
    let cut = sound.playback.cut();
    let mut receipt = None;
    until_mut(&mut sound, |sound| {
        receipt = receipt.or_else(|| sound.playback.receipt());
        receipt.is_some()
    });
    let receipt = receipt.unwrap();
    let before = sound.counters().played.get();
    until(&sound, |sound| sound.counters().played.get() > before + 4_800);
    drop(sound);
    let (_, played) = listen_to(&speaker);
    let heard = usize::try_from(receipt.played).unwrap();
    let start = starts(&played, &reply[..480]);
    assert_eq!((receipt.cut, cut), (48_000, 48_000));
    assert!(heard > 10_000 && heard < 48_000);
    assert_eq!(played[start..start + heard], reply[..heard]);
    assert!(played[start + heard + FADE..].iter().all(|sample| *sample == 0));
    assert!(largest_jump(&played) < 3775 + 32767 / 120 + 1, "a click");
}

#[test]
fn a_cut_an_opening_and_the_end_wait_for_no_period() {
    let folder = tempfile::tempdir().unwrap();
    let speaker = folder.path().join("speaker.wav");
    let files = WavDevices { speech: None, speaker: Some(speaker.clone()), speed: 1 };
    // Longer than any test waits.
    let period_frames = 100 * 24_000;
    let mut sound = open_wav(files, StreamFormat { period_frames, ..StreamFormat::default() }).unwrap();
    sound.capture.set_open(true);
    until(&sound, |sound| sound.capture.is_open());
    // One of them may fall into a turn that goes on anyway; not all.
    for _ in 0..50 {
        say(&mut sound, &[1; 100]);
        let cut = sound.playback.cut();
        until_mut(&mut sound, |sound| sound.playback.receipt().is_some_and(|receipt| receipt.cut == cut));
    }
    drop(sound);
    assert_eq!(listen_to(&speaker).1, [0i16; 0]);
}

#[test]
fn a_file_of_another_form_is_refused_with_the_command_that_converts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speech.wav");
    let spec =
        WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: 16, sample_format: SampleFormat::Int };
    WavWriter::create(&path, spec).unwrap().finalize().unwrap();
    let said = refused(WavDevices { speech: Some(path.clone()), ..WavDevices::default() });
    assert!(said.contains("2 channels of 16-bit integer samples at 44100 Hz"), "{said}");
    assert!(said.contains(&format!("sox {} -r 24000 -c 1 -b 16 ", path.display())), "{said}");
    std::fs::write(&path, "not sound").unwrap();
    assert!(refused(WavDevices { speech: Some(path), ..WavDevices::default() }).contains("speech.wav"));
    let nowhere = folder.path().join("none/speaker.wav");
    assert!(
        refused(WavDevices { speaker: Some(nowhere), ..WavDevices::default() })
            .contains("none/speaker.wav: cannot be written")
    );
}

fn play(files: WavDevices) -> AudioIo {
    open_wav(files, StreamFormat::default()).unwrap()
}

fn refused(files: WavDevices) -> String {
    let error = open_wav(files, StreamFormat::default()).err().expect("it is refused");
    assert!(matches!(error, AudioError::Wav { .. }), "{error:?}");
    error.to_string()
}

fn record(folder: &Path, name: &str, bits_per_sample: u16, samples: &[i16]) -> PathBuf {
    let path = folder.join(name);
    let spec =
        WavSpec { channels: 1, sample_rate: 24_000, bits_per_sample, sample_format: SampleFormat::Int };
    let mut file = WavWriter::create(&path, spec).unwrap();
    for sample in samples {
        file.write_sample(*sample).unwrap();
    }
    file.finalize().unwrap();
    path
}

fn listen_to(path: &Path) -> (WavSpec, Vec<i16>) {
    let file = WavReader::open(path).unwrap();
    (file.spec(), file.into_samples().map(Result::unwrap).collect())
}

fn say(sound: &mut AudioIo, reply: &[i16]) {
    let frames: Vec<[i16; 1]> = reply.iter().map(|sample| [*sample]).collect();
    assert_eq!(sound.playback.write(&frames), reply.len());
}

fn hear(sound: &mut AudioIo, frames: usize) -> Vec<i16> {
    let mut heard = Vec::new();
    until_mut(sound, |sound| {
        heard.extend(read(sound));
        heard.len() >= frames
    });
    heard
}

fn read(sound: &mut AudioIo) -> Vec<i16> {
    let mut into = vec![[0]; 48_000];
    let taken = sound.capture.read(&mut into);
    into[..taken].as_flattened().to_vec()
}

fn starts(played: &[i16], with: &[i16]) -> usize {
    played.windows(with.len()).position(|window| window == with).expect("the reply was played")
}
