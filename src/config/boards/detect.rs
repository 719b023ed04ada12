//! Detects the board of this machine by the signatures in the board files.
//!
//! The board with more named matches (HAT, card, codec) wins, then the one that is in the device tree, on the header. Kinds
//! (model, driver, duplex) count only for boards that are found by nothing else. It does not guess: a tie selects no board.

use crate::config::host::HostInfo;
use crate::config::sources::strict_toml::StrictTable;
use crate::sys::alsa_proc::CardInfo;

/// One `[[find]]` of a board file. A machine matches if all of its conditions hold.
#[derive(Clone, Debug, Default)]
pub(super) struct BoardSignature {
    models: Vec<String>,
    hat: Option<String>,
    cards: Vec<String>,
    codec: Option<String>,
    duplex: bool,
}

/// The number of named matches, whether the board is on the header, and the number of matches by kind.
type MatchScore = (usize, bool, usize);

/// How a board matches this machine.
pub(super) struct BoardMatch<'m> {
    score: MatchScore,
    /// The first sound card that matched, for which `{card}` stands.
    pub(super) card: Option<&'m CardInfo>,
    /// What matched, as the end of a message.
    pub(super) evidence: String,
}

/// The result of the detection.
pub(super) enum Detection<'m, B> {
    One(B, BoardMatch<'m>),
    None,
    /// The boards that match equally well, and what the first matched by.
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
            table.refuse_table("duplex needs cards: name the card that plays and records");
        }
        if find.models.is_empty() && find.hat.is_none() && find.cards.is_empty() && find.codec.is_none() {
            table.refuse_table("needs at least one of model, hat, cards and codec");
        }
        find
    }

    /// Returns whether it names a card for which `{card}` can stand.
    pub(super) fn has_card(&self) -> bool {
        !self.cards.is_empty()
    }

    fn fits<'m>(&self, host: &'m HostInfo) -> Option<BoardMatch<'m>> {
        let (mut by_name, mut by_kind, mut evidence) = (0, 0, Vec::new());
        let starts_with =
            |text: &Option<String>, with: &str| text.as_deref().is_some_and(|text| text.starts_with(with));
        if !self.models.is_empty() {
            let model = self.models.iter().find(|model| starts_with(&host.model, model))?;
            by_kind += 1;
            evidence.push(format!("a model that starts with {model:?}"));
        }
        if let Some(hat) = &self.hat {
            starts_with(&host.hat, hat).then_some(())?;
            by_name += 1;
            evidence.push(format!("the HAT {hat:?}"));
        }
        let mut found = Vec::new();
        for name in &self.cards {
            let (card, others) = self.card(name, host)?;
            if others.is_none() {
                by_name += 1
            } else {
                by_kind += 1
            }
            evidence.push(format!("the sound card {}{}", describe(card), others.unwrap_or_default()));
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
        let is_on_header = self.hat.is_some()
            || (host.model.is_some() && found.first().is_some_and(|card| card.driver != "USB-Audio"));
        Some(BoardMatch {
            score: (by_name, is_on_header, if by_name > 0 { 0 } else { by_kind }),
            card: found.first().copied(),
            evidence: evidence.join(" and "),
        })
    }

    /// Finds a card by name, or else by driver: then with the others that fit as well, for a message. Of several the one
    /// in the first USB port is taken, which is the same after a restart.
    fn card<'m>(&self, name: &str, host: &'m HostInfo) -> Option<(&'m CardInfo, Option<String>)> {
        let fit = host.cards.iter().filter(|card| !self.duplex || card.is_duplex());
        if let Some(card) = fit.clone().find(|card| card.is_called(name)) {
            return Some((card, None));
        }
        let mut by_driver: Vec<_> = fit.filter(|card| card.driver == name).collect();
        by_driver.sort_by_key(|card| (card.usb_port(), card.number));
        let (card, others) = by_driver.split_first()?;
        let others: Vec<_> = others.iter().map(|other| other.id.as_str()).collect();
        let others = match others.as_slice() {
            [] => String::new(),
            others => format!(
                ", the first by USB port (others: {}; set --microphone and --speaker to use them)",
                others.join(", ")
            ),
        };
        Some((card, Some(others)))
    }

    /// Returns the conditions, as the end of a message.
    pub(super) fn describe(&self) -> String {
        let mut parts = Vec::new();
        if !self.models.is_empty() {
            parts.push(format!("a model that starts with {}", self.models.join(" or ")));
        }
        parts.extend(self.hat.iter().map(|hat| format!("a HAT {hat:?}")));
        parts.extend(self.cards.iter().map(|card| {
            format!("a sound card {card}{}", if self.duplex { " that plays and records" } else { "" })
        }));
        parts.extend(self.codec.iter().map(|codec| format!("the codec {codec}")));
        parts.join(" and ")
    }
}

/// Returns the best match among the signatures of a board.
pub(super) fn match_signatures<'m>(
    signatures: &[BoardSignature],
    host: &'m HostInfo,
) -> Option<BoardMatch<'m>> {
    signatures.iter().filter_map(|signature| signature.fits(host)).max_by_key(|fit| fit.score)
}

/// Returns the board that matches best, unless there is a tie.
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
