//! The service is told what was heard: never more, never 0 ms, never of an item that was heard whole.

use std::time::Duration;

use mynah::conversation::Id;
use mynah::ledger::{Correction, Ledger, TurnMark};
use mynah::model::Time;
use proptest::prelude::*;

#[test]
fn an_item_cut_in_the_middle_is_truncated_to_the_played_part() {
    let mut book = queued(&[("r", "i", 0, 48_000)]);
    book.silenced(48_000, 20_180, Time::ZERO);
    assert_eq!(corrections(&mut book), [truncate("i", 840)]);
}

#[test]
fn an_unplayed_item_is_deleted_after_its_reply_is_done() {
    let mut book = queued(&[("r", "i", 0, 48_000)]);
    book.silenced(48_000, 23, Time::ZERO);
    assert_eq!(corrections(&mut book), []);
    book.reply_done(&id("r"));
    assert_eq!(corrections(&mut book), [delete("i")]);
}

#[test]
fn a_fully_played_item_needs_no_correction() {
    let mut book = queued(&[("r", "i", 0, 4800)]);
    book.audio_done("i", 0);
    book.silenced(4800, 4800, Time::ZERO);
    assert_eq!(corrections(&mut book), []);
}

#[test]
fn an_incomplete_item_is_truncated_even_if_fully_played() {
    let mut book = queued(&[("r", "i", 0, 4800)]);
    book.played(4800, Time::ZERO);
    book.silenced(4800, 4800, Time::ZERO);
    assert_eq!(corrections(&mut book), [truncate("i", 200)]);
}

#[test]
fn a_truncation_never_exceeds_the_received_audio() {
    let mut book = queued(&[("r", "i", 0, 4800)]);
    book.silenced(4800, 99_999, Time::ZERO);
    assert_eq!(corrections(&mut book), [truncate("i", 200)]);
}

#[test]
fn a_cut_corrects_each_item_by_its_own_played_part() {
    let mut book = queued(&[("r", "i", 0, 4800), ("r", "k", 4800, 4800), ("r", "m", 9600, 4800)]);
    book.silenced(14_400, 7200, Time::ZERO);
    book.reply_done(&id("r"));
    assert_eq!(corrections(&mut book), [truncate("i", 200), truncate("k", 100), delete("m")]);
}

#[test]
fn audio_queued_after_a_cut_is_unaffected() {
    let mut book = queued(&[("r", "i", 0, 4800)]);
    assert!(book.queue("s", "k", 0, 4800, 2400));
    book.silenced(4800, 2400, Time::ZERO);
    assert_eq!(corrections(&mut book), [truncate("i", 100)]);
    assert_eq!(book.unplayed_frames(4800), 2400);
}

#[test]
fn a_discarded_item_is_deleted_once() {
    let mut book = queued(&[]);
    book.discarded("r", "i");
    book.discarded("r", "i");
    book.reply_done(&id("r"));
    assert_eq!(corrections(&mut book), [delete("i")]);
}

#[test]
fn late_audio_of_a_cut_item_changes_nothing() {
    let mut book = queued(&[("r", "i", 0, 4800)]);
    book.discarded("r", "i");
    book.silenced(4800, 2400, Time::ZERO);
    book.discarded("r", "i");
    book.reply_done(&id("r"));
    assert_eq!(corrections(&mut book), [truncate("i", 100)]);
}

#[test]
fn drained_is_reported_once_for_each_queue() {
    let mut book = queued(&[("r", "i", 0, 4800)]);
    assert!(!book.take_drained(4799));
    assert!(book.take_drained(4800));
    assert!(!book.take_drained(4800));
    assert!(book.queue("r", "i", 0, 4800, 240));
    assert!(!book.take_drained(4800));
    assert!(book.take_drained(5040));
}

#[test]
fn first_heard_is_the_time_the_first_frame_was_played() {
    let mut book = Ledger::new(24_000);
    let start = Time::ZERO;
    book.mark(TurnMark::TurnEnded, start);
    book.mark(TurnMark::FirstAudio, start + Duration::from_millis(300));
    assert!(book.queue("r", "i", 0, 0, 4800));
    book.played(0, start + Duration::from_millis(310));
    book.played(240, start + Duration::from_millis(325));
    assert_eq!(book.timings().first_heard, Some(start + Duration::from_millis(315)));
}

