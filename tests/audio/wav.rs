//! WAV files in place of the devices, faster than real time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use mynah::audio::{
    Alignment, AudioError, AudioIo, CaptureFrame, DeviceCanceller, LEAD_MS, ReferenceBlock, ReferenceSink,
    StreamFormat, WavDevices, WavRoom, open_wav, open_wav_with_reference,
};

use super::cards::{until, until_mut};
use super::dac::{FADE, largest_jump, tone};

#[test]
fn the_file_is_captured_in_order_followed_by_silence() {
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<i16> = (1..=24_000).collect();
    let speech = record(dir.path(), "speech.wav", 16, &samples);
    let mut audio = open(WavDevices { microphone: Some(speech), speaker: None, speed: 50 });
    assert!(!audio.input_ended());
    audio.capture.set_open(true);
    let captured = capture(&mut audio, 30_000);
    assert_eq!(captured[..24_000], samples);
    assert!(captured[24_000..].iter().all(|sample| *sample == 0));
    assert!(audio.input_ended() && audio.capture.is_open());
}

#[test]
fn the_file_does_not_advance_while_the_microphone_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let samples: Vec<i16> = (1..=24_000).collect();
    let speech = record(dir.path(), "speech.wav", 16, &samples);
    let mut audio = open(WavDevices { microphone: Some(speech), speaker: None, speed: 50 });
    let before = audio.counters().played.get();
    until(&audio, |audio| audio.counters().played.get() > before + 10_000);
    audio.capture.set_open(true);
    let mut captured = capture(&mut audio, 2_400);
    audio.capture.set_open(false);
    until(&audio, |audio| !audio.capture.is_open());
    captured.extend(read(&mut audio));
    let before = audio.counters().played.get();
    until(&audio, |audio| audio.counters().played.get() > before + 10_000);
    assert_eq!(audio.capture.waiting(), 0);
    audio.capture.set_open(true);
    captured.extend(capture(&mut audio, 2_400));
    // On a slow machine the file may have been played to its end.
    let recorded = captured.len().min(samples.len());
    assert_eq!(captured[..recorded], samples[..recorded]);
}

#[test]
fn eight_bit_samples_are_captured_at_full_scale() {
    let dir = tempfile::tempdir().unwrap();
    let speech = record(dir.path(), "speech.wav", 8, &[-128, -1, 0, 1, 127]);
    let mut audio = open(WavDevices { microphone: Some(speech), speaker: None, speed: 50 });
    audio.capture.set_open(true);
    assert_eq!(capture(&mut audio, 6)[..6], [-32768, -256, 0, 256, 32512, 0]);
}

#[test]
fn without_a_file_the_microphone_captures_silence() {
    let mut audio = open(WavDevices { speed: 50, ..WavDevices::default() });
    assert!(!audio.input_ended());
    audio.capture.set_open(true);
    assert!(capture(&mut audio, 2_400).iter().all(|sample| *sample == 0));
}

#[test]
fn written_frames_are_saved_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let speaker = dir.path().join("speaker.wav");
    let mut audio = open(WavDevices { microphone: None, speaker: Some(speaker.clone()), speed: 50 });
    let reply = tone(24_000);
    write(&mut audio, &reply);
    until(&audio, |audio| audio.playback.played_position() == 24_000);
    drop(audio);
    let (spec, played) = read_wav(&speaker);
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 24_000, 16));
    let start = find_start(&played, &reply[..480]);
    assert_eq!(played[start..start + 24_000], reply);
}

#[test]
fn after_a_cut_the_file_holds_a_fade_and_silence() {
    let dir = tempfile::tempdir().unwrap();
    let speaker = dir.path().join("speaker.wav");
    let mut audio = open(WavDevices { microphone: None, speaker: Some(speaker.clone()), speed: 5 });
    let reply = tone(48_000);
    write(&mut audio, &reply);
    until(&audio, |audio| audio.playback.played_position() > 10_000);
    let cut = audio.playback.cut();
    let mut receipt = None;
    until_mut(&mut audio, |audio| {
        receipt = receipt.or_else(|| audio.playback.receipt());
        receipt.is_some()
    });
    let receipt = receipt.unwrap();
    let before = audio.counters().played.get();
    until(&audio, |audio| audio.counters().played.get() > before + 4_800);
    drop(audio);
    let (_, played) = read_wav(&speaker);
    let played_frames = usize::try_from(receipt.played).unwrap();
    let start = find_start(&played, &reply[..480]);
    assert_eq!((receipt.cut, cut), (48_000, 48_000));
    assert!(played_frames > 10_000 && played_frames < 48_000);
    assert_eq!(played[start..start + played_frames], reply[..played_frames]);
    assert!(played[start + played_frames + FADE..].iter().all(|sample| *sample == 0));
    assert!(largest_jump(&played) < 3775 + 32767 / 120 + 1, "a click");
}

