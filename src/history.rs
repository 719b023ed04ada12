//! The transcripts of the conversation, to be sent to the next session: the service forgets them with the
//! session.
//!
//! A reply that was cut is truncated to the share that was played. It transcribes nothing itself, writes
//! nothing to disk, and a reset clears it.

use std::collections::VecDeque;

use crate::protocol::Role;

/// Maximum number of turns; the oldest is dropped. The last minutes are enough to continue a conversation.
const MAX_TURNS: usize = 32;
/// Maximum number of characters of all turns together; the oldest turns are dropped. About 2000 tokens, a
/// fiftieth of the service's limit per minute (protocol §4.2).
const MAX_CHARACTERS: usize = 8000;
/// Maximum number of characters of one turn; the rest is dropped.
const MAX_TURN_CHARACTERS: usize = 2000;
/// Maximum number of cuts whose transcript has not arrived; the oldest is dropped. A reply has one or two
/// items.
const MAX_CUTS: usize = 8;

/// The latest turns, oldest first.
#[derive(Debug, Default)]
pub struct History {
    turns: VecDeque<HistoryTurn>,
    cuts: VecDeque<(String, PlayedShare)>,
}

/// A turn, truncated to what was played of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryTurn {
    pub role: Role,
    item: String,
    pub transcript: String,
    /// Whether the transcript is complete.
    pub whole: bool,
}

/// The share of a reply that was played; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayedShare {
    /// Milliseconds played.
    pub played_ms: u64,
    /// Milliseconds received from the service.
    pub received_ms: u64,
}

impl History {
    /// Appends the transcript of a turn, truncated if its item was cut before. An empty transcript is
    /// ignored.
    pub fn push(&mut self, role: Role, item: &str, words: &str) {
        let words = words.trim();
        if words.is_empty() {
            return;
        }
        let kept: String = words.chars().take(MAX_TURN_CHARACTERS).collect();
        let whole = kept.len() == words.len();
        self.turns.push_back(HistoryTurn { role, item: item.to_owned(), transcript: kept, whole });
        // The transcript of a reply may arrive after its cut.
        if let Some(at) = self.cuts.iter().position(|(cut, _)| !item.is_empty() && cut == item)
            && let Some((_, share)) = self.cuts.remove(at)
        {
            self.truncate_turn(item, share);
        }
        while self.turns.len() > MAX_TURNS || self.characters() > MAX_CHARACTERS {
            self.turns.pop_front();
        }
    }

    /// Truncates an item to the share that was played, now or as soon as its transcript arrives.
    pub fn truncate(&mut self, item: &str, share: PlayedShare) {
        if !self.truncate_turn(item, share) {
            if self.cuts.len() == MAX_CUTS {
                self.cuts.pop_front();
            }
            self.cuts.push_back((item.to_owned(), share));
        }
    }

    /// Removes all turns.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the turns, oldest first.
    pub fn turns(&self) -> impl Iterator<Item = &HistoryTurn> {
        self.turns.iter()
    }

    /// Truncates the turn of `item`, removing it if nothing was played. Returns whether there was such a
    /// turn.
    fn truncate_turn(&mut self, item: &str, PlayedShare { played_ms, received_ms }: PlayedShare) -> bool {
        let Some(at) = self.turns.iter().rposition(|turn| turn.item == item) else { return false };
        let words = self.turns.get(at).map_or(0, |turn| turn.transcript.split_whitespace().count() as u64);
        let played_words = words.saturating_mul(played_ms.min(received_ms)) / received_ms.max(1);
        match self.turns.get_mut(at) {
            Some(turn) if played_words > 0 => {
                turn.whole &= played_words == words;
                let kept: Vec<&str> =
                    turn.transcript.split_whitespace().take(played_words as usize).collect();
                turn.transcript = kept.join(" ");
            }
            Some(_) | None => {
                self.turns.remove(at);
            }
        }
        true
    }

    fn characters(&self) -> usize {
        self.turns.iter().map(|turn| turn.transcript.chars().count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_keeps_the_newest_turns_in_order() {
        let mut history = History::default();
        for turn in 0..40 {
            history.push(Role::User, &format!("i{turn}"), &format!("turn {turn}"));
        }
        let kept = kept(&history);
        assert_eq!((kept.len(), kept[0].1, kept[31].1), (MAX_TURNS, "turn 8", "turn 39"));
    }

    #[test]
    fn history_and_each_turn_stay_within_their_limits() {
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
    fn a_cut_reply_is_truncated_before_or_after_its_transcript() {
        let share = PlayedShare { played_ms: 1000, received_ms: 2000 };
        for transcript_first in [true, false] {
            let mut history = History::default();
            if transcript_first {
                history.push(Role::Assistant, "i", "one two three four");
            }
            history.truncate("i", share);
            if !transcript_first {
                history.push(Role::Assistant, "i", "one two three four");
            }
            assert_eq!(kept(&history), [(Role::Assistant, "one two", false)]);
        }
    }

    #[test]
    fn a_reply_of_which_nothing_was_played_is_removed() {
        let mut history = History::default();
        history.push(Role::User, "u", "Hello.");
        history.push(Role::Assistant, "i", "Hello yourself.");
        history.truncate("i", PlayedShare::default());
        assert_eq!(kept(&history), [(Role::User, "Hello.", true)]);
    }

    #[test]
    fn empty_turns_are_ignored_and_clear_removes_all() {
        let mut history = History::default();
        history.push(Role::User, "u", "  ");
        assert_eq!(kept(&history), []);
        history.push(Role::User, "u", "Hello.");
        history.clear();
        assert_eq!(kept(&history), []);
    }

    fn kept(history: &History) -> Vec<(Role, &str, bool)> {
        history.turns().map(|turn| (turn.role, turn.transcript.as_str(), turn.whole)).collect()
    }
}
