//! Where the words of a reply are cut so that no more remains than was heard.
//!
//! A cut is between words; in scripts without spaces between words, between characters. Each function returns the
//! length of what was heard in bytes. They know no items and no audio.

/// Pace at which a reply was spoken at least, in milliseconds for a word and for each of its characters: half of a
/// usual pace of 150 words a minute, because 0.5 is the slowest documented rate of a voice (protocol §8.2).
const WORD_MS: u64 = 500;
const CHARACTER_MS: u64 = 60;
/// The same for a character of a script without spaces, of which about five are spoken in a second.
const IDEOGRAPH_MS: u64 = 450;
/// How far a spoken word is searched for in the text after the one before, in bytes. Words that are not written as they
/// are spoken are skipped, and must not be found far behind.
const SEARCH_BYTES: usize = 120;

/// A word or character of a reply, and when it is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpokenWord {
    pub(super) offset_ms: u32,
    pub(super) end_ms: u32,
    pub(super) word: Box<str>,
}

/// Returns how much of `text` was heard if `heard` of the `total` frames of its audio were. Counts words and characters,
/// and takes the smaller result: neither are spoken at an even pace.
pub(super) fn by_share(text: &str, heard: u64, total: u64) -> usize {
    let share = |count: usize| count as u64 * heard.min(total) / total.max(1);
    let words: Vec<Word> = words(text).collect();
    let (max_words, max_characters) = (share(words.len()), share(text.chars().count()));
    let mut characters = 0;
    let heard = words.iter().take(max_words as usize).take_while(|word| {
        characters += word.characters as u64;
        characters <= max_characters
    });
    heard.last().map_or(0, |word| word.end)
}

/// Returns how much of `text` was surely heard in `heard_ms`, however much audio belongs to it: for a reply that did not
/// end, whose text runs ahead of its audio by an unknown time.
pub(super) fn by_pace(text: &str, heard_ms: u64) -> usize {
    let mut left_ms = Some(heard_ms);
    let spoken = words(text).map_while(|word| {
        left_ms = left_ms?.checked_sub(word.duration_ms());
        left_ms.map(|_| word.end)
    });
    spoken.last().unwrap_or(0)
}

/// Returns how much of `text` was heard in `heard_ms` if its words are spoken at these times, in this order.
pub(super) fn by_timestamps(text: &str, spoken: &[SpokenWord], heard_ms: u64) -> usize {
    let mut heard = 0;
    for SpokenWord { word, .. } in spoken.iter().take_while(|spoken| u64::from(spoken.end_ms) <= heard_ms) {
        let rest = text.get(heard..).unwrap_or_default();
        if let Some(at) = rest.find(&**word).filter(|at| *at <= SEARCH_BYTES) {
            heard += at + word.len();
        }
    }
    // Punctuation belongs to the word before it.
    let rest = text.get(heard..).unwrap_or_default();
    let is_punctuation = |c: &char| !c.is_whitespace() && !c.is_alphanumeric();
    heard += rest.chars().take_while(is_punctuation).map(char::len_utf8).sum::<usize>();
    words(text).map(|word| word.end).take_while(|end| *end <= heard).last().unwrap_or(0)
}

/// Returns the length of the first `characters` of `text`, in bytes, without the rest of a word.
pub(super) fn first_characters(text: &str, characters: usize) -> usize {
    let Some((limit, _)) = text.char_indices().nth(characters) else { return text.len() };
    let whole = words(text).map(|word| word.end).take_while(|end| *end <= limit).last();
    whole.unwrap_or(limit)
}

#[derive(Clone, Copy)]
struct Word {
    /// End in the text, in bytes.
    end: usize,
    /// Characters from the end of the word before.
    characters: usize,
    is_ideograph: bool,
}

impl Word {
    fn duration_ms(&self) -> u64 {
        if self.is_ideograph { IDEOGRAPH_MS } else { WORD_MS + CHARACTER_MS * self.characters as u64 }
    }
}