#[test]
fn cuts_opening_and_stopping_do_not_wait_for_a_period() {
    let dir = tempfile::tempdir().unwrap();
    let speaker = dir.path().join("speaker.wav");
    let files = WavDevices { microphone: None, speaker: Some(speaker.clone()), speed: 1 };
    // Longer than any test waits.
    let period_frames = 100 * 24_000;
    let mut audio = open_wav(files, StreamFormat { period_frames, ..StreamFormat::default() }).unwrap();
    audio.capture.set_open(true);
    until(&audio, |audio| audio.capture.is_open());
    // A single cut may fall into a step that runs anyway, but not all of them.
    for _ in 0..50 {
        write(&mut audio, &[1; 100]);
        let cut = audio.playback.cut();
        until_mut(&mut audio, |audio| audio.playback.receipt().is_some_and(|receipt| receipt.cut == cut));
    }
    drop(audio);
    assert_eq!(read_wav(&speaker).1, [0i16; 0]);
}

#[test]
fn another_format_is_an_error_with_the_convert_command() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("speech.wav");
    let spec =
        WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: 16, sample_format: SampleFormat::Int };
    WavWriter::create(&path, spec).unwrap().finalize().unwrap();
    let message = open_error(WavDevices { microphone: Some(path.clone()), ..WavDevices::default() });
    assert!(message.contains("2 channels of 16-bit integer samples at 44100 Hz"), "{message}");
    assert!(message.contains(&format!("sox {} -r 24000 -c 1 -b 16 ", path.display())), "{message}");
    std::fs::write(&path, "not a WAV file").unwrap();
    assert!(
        open_error(WavDevices { microphone: Some(path), ..WavDevices::default() }).contains("speech.wav")
    );
    let nowhere = dir.path().join("none/speaker.wav");
    assert!(
        open_error(WavDevices { speaker: Some(nowhere), ..WavDevices::default() })
            .contains("none/speaker.wav: cannot be written")
    );
}

#[test]
fn size_of_0_or_of_a_stream_is_read_to_the_end_of_the_file() {
    let samples: Vec<i16> = (1..=3_000).collect();
    for declared in [0, u32::MAX, 0x7fff_f000, 0x7fff_ffff, 6_002] {
        let file = wav(&layout(1, 16), declared, &data(&samples));
        let (captured, warning) = listen(&file);
        assert_eq!(captured, samples, "{declared}");
        let warning = warning.unwrap();
        for fact in ["speech.wav", &format!("says {declared} bytes"), "6000 were found"] {
            assert!(warning.contains(fact), "no {fact} in {warning}");
        }
    }
}

#[test]
fn file_that_is_longer_or_shorter_than_its_header_is_read_to_its_end() {
    let samples: Vec<i16> = (1..=3_000).collect();
    // The header as of a second ago, and a copy that ends in the middle of a sample.
    for (declared, bytes) in [(2_000, 6_000), (8_000, 6_000), (6_000, 4_001), (6_000, 5_999)] {
        let (captured, warning) = listen(&wav(&layout(1, 16), declared, &data(&samples)[..bytes]));
        assert_eq!(captured, samples[..bytes / 2], "{declared}, {bytes}");
        let found = format!("{} were found", bytes / 2 * 2);
        assert!(warning.is_some_and(|warning| warning.contains(&found)), "{declared}, {bytes}");
    }
    let (captured, warning) = listen(&wav(&layout(1, 8), 0, &[0, 128, 255]));
    assert_eq!((captured, warning.is_some()), (vec![-32768, 0, 32512], true));
}

#[test]
fn chunks_around_the_samples_are_skipped() {
    let samples: Vec<i16> = (1..=500).collect();
    let plain = wav(&layout(1, 16), 1_000, &data(&samples));
    let before = |list: &[u8]| [&plain[..12], list, &plain[12..]].concat();
    let after = |list: &[u8]| [&plain[..], list].concat();
    for (file, expected) in [
        (plain.clone(), None),
        (after(b"LIST\x04\0\0\0INFO"), None),
        (after(b"LIST\x03\0\0\0abc\0id3 \x01\0\0\0x"), None),
        // Cut off in what follows the samples.
        (after(b"LIST\xff\0\0\0INFO"), None),
        (before(b"LIST\x03\0\0\0abc\0"), None),
        // A program that forgets the padding.
        (before(b"LIST\x03\0\0\0abc"), None),
        (before(b"fact\x06\0\0\0abcdef"), None),
        // The size of the whole file is wrong, that of the samples is right.
        ([b"RIFF\0\0\0\0", &plain[8..]].concat(), None),
        (wav(&layout(0xfffe, 16), 0, &data(&samples)), Some("1000 were found")),
        (wav(&layout(0xfffe, 16), 1_000, &data(&samples)), None),
    ] {
        let (captured, warning) = listen(&file);
        assert_eq!(captured, samples, "{warning:?}");
        match expected {
            None => assert_eq!(warning, None),
            Some(fact) => assert!(warning.is_some_and(|warning| warning.contains(fact))),
        }
    }
    let (captured, warning) = listen(&wav(&layout(1, 16), 999, &[&data(&samples)[..999], &[0]].concat()));
    assert_eq!(captured, samples[..499]);
    assert!(warning.is_some_and(|warning| warning.contains("998 were found")));
}

