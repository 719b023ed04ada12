//! The `sys` module: eventfd, timerfd, and parsing of `/proc`.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use mynah::sys::alsa_proc::{PcmInfo, is_usb, parse_cards, read_cards};
use mynah::sys::proc::{field, open_files, process_of, processes, program};
use mynah::sys::{EventFd, TimerFd};
use rustix::event::{PollFd, PollFlags, poll};

#[test]
fn only_a_usb_card_has_a_usbid() {
    let root = tempfile::tempdir().unwrap();
    for (card, file) in [("card0", "id"), ("card1", "usbid")] {
        let folder = root.path().join("proc/asound").join(card);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), "0b0e:0420\n").unwrap();
    }
    assert_eq!([0, 1, 2].map(|card| is_usb(root.path(), card)), [false, true, false]);
}

#[test]
fn an_eventfd_merges_notifications_until_it_is_drained() {
    let eventfd = EventFd::new().unwrap();
    assert!(!eventfd.drain());
    eventfd.notify();
    eventfd.notify();
    assert!(eventfd.drain());
    assert!(!eventfd.drain());
    assert!(!eventfd.wait(Some(0)));
    eventfd.notify();
    assert!(eventfd.wait(Some(0)));
    assert!(!eventfd.drain());
}

#[test]
fn a_timerfd_expires_once_or_periodically_until_disarmed() {
    let timer = TimerFd::new().unwrap();
    let expired = || {
        poll(&mut [PollFd::new(&timer, PollFlags::IN)], None).unwrap();
        timer.drain()
    };
    timer.set(Some(Duration::ZERO));
    assert_eq!(expired(), 1);
    timer.set_periodic(Duration::from_nanos(1));
    assert!(expired() >= 1);
    assert!(expired() >= 1);
    timer.set(None);
    assert_eq!(timer.drain(), 0);
    timer.set(Some(Duration::MAX));
    assert_eq!(timer.drain(), 0);
}

#[test]
fn cards_are_parsed_with_both_names_and_their_devices() {
    let cards = " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n \
                 1 [MS             ]: USB-Audio - Jabra SPEAK 510 - MS\n                      GN at usb-1\n";
    let pcms = "00-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1\n\
                01-00: USB Audio : USB Audio : playback 1 : capture 1\n\
                09-00: no card : no card : capture 1\nnot a line\n";
    let cards = parse_cards(cards, pcms);
    assert_eq!(cards.len(), 2);
    let (hdmi, usb) = (&cards[0], &cards[1]);
    assert_eq!((hdmi.number, hdmi.id.as_str(), hdmi.is_duplex()), (0, "vc4hdmi", false));
    assert_eq!((usb.number, usb.id.as_str(), usb.driver.as_str()), (1, "MS", "USB-Audio"));
    assert_eq!(usb.names, ["Jabra SPEAK 510 - MS", "GN at usb-1"]);
    assert_eq!(usb.pcms, [PcmInfo { name: "USB Audio".into(), plays: true, records: true }]);
    assert!(usb.is_duplex() && usb.is_called("MS") && usb.is_called("Jabra") && !usb.is_called("510"));
}

#[test]
fn malformed_card_lists_are_empty() {
    for text in ["", "--- no soundcards ---\n", " 0 [half", " x [id ]: driver - name"] {
        assert_eq!(parse_cards(text, "00-00: a : a : playback 1"), []);
    }
    assert_eq!(read_cards(&tempfile::tempdir().unwrap().path().join("nothing")), []);
}

#[test]
fn a_field_is_found_by_its_full_key() {
    let text = "Name:\tmynah\nTgid:\t12\nPid : 13\nno colon\n";
    assert_eq!(field(text, "Tgid"), Some("12"));
    assert_eq!(field(text, "Pid"), Some("13"));
    assert_eq!((field(text, "gid"), field(text, "no colon")), (None, None));
}

#[test]
fn a_long_program_name_comes_from_the_command_line() {
    let root = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = root.path().join("proc").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("12/comm", "gnome-sound-rec\n");
    write("12/cmdline", "/usr/bin/gnome-sound-recorder\0--x\0");
    write("13/comm", "worker\n");
    write("13/cmdline", "nginx: master\0");
    write("14/status", "Name:\tthread\nTgid:\t12\n");
    write("12/fdinfo/4", "pos: 0\n");
    fs::create_dir_all(root.path().join("proc/12/fd")).unwrap();
    symlink("anon_inode:gpio-line", root.path().join("proc/12/fd/4")).unwrap();
    symlink("/dev/null", root.path().join("proc/12/fd/5")).unwrap();
    let root = root.path();
    assert_eq!(program(root, 12).as_deref(), Some("gnome-sound-recorder"));
    assert_eq!(program(root, 13).as_deref(), Some("worker"));
    assert_eq!((program(root, 14), process_of(root, 14), process_of(root, 99)), (None, 12, 99));
    let mut found: Vec<_> = processes(root).collect();
    found.sort_unstable();
    assert_eq!(found, [12, 13, 14]);
    assert_eq!(open_files(root, 12, "anon_inode:gpio-line").collect::<Vec<_>>(), ["pos: 0\n"]);
}
