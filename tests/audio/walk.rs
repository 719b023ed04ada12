//! Random writes, cuts, wakes and xruns, checked against what the speaker played.

use std::cell::RefCell;
use std::rc::Rc;

use mynah::audio::{AudioIo, CutReceipt};
use proptest::prelude::*;

use super::dac::{FADE, Rig, number, numbered};

proptest! {
    #[test]
    fn cut_frames_are_silent_and_all_others_play_once_in_order(
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

/// Returns the callback with which the session acts between two calls of the speaker.
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
    /// What the session will do during a run.
    actions: Vec<Action>,
    /// The positions of its cuts.
    cuts: Vec<u64>,
}

#[derive(Default)]
struct Log {
    /// The number of frames played at each cut, and the position of the cut.
    cuts: Vec<(usize, u64)>,
    receipts: Vec<(usize, CutReceipt)>,
    positions: Vec<(usize, u64)>,
    longest_gap: usize,
}

impl Log {
    /// Advances the time by `frames` and runs the step.
    fn run(&mut self, rig: &mut Rig, frames: usize, interruptions: &RefCell<Interruptions>) {
        rig.dac.tick(frames);
        rig.run();
        let now = rig.dac.out.len();
        // No frame is played during a run, so the cuts in it have this time.
        self.cuts.extend(interruptions.borrow_mut().cuts.drain(..).map(|cut| (now, cut)));
        let mut audio = rig.audio.borrow_mut();
        while let Some(receipt) = audio.playback.receipt() {
            self.receipts.push((now, receipt));
        }
        self.positions.push((now, audio.playback.played_position()));
        self.longest_gap = self.longest_gap.max(frames);
    }

    fn check(&self, rig: &Rig) -> Result<(), TestCaseError> {
        let (mut next, mut fade_run, mut expected) = (0, 0, vec![0]);
        for (index, sample) in rig.dac.out.iter().copied().enumerate() {
            // A flush is followed by a fade, whatever its samples look like.
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
                    "frame {position} is played at {index} though cut: {late_cut:?}"
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
        for (at, position) in &self.positions {
            prop_assert_eq!(*position, expected[*at], "position at {}", at);
        }
        let last_cut = self.cuts.last().map_or(0, |(_, cut)| *cut);
        let written = rig.audio.borrow().playback.written();
        prop_assert!(next == written || last_cut == written, "{next} of {written} played, cut at {last_cut}");
        Ok(())
    }
}