#[test]
fn file_without_samples_is_refused_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("speech.wav");
    let whole = wav(&layout(1, 16), 0, &[]);
    let refused = |file: &[u8]| {
        std::fs::write(&path, file).unwrap();
        let message = open_error(WavDevices { microphone: Some(path.clone()), ..WavDevices::default() });
        assert!(message.contains("speech.wav") && message.contains("sox"), "{message}");
        message
    };
    assert!(refused(&[]).contains("is empty"));
    for length in [4, 11, 12, 19, 30, 36, 43] {
        assert!(refused(&whole[..length]).contains("cut off"), "{length}");
    }
    assert!(refused(&whole).contains("no samples"));
    assert!(refused(&wav(&layout(1, 16), 48_000, &[1])).contains("no samples"));
    assert!(refused(&[&whole[..], b"LIST\x04\0\0\0INFO"].concat()).contains("no samples"));
    assert!(refused(&[0; 100]).contains("not a WAV file"));
    assert!(refused(&wav(&layout(3, 32), 0, &[0; 100])).contains("32-bit float samples"));
    assert!(refused(&wav(&layout(6, 8), 0, &[0; 100])).contains("8-bit compressed samples"));
}

#[test]
fn speaker_file_can_be_read_before_it_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let speaker = dir.path().join("speaker.wav");
    let audio = open(WavDevices { microphone: None, speaker: Some(speaker.clone()), speed: 20 });
    let before = audio.counters().played.get();
    until(&audio, |audio| audio.counters().played.get() > before + 48_000);
    // As after a crash: nothing is flushed or corrected.
    let crashed = dir.path().join("crashed.wav");
    std::fs::copy(&speaker, &crashed).unwrap();
    drop(audio);
    let duration = WavReader::open(&crashed).unwrap().duration();
    assert!(duration >= 24_000, "{duration}");
}

#[test]
fn what_the_room_returns_is_in_step_with_the_reference_but_for_its_lead() {
    let kept = Arc::<Mutex<Vec<(i16, f32)>>>::default();
    let files = WavDevices { speed: 20, ..WavDevices::default() };
    let sink = Box::new(Keeper(Arc::clone(&kept)));
    let mut audio =
        open_wav_with_reference(files, StreamFormat::default(), Some(Box::new(Mirror)), sink).unwrap();
    audio.capture.set_attentive(true);
    for _ in 0..2 {
        audio.capture.set_open(true);
        capture(&mut audio, 4_800);
        write(&mut audio, &tone(24_000));
        capture(&mut audio, 12_000);
        audio.playback.cut();
        capture(&mut audio, 12_000);
        audio.capture.set_open(false);
        until(&audio, |audio| !audio.capture.is_open());
    }
    let kept = kept.lock().unwrap();
    let lead = LEAD_MS as usize * 24;
    let sounds = kept.iter().filter(|(captured, _)| *captured != 0).count();
    let differs = kept.windows(lead + 1).filter(|frames| {
        let (captured, reference) = (frames[lead].0, frames[0].1);
        // The reference is before the rounding to 16 bits.
        (f32::from(captured) - reference * 32_768.0).abs() > 1.0
    });
    // Within the lead, a cut takes back what was to be played, and the microphone is closed.
    let differs = differs.count();
    assert!(sounds > 20_000 && differs <= 4 * lead, "{differs} of {} frames, {sounds} of sound", kept.len());
}

#[test]
fn the_echo_of_a_room_is_removed_over_files_as_on_a_card() {
    let (canceller, status) = DeviceCanceller::new();
    let files = WavDevices { speed: 20, ..WavDevices::default() };
    let room = Some(Box::new(Mirror) as Box<dyn WavRoom>);
    let mut audio =
        open_wav_with_reference(files, StreamFormat::default(), room, Box::new(canceller)).unwrap();
    audio.watch_echo(status);
    audio.capture.set_attentive(true);
    audio.capture.set_open(true);
    let noise: Vec<i16> = (0..24_000).map(|_| fastrand::i16(-8_000..8_000)).collect();
    // A busy machine writes late, and then there is silence in between.
    for _ in 0..40 {
        write(&mut audio, &noise);
        capture(&mut audio, 24_000);
        if audio.echo_status().unwrap().frames().0 > 400 {
            break;
        }
    }
    let status = audio.echo_status().unwrap();
    assert_eq!(status.fault(), None);
    assert!(
        status.frames().0 > 400 && status.erle_db() > 25.0,
        "{:?}: {} dB",
        status.frames(),
        status.erle_db()
    );
}

