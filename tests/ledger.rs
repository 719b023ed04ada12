//! Corrections state what was played: never more, never 0 ms, and none for a fully played item.

use std::time::Duration;

use mynah::conversation::Id;
use mynah::ledger::{Correction, Ledger, TurnMark};
use mynah::model::Time;
use proptest::prelude::*;

#[test]
fn an_item_cut_in_the_middle_is_truncated_to_the_played_part() {
    let mut ledger = queued(&[("r", "i", 0, 48_000)]);
    ledger.cut_receipt(48_000, 20_180, Time::ZERO);
    assert_eq!(corrections(&mut ledger), [truncate("i", 840)]);
}

#[test]
fn an_unplayed_item_is_deleted_after_its_reply_is_done() {
    let mut ledger = queued(&[("r", "i", 0, 48_000)]);
    ledger.cut_receipt(48_000, 23, Time::ZERO);
    assert_eq!(corrections(&mut ledger), []);
    ledger.reply_done(&id("r"));
    assert_eq!(corrections(&mut ledger), [delete("i")]);
}

#[test]
fn a_fully_played_item_needs_no_correction() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    ledger.audio_done("i", 0);
    ledger.cut_receipt(4800, 4800, Time::ZERO);
    assert_eq!(corrections(&mut ledger), []);
}

#[test]
fn an_incomplete_item_is_truncated_even_if_fully_played() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    ledger.played(4800, Time::ZERO);
    ledger.cut_receipt(4800, 4800, Time::ZERO);
    assert_eq!(corrections(&mut ledger), [truncate("i", 200)]);
}

#[test]
fn a_truncation_never_exceeds_the_received_audio() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    ledger.cut_receipt(4800, 99_999, Time::ZERO);
    assert_eq!(corrections(&mut ledger), [truncate("i", 200)]);
}

#[test]
fn a_cut_corrects_each_item_by_its_own_played_part() {
    let mut ledger = queued(&[("r", "i", 0, 4800), ("r", "k", 4800, 4800), ("r", "m", 9600, 4800)]);
    ledger.cut_receipt(14_400, 7200, Time::ZERO);
    ledger.reply_done(&id("r"));
    assert_eq!(corrections(&mut ledger), [truncate("i", 200), truncate("k", 100), delete("m")]);
}

#[test]
fn audio_queued_after_a_cut_is_unaffected() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    assert!(queue(&mut ledger, "s", "k", 0, 4800, 2400));
    ledger.cut_receipt(4800, 2400, Time::ZERO);
    assert_eq!(corrections(&mut ledger), [truncate("i", 100)]);
    assert_eq!(ledger.unplayed_frames(4800), 2400);
}

#[test]
fn a_discarded_item_is_deleted_once() {
    let mut ledger = queued(&[]);
    ledger.discarded("r", "i");
    ledger.discarded("r", "i");
    ledger.reply_done(&id("r"));
    assert_eq!(corrections(&mut ledger), [delete("i")]);
}

#[test]
fn late_audio_of_a_cut_item_changes_nothing() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    ledger.discarded("r", "i");
    ledger.cut_receipt(4800, 2400, Time::ZERO);
    ledger.discarded("r", "i");
    ledger.reply_done(&id("r"));
    assert_eq!(corrections(&mut ledger), [truncate("i", 100)]);
}

#[test]
fn drained_is_reported_once_for_each_queue() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    assert!(!ledger.take_drained(4799));
    assert!(ledger.take_drained(4800));
    assert!(!ledger.take_drained(4800));
    assert!(queue(&mut ledger, "r", "i", 0, 4800, 240));
    assert!(!ledger.take_drained(4800));
    assert!(ledger.take_drained(5040));
}

#[test]
fn first_heard_is_the_time_the_first_frame_was_played() {
    let mut ledger = Ledger::new(24_000);
    let start = Time::ZERO;
    ledger.mark(TurnMark::TurnEnded, start);
    ledger.mark(TurnMark::FirstAudio, start + Duration::from_millis(300));
    assert!(queue(&mut ledger, "r", "i", 0, 0, 4800));
    ledger.played(0, start + Duration::from_millis(310));
    ledger.played(240, start + Duration::from_millis(325));
    assert_eq!(ledger.timings().first_played, Some(start + Duration::from_millis(315)));
}

#[test]
fn a_full_ledger_rejects_further_items() {
    let mut ledger = Ledger::new(24_000);
    for item in 0..mynah::ledger::ITEMS as u64 {
        assert!(queue(&mut ledger, "r", &format!("i{item}"), 0, item * 10, 10));
    }
    assert!(!queue(&mut ledger, "r", "one more", 0, 9999, 10));
    ledger.played(10, Time::ZERO);
    assert!(queue(&mut ledger, "r", "one more", 0, 9999, 10));
}

