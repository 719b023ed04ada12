//! The lane: counts every frame and cuts to the frame.

use mynah::lane::{Reader, Writer, lane};
use proptest::prelude::*;

#[test]
fn frames_are_read_in_order_and_counted_at_both_ends() {
    let (mut writer, mut reader) = lane::<u64>(8);
    assert_eq!(writer.write(&[0, 1, 2]), 3);
    assert_eq!(read(&mut reader, 2), [0, 1]);
    assert_eq!((writer.written(), reader.position()), (3, 2));
    assert_eq!((writer.waiting(), writer.vacant()), (1, 7));
}

#[test]
fn a_full_lane_accepts_what_fits() {
    let (mut writer, mut reader) = lane::<u64>(4);
    assert_eq!(writer.write(&[0, 1, 2, 3, 4, 5]), 4);
    assert_eq!(writer.write(&[6]), 0);
    assert_eq!(writer.written(), 4);
    assert_eq!(read(&mut reader, 9), [0, 1, 2, 3]);
}

#[test]
fn skipped_frames_are_counted_and_leave_room() {
    let (mut writer, mut reader) = lane::<u64>(4);
    writer.write(&[0, 1, 2]);
    assert_eq!((reader.skip(), reader.position(), writer.vacant()), (3, 3, 4));
    writer.write(&[3]);
    assert_eq!(read(&mut reader, 9), [3]);
    assert_eq!(reader.skip(), 0);
}

#[test]
fn a_cut_discards_exactly_what_was_written_before_it() {
    let (mut writer, mut reader) = lane::<u64>(8);
    writer.write(&[0, 1, 2]);
    assert_eq!(writer.cut(), 3);
    writer.write(&[3, 4]);
    assert_eq!(read(&mut reader, 9), [3, 4]);
}

#[test]
fn a_cut_is_reported_once_even_after_a_read_applied_it() {
    let (mut writer, mut reader) = lane::<u64>(8);
    writer.write(&[0, 1]);
    writer.cut();
    writer.write(&[2]);
    assert_eq!(read(&mut reader, 1), [2]);
    assert_eq!(reader.take_cut(), Some(2));
    assert_eq!(reader.take_cut(), None);
}

#[test]
fn a_cut_behind_the_reader_skips_nothing_but_is_reported() {
    let (mut writer, mut reader) = lane::<u64>(8);
    writer.write(&[0, 1]);
    assert_eq!(read(&mut reader, 2), [0, 1]);
    writer.cut();
    assert_eq!(reader.take_cut(), Some(2));
    writer.write(&[2]);
    assert_eq!(read(&mut reader, 9), [2]);
}

#[test]
fn dropping_one_end_is_visible_to_the_other() {
    let (mut writer, mut reader) = lane::<u64>(8);
    writer.write(&[7]);
    assert!(!reader.is_abandoned());
    drop(writer);
    assert!(reader.is_abandoned());
    assert_eq!(read(&mut reader, 9), [7]);
    let (writer, reader) = lane::<u64>(8);
    drop(reader);
    assert!(writer.is_abandoned());
}

#[test]
fn neither_end_allocates_after_construction() {
    let (mut writer, mut reader) = lane::<u64>(480);
    assert_no_alloc::assert_no_alloc(|| {
        let mut into = [0; 240];
        for _ in 0..1000 {
            writer.write(&[1; 240]);
            writer.cut();
            writer.write(&[2; 240]);
            reader.take_cut();
            reader.read(&mut into);
        }
    });
}

#[test]
fn across_threads_no_frame_is_lost_repeated_or_read_after_a_cut() {
    let (mut writer, mut reader) = lane::<u64>(64);
    let total: u64 = if cfg!(miri) { 500 } else { 100_000 };
    let writer_thread = std::thread::spawn(move || {
        let mut next = 0;
        while next < total {
            next += writer.write(&[next]) as u64;
            if next % 97 == 0 {
                writer.cut();
            }
        }
    });
    let mut into = [0; 13];
    loop {
        let ended = reader.is_abandoned();
        let taken = reader.read(&mut into);
        for (offset, frame) in into[..taken].iter().enumerate() {
            assert_eq!(*frame, reader.position() - taken as u64 + offset as u64);
            assert!(offset == 0 || frame % 97 != 0, "frame {frame} came with frames from before its cut");
        }
        if ended && taken == 0 {
            break;
        }
    }
    assert_eq!(reader.position(), total);
    writer_thread.join().unwrap();
}

proptest! {
    #[test]
    fn any_order_of_writes_reads_and_cuts_matches_a_queue(
        steps in prop::collection::vec((0..4u8, 0..20usize), 1..200)
    ) {
        let (mut writer, mut reader) = lane::<u64>(32);
        let (mut next, mut surviving) = (0u64, std::collections::VecDeque::new());
        for (operation, count) in steps {
            match operation {
                0 | 1 => {
                    let frames: Vec<u64> = (next..next + count as u64).collect();
                    let taken = writer.write(&frames);
                    surviving.extend(&frames[..taken]);
                    next += taken as u64;
                }
                2 => {
                    writer.cut();
                    surviving.clear();
                }
                _ => {
                    let expected: Vec<u64> = surviving.drain(..count.min(surviving.len())).collect();
                    prop_assert_eq!(read(&mut reader, count), expected);
                }
            }
            prop_assert_eq!(writer.written(), next);
        }
    }
}

fn read(reader: &mut Reader<u64>, max: usize) -> Vec<u64> {
    let mut into = vec![0; max];
    let taken = reader.read(&mut into);
    into.truncate(taken);
    into
}

fn _both_ends_are_send() {
    fn is_send<T: Send>() {}
    is_send::<Writer<[i16; 1]>>();
    is_send::<Reader<[i16; 1]>>();
}
