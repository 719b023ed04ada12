//! A start that lacks a device lasts until there is another device, it is asked to end, or its time is over.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use mynah::session::{DeviceWait, wait_for_device};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_start_without_a_card_ends_as_soon_as_something_is_plugged_in() {
    for folder in ["snd", "input", "."] {
        let dev = tempfile::tempdir().unwrap();
        let path = dev.path().to_owned();
        let (signals, _signal_sender) = UnixStream::pair().unwrap();
        let waiting = std::thread::spawn(move || wait(&signals, &path, LONG));
        // However late the thread looks first, one of these comes after it.
        for number in 0.. {
            if waiting.is_finished() {
                break;
            }
            fs::create_dir_all(dev.path().join(folder)).unwrap();
            fs::write(dev.path().join(folder).join(format!("controlC{number}")), "").unwrap();
            pause();
        }
        assert_eq!(waiting.join().unwrap(), DeviceWait::DevicesChanged, "{folder}");
    }
}

#[test]
fn a_start_without_a_card_ends_at_once_when_it_is_asked_to() {
    let dev = tempfile::tempdir().unwrap();
    let (signals, mut signal_sender) = UnixStream::pair().unwrap();
    signal_sender.write_all(b"!").unwrap();
    assert_eq!(wait(&signals, dev.path(), LONG), DeviceWait::Requested);
}

#[test]
fn a_start_without_a_card_is_over_after_its_time() {
    let dev = tempfile::tempdir().unwrap();
    let (signals, _signal_sender) = UnixStream::pair().unwrap();
    assert_eq!(wait(&signals, dev.path(), Duration::from_millis(20)), DeviceWait::TimedOut);
    // A machine without such a folder has no devices in it.
    assert_eq!(wait(&signals, Path::new("/nonexistent"), Duration::ZERO), DeviceWait::TimedOut);
}

fn wait(signals: &UnixStream, devices: &Path, limit: Duration) -> DeviceWait {
    wait_for_device("there is no sound card", None, signals, devices, limit)
}

#[allow(clippy::disallowed_methods, reason = "a hand that plugs in takes its time")]
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}
