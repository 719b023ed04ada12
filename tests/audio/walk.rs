//! Random writes, cuts, wakes and xruns against one expected: what the speaker played.

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
        let interruptions = Rc::new(RefCell::new(Interruptions::default()));
        rig.dac.on_call = Some(Box::new(interrupt(&rig.audio, &interruptions)));
        for (kind, frames, during_run) in steps {
            let action = match kind {
                0..4 => Action::Write(frames),
                4 => Action::Cut,
                5 => { rig.dac.write_max = 1 + frames; continue; }
                _ => { log.run(&mut rig, frames, &interruptions); continue; }
            };
            if during_run {
                interruptions.borrow_mut().actions.push(action);
                continue;
            }
            log.cuts.extend(apply(&mut rig.audio.borrow_mut(), action).map(|cut| (rig.dac.out.len(), cut)));
        }
        while rig.handle(|handle| handle.waiting()) > 0 || !interruptions.borrow().actions.is_empty() {
            log.run(&mut rig, 240, &interruptions);
        }
        for _ in 0..4 {
            log.run(&mut rig, 240, &interruptions);
        }
        log.check(&rig)?;
    }
}

enum Action {
    Write(usize),
    Cut,
}

fn apply(audio: &mut AudioIo, action: Action) -> Option<u64> {
    match action {
        Action::Write(frames) => {
            let from = audio.playback.written();
            let frames: Vec<_> = numbered(from, frames).into_iter().map(|sample| [sample]).collect();
            audio.playback.write(&frames);
            None
        }
        Action::Cut => Some(audio.playback.cut()),
    }
}

/// The session acting while the step is between two calls of the speaker.
fn interrupt(
    audio: &Rc<RefCell<AudioIo>>,
    interruptions: &Rc<RefCell<Interruptions>>,
) -> impl FnMut() + 'static {
    let (audio, interruptions) = (Rc::clone(audio), Rc::clone(interruptions));
    move || {
        let mut interruptions = interruptions.borrow_mut();
        if let Some(action) = interruptions.actions.pop() {
            interruptions.cuts.extend(apply(&mut audio.borrow_mut(), action));
        }
    }
}

#[derive(Default)]
struct Interruptions {
    /// What the session will do.
    actions: Vec<Action>,
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
    fn run(&mut self, rig: &mut Rig, frames: usize, interruptions: &RefCell<Interruptions>) {
        rig.dac.tick(frames);
        rig.run();
        let now = rig.dac.out.len();
        // No frame is played during a turn, so that is when the cuts in it were made.
        self.cuts.extend(interruptions.borrow_mut().cuts.drain(..).map(|cut| (now, cut)));
        let mut audio = rig.audio.borrow_mut();
        while let Some(receipt) = audio.playback.receipt() {
            self.receipts.push((now, receipt));
        }
        self.heard.push((now, audio.playback.played_position()));
        self.longest_gap = self.longest_gap.max(frames);
    }

    fn check(&self, rig: &Rig) -> Result<(), TestCaseError> {
        let (mut next, mut fade_run, mut expected) = (0, 0, vec![0]);
        for (index, sample) in rig.dac.out.iter().copied().enumerate() {
            // What follows a flush is a fade, whatever its samples look like.
            if rig.dac.flushes.iter().any(|at| (*at..at + FADE).contains(&index)) {
                expected.push(next);
                continue;
            }
            let past_cut =
                self.cuts.iter().map(|(_, cut)| *cut).find(|cut| *cut > next && sample == number(*cut));
            if sample == number(next) || past_cut.is_some() {
                let position = past_cut.unwrap_or(next);
                let late_cut =
                    self.cuts.iter().find(|(at, cut)| position < *cut && index >= at + self.longest_gap);
                prop_assert!(
                    late_cut.is_none(),
                    "frame {position} is heard at {index} though cut: {late_cut:?}"
                );
                (next, fade_run) = (position + 1, 0);
            } else if sample != 0 {
                fade_run += 1;
                prop_assert!(fade_run <= FADE, "{sample} at {index} is no lane frame and no fade");
            }
            expected.push(next);
        }
        for (at, receipt) in &self.receipts {
            prop_assert!(receipt.played <= receipt.cut);
            prop_assert_eq!(receipt.played, expected[*at], "the receipt of {} at {}", receipt.cut, at);
        }
        for (at, heard) in &self.heard {
            prop_assert_eq!(*heard, expected[*at], "heard at {}", at);
        }
        let last_cut = self.cuts.last().map_or(0, |(_, cut)| *cut);
        let written = rig.audio.borrow().playback.written();
        prop_assert!(next == written || last_cut == written, "{next} of {written} heard, cut at {last_cut}");
        Ok(())
    }
}
