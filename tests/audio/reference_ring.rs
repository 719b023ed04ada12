//! What is read of the reference ring: what was written and not taken back, silence elsewhere, and never a mixture.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mynah::audio::{
    AlignedReference, Alignment, Clocks, ReadFault, ReferenceRates, ReferenceReader, ReferenceWriter, Stamp,
    StampFault, reference_ring, ring_bytes,
};
use proptest::prelude::*;

const LEAD: usize = 96;

#[test]
fn a_ring_with_its_timestamps_takes_at_most_128_kib() {
    assert!(ring_bytes() <= 128 * 1024, "{} bytes", ring_bytes());
}

#[test]
fn what_was_never_written_is_silence() {
    let (mut writer, reader) = reference_ring();
    writer.write(&numbered(0, 10));
    assert_eq!(read(&reader, 0, -3, 6), Ok(vec![0.0, 0.0, 0.0, 1.0, 2.0, 3.0]));
    assert_eq!(read(&reader, 0, 8, 4), Ok(vec![9.0, 10.0, 0.0, 0.0]));
    assert_eq!(read(&reader, 0, 50_000, 2), Ok(vec![0.0, 0.0]));
    assert_eq!(read(&reader, 7, 0, 2), Ok(vec![0.0, 0.0]), "a stream that never was");
}

#[test]
fn what_was_taken_back_is_not_read() {
    let (mut writer, reader) = reference_ring();
    writer.write(&numbered(0, 480));
    writer.take_back(100);
    assert_eq!(read(&reader, 0, 98, 4), Ok(vec![99.0, 100.0, 0.0, 0.0]));
    writer.write(&[0.5, 0.25]);
    assert_eq!(read(&reader, 0, 98, 6), Ok(vec![99.0, 100.0, 0.5, 0.25, 0.0, 0.0]));
}

#[test]
fn a_restart_ends_the_old_stream_where_the_new_one_begins() {
    let (mut writer, reader) = reference_ring();
    writer.write(&numbered(0, 480));
    // The device was dropped after it had played 100 frames.
    writer.restart(100);
    writer.write(&[0.5, 0.25]);
    assert_eq!(read(&reader, 0, 98, 4), Ok(vec![99.0, 100.0, 0.0, 0.0]), "the old stream");
    assert_eq!(read(&reader, 1, 98, 4), Ok(vec![0.0, 0.0, 0.5, 0.25]), "the new stream");
}

#[test]
fn a_second_of_silence_ahead_does_not_displace_the_sound_before_it() {
    let (mut writer, reader) = reference_ring();
    writer.write(&numbered(0, 4_800));
    for _ in 0..100 {
        writer.write(&[0.0; 480]);
    }
    assert_eq!(read(&reader, 0, 4_798, 4), Ok(vec![4_799.0, 4_800.0, 0.0, 0.0]));
    // A reply takes the silence's place, and what is left of the silence is still silent.
    writer.take_back(9_600);
    writer.write(&[0.5]);
    assert_eq!(read(&reader, 0, 9_598, 4), Ok(vec![0.0, 0.0, 0.5, 0.0]));
    assert_eq!(read(&reader, 0, 4_798, 4), Ok(vec![4_799.0, 4_800.0, 0.0, 0.0]));
}

#[test]
fn samples_that_were_overwritten_are_told() {
    let (mut writer, reader) = reference_ring();
    for block in 0..200 {
        writer.write(&numbered(block * 480, 480));
    }
    assert_eq!(read(&reader, 0, 0, 4), Err(ReadFault::Overwritten));
    assert_eq!(read(&reader, 0, 95_998, 2), Ok(vec![95_999.0, 96_000.0]));
    // Taking back brings back nothing.
    writer.take_back(70_000);
    assert_eq!(read(&reader, 0, 60_000, 2), Err(ReadFault::Overwritten));
}

#[test]
fn a_reader_on_another_thread_sees_whole_changes_only() {
    let (mut writer, reader) = reference_ring();
    let is_over = AtomicBool::new(false);
    let (mut read, mut busy) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Each stream has samples of its own number alone.
            for number in 0..20_000_u32 {
                let at = u64::from(number) * 96;
                writer.write(&[number as f32 + 1.0; 144]);
                writer.restart(at + 96);
            }
            is_over.store(true, Ordering::Release);
        });
        while !is_over.load(Ordering::Acquire) {
            let Some(stream) = reader.stream() else { continue };
            let mut samples = [0.0; 144];
            match reader.copy(stream.number, stream.begin.cast_signed(), &mut samples) {
                Ok(()) => {
                    let own = stream.number as f32 + 1.0;
                    assert!(
                        samples.iter().all(|sample| *sample == own || *sample == 0.0),
                        "{own}: {samples:?}"
                    );
                    read += 1;
                }
                Err(_) => busy += 1,
            }
        }
    });
    assert!(read > 0, "{read} read, {busy} given up");
}