/// Divides a text into words, each with the space before and the punctuation behind it.
fn words(text: &str) -> impl Iterator<Item = Word> + '_ {
    let mut characters = 0;
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while let Some((at, c)) = chars.next() {
            characters += 1;
            if c.is_whitespace() {
                continue;
            }
            let ends = chars.peek().is_none_or(|(_, next)| {
                next.is_whitespace() || next.is_alphanumeric() && (is_ideograph(c) || is_ideograph(*next))
            });
            if ends {
                let word = Word { end: at + c.len_utf8(), characters, is_ideograph: is_ideograph(c) };
                characters = 0;
                return Some(word);
            }
        }
        None
    })
}

/// Returns whether a character is of a script that is written without spaces: Chinese or Japanese.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWELVE: &str = "one two three four five six seven eight nine ten eleven twelve";

    #[test]
    fn a_share_of_the_audio_is_a_share_of_words_and_characters() {
        for (text, heard, total, expected) in [
            (TWELVE, 0, 6000, ""),
            (TWELVE, 990, 6000, "one"),
            (TWELVE, 3000, 6000, "one two three four five six"),
            (TWELVE, 6000, 6000, TWELVE),
            (TWELVE, 9000, 6000, TWELVE),
            (TWELVE, 5, 0, ""),
            ("incomprehensibilities are a few", 500, 1000, ""),
            ("Well, it is.", 800, 1000, "Well, it"),
            ("今天天气很好。你呢?", 500, 1000, "今天天气"),
            ("今天 Azure 很好", 700, 1000, "今天"),
            ("", 1, 2, ""),
        ] {
            assert_eq!(
                text.get(..by_share(text, heard, total)),
                Some(expected),
                "{heard} of {total}: {text}"
            );
        }
    }

    #[test]
    fn without_an_end_a_slow_pace_is_assumed() {
        for (text, heard_ms, expected) in [
            (TWELVE, 600, ""),
            (TWELVE, 990, "one"),
            (TWELVE, 2000, "one two"),
            (TWELVE, 60_000, TWELVE),
            ("今天天气", 1000, "今天"),
            ("", 1000, ""),
        ] {
            assert_eq!(text.get(..by_pace(text, heard_ms)), Some(expected), "{heard_ms} ms of {text}");
        }
    }

    #[test]
    fn timestamps_decide_to_the_word() {
        let text = "It's 12 degrees, isn't it?";
        let spoken = [(0, 200, "It's"), (200, 600, "twelve"), (600, 1100, "degrees"), (1100, 1500, "isn't")];
        let spoken =
            spoken.map(|(offset_ms, end_ms, word)| SpokenWord { offset_ms, end_ms, word: word.into() });
        for (heard_ms, expected) in [
            (199, ""),
            (200, "It's"),
            (600, "It's"),
            (1100, "It's 12 degrees,"),
            (9000, "It's 12 degrees, isn't"),
        ] {
            assert_eq!(text.get(..by_timestamps(text, &spoken, heard_ms)), Some(expected), "{heard_ms} ms");
        }
    }

    #[test]
    fn timestamps_of_characters_cut_before_the_word() {
        let timed = |(at, c): (u32, char)| SpokenWord {
            offset_ms: at * 100,
            end_ms: at * 100 + 100,
            word: c.to_string().into(),
        };
        let spoken: Vec<_> = (0..).zip("Hi you".chars()).map(timed).collect();
        assert_eq!(by_timestamps("Hi you", &spoken, 500), 2);
    }

    #[test]
    fn a_limit_in_characters_leaves_whole_words() {
        for (text, characters, expected) in [
            ("one two", 7, "one two"),
            ("one two", 5, "one"),
            ("onetwo", 4, "onet"),
            ("äöü", 2, "äö"),
            ("", 0, ""),
        ] {
            assert_eq!(text.get(..first_characters(text, characters)), Some(expected));
        }
    }
}
