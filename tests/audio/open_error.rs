//! Why a device cannot be opened, as a made-up /proc and /dev tell it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mynah::audio::{AudioError, Direction, diagnose};
use tempfile::TempDir;

const CARDS: &str = " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n \
                     2 [S330           ]: USB-Audio - eMeet S330\n                      eMeet S330 at usb-1.2\n";

#[test]
fn a_busy_speaker_names_who_holds_it_whatever_it_is_called() {
    let tree = tree();
    hold(&tree, "card2/pcm0p/sub0", 1240);
    thread(&tree, 1240, 1234, "arecord", "/usr/bin/arecord\0-D\0hw:2\0");
    for name in ["hw:CARD=S330", "plughw:CARD=S330,DEV=0", "hw:2,0", "plug:'hw:2'", "plughw:S330", "default"]
    {
        assert_eq!(
            message(&tree, Direction::Playback, name, libc::EBUSY),
            format!(
                "the speaker {name:?} is held by arecord (process 1234); stop it, or choose another of those that \
                 `aplay -L` lists"
            )
        );
    }
}

#[test]
fn the_holder_of_another_card_device_or_direction_is_not_named() {
    let tree = tree();
    hold(&tree, "card0/pcm0p/sub0", 7);
    hold(&tree, "card2/pcm1p/sub0", 8);
    hold(&tree, "card2/pcm0c/sub0", 9);
    let message = message(&tree, Direction::Playback, "hw:CARD=S330,DEV=0", libc::EBUSY);
    assert!(message.contains("is busy, and the system does not say with what; end"), "{message}");
}

#[test]
fn every_holder_is_named_once_and_one_that_may_not_be_seen_by_its_number() {
    let tree = tree();
    hold(&tree, "card0/pcm0p/sub0", 50);
    hold(&tree, "card2/pcm0p/sub0", 60);
    hold(&tree, "card2/pcm0p/sub1", 61);
    thread(&tree, 60, 60, "music", "music\0");
    thread(&tree, 61, 60, "music", "music\0");
    let message = message(&tree, Direction::Playback, "default", libc::EBUSY);
    assert!(message.contains("held by process 50 and music (process 60); stop it"), "{message}");
}

#[test]
fn a_sound_server_is_known_and_said_how_to_stop() {
    for (comm, line, command) in [
        ("pipewire", "/usr/bin/pipewire\0", "systemctl --user stop pipewire.socket"),
        ("pulseaudio", "/usr/bin/pulseaudio\0--daemonize=no\0", "systemctl --user stop pulseaudio.socket"),
    ] {
        let tree = tree();
        hold(&tree, "card2/pcm0c/sub0", 900);
        thread(&tree, 900, 880, comm, line);
        let message = message(&tree, Direction::Capture, "hw:CARD=S330", libc::EBUSY);
        assert!(
            message.contains(&format!("the microphone \"hw:CARD=S330\" is held by {comm} (process 880)")),
            "{message}"
        );
        assert!(message.contains(command) && message.contains("`arecord -L` lists"), "{message}");
    }
}

#[test]
fn a_long_name_that_the_kernel_cut_is_said_whole() {
    let tree = tree();
    hold(&tree, "card2/pcm0p/sub0", 5);
    thread(&tree, 5, 5, "linux-voice-ass", "/opt/linux-voice-assistant\0");
    let message = message(&tree, Direction::Playback, "hw:2", libc::EBUSY);
    assert!(message.contains("linux-voice-assistant (process 5)"), "{message}");
}

#[test]
fn a_device_that_is_missing_is_said_with_those_that_are_there() {
    let tree = tree();
    assert_eq!(
        message(&tree, Direction::Capture, "hw:CARD=S33O", libc::ENODEV),
        "there is no microphone \"hw:CARD=S33O\" [why]; plug it in, or choose one that is there: \
         \"hw:CARD=S330,DEV=0\", or what else `arecord -L` lists"
    );
    let message = message(&tree, Direction::Playback, "hw:CARD=S33O", libc::ENOENT);
    assert!(
        message.contains("\"hw:CARD=vc4hdmi,DEV=0\", \"hw:CARD=S330,DEV=0\", \"hw:CARD=S330,DEV=1\""),
        "{message}"
    );
}

