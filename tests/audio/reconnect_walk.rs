//! Both loops through random sequences of losses, returns, requests and cuts.

use mynah::audio::{Direction, MissingDevices, StreamFormat, UnplugPolicy, loops};
use proptest::collection::vec;
use proptest::prelude::*;

use super::stage::Stage;

#[derive(Clone, Copy, Debug)]
enum Event {
    Unplug,
    MakeBusy,
    FailOnStart,
    PlugIn,
    NodesChanged,
    OpenMicrophone,
    CloseMicrophone,
    WriteAndCut,
}

use Event::{
    CloseMicrophone, FailOnStart, MakeBusy, NodesChanged, OpenMicrophone, PlugIn, Unplug, WriteAndCut,
};

/// How long it may take until a device that is present and wanted is reported as present.
const SEEN_BACK_MS: u64 = 3000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_present_speaker_is_back_and_every_cut_is_applied(
        walk in vec((0u64..900, event()), 0..60),
    ) {
        let (stage, end) = script(&walk);
        let (audio, _capture_loop, playback_loop) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
        let mut device = stage.begin(Direction::Playback, audio, end);
        prop_assert_eq!(device.run_playback(playback_loop), Ok(()));
        prop_assert_eq!(last_observed(&stage).playback, None);
        let message = walk.iter().filter(|(_, what)| matches!(what, WriteAndCut)).count() as u64;
        prop_assert_eq!(stage.receipts().last().map_or(0, |(_, receipt)| receipt.cut), 100 * message);
        check_spacing(&stage)?;
    }

    #[test]
    fn a_present_and_wanted_microphone_is_back_and_open(
        walk in vec((0u64..900, event()), 0..60),
    ) {
        let (stage, end) = script(&walk);
        stage.at(end - 1, |stage| assert!(stage.is_open()));
        let (audio, capture_loop, _playback_loop) = loops(StreamFormat::default(), UnplugPolicy::Wait).unwrap();
        let mut device = stage.begin(Direction::Capture, audio, end);
        prop_assert_eq!(device.run_capture(capture_loop), Ok(()));
        prop_assert_eq!(last_observed(&stage).capture, None);
        check_spacing(&stage)?;
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop::sample::select(vec![
        Unplug,
        MakeBusy,
        FailOnStart,
        PlugIn,
        NodesChanged,
        OpenMicrophone,
        CloseMicrophone,
        WriteAndCut,
    ])
}

/// Returns the walk, followed by a device that is present and wanted for long enough, and the time when the
/// session ends.
fn script(walk: &[(u64, Event)]) -> (Stage, u64) {
    let stage = Stage::new();
    let mut now = 0;
    for (after, what) in walk {
        now += after;
        let what = *what;
        stage.at(now, move |stage| match what {
            Unplug => stage.unplug(),
            MakeBusy => stage.make_busy(),
            FailOnStart => stage.fail_on_start(),
            PlugIn => stage.plug_in(),
            NodesChanged => stage.nodes_changed(),
            OpenMicrophone => stage.open_microphone(),
            CloseMicrophone => stage.close_microphone(),
            WriteAndCut => {
                stage.write(&[1; 100]);
                stage.cut();
            }
        });
    }
    stage.at(now + 10, |stage| {
        stage.plug_in();
        stage.open_microphone();
    });
    (stage, now + 10 + SEEN_BACK_MS)
}

fn last_observed(stage: &Stage) -> MissingDevices {
    stage.observed().last().map_or(MissingDevices::default(), |(_, missing)| *missing)
}

/// Checks that a failed attempt is not followed by another at once.
fn check_spacing(stage: &Stage) -> Result<(), TestCaseError> {
    for pair in stage.attempts().windows(2) {
        let [(failed, false), (next, _)] = pair else { continue };
        prop_assert!(next - failed >= 250, "{pair:?}");
    }
    Ok(())
}
