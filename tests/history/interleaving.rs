//! For any order of the events of three turns that the protocol allows, the history is that of the items.

use std::collections::HashMap;

use mynah::history::{HeardPart, History};
use mynah::protocol::{self, ClientEvent, Role};

use super::MS;
use super::script::{Event, Fact, Item, ORDERS, Spoken, Told, Turn, What, events};

/// Random orders that are tried of each script.
const ORDERS_TRIED: u64 = 300;

#[test]
fn any_interleaving_of_three_turns_gives_the_history_of_their_items() {
    println!("kept orders:");
    ORDERS.iter().for_each(|(order, _)| println!("- {order}"));
    for (number, turns) in scripts().iter().enumerate() {
        let all = events(turns);
        let reference = reference(turns);
        let mut pairs = Pairs::new(&all);
        // In one order each event comes as late as it can, so that every pair is seen in both orders.
        for late in 0..all.len() {
            let order = interleave(&all, Some(late), &mut Random(late as u64 + 1));
            pairs.see(&order);
            assert_eq!(replay(&order), reference, "script {number}, in this order:\n{}", listing(&order));
        }
        for seed in 0..ORDERS_TRIED {
            let mut random = Random(seed * 16 + number as u64 + 1);
            let order = interleave(&with_losses_and_repeats(&all, &mut random), None, &mut random);
            let told = replay(&order);
            assert_eq!(told, reference, "script {number}, seed {seed}, in this order:\n{}", listing(&order));
        }
        let (kept, both) = pairs.finish();
        println!(
            "script {number}: {} events, {both} pairs in both orders, {kept} pairs in the kept one",
            all.len()
        );
    }
}

#[test]
fn at_no_moment_is_more_told_than_was_heard() {
    for (number, turns) in scripts().iter().enumerate() {
        let all = events(turns);
        for seed in 0..ORDERS_TRIED {
            let mut random = Random(seed * 16 + number as u64 + 7);
            let order = interleave(&with_losses_and_repeats(&all, &mut random), None, &mut random);
            let lost = random.below(order.len() + 1);
            let told = replay(&order[..lost]);
            for item in turns.iter().flat_map(|turn| &turn.items) {
                assert_not_more(item, &told, &order[..lost]);
            }
        }
    }
}

/// Asserts that an item was told once, and not more of it than was heard.
fn assert_not_more(item: &Item, told: &[Told], order: &[Event]) {
    let Item::Spoken(spoken) = item else { return };
    let words = spoken.words;
    let first = words.split(' ').next().unwrap();
    let mut of_item = told.iter().filter_map(|one| match one {
        Told::Reply { words, .. } if words.split(' ').next() == Some(first) => Some(words.as_str()),
        Told::Reply { .. } | Told::User(_) | Told::Call(_) => None,
    });
    let said = of_item.next().unwrap_or_default();
    assert_eq!(of_item.next(), None, "{first} is told twice:\n{}", listing(order));
    let heard_ms: u64 = order
        .iter()
        .map(|event| match event.what {
            What::Heard { ms } if event.item == spoken.id => ms,
            _ => 0,
        })
        .sum();
    // Deltas that are lost leave gaps.
    let mut all = words.split(' ');
    let is_in_order = said.split_whitespace().all(|word| all.any(|one| one == word));
    let count = said.split_whitespace().count();
    let is_heard = spoken.word_end_ms(count) <= heard_ms;
    assert!(is_in_order && is_heard, "{said:?} in {heard_ms} ms:\n{}", listing(order));
}