#[test]
fn items_of_a_lost_session_play_out_without_corrections() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    ledger.cut_receipt(2400, 2400, Time::ZERO);
    assert!(queue(&mut ledger, "r", "k", 0, 4800, 4800));
    ledger.session_lost();
    assert_eq!(corrections(&mut ledger), [], "corrections of a lost session are dropped");
    assert!(queue(&mut ledger, "s", "m", 0, 9600, 4800));
    assert!(!ledger.take_drained(9600), "the item of the new session has not been played");
    ledger.cut_receipt(14_400, 7200, Time::ZERO);
    ledger.reply_done(&id("s"));
    assert_eq!(corrections(&mut ledger), [delete("m")], "the old item is not corrected");
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    ledger.session_lost();
    assert!(!ledger.take_drained(4799) && ledger.take_drained(4800));
}

#[test]
fn what_was_played_is_reported_once_with_its_end() {
    let mut ledger = queued(&[("r", "i", 0, 4800), ("r", "k", 4800, 4800)]);
    assert_eq!(played(&mut ledger, 0), []);
    assert_eq!(played(&mut ledger, 1200), [("i", 1200, false)]);
    assert_eq!(played(&mut ledger, 1200), []);
    ledger.played(6000, Time::ZERO);
    assert_eq!(played(&mut ledger, 6000), [("i", 3600, false), ("k", 1200, false)]);
    ledger.cut_receipt(9600, 6024, Time::ZERO);
    assert_eq!(played(&mut ledger, 9600), [("k", 24, true)]);
    assert_eq!(played(&mut ledger, 9600), []);
}

#[test]
fn what_is_played_after_its_session_is_reported_as_orphaned() {
    let mut ledger = queued(&[("r", "i", 0, 4800)]);
    ledger.session_lost();
    ledger.played(4800, Time::ZERO);
    let report = ledger.next_played(4800).unwrap();
    assert_eq!((report.frames, report.was_cut, report.orphaned), (4800, false, true));
}

proptest! {
    #[test]
    fn every_correction_matches_the_played_part(
        lengths in prop::collection::vec(1u64..20_000, 1..20), played_to in 0u64..200_000, complete in any::<bool>(),
    ) {
        let mut ledger = Ledger::new(24_000);
        let mut at = 0;
        for (item, frames) in lengths.iter().enumerate() {
            prop_assert!(queue(&mut ledger, "r", &item.to_string(), 0, at, *frames));
            if complete { ledger.audio_done(&item.to_string(), 0); }
            at += frames;
        }
        ledger.cut_receipt(at, played_to, Time::ZERO);
        ledger.reply_done(&id("r"));
        let mut start = 0;
        let all = corrections(&mut ledger);
        for (item, frames) in lengths.iter().enumerate() {
            let played = played_to.saturating_sub(start).min(*frames);
            let played_ms = all.iter().find_map(|correction| match correction {
                Correction::Truncate { item: it, audio_end_ms, .. } if *it == *item.to_string() => Some(*audio_end_ms),
                Correction::Delete { item: it } if *it == *item.to_string() => Some(0),
                _ => None,
            });
            match played_ms {
                Some(ms) => prop_assert_eq!(ms, played / 24),
                None => prop_assert!(complete && played == *frames),
            }
            start += frames;
        }
    }
}

fn queued(items: &[(&str, &str, u64, u64)]) -> Ledger {
    let mut ledger = Ledger::new(24_000);
    for (reply, item, at, frames) in items {
        assert!(queue(&mut ledger, reply, item, 0, *at, *frames));
    }
    ledger
}

/// Queues audio of an item, and returns whether the ledger has room for it.
fn queue(ledger: &mut Ledger, reply: &str, item: &str, content_index: u32, at: u64, frames: u64) -> bool {
    let has_room = ledger.reserve(reply, item, content_index, at);
    if has_room {
        ledger.extend(frames);
    }
    has_room
}

fn corrections(ledger: &mut Ledger) -> Vec<Correction> {
    std::iter::from_fn(|| ledger.next_correction()).collect()
}

/// Returns the reports up to `position`: item, frames, and whether it was cut.
fn played(ledger: &mut Ledger, position: u64) -> Vec<(&'static str, u64, bool)> {
    let known = |item: &str| ["i", "k"].into_iter().find(|known| *known == item).unwrap();
    let reports = std::iter::from_fn(|| ledger.next_played(position));
    reports.map(|report| (known(&report.item), report.frames, report.was_cut)).collect()
}

fn truncate(item: &str, audio_end_ms: u64) -> Correction {
    Correction::Truncate { item: id(item), content_index: 0, audio_end_ms }
}

fn delete(item: &str) -> Correction {
    Correction::Delete { item: id(item) }
}

fn id(name: &str) -> Id {
    Id::try_from(name).unwrap()
}
