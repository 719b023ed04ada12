//! Both threads' loops through any order of losses, returns, wishes and cuts.

use mynah::audio::{Direction, MissingDevices, StreamFormat, UnplugPolicy, loops};
use proptest::collection::vec;
use proptest::prelude::*;

use super::stage::{Stage, at_once};

#[derive(Clone, Copy, Debug)]
enum Happening {
    Unplug,
    Take,
    Flap,
    PutBack,
    NodesChanged,
    Listen,
    Hush,
    SayAndCut,
}

use Happening::{Flap, Hush, Listen, NodesChanged, PutBack, SayAndCut, Take, Unplug};

/// How long a device that is there, and wanted, may take to be seen to be.
const SEEN_BACK_MS: u64 = 3000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_speaker_that_is_there_is_back_and_every_cut_was_obeyed(
        walk in vec((0u64..900, happening()), 0..60),
    ) {
        let (stage, end) = script(&walk);
        let (sound, _listener, talker) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
        let (place, device) = stage.begin(Direction::Playback, sound, end);
        prop_assert_eq!(at_once(talker.run(place, device)), Ok(()));
        prop_assert_eq!(last(&stage).playback, None);
        let said = walk.iter().filter(|(_, what)| matches!(what, SayAndCut)).count() as u64;
        prop_assert_eq!(stage.receipts().last().map_or(0, |(_, receipt)| receipt.cut), 100 * said);
        spaced(&stage)?;
    }

    #[test]
    fn a_microphone_that_is_there_and_wanted_is_back_and_open(
        walk in vec((0u64..900, happening()), 0..60),
    ) {
        let (stage, end) = script(&walk);
        stage.at(end - 1, |stage| assert!(stage.is_open()));
        let (sound, listener, _talker) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
        let (place, _) = stage.begin(Direction::Capture, sound, end);
        prop_assert_eq!(at_once(listener.run(place)), Ok(()));
        prop_assert_eq!(last(&stage).capture, None);
        spaced(&stage)?;
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    prop::sample::select(vec![Unplug, Take, Flap, PutBack, NodesChanged, Listen, Hush, SayAndCut])
}

/// The walk, and then a device that is there and wanted for long enough; returns when the session leaves.
fn script(walk: &[(u64, Happening)]) -> (Stage, u64) {
    let stage = Stage::new();
    let mut now = 0;
    for (after, what) in walk {
        now += after;
        let what = *what;
        stage.at(now, move |stage| match what {
            Unplug => stage.unplug(),
            Take => stage.take(),
            Flap => stage.flap(),
            PutBack => stage.put_back(),
            NodesChanged => stage.nodes_changed(),
            Listen => stage.listen(),
            Hush => stage.hush(),
            SayAndCut => {
                stage.say(&[1; 100]);
                stage.cut();
            }
        });
    }
    stage.at(now + 10, |stage| {
        stage.put_back();
        stage.listen();
    });
    (stage, now + 10 + SEEN_BACK_MS)
}

fn last(stage: &Stage) -> MissingDevices {
    stage.seen().last().map_or(MissingDevices::default(), |(_, away)| *away)
}

/// A try that failed is not followed by another at once.
fn spaced(stage: &Stage) -> Result<(), TestCaseError> {
    for pair in stage.tries().windows(2) {
        let [(failed, false), (next, _)] = pair else { continue };
        prop_assert!(next - failed >= 250, "{pair:?}");
    }
    Ok(())
}