/// The scripts: in each, words of a reply are as long as the others, and none is spoken slower than half the usual pace.
fn scripts() -> Vec<Vec<Turn>> {
    let user = |id, words| Item::User { id, words };
    let spoken = |id, words, sent_ms, heard_ms| {
        Item::Spoken(Spoken { id, words, whole_ms: 6000, sent_ms, heard_ms, is_timed: false })
    };
    let timed = |id, words, sent_ms, heard_ms| {
        Item::Spoken(Spoken { id, words, whole_ms: 6000, sent_ms, heard_ms, is_timed: true })
    };
    let turn = |reply, items| Turn { reply, items };
    let (a, b, c) = (
        "alpha amend apart apple arena armor arrow aspen asset audio avoid award",
        "bacon badge baker basic batch beach begin below bench birth blame blaze",
        "cabin cable candy canoe cargo carry catch cause cedar chain chair chalk",
    );
    vec![
        // A finished reply is cut; two items in a reply, of which one is not heard; a transcription fails.
        vec![
            turn("r1", vec![user("u1", Some("What is it?")), spoken("i1", a, 6000, 990)]),
            turn("r2", vec![user("u2", None), spoken("i2", b, 6000, 6000), spoken("i3", c, 6000, 0)]),
            turn("r3", vec![user("u3", Some("Well?")), Item::Written { id: "i4", words: "It is this." }]),
        ],
        // The service itself ends a reply early; a call between two items; the last reply is heard to its end.
        vec![
            turn("r1", vec![user("u1", Some("Go on.")), spoken("i1", a, 1700, 990)]),
            turn(
                "r2",
                vec![
                    user("u2", Some("The weather?")),
                    spoken("i2", b, 6000, 6000),
                    Item::Call { id: "c1", result: Some("foggy") },
                    Item::Call { id: "c2", result: None },
                    spoken("i3", c, 6000, 3100),
                ],
            ),
            turn("r3", vec![user("u3", Some("Thanks."))]),
        ],
        // Word timestamps, of a finished reply and of one that the service ends early.
        vec![
            turn("r1", vec![user("u1", Some("Read it.")), timed("i1", a, 6000, 2600)]),
            turn("r2", vec![user("u2", Some("And this.")), timed("i2", b, 4000, 3999)]),
            turn("r3", vec![user("u3", Some("Once more.")), spoken("i3", c, 2000, 2000)]),
        ],
    ]
}

fn reference(turns: &[Turn]) -> Vec<Told> {
    turns.iter().flat_map(|turn| &turn.items).filter_map(Item::told).collect()
}

/// Lets the history follow the events, and returns what it tells the next session. Checks that it shows the same words.
fn replay(order: &[Event]) -> Vec<Told> {
    let mut history = History::default();
    let mut cut: Vec<&str> = Vec::new();
    let mut shown = Vec::new();
    for Event { reply, item, what, .. } in order {
        match what {
            What::Text(body) => {
                let text = body.to_string();
                if let Some(event) = protocol::item_event(&text) {
                    history.apply(&event);
                }
            }
            What::Audio { ms } => {
                let queued = if cut.contains(item) { 0 } else { ms * MS };
                history.audio(reply, item, 0, ms * MS, queued);
            }
            What::Heard { ms } => {
                history.heard(HeardPart { item, content_index: 0, frames: ms * MS, is_past: false });
            }
            What::Cut => {
                cut.push(item);
                history.close(item, false);
            }
        }
        shown.extend(std::iter::from_fn(|| history.poll_line()));
    }
    history.end();
    shown.extend(std::iter::from_fn(|| history.poll_line()));
    let mut told = Vec::new();
    let mut messages = Vec::new();
    for event in history.replay() {
        match event {
            ClientEvent::CreateItem { who: Role::User, words, whole } => {
                messages.push((Role::User, words.clone(), whole));
                told.push(Told::User(words));
            }
            ClientEvent::CreateItem { who: Role::Assistant, words, whole } => {
                messages.push((Role::Assistant, words.clone(), whole));
                told.push(Told::Reply { words, whole });
            }
            ClientEvent::CreateCall { call, .. } => {
                told.push(Told::Call(if call == "c1" { "c1" } else { "c2" }))
            }
            ClientEvent::CreateCallOutput { output, .. } => assert_eq!(output, "foggy"),
            other => panic!("{other:?}"),
        }
    }
    let mut shown: Vec<_> = shown.into_iter().map(|line| (line.role, line.words, line.whole)).collect();
    let key = |(_, words, _): &(Role, String, bool)| words.clone();
    shown.sort_by_key(key);
    messages.sort_by_key(key);
    assert_eq!(shown, messages, "the screen shows what is told, in this order:\n{}", listing(order));
    told
}

/// Loses events whose facts others tell too, and repeats others.
fn with_losses_and_repeats(all: &[Event], random: &mut Random) -> Vec<Event> {
    let mut events = all.to_vec();
    for _ in 0..all.len() / 4 {
        let at = random.below(events.len());
        let Event { kind, reply, item, .. } = events[at];
        let count = |events: &[Event], kind: &str| {
            events.iter().filter(|event| event.kind == kind && event.reply == reply).count()
        };
        let is_said = |fact: &Fact| match fact {
            Fact::Device | Fact::Result => false,
            // The end of an item is said by its own event, and by that of its response.
            Fact::End if kind == "response.done" => {
                let ends = "response.output_item.done";
                count(&events, ends) == count(all, ends)
            }
            Fact::End => count(&events, "response.done") > 0,
            Fact::Place | Fact::Words | Fact::Call => {
                let others = events.iter().enumerate();
                let mut others = others.filter(|(other, event)| *other != at && event.item == item);
                others.any(|(_, event)| event.says.contains(fact))
            }
        };
        if events[at].says.iter().all(is_said) {
            events.remove(at);
        }
    }
    let repeats: Vec<Event> = events
        .iter()
        .filter(|event| matches!(event.what, What::Text(_)) && random.below(5) == 0)
        .map(|event| Event { is_repeat: true, ..event.clone() })
        .collect();
    events.extend(repeats);
    events
}

