//! The mixer's arithmetic, and the errors that need no card.

use std::sync::mpsc::sync_channel;

use mynah::audio::{
    AudioError, ControlFailure, ControlValue, MixerControl, percent_of_range, repeat_controls, set_controls,
};

#[test]
fn a_percentage_is_a_share_of_the_range_rounded_up() {
    for (percent, range, value) in [
        (0, (0, 255), 0),
        (100, (0, 255), 255),
        (50, (0, 255), 128),
        (1, (0, 31), 1),
        (75, (-100, 0), -25),
        (50, (-50, 100), 25),
        (101, (0, 7), 7),
        (50, (3, 3), 3),
        (50, (5, 2), 5),
        (100, (i64::MIN, i64::MAX), i64::MAX),
        (0, (i64::MIN, i64::MAX), i64::MIN),
    ] {
        assert_eq!(percent_of_range(percent, range), value, "{percent} % of {range:?}");
    }
}

#[test]
fn an_empty_list_of_controls_needs_no_card() {
    assert_eq!(set_controls(&[]), []);
}

#[test]
fn a_missing_card_is_an_error_that_names_it() {
    for card in ["hw:CARD=nowhere", "no\0where"] {
        let control = MixerControl {
            card: card.to_owned(),
            name: "Master".to_owned(),
            setting: ControlValue::Percent(80),
            optional: card == "hw:CARD=nowhere",
        };
        let error = set_controls(&[control]).remove(0);
        assert!(matches!(&error, AudioError::Mixer { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("\"Master\""), "{message}");
        assert!(message.contains("nowhere") || message.contains("no\\0where"), "{message}");
        assert!(message.contains("/proc/asound/cards"), "{message}");
    }
}

#[test]
fn only_an_optional_control_that_the_card_lacks_is_not_reported() {
    let (absent, refused) = (ControlFailure::Absent("x".to_owned()), ControlFailure::Refused("x".to_owned()));
    for (optional, failure, is_reported) in
        [(true, &absent, false), (true, &refused, true), (false, &absent, true), (false, &refused, true)]
    {
        let control = MixerControl {
            card: "hw:0".to_owned(),
            name: "PCM".to_owned(),
            setting: ControlValue::Percent(100),
            optional,
        };
        assert_eq!(failure.is_reported(&control), is_reported, "{optional}, {failure:?}");
    }
}

#[test]
fn controls_are_set_again_once_and_only_if_there_are_any() {
    let control = MixerControl {
        card: "hw:0".to_owned(),
        name: "PCM".to_owned(),
        setting: ControlValue::Percent(100),
        optional: false,
    };
    let (set_tx, set_rx) = sync_channel(2);
    let set = move |controls: &[MixerControl]| set_tx.send(controls.to_vec()).unwrap();
    let thread = repeat_controls(std::slice::from_ref(&control), 0, set).unwrap();
    thread.expect("a thread").join().unwrap();
    assert_eq!(set_rx.iter().collect::<Vec<_>>(), [vec![control]]);
    assert!(repeat_controls(&[], 0, |_| panic!("there are none")).unwrap().is_none());
}
