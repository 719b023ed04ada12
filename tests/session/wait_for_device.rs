//! A start without a device waits until a device node changes, a signal asks for the exit, or a limit has
//! passed.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use mynah::session::{DeviceWait, wait_for_device};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_wait_ends_when_a_device_node_appears() {
    for folder in ["snd", "input", "."] {
        let dev = tempfile::tempdir().unwrap();
        let path = dev.path().to_owned();
        let (signals, _signal_sender) = UnixStream::pair().unwrap();
        let waiting = std::thread::spawn(move || wait(&signals, &path, LONG));
        // However late the thread lists the folders first, one of these files appears after that.
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
fn the_wait_ends_at_once_on_a_signal() {
    let dev = tempfile::tempdir().unwrap();
    let (signals, mut signal_sender) = UnixStream::pair().unwrap();
    signal_sender.write_all(b"!").unwrap();
    assert_eq!(wait(&signals, dev.path(), LONG), DeviceWait::Requested);
}

#[test]
fn the_wait_ends_at_its_limit() {
    let dev = tempfile::tempdir().unwrap();
    let (signals, _signal_sender) = UnixStream::pair().unwrap();
    assert_eq!(wait(&signals, dev.path(), Duration::from_millis(20)), DeviceWait::TimedOut);
    // A missing folder counts as one without devices.
    assert_eq!(wait(&signals, Path::new("/nonexistent"), Duration::ZERO), DeviceWait::TimedOut);
}

fn wait(signals: &UnixStream, devices: &Path, limit: Duration) -> DeviceWait {
    wait_for_device("there is no sound card", None, signals, devices, limit)
}

#[allow(clippy::disallowed_methods, reason = "plugging a device in takes time")]
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}