/// Puts events into a random order that keeps the [`ORDERS`], one of them as late as it can come.
fn interleave(events: &[Event], late: Option<usize>, random: &mut Random) -> Vec<Event> {
    let comes_before = |a: &Event, b: &Event| ORDERS.iter().any(|(_, is_kept)| is_kept(a, b));
    let mut waits: Vec<usize> =
        events.iter().map(|event| events.iter().filter(|other| comes_before(other, event)).count()).collect();
    // Events of equal chances would come in about the order of their chains; so each seed prefers some.
    let chances: Vec<usize> = events.iter().map(|_| 1 << (3 * random.below(5))).collect();
    let mut left: Vec<usize> = (0..events.len()).collect();
    let mut order = Vec::with_capacity(events.len());
    while !left.is_empty() {
        let mut free: Vec<usize> = (0..left.len()).filter(|at| waits[left[*at]] == 0).collect();
        if free.len() > 1 {
            free.retain(|at| Some(left[*at]) != late);
        }
        let total: usize = free.iter().map(|at| chances[left[*at]]).sum();
        let mut pick = random.below(total);
        let chosen = free.iter().find(|at| match pick.checked_sub(chances[left[**at]]) {
            Some(rest) => {
                pick = rest;
                false
            }
            None => true,
        });
        let next = left.remove(*chosen.expect("the kept orders are no circle"));
        for other in &left {
            waits[*other] -= usize::from(comes_before(&events[next], &events[*other]));
        }
        order.push(events[next].clone());
    }
    order
}

/// Which pairs of events were seen in both orders.
struct Pairs {
    names: HashMap<String, usize>,
    seen: Vec<Vec<bool>>,
    kept: Vec<Vec<bool>>,
}

impl Pairs {
    fn new(events: &[Event]) -> Self {
        let names: HashMap<_, _> = events.iter().map(name).zip(0..).collect();
        assert_eq!(names.len(), events.len(), "every event has a name of its own");
        let is_kept = |a: &Event, b: &Event| ORDERS.iter().any(|(_, is_kept)| is_kept(a, b));
        let mut kept: Vec<Vec<bool>> =
            events.iter().map(|a| events.iter().map(|b| is_kept(a, b)).collect()).collect();
        for through in 0..events.len() {
            for from in 0..events.len() {
                for to in 0..events.len() {
                    kept[from][to] |= kept[from][through] && kept[through][to];
                }
            }
        }
        Self { names, seen: vec![vec![false; events.len()]; events.len()], kept }
    }

    fn see(&mut self, order: &[Event]) {
        let order: Vec<usize> = order.iter().map(|event| self.names[&name(event)]).collect();
        for (at, before) in order.iter().enumerate() {
            order[at + 1..].iter().for_each(|after| self.seen[*before][*after] = true);
        }
    }

    /// Returns the number of pairs in the kept order, and of those seen in both. Asserts that these are all pairs.
    fn finish(&self) -> (usize, usize) {
        let (mut kept, mut both) = (0, 0);
        for a in 0..self.seen.len() {
            for b in a + 1..self.seen.len() {
                let is_kept = self.kept[a][b] || self.kept[b][a];
                let in_both = self.seen[a][b] && self.seen[b][a];
                assert!(
                    is_kept != in_both,
                    "{:?} and {:?}: kept {is_kept}, in both orders {in_both}",
                    self.name(a),
                    self.name(b)
                );
                kept += usize::from(is_kept);
                both += usize::from(in_both);
            }
        }
        (kept, both)
    }

    fn name(&self, event: usize) -> &str {
        self.names.iter().find(|(_, at)| **at == event).map_or("", |(name, _)| name)
    }
}

fn name(event: &Event) -> String {
    let Event { kind, reply, item, step, is_repeat, .. } = event;
    format!("{kind} {reply} {item} {step}{}", if *is_repeat { " (again)" } else { "" })
}

fn listing(order: &[Event]) -> String {
    order.iter().map(|event| format!("  {}\n", name(event))).collect()
}

/// A generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        for shift in [13, -7, 17] {
            self.0 ^= if shift > 0 { self.0 << shift } else { self.0 >> -shift };
        }
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}
