//! What was said so far, in words, for the next session: the service forgets a talk with the session it was in.
//!
//! Of a reply that was cut it keeps the share that was heard. It knows words only as the service has written them
//! down, and nothing outlives the program or a reset.

use std::collections::VecDeque;

use crate::wire::{Command, Who};

/// Turns kept; the oldest is forgotten. A talk goes on from its last minutes.
const TURNS: usize = 32;
/// Characters kept of all turns together; the oldest turns are forgotten: about 2000 tokens, a fiftieth of what the
/// service takes in a minute (protocol §4.2).
const CHARACTERS: usize = 8000;
/// Characters kept of one turn; the rest of it is forgotten.
const TURN_CHARACTERS: usize = 2000;
/// Cuts kept whose words have not come yet; a reply has one item or two. The oldest is forgotten.
const CUTS: usize = 8;

/// The turns so far, oldest first.
#[derive(Debug, Default)]
pub(super) struct Recall {
    turns: VecDeque<Turn>,
    cuts: VecDeque<(String, Heard)>,
}

#[derive(Debug)]
struct Turn {
    who: Who,
    item: String,
    words: String,
    whole: bool,
}

/// How much of an item was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing.
    Nothing,
    /// So many of so many milliseconds.
    Part {
        /// Heard.
        heard_ms: u64,
        /// Received.
        received_ms: u64,
    },
}

impl Recall {
    /// Takes in the words of a turn, as many as were heard.
    pub(super) fn said(&mut self, who: Who, item: &str, words: &str) {
        let words = words.trim();
        if words.is_empty() {
            return;
        }
        let kept: String = words.chars().take(TURN_CHARACTERS).collect();
        let whole = kept.len() == words.len();
        self.turns.push_back(Turn { who, item: item.to_owned(), words: kept, whole });
        // The words of a reply that was cut may come after the cut.
        if let Some(at) = self.cuts.iter().position(|(cut, _)| !item.is_empty() && cut == item)
            && let Some((_, heard)) = self.cuts.remove(at)
        {
            self.shorten(item, heard);
        }
        while self.turns.len() > TURNS || self.characters() > CHARACTERS {
            self.turns.pop_front();
        }
    }

    /// Takes in that no more of an item was heard than this.
    pub(super) fn cut(&mut self, item: &str, heard: Heard) {
        if !self.shorten(item, heard) {
            if self.cuts.len() == CUTS {
                self.cuts.pop_front();
            }
            self.cuts.push_back((item.to_owned(), heard));
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Says what a new session is to be told, in order.
    pub(super) fn commands(&self) -> impl Iterator<Item = Command> {
        self.turns.iter().map(|turn| Command::Recall {
            who: turn.who,
            words: turn.words.clone(),
            whole: turn.whole,
        })
    }

    /// Leaves of an item's words the share that was heard, and tells whether they were there.
    fn shorten(&mut self, item: &str, heard: Heard) -> bool {
        let Some(at) = self.turns.iter().rposition(|turn| turn.item == item) else { return false };
        let words = self.turns.get(at).map_or(0, |turn| turn.words.split_whitespace().count() as u64);
        let share = match heard {
            Heard::Nothing => 0,
            Heard::Part { heard_ms, received_ms } => {
                words.saturating_mul(heard_ms.min(received_ms)) / received_ms.max(1)
            }
        };
        match self.turns.get_mut(at) {
            Some(turn) if share > 0 => {
                turn.whole &= share == words;
                let heard: Vec<&str> = turn.words.split_whitespace().take(share as usize).collect();
                turn.words = heard.join(" ");
            }
            Some(_) | None => {
                self.turns.remove(at);
            }
        }
        true
    }

    fn characters(&self) -> usize {
        self.turns.iter().map(|turn| turn.words.chars().count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_turns_are_told_in_order_and_the_oldest_forgotten() {
        let mut recall = Recall::default();
        for turn in 0..40 {
            recall.said(Who::Owner, &format!("i{turn}"), &format!("turn {turn}"));
        }
        let told = told(&recall);
        assert_eq!((told.len(), told[0].1.as_str(), told[31].1.as_str()), (TURNS, "turn 8", "turn 39"));
    }

    #[test]
    fn no_talk_is_longer_than_its_limit_and_no_turn_than_its_own() {
        let mut recall = Recall::default();
        recall.said(Who::Owner, "a", &"ä".repeat(3000));
        assert_eq!(told(&recall), [(Who::Owner, "ä".repeat(TURN_CHARACTERS), false)]);
        for turn in ["b", "c", "d", "e"] {
            recall.said(Who::Mynah, turn, &turn.repeat(TURN_CHARACTERS));
        }
        assert_eq!(recall.characters(), CHARACTERS);
        assert_eq!(told(&recall)[0].1, "b".repeat(TURN_CHARACTERS));
    }

    #[test]
    fn of_a_reply_that_was_cut_the_share_is_told_that_was_heard_whichever_comes_first() {
        let heard = Heard::Part { heard_ms: 1000, received_ms: 2000 };
        for words_first in [true, false] {
            let mut recall = Recall::default();
            if words_first {
                recall.said(Who::Mynah, "i", "one two three four");
            }
            recall.cut("i", heard);
            if !words_first {
                recall.said(Who::Mynah, "i", "one two three four");
            }
            assert_eq!(told(&recall), [(Who::Mynah, "one two".to_owned(), false)]);
        }
    }

    #[test]
    fn a_reply_of_which_nothing_was_heard_was_never_said() {
        let mut recall = Recall::default();
        recall.said(Who::Owner, "u", "Hello.");
        recall.said(Who::Mynah, "i", "Hello yourself.");
        recall.cut("i", Heard::Nothing);
        assert_eq!(told(&recall), [(Who::Owner, "Hello.".to_owned(), true)]);
    }

    #[test]
    fn nothing_is_said_by_nobody_and_a_reset_forgets_all() {
        let mut recall = Recall::default();
        recall.said(Who::Owner, "u", "  ");
        assert_eq!(told(&recall), []);
        recall.said(Who::Owner, "u", "Hello.");
        recall.clear();
        assert_eq!(told(&recall), []);
    }

    fn told(recall: &Recall) -> Vec<(Who, String, bool)> {
        let told = recall.commands().filter_map(|command| {
            let Command::Recall { who, words, whole } = command else { return None };
            Some((who, words, whole))
        });
        told.collect()
    }
}
