//! The history of the conversation in words, for the next session: the service forgets it with the session it was in.
//!
//! Of a reply that was cut it keeps the share that was heard. It has only the transcripts of the service, and nothing
//! of it outlives the program or a reset.

use std::collections::VecDeque;

use crate::protocol::Role;

/// Turns kept; the oldest is forgotten. A conversation goes on from its last minutes.
const MAX_TURNS: usize = 32;
/// Characters kept of all turns together; the oldest turns are forgotten: about 2000 tokens, a fiftieth of what the
/// service takes in a minute (protocol §4.2).
const MAX_CHARACTERS: usize = 8000;
/// Characters kept of one turn; the rest of it is forgotten.
const MAX_TURN_CHARACTERS: usize = 2000;
/// Cuts kept whose words have not come yet; a reply has one item or two. The oldest is forgotten.
const MAX_CUTS: usize = 8;

/// The turns so far, oldest first.
#[derive(Debug, Default)]
pub struct History {
    turns: VecDeque<HistoryTurn>,
    cuts: VecDeque<(String, PlayedShare)>,
}

/// A turn, as far as it was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryTurn {
    /// Who said it.
    pub who: Role,
    item: String,
    /// The transcript.
    pub words: String,
    /// Whether these are all the words of it.
    pub whole: bool,
}

/// The share of a reply that was heard; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayedShare {
    /// Milliseconds that were heard.
    pub heard_ms: u64,
    /// Milliseconds that the service has sent.
    pub received_ms: u64,
}

impl History {
    /// Adds the words of a turn; leaves out what was not heard of it if it has been truncated before.
    pub fn push(&mut self, who: Role, item: &str, words: &str) {
        let words = words.trim();
        if words.is_empty() {
            return;
        }
        let kept: String = words.chars().take(MAX_TURN_CHARACTERS).collect();
        let whole = kept.len() == words.len();
        self.turns.push_back(HistoryTurn { who, item: item.to_owned(), words: kept, whole });
        // The words of a reply that was cut may come after the cut.
        if let Some(at) = self.cuts.iter().position(|(cut, _)| !item.is_empty() && cut == item)
            && let Some((_, share)) = self.cuts.remove(at)
        {
            self.truncate_turn(item, share);
        }
        while self.turns.len() > MAX_TURNS || self.characters() > MAX_CHARACTERS {
            self.turns.pop_front();
        }
    }

    /// Shortens an item to the share that was heard, now or when its words come.
    pub fn truncate(&mut self, item: &str, share: PlayedShare) {
        if !self.truncate_turn(item, share) {
            if self.cuts.len() == MAX_CUTS {
                self.cuts.pop_front();
            }
            self.cuts.push_back((item.to_owned(), share));
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the turns in order, for a new session.
    pub fn turns(&self) -> impl Iterator<Item = &HistoryTurn> {
        self.turns.iter()
    }

    /// Leaves the share of an item's words that was heard, and returns whether they were there.
    fn truncate_turn(&mut self, item: &str, PlayedShare { heard_ms, received_ms }: PlayedShare) -> bool {
        let Some(at) = self.turns.iter().rposition(|turn| turn.item == item) else { return false };
        let words = self.turns.get(at).map_or(0, |turn| turn.words.split_whitespace().count() as u64);
        let heard_words = words.saturating_mul(heard_ms.min(received_ms)) / received_ms.max(1);
        match self.turns.get_mut(at) {
            Some(turn) if heard_words > 0 => {
                turn.whole &= heard_words == words;
                let heard: Vec<&str> = turn.words.split_whitespace().take(heard_words as usize).collect();
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
    fn the_newest_turns_are_kept_in_order() {
        let mut history = History::default();
        for turn in 0..40 {
            history.push(Role::User, &format!("i{turn}"), &format!("turn {turn}"));
        }
        let kept = kept(&history);
        assert_eq!((kept.len(), kept[0].1, kept[31].1), (MAX_TURNS, "turn 8", "turn 39"));
    }

    #[test]
    fn neither_the_history_nor_a_turn_exceeds_its_limit() {
        let mut history = History::default();
        history.push(Role::User, "a", &"ä".repeat(3000));
        assert_eq!(kept(&history), [(Role::User, &*"ä".repeat(MAX_TURN_CHARACTERS), false)]);
        for turn in ["b", "c", "d", "e"] {
            history.push(Role::Assistant, turn, &turn.repeat(MAX_TURN_CHARACTERS));
        }
        assert_eq!(history.characters(), MAX_CHARACTERS);
        assert_eq!(kept(&history)[0].1, "b".repeat(MAX_TURN_CHARACTERS));
    }

    #[test]
    fn a_cut_reply_keeps_its_heard_share_whichever_comes_first() {
        let share = PlayedShare { heard_ms: 1000, received_ms: 2000 };
        for words_first in [true, false] {
            let mut history = History::default();
            if words_first {
                history.push(Role::Assistant, "i", "one two three four");
            }
            history.truncate("i", share);
            if !words_first {
                history.push(Role::Assistant, "i", "one two three four");
            }
            assert_eq!(kept(&history), [(Role::Assistant, "one two", false)]);
        }
    }

    #[test]
    fn a_reply_of_which_nothing_was_heard_is_removed() {
        let mut history = History::default();
        history.push(Role::User, "u", "Hello.");
        history.push(Role::Assistant, "i", "Hello yourself.");
        history.truncate("i", PlayedShare::default());
        assert_eq!(kept(&history), [(Role::User, "Hello.", true)]);
    }

    #[test]
    fn an_empty_turn_is_not_kept_and_clear_forgets_all() {
        let mut history = History::default();
        history.push(Role::User, "u", "  ");
        assert_eq!(kept(&history), []);
        history.push(Role::User, "u", "Hello.");
        history.clear();
        assert_eq!(kept(&history), []);
    }

    fn kept(history: &History) -> Vec<(Role, &str, bool)> {
        history.turns().map(|turn| (turn.who, turn.words.as_str(), turn.whole)).collect()
    }
}