#[test]
fn timestamps_are_taken_once_in_order_and_not_before_their_time() {
    let (mut writer, mut reader) = reference_ring();
    let stream = reader.stream().unwrap();
    for second in 1..=3 {
        writer.stamp(second * 24_000, Stamp::At(second.cast_unsigned() * 1_000));
    }
    assert_eq!(reader.next_stamp(&stream, 2_500), Some((24_000, 1_000)));
    assert_eq!(reader.next_stamp(&stream, 2_500), Some((48_000, 2_000)));
    assert_eq!(reader.next_stamp(&stream, 2_500), None);
    assert_eq!(reader.next_stamp(&stream, 3_000), Some((72_000, 3_000)));
    writer.stamp(96_000, Stamp::At(4_000));
    writer.restart(100_000);
    writer.stamp(100_010, Stamp::At(5_000));
    let stream = reader.stream().unwrap();
    assert_eq!(reader.next_stamp(&stream, 9_000), Some((100_010, 5_000)), "the old stream's are forgotten");
}

#[test]
fn the_reference_leads_by_4_ms() {
    let mut pair = Pair::new();
    pair.advance(100);
    let (block, samples) = pair.read();
    assert_eq!(block, Alignment::Aligned);
    let first = samples[0];
    // The speaker plays the position at which the microphone is, so the reference is that much further.
    assert!(
        (first - (pair.captured() as usize + LEAD + 1) as f32).abs() < 0.01,
        "{first} at {}",
        pair.captured()
    );
}

#[test]
fn without_timestamps_the_reference_is_silent_and_says_so() {
    let mut pair = Pair::new();
    pair.advance(100);
    pair.speaker_stamp = Some(Stamp::Missing);
    pair.advance(100);
    let (alignment, samples) = pair.read();
    assert_eq!(alignment, Alignment::Unaligned(StampFault::Missing));
    assert!(samples.iter().all(|sample| *sample == 0.0));
    pair.speaker_stamp = None;
    pair.advance(400);
    assert_eq!(pair.read().0, Alignment::Aligned, "they came back");
}

proptest! {
    #[test]
    fn any_script_of_writes_and_rewinds_reads_as_a_plain_list_does(script in script()) {
        let (mut writer, reader) = reference_ring();
        let mut list: Vec<f32> = Vec::new();
        for step in script {
            match step {
                Step::Write(samples) => {
                    writer.write(&samples);
                    list.extend(samples);
                }
                Step::TakeBack(frames) => {
                    list.truncate(list.len().saturating_sub(frames));
                    writer.take_back(list.len() as u64);
                }
            }
            let from = list.len().saturating_sub(600);
            let mut expected = list[from..].to_vec();
            expected.extend([0.0; 20]);
            prop_assert_eq!(read(&reader, 0, from as i64, expected.len()), Ok(expected));
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<f32>),
    TakeBack(usize),
}

fn script() -> impl Strategy<Value = Vec<Step>> {
    let sound = proptest::collection::vec(prop_oneof![Just(0.0_f32), Just(1.0), Just(-0.5)], 1..200);
    let silence = (1..2_000_usize).prop_map(|frames| vec![0.0; frames]);
    let step = prop_oneof![
        3 => sound.prop_map(Step::Write),
        2 => silence.prop_map(Step::Write),
        2 => (0..500_usize).prop_map(Step::TakeBack),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A microphone and a speaker of one clock that are at the same frame at the same time.
struct Pair {
    writer: ReferenceWriter,
    aligned: AlignedReference,
    ms: u64,
    speaker_stamp: Option<Stamp>,
}

impl Pair {
    fn new() -> Pair {
        let (mut writer, reader) = reference_ring();
        let rates = ReferenceRates { capture_hz: 24_000, playback_hz: 24_000, frames_hz: 24_000 };
        writer.write(&numbered(0, 480));
        Pair {
            writer,
            aligned: AlignedReference::new(reader, rates, Clocks::Same, 240),
            ms: 0,
            speaker_stamp: None,
        }
    }

    /// Takes a step of both every 10 ms, `steps` times.
    fn advance(&mut self, steps: usize) {
        for _ in 0..steps {
            self.ms += 10;
            let now = Stamp::At(self.ms * 1_000_000);
            self.writer.write(&numbered(self.ms * 24 + 240, 240));
            self.writer.stamp(self.captured(), self.speaker_stamp.unwrap_or(now));
            self.aligned.capture_stamp(self.captured(), now);
        }
    }

    fn captured(&self) -> i64 {
        self.ms.cast_signed() * 24
    }

    fn read(&mut self) -> (Alignment, Vec<f32>) {
        let block = self.aligned.read(self.captured() as f64, 240);
        (block.alignment, block.samples.to_vec())
    }
}

/// Returns samples that say which frame they are, counted from 1.
fn numbered(from: u64, count: u64) -> Vec<f32> {
    (from..from + count).map(|frame| frame as f32 + 1.0).collect()
}

fn read(reader: &ReferenceReader, number: u64, from: i64, count: usize) -> Result<Vec<f32>, ReadFault> {
    let mut samples = vec![9.0; count];
    reader.copy(number, from, &mut samples).map(|()| samples)
}
