//! The mixer's arithmetic, and the refusals that need no card.

use mynah::audio::{AudioError, ControlValue, MixerControl, controls, share};

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
        assert_eq!(share(percent, range), value, "{percent} % of {range:?}");
    }
}

#[test]
fn no_control_needs_no_card() {
    assert_eq!(controls(&[]), []);
}

#[test]
fn a_card_that_is_not_there_is_refused_by_name() {
    for card in ["hw:CARD=nowhere", "no\0where"] {
        let control = MixerControl {
            card: card.to_owned(),
            name: "Master".to_owned(),
            setting: ControlValue::Percent(80),
        };
        let error = controls(&[control]).remove(0);
        assert!(matches!(&error, AudioError::Mixer { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.starts_with("the control \"Master\" of the card "), "{message}");
        assert!(message.contains("nowhere") || message.contains("no\\0where"), "{message}");
        assert!(message.contains("/proc/asound/cards"), "{message}");
    }
}
