//! Which way a cut takes: by the kind of the device and its driver, or as the board says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use mynah::audio::{CutMode, DeviceCut, choose_cut};

#[test]
fn only_cards_whose_driver_reads_late_are_rewritten() {
    let i2s = Some("bcm2835-i2s");
    let rows = [
        ("asoc-simple-card", i2s, CutMode::Rewrite),
        ("asoc-simple-card", Some("designware-i2s"), CutMode::Rewrite),
        ("asoc-simple-card", Some("sun4i-i2s"), CutMode::RunOut),
        ("asoc-simple-card", None, CutMode::RunOut),
        ("snd-rpi-simple", i2s, CutMode::Rewrite),
        ("snd-usb-audio", None, CutMode::Rewrite),
        ("bcm2835_audio", i2s, CutMode::RunOut),
        ("snd_hda_intel", None, CutMode::RunOut),
    ];
    for (driver, controller, expected) in rows {
        let root = tempfile::tempdir().unwrap();
        add_card(root.path(), 2, driver, controller);
        assert_eq!(choose_cut(None, Some(2), root.path()).mode, expected, "{driver} {controller:?}");
        assert_eq!(choose_cut(None, Some(1), root.path()).mode, CutMode::RunOut, "another card");
    }
}

#[test]
fn a_controller_without_a_device_moves_no_frames() {
    let root = tempfile::tempdir().unwrap();
    add_card(root.path(), 0, "asoc-simple-card", None);
    let driver = root.path().join("sys/bus/platform/drivers/bcm2835-i2s");
    fs::create_dir_all(&driver).unwrap();
    fs::write(driver.join("bind"), "").unwrap();
    symlink("../../../../module/snd_soc_bcm2835_i2s", driver.join("module")).unwrap();
    assert_eq!(choose_cut(None, Some(0), root.path()).mode, CutMode::RunOut);
}

#[test]
fn a_plugin_is_dropped_and_a_board_decides_for_itself() {
    let root = tempfile::tempdir().unwrap();
    add_card(root.path(), 0, "snd-usb-audio", None);
    assert_eq!(choose_cut(None, None, root.path()).mode, CutMode::Drop);
    for mode in [CutMode::Rewrite, CutMode::RunOut, CutMode::Drop] {
        assert_eq!(choose_cut(Some(mode), Some(0), root.path()).mode, mode);
    }
    let unknown = choose_cut(Some(CutMode::Rewrite), Some(7), root.path());
    assert_eq!(unknown, DeviceCut { mode: CutMode::Rewrite, margin: Duration::from_millis(8) });
}

/// Creates what `/sys` says of a card, and a controller's driver with a device.
fn add_card(root: &Path, number: u32, driver: &str, controller: Option<&str>) {
    let device = root.join(format!("sys/class/sound/card{number}/device"));
    fs::create_dir_all(&device).unwrap();
    symlink(format!("../../../../bus/drivers/{driver}"), device.join("driver")).unwrap();
    if let Some(controller) = controller {
        let drivers = root.join("sys/bus/platform/drivers").join(controller);
        fs::create_dir_all(&drivers).unwrap();
        symlink("../../../../devices/fe203000.i2s", drivers.join("fe203000.i2s")).unwrap();
    }
}
