//! Random writes, cuts, wakes and xruns against one truth: what the speaker played.

use std::cell::RefCell;
use std::rc::Rc;

use mynah::audio::{AudioIo, CutReceipt};
use proptest::prelude::*;

use super::dac::{FADE, Rig, number, numbered};

proptest! {
    #[test]
    fn what_was_cut_falls_silent_and_all_else_is_heard_once_and_in_order(
        steps in prop::collection::vec((0..12u8, 0..500usize, any::<bool>()), 1..60)
    ) {
        let mut rig = Rig::new();
        let mut log = Log::default();
        let inside = Rc::new(RefCell::new(Inside::default()));
        rig.dac.meanwhile = Some(Box::new(interruption(&rig.sound, &inside)));
        for (what, frames, in_a_turn) in steps {
            let order = match what {
                0..4 => Order::Write(frames),
                4 => Order::Cut,
                5 => { rig.dac.most = 1 + frames; continue; }
                _ => { log.turn(&mut rig, frames, &inside); continue; }
            };
            if in_a_turn {
                inside.borrow_mut().orders.push(order);
                continue;
            }
            log.cuts.extend(obey(&mut rig.sound.borrow_mut(), order).map(|cut| (rig.dac.out.len(), cut)));
        }
        while rig.mouth(|mouth| mouth.waiting()) > 0 || !inside.borrow().orders.is_empty() {
            log.turn(&mut rig, 240, &inside);
        }
        for _ in 0..4 {
            log.turn(&mut rig, 240, &inside);
        }
        log.check(&rig)?;
    }
}

enum Order {
    Write(usize),
    Cut,
}

fn obey(sound: &mut AudioIo, order: Order) -> Option<u64> {
    match order {
        Order::Write(frames) => {
            let from = sound.playback.written();
            let frames: Vec<_> = numbered(from, frames).into_iter().map(|sample| [sample]).collect();
            sound.playback.write(&frames);
            None
        }
        Order::Cut => Some(sound.playback.cut()),
    }
}

/// The session acting while the step is between two calls of the speaker.
fn interruption(sound: &Rc<RefCell<AudioIo>>, inside: &Rc<RefCell<Inside>>) -> impl FnMut() + 'static {
    let (sound, inside) = (Rc::clone(sound), Rc::clone(inside));
    move || {
        let mut inside = inside.borrow_mut();
        if let Some(order) = inside.orders.pop() {
            inside.cuts.extend(obey(&mut sound.borrow_mut(), order));
        }
    }
}

#[derive(Default)]
struct Inside {
    /// What the session will do.
    orders: Vec<Order>,
    /// Where it has cut.
    cuts: Vec<u64>,
}

#[derive(Default)]
struct Log {
    /// Frames that had been played when the session cut, and where it cut.
    cuts: Vec<(usize, u64)>,
    receipts: Vec<(usize, CutReceipt)>,
    heard: Vec<(usize, u64)>,
    longest_gap: usize,
}

impl Log {
    /// Lets time pass and the step be woken.
    fn turn(&mut self, rig: &mut Rig, frames: usize, inside: &RefCell<Inside>) {
        rig.dac.tick(frames);
        rig.turn();
        let now = rig.dac.out.len();
        // No frame is played during a turn, so that is when the cuts in it were made.
        self.cuts.extend(inside.borrow_mut().cuts.drain(..).map(|cut| (now, cut)));
        let mut sound = rig.sound.borrow_mut();
        while let Some(receipt) = sound.playback.receipt() {
            self.receipts.push((now, receipt));
        }
        self.heard.push((now, sound.playback.played_position()));
        self.longest_gap = self.longest_gap.max(frames);
    }

    fn check(&self, rig: &Rig) -> Result<(), TestCaseError> {
        let (mut next, mut restless, mut truth) = (0, 0, vec![0]);
        for (place, sample) in rig.dac.out.iter().copied().enumerate() {
            // What follows a flush is a fade, whatever its samples look like.
            if rig.dac.flushes.iter().any(|at| (*at..at + FADE).contains(&place)) {
                truth.push(next);
                continue;
            }
            let past_cut =
                self.cuts.iter().map(|(_, cut)| *cut).find(|cut| *cut > next && sample == number(*cut));
            if sample == number(next) || past_cut.is_some() {
                let position = past_cut.unwrap_or(next);
                let late =
                    self.cuts.iter().find(|(at, cut)| position < *cut && place >= at + self.longest_gap);
                prop_assert!(late.is_none(), "frame {position} is heard at {place} though cut: {late:?}");
                (next, restless) = (position + 1, 0);
            } else if sample != 0 {
                restless += 1;
                prop_assert!(restless <= FADE, "{sample} at {place} is no lane frame and no fade");
            }
            truth.push(next);
        }
        for (at, receipt) in &self.receipts {
            prop_assert!(receipt.played <= receipt.cut);
            prop_assert_eq!(receipt.played, truth[*at], "the receipt of {} at {}", receipt.cut, at);
        }
        for (at, heard) in &self.heard {
            prop_assert_eq!(*heard, truth[*at], "heard at {}", at);
        }
        let last_cut = self.cuts.last().map_or(0, |(_, cut)| *cut);
        let written = rig.sound.borrow().playback.written();
        prop_assert!(next == written || last_cut == written, "{next} of {written} heard, cut at {last_cut}");
        Ok(())
    }
}
