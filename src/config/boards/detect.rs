//! Finds out which board this machine has, by the facts that each board's file says to look for.
//!
//! It prefers the file that names more, and of these the one that names things rather than kinds of
//! things. It does not guess: two that fit alike are none.

use crate::config::host::HostInfo;
use crate::config::strict_toml::StrictTable;
use crate::sys::alsa_proc::CardInfo;

/// One way to recognise a board: all that it names must be there.
#[derive(Clone, Debug, Default)]
pub(super) struct BoardSignature {
    models: Vec<String>,
    hat: Option<String>,
    cards: Vec<String>,
    codec: Option<String>,
    duplex: bool,
}

/// How well a board fits this machine: named things first, then kinds of things.
type MatchScore = (usize, usize);

/// That a board fits this machine.
pub(super) struct BoardMatch<'m> {
    score: MatchScore,
    /// The sound card it was recognised by: what `{card}` stands for.
    pub(super) card: Option<&'m CardInfo>,
    /// What was recognised, as the end of a sentence.
    pub(super) evidence: String,
}

/// Which board it is.
pub(super) enum Detection<'m, B> {
    One(B, BoardMatch<'m>),
    None,
    Tie(Vec<B>, String),
}

impl BoardSignature {
    /// Reads one `[[find]]`.
    pub(super) fn read(table: &mut StrictTable<'_>) -> Self {
        let find = Self {
            models: table.strings("model").unwrap_or_default(),
            hat: table.text("hat"),
            cards: table.strings("cards").unwrap_or_default(),
            codec: table.text("codec"),
            duplex: table.switch("duplex").unwrap_or_default(),
        };
        if find.duplex && find.cards.is_empty() {
            table.refuse_table("duplex is asked of a card, so cards must name one");
        }
        if find.models.is_empty() && find.hat.is_none() && find.cards.is_empty() && find.codec.is_none() {
            table.refuse_table("names nothing to look for: model, hat, cards or codec");
        }
        find
    }

    /// Tells whether it can give `{card}` a meaning.
    pub(super) fn has_card(&self) -> bool {
        !self.cards.is_empty()
    }

    fn fits<'m>(&self, host: &'m HostInfo) -> Option<BoardMatch<'m>> {
        let (mut by_name, mut by_kind, mut evidence) = (0, 0, Vec::new());
        let begins =
            |text: &Option<String>, with: &str| text.as_deref().is_some_and(|text| text.starts_with(with));
        if !self.models.is_empty() {
            let model = self.models.iter().find(|model| begins(&host.model, model))?;
            by_kind += 1;
            evidence.push(format!("a model that begins with {model:?}"));
        }
        if let Some(hat) = &self.hat {
            begins(&host.hat, hat).then_some(())?;
            by_name += 1;
            evidence.push(format!("a HAT that calls itself {hat:?}"));
        }
        let mut found = Vec::new();
        for name in &self.cards {
            let (card, is_by_name) = self.card(name, host)?;
            if is_by_name {
                by_name += 1
            } else {
                by_kind += 1
            }
            evidence.push(format!("the sound card {}", describe(card)));
            found.push(card);
        }
        if let Some(codec) = &self.codec {
            let mut pcms = host
                .cards
                .iter()
                .filter(|card| found.is_empty() || found[0] == *card)
                .flat_map(|card| &card.pcms);
            pcms.find(|pcm| pcm.name.contains(codec.as_str()))?;
            by_name += 1;
            evidence.push(format!("the codec {codec}"));
        }
        by_kind += usize::from(self.duplex);
        Some(BoardMatch {
            score: (by_name, by_kind),
            card: found.first().copied(),
            evidence: evidence.join(" and "),
        })
    }

    /// Looks for a card, and tells whether it was found by name and not by its driver.
    fn card<'m>(&self, name: &str, host: &'m HostInfo) -> Option<(&'m CardInfo, bool)> {
        let mut fit = host.cards.iter().filter(|card| !self.duplex || card.is_duplex());
        let by_name = fit.clone().find(|card| card.is_called(name)).map(|card| (card, true));
        by_name.or_else(|| fit.find(|card| card.driver == name).map(|card| (card, false)))
    }

    /// Says what it looks for, as the end of a sentence.
    pub(super) fn describe(&self) -> String {
        let mut parts = Vec::new();
        if !self.models.is_empty() {
            parts.push(format!("a model that begins with {}", self.models.join(" or ")));
        }
        parts.extend(self.hat.iter().map(|hat| format!("a HAT that calls itself {hat}")));
        parts.extend(self.cards.iter().map(|card| {
            format!("a sound card {card}{}", if self.duplex { " that plays and records" } else { "" })
        }));
        parts.extend(self.codec.iter().map(|codec| format!("the codec {codec}")));
        parts.join(" and ")
    }
}

/// Gives the best fit of a board's ways to be recognised.
pub(super) fn match_signatures<'m>(
    signatures: &[BoardSignature],
    host: &'m HostInfo,
) -> Option<BoardMatch<'m>> {
    signatures.iter().filter_map(|signature| signature.fits(host)).max_by_key(|fit| fit.score)
}

/// Gives the board that fits best, if one alone does.
pub(super) fn best_match<'m, B>(boards: impl IntoIterator<Item = (B, BoardMatch<'m>)>) -> Detection<'m, B> {
    let mut leaders: Vec<(B, BoardMatch<'m>)> = Vec::new();
    for (board, fit) in boards {
        let leader = leaders.first().map(|(_, leader)| leader.score);
        if leader < Some(fit.score) {
            leaders.clear();
        }
        if leader <= Some(fit.score) {
            leaders.push((board, fit));
        }
    }
    match leaders.len() {
        0 | 1 => leaders.pop().map_or(Detection::None, |(board, fit)| Detection::One(board, fit)),
        _ => {
            let evidence = leaders[0].1.evidence.clone();
            Detection::Tie(leaders.into_iter().map(|(board, _)| board).collect(), evidence)
        }
    }
}

fn describe(card: &CardInfo) -> String {
    match card.names[0].as_str() {
        "" => card.id.clone(),
        name if name == card.id => card.id.clone(),
        name => format!("{} ({name})", card.id),
    }
}