#[test]
fn a_full_ledger_rejects_further_items() {
    let mut book = Ledger::new(24_000);
    for item in 0..mynah::ledger::ITEMS as u64 {
        assert!(book.queue("r", &format!("i{item}"), 0, item * 10, 10));
    }
    assert!(!book.queue("r", "one more", 0, 9999, 10));
    book.played(10, Time::ZERO);
    assert!(book.queue("r", "one more", 0, 9999, 10));
}

#[test]
fn items_of_a_lost_session_play_out_without_corrections() {
    let mut book = queued(&[("r", "i", 0, 4800)]);
    book.silenced(2400, 2400, Time::ZERO);
    assert!(book.queue("r", "k", 0, 4800, 4800));
    book.session_lost();
    assert_eq!(corrections(&mut book), [], "what was owed is owed to nobody");
    assert!(book.queue("s", "m", 0, 9600, 4800));
    assert!(!book.take_drained(9600), "the new session's item is still to be heard");
    book.silenced(14_400, 7200, Time::ZERO);
    book.reply_done(&id("s"));
    assert_eq!(corrections(&mut book), [delete("m")], "half of the old one was heard, and nobody is told");
    let mut book = queued(&[("r", "i", 0, 4800)]);
    book.session_lost();
    assert!(!book.take_drained(4799) && book.take_drained(4800));
}

#[test]
fn a_truncation_states_the_received_duration() {
    let mut book = queued(&[("r", "i", 0, 48_000)]);
    book.silenced(48_000, 12_000, Time::ZERO);
    let told = book.next_correction();
    let expected =
        Correction::Truncate { item: id("i"), content_index: 0, audio_end_ms: 500, received_ms: 2000 };
    assert_eq!(told, Some(expected));
}

proptest! {
    #[test]
    fn every_correction_matches_the_played_part(
        lengths in prop::collection::vec(1u64..20_000, 1..20), heard in 0u64..200_000, complete in any::<bool>(),
    ) {
        let mut book = Ledger::new(24_000);
        let mut at = 0;
        for (item, frames) in lengths.iter().enumerate() {
            prop_assert!(book.queue("r", &item.to_string(), 0, at, *frames));
            if complete { book.audio_done(&item.to_string(), 0); }
            at += frames;
        }
        book.silenced(at, heard, Time::ZERO);
        book.reply_done(&id("r"));
        let mut start = 0;
        let all = corrections(&mut book);
        for (item, frames) in lengths.iter().enumerate() {
            let share = heard.saturating_sub(start).min(*frames);
            let told = all.iter().find_map(|correction| match correction {
                Correction::Truncate { item: it, audio_end_ms, .. } if *it == *item.to_string() => Some(*audio_end_ms),
                Correction::Delete { item: it } if *it == *item.to_string() => Some(0),
                _ => None,
            });
            match told {
                Some(ms) => prop_assert_eq!(ms, share / 24),
                None => prop_assert!(complete && share == *frames),
            }
            start += frames;
        }
    }
}

fn queued(items: &[(&str, &str, u64, u64)]) -> Ledger {
    let mut book = Ledger::new(24_000);
    for (reply, item, at, frames) in items {
        assert!(book.queue(reply, item, 0, *at, *frames));
    }
    book
}

/// All corrections, without what was received: one test is about that.
fn corrections(book: &mut Ledger) -> Vec<Correction> {
    let told = std::iter::from_fn(|| book.next_correction());
    told.map(|correction| match correction {
        Correction::Truncate { item, content_index, audio_end_ms, .. } => {
            Correction::Truncate { item, content_index, audio_end_ms, received_ms: 0 }
        }
        delete @ Correction::Delete { .. } => delete,
    })
    .collect()
}

fn truncate(item: &str, audio_end_ms: u64) -> Correction {
    Correction::Truncate { item: id(item), content_index: 0, audio_end_ms, received_ms: 0 }
}

fn delete(item: &str) -> Correction {
    Correction::Delete { item: id(item) }
}

fn id(name: &str) -> Id {
    Id::try_from(name).unwrap()
}
