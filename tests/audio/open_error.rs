//! Why a device cannot be opened, diagnosed from a fake /proc and /dev.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mynah::audio::{AudioError, Direction, diagnose};
use tempfile::TempDir;

const CARDS: &str = " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n \
                     2 [S330           ]: USB-Audio - eMeet S330\n                      eMeet S330 at usb-1.2\n";

#[test]
fn a_busy_speaker_names_its_owner_for_any_alsa_name() {
    let tree = tree();
    hold(&tree, "card2/pcm0p/sub0", 1240);
    thread(&tree, 1240, 1234, "arecord", "/usr/bin/arecord\0-D\0hw:2\0");
    for name in ["hw:CARD=S330", "plughw:CARD=S330,DEV=0", "hw:2,0", "plug:'hw:2'", "plughw:S330", "default"]
    {
        assert_facts(
            &message(&tree, Direction::Playback, name, libc::EBUSY),
            &[&format!("speaker {name:?}"), "arecord (process 1234)", "`aplay -L`"],
        );
    }
}

#[test]
fn the_owner_of_another_card_device_or_direction_is_omitted() {
    let tree = tree();
    hold(&tree, "card0/pcm0p/sub0", 7);
    hold(&tree, "card2/pcm1p/sub0", 8);
    hold(&tree, "card2/pcm0c/sub0", 9);
    let message = message(&tree, Direction::Playback, "hw:CARD=S330,DEV=0", libc::EBUSY);
    assert!(message.contains("unknown program") && !message.contains("(process"), "{message}");
}

#[test]
fn every_owner_is_named_once_or_given_by_process_id() {
    let tree = tree();
    hold(&tree, "card0/pcm0p/sub0", 50);
    hold(&tree, "card2/pcm0p/sub0", 60);
    hold(&tree, "card2/pcm0p/sub1", 61);
    thread(&tree, 60, 60, "music", "music\0");
    thread(&tree, 61, 60, "music", "music\0");
    let message = message(&tree, Direction::Playback, "default", libc::EBUSY);
    assert!(message.contains("process 50 and music (process 60); stop it"), "{message}");
}

#[test]
fn a_sound_server_is_named_with_the_command_that_stops_it() {
    for (comm, line, command) in [
        ("pipewire", "/usr/bin/pipewire\0", "systemctl --user stop pipewire.socket"),
        ("pulseaudio", "/usr/bin/pulseaudio\0--daemonize=no\0", "systemctl --user stop pulseaudio.socket"),
    ] {
        let tree = tree();
        hold(&tree, "card2/pcm0c/sub0", 900);
        thread(&tree, 900, 880, comm, line);
        let message = message(&tree, Direction::Capture, "hw:CARD=S330", libc::EBUSY);
        assert!(
            message.contains("microphone \"hw:CARD=S330\"")
                && message.contains(&format!("{comm} (process 880)")),
            "{message}"
        );
        assert!(message.contains(command) && message.contains("`arecord -L` lists"), "{message}");
    }
}

#[test]
fn a_program_name_cut_by_the_kernel_is_completed() {
    let tree = tree();
    hold(&tree, "card2/pcm0p/sub0", 5);
    thread(&tree, 5, 5, "linux-voice-ass", "/opt/linux-voice-assistant\0");
    let message = message(&tree, Direction::Playback, "hw:2", libc::EBUSY);
    assert!(message.contains("linux-voice-assistant (process 5)"), "{message}");
}

#[test]
fn a_missing_device_is_reported_with_the_existing_ones() {
    let tree = tree();
    assert_facts(
        &message(&tree, Direction::Capture, "hw:CARD=S33O", libc::ENODEV),
        &["no microphone \"hw:CARD=S33O\"", "[why]", "\"hw:CARD=S330,DEV=0\"", "`arecord -L`"],
    );
    assert_facts(
        &message(&tree, Direction::Playback, "hw:CARD=S33O", libc::ENOENT),
        &["\"hw:CARD=vc4hdmi,DEV=0\"", "\"hw:CARD=S330,DEV=0\"", "\"hw:CARD=S330,DEV=1\""],
    );
}

#[test]
fn a_system_without_sound_cards_is_reported() {
    let empty = tempfile::tempdir().unwrap();
    assert_facts(
        &message(&empty, Direction::Playback, "default", libc::ENOENT),
        &["no speaker \"default\"", "[why]", "no sound card", "`aplay -L`"],
    );
}

#[test]
fn a_denied_user_is_told_the_group_and_the_command() {
    let tree = tree();
    let user = rustix::process::geteuid().as_raw();
    assert_facts(
        &message(&tree, Direction::Playback, "hw:2", libc::EACCES),
        &[
            &format!("user u{user}"),
            "speaker \"hw:2\"",
            "group audio",
            &format!("`sudo usermod -aG audio u{user}`"),
        ],
    );
    assert_facts(
        &message(&tree, Direction::Playback, "hw:2", libc::EPERM),
        &["speaker \"hw:2\"", "DeviceAllow=char-alsa rw"],
    );
}

#[test]
fn a_card_hidden_by_permissions_is_not_called_missing() {
    let tree = tree();
    let node = tree.path().join("dev/snd/controlC2");
    write(&node, "");
    fs::set_permissions(&node, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may open everything.
    let forbidden = fs::File::open(&node).is_err();
    let message = message(&tree, Direction::Playback, "hw:CARD=S330", libc::ENODEV);
    assert_eq!(message.contains("usermod"), forbidden, "{message}");
    assert_eq!(message.contains("there is no speaker"), !forbidden, "{message}");
}

#[test]
fn a_failed_device_node_is_not_taken_for_a_wrong_configuration() {
    let tree = tree();
    for (errno, said, facts) in [
        (libc::EIO, "open '/dev/snd/pcmC2D0p' failed (-5)", ["os error 5", "unplug it"]),
        (libc::EMFILE, "open '/dev/snd/pcmC2D0p' failed (-24)", ["os error 24", "close other programs"]),
        (libc::EHOSTDOWN, "PulseAudio: Unable to connect", ["os error 112", "sound server"]),
        (libc::ENODEV, "Cannot get card index for 7", ["there is no card 7", "plug it in"]),
    ] {
        let device = "hw:CARD=S330".to_owned();
        let alsa_message = format!("{said}\nsecond line");
        let error = AudioError::Open { direction: Direction::Playback, device, errno, alsa_message };
        let message = diagnose(error, tree.path()).to_string();
        assert_facts(&message, &facts);
        assert!(!message.contains("second line"), "{message}");
    }
}

#[test]
fn other_errors_are_reported_unchanged() {
    let tree = tree();
    assert_facts(
        &message(&tree, Direction::Playback, "default", libc::ECONNREFUSED),
        &["speaker \"default\"", "os error 111", "[why]", "sound server", "`aplay -L`"],
    );
    let other = AudioError::System { what: "a timer", errno: libc::EMFILE };
    assert_eq!(diagnose(other.clone(), tree.path()), other);
}

#[track_caller]
fn assert_facts(message: &str, facts: &[&str]) {
    for fact in facts {
        assert!(message.contains(fact), "{fact:?}: {message}");
    }
}

fn message(tree: &TempDir, end: Direction, device: &str, errno: i32) -> String {
    let error =
        AudioError::Open { direction: end, device: device.to_owned(), errno, alsa_message: "why".to_owned() };
    diagnose(error, tree.path()).to_string()
}

/// Creates the files of a card with one playback device, and of one with two playback and one capture device.
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