#[test]
fn a_machine_without_a_card_is_told_so() {
    let empty = tempfile::tempdir().unwrap();
    let message = message(&empty, Direction::Playback, "default", libc::ENOENT);
    assert_eq!(
        message,
        "there is no speaker \"default\" [why]; no sound card here has a speaker: plug one in, and see that \
         `aplay -L` lists it"
    );
}

#[test]
fn a_user_who_may_not_open_a_card_is_told_the_group_and_the_command() {
    let tree = tree();
    let message = message(&tree, Direction::Playback, "hw:2", libc::EACCES);
    let user = format!("u{}", rustix::process::geteuid().as_raw());
    assert!(message.starts_with(&format!("the user {user} may not open the speaker \"hw:2\"")), "{message}");
    assert!(
        message.contains(&format!("group audio: run `sudo usermod -aG audio {user}`, then log in again")),
        "{message}"
    );
    let message = self::message(&tree, Direction::Playback, "hw:2", libc::EPERM);
    assert!(message.contains("DeviceAllow=char-alsa rw"), "{message}");
}

#[test]
fn a_card_that_alsa_takes_for_missing_because_it_may_not_be_seen_is_not_called_missing() {
    let tree = tree();
    let node = tree.path().join("dev/snd/controlC2");
    write(&node, "");
    fs::set_permissions(&node, fs::Permissions::from_mode(0o000)).unwrap();
    // Nothing is forbidden to root.
    let forbidden = fs::File::open(&node).is_err();
    let message = message(&tree, Direction::Playback, "hw:CARD=S330", libc::ENODEV);
    assert_eq!(message.contains("usermod"), forbidden, "{message}");
    assert_eq!(message.contains("there is no speaker"), !forbidden, "{message}");
}

#[test]
fn what_the_system_does_not_explain_is_said_as_it_is() {
    let tree = tree();
    assert_eq!(
        message(&tree, Direction::Playback, "default", libc::ECONNREFUSED),
        "cannot open the speaker \"default\": Connection refused (os error 111) [why]; start the sound server behind \
         it, or choose a card itself from those that `aplay -L` lists"
    );
    let other = AudioError::System { what: "a timer", errno: libc::EMFILE };
    assert_eq!(diagnose(other.clone(), tree.path()), other);
}

fn message(tree: &TempDir, end: Direction, device: &str, errno: i32) -> String {
    let error = AudioError::Open { end, device: device.to_owned(), errno, said: "why".to_owned() };
    diagnose(error, tree.path()).to_string()
}

/// A card that only plays, and one that plays twice and records.
fn tree() -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path();
    write(&root.join("proc/asound/cards"), CARDS);
    for sub in ["card0/pcm0p/sub0", "card2/pcm0p/sub0", "card2/pcm1p/sub0", "card2/pcm0c/sub0"] {
        write(&root.join("proc/asound").join(sub).join("status"), "closed\n");
    }
    let user = rustix::process::geteuid().as_raw();
    write(
        &root.join("etc/passwd"),
        &format!("other:x:4000000:0::/:/bin/sh\nu{user}:x:{user}:0::/:/bin/sh\n"),
    );
    tree
}

fn hold(tree: &TempDir, sub: &str, owner: u32) {
    let status = format!("state: RUNNING\nowner_pid   : {owner}\ntrigger_time: 12.5\n");
    write(&tree.path().join("proc/asound").join(sub).join("status"), &status);
}

fn thread(tree: &TempDir, thread: u32, process: u32, comm: &str, line: &str) {
    let proc = tree.path().join("proc");
    write(
        &proc.join(thread.to_string()).join("status"),
        &format!("Name:\tx\nTgid:\t{process}\nPid:\t{thread}\n"),
    );
    write(&proc.join(process.to_string()).join("comm"), &format!("{comm}\n"));
    write(&proc.join(process.to_string()).join("cmdline"), line);
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