/// Returns the sound of the speaker.
struct Mirror;

impl WavRoom for Mirror {
    fn hear(&mut self, played: &[i16], captured: &mut [i16]) {
        captured.copy_from_slice(played);
    }
}

/// Keeps each frame that is aligned, with its reference.
struct Keeper(Arc<Mutex<Vec<(i16, f32)>>>);

impl ReferenceSink for Keeper {
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        if reference.alignment == Alignment::Aligned {
            let frames = captured.as_flattened().iter().copied().zip(reference.samples.iter().copied());
            self.0.lock().unwrap().extend(frames);
        }
    }
}

fn open(files: WavDevices) -> AudioIo {
    open_wav(files, StreamFormat::default()).unwrap()
}

fn open_error(files: WavDevices) -> String {
    let error = open_wav(files, StreamFormat::default()).err().expect("an error");
    assert!(matches!(error, AudioError::Wav { .. }), "{error:?}");
    error.to_string()
}

fn record(dir: &Path, name: &str, bits_per_sample: u16, samples: &[i16]) -> PathBuf {
    let path = dir.join(name);
    let spec =
        WavSpec { channels: 1, sample_rate: 24_000, bits_per_sample, sample_format: SampleFormat::Int };
    let mut file = WavWriter::create(&path, spec).unwrap();
    for sample in samples {
        file.write_sample(*sample).unwrap();
    }
    file.finalize().unwrap();
    path
}

/// Returns a `fmt ` chunk of one channel at 24 kHz.
fn layout(tag: u16, bits: u16) -> Vec<u8> {
    let frame_bytes = bits / 8;
    let mut chunk = [tag.to_le_bytes(), 1u16.to_le_bytes()].concat();
    chunk.extend(24_000u32.to_le_bytes());
    chunk.extend((24_000 * u32::from(frame_bytes)).to_le_bytes());
    chunk.extend([frame_bytes.to_le_bytes(), bits.to_le_bytes()].concat());
    if tag == 0xfffe {
        // The size of the extension, the bits in use, the speakers, and the identifier of PCM.
        chunk.extend(b"\x16\0\x10\0\x04\0\0\0\x01\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
    }
    chunk
}

/// Returns a WAV file with these bytes of samples, of which its header says that there are `declared`.
fn wav(layout: &[u8], declared: u32, data: &[u8]) -> Vec<u8> {
    let riff_size = declared.wrapping_add(36);
    [
        b"RIFF",
        &riff_size.to_le_bytes(),
        &b"WAVEfmt "[..],
        &(layout.len() as u32).to_le_bytes(),
        layout,
        b"data",
        &declared.to_le_bytes(),
        data,
    ]
    .concat()
}

fn data(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Returns what the microphone captures from `file` up to its end, and the warning about its header.
fn listen(file: &[u8]) -> (Vec<i16>, Option<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("speech.wav");
    std::fs::write(&path, file).unwrap();
    let mut audio = open(WavDevices { microphone: Some(path), speaker: None, speed: 50 });
    let warning = audio.input_warning().map(str::to_owned);
    audio.capture.set_open(true);
    let mut captured = Vec::new();
    until_mut(&mut audio, |audio| {
        let ended = audio.input_ended();
        captured.extend(read(audio));
        ended
    });
    assert_eq!(audio.failure(), None);
    let end = captured.iter().rposition(|sample| *sample != 0).map_or(0, |last| last + 1);
    captured.truncate(end);
    (captured, warning)
}

fn read_wav(path: &Path) -> (WavSpec, Vec<i16>) {
    let file = WavReader::open(path).unwrap();
    (file.spec(), file.into_samples().map(Result::unwrap).collect())
}

fn write(audio: &mut AudioIo, reply: &[i16]) {
    let frames: Vec<[i16; 1]> = reply.iter().map(|sample| [*sample]).collect();
    assert_eq!(audio.playback.write(&frames), reply.len());
}

fn capture(audio: &mut AudioIo, frames: usize) -> Vec<i16> {
    let mut captured = Vec::new();
    until_mut(audio, |audio| {
        captured.extend(read(audio));
        captured.len() >= frames
    });
    captured
}

fn read(audio: &mut AudioIo) -> Vec<i16> {
    let mut into = vec![[0]; 48_000];
    let taken = audio.capture.read(&mut into);
    into[..taken].as_flattened().to_vec()
}

fn find_start(played: &[i16], with: &[i16]) -> usize {
    played.windows(with.len()).position(|window| window == with).expect("the reply was played")
}
