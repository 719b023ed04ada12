//! Our device tree overlays: the facts that a kernel would otherwise find out on the device, and that they compile.

use std::path::Path;
use std::process::Command;

const WM8960: &str = include_str!("../../board/overlays/mynah-wm8960.dts");

#[test]
fn the_wm8960_has_a_24_mhz_crystal_and_provides_the_clocks() {
    let source = without_comments(WM8960);
    for fact in [
        "clock-frequency = <24000000>;",
        "simple-audio-card,bitclock-master = <&provider>;",
        "simple-audio-card,frame-master = <&provider>;",
        "provider: simple-audio-card,codec {",
        "target = <&i2s_clk_consumer>;",
        "wlf,shared-lrclk;",
        // Without it the microphones have no supply.
        "\"Microphones\", \"MICB\";",
    ] {
        assert_eq!(source.matches(fact).count(), 1, "{fact}");
    }
    assert!(!source.contains("12288000"), "the clock of another overlay with the same codec");
}

#[test]
fn the_overlay_names_each_card_so_that_the_board_is_found() {
    let text = without_comments(WM8960);
    assert!(text.contains("card = <&card>,\"simple-audio-card,name\";"));
    let mut boards = 0;
    for (board, file) in super::boards::board_files() {
        let Some(line) = file.lines().find(|line| line.contains("dtoverlay=mynah-wm8960")) else { continue };
        boards += 1;
        let named = line.split_whitespace().find(|word| word.starts_with("dtoverlay=")).unwrap();
        assert_eq!(named, format!("dtoverlay=mynah-wm8960,card={board}"));
        assert!(file.contains(&format!("cards = [\"{board}\"]\ncodec = \"wm8960-hifi\"")), "{board}");
    }
    assert_eq!(boards, 4);
}

#[test]
fn the_overlay_compiles_where_there_is_a_compiler() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("board/overlays/mynah-wm8960.dts");
    let blob = tempfile::NamedTempFile::new().unwrap();
    let command = ["-@", "-I", "dts", "-O", "dtb", "-o"];
    // The step `overlays` of ./check needs dtc; here it is an early word of it.
    let Ok(output) = Command::new("dtc").args(command).arg(blob.path()).arg(source).output() else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

fn without_comments(source: &str) -> String {
    let mut text = String::new();
    for part in source.split("/*") {
        text.push_str(part.split_once("*/").map_or(part, |(_, after)| after));
    }
    text
}
