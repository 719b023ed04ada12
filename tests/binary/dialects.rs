//! The program with a server of each dialect: a turn and its reply, and a dialect that is set wrongly.

use mynah::parrot::ParrotConfig;
use serde_json::json;

use super::*;
use crate::service::GaQuirks;

#[test]
fn a_turn_is_answered_in_each_dialect() {
    for (path, flags, header) in [
        ("/v1/realtime", &[][..], ("authorization", format!("Bearer {KEY}"))),
        ("/openai/v1/realtime", &[], ("api-key", KEY.to_owned())),
        ("", &["--dialect", "openai"], ("authorization", format!("Bearer {KEY}"))),
        ("/", &["--dialect", "azure-openai"], ("api-key", KEY.to_owned())),
    ] {
        let (folder, service) = (tempfile::tempdir().unwrap(), server());
        let output = run(&mut talking(folder.path(), &format!("{}{path}", service.url()), flags));
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        assert_eq!(output.status.code(), Some(0), "{path}: {printed}");
        assert_eq!(count(&printed, "mynah: "), 1, "{path}: {printed}");
        let one = &service.connections()[0];
        assert_eq!(one.header(header.0), Some(&*header.1), "{path}");
        assert!(one.uri.ends_with("/v1/realtime?model=gpt-realtime"), "{path}: {}", one.uri);
        let session = &service.wait_for("session.update")["session"];
        assert_eq!((&session["type"], one.count("session.update")), (&json!("realtime"), 1), "{path}");
        // Nothing that only Azure has, although its defaults are Azure's.
        let text = session.to_string();
        assert!(!text.contains("azure") && !text.contains("echo"), "{path}: {text}");
    }
}

#[test]
fn a_dialect_that_is_set_wrongly_is_named_with_its_place() {
    let (folder, service) = (tempfile::tempdir().unwrap(), server());
    let output = run(&mut talking(folder.path(), &service.url(), &["--dialect", "voice-live"]));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{printed}");
    let told = "the service speaks another dialect than the one that is set: dialect is voice-live, and the service has a \
                nested session object, as openai has; dialled ws://localhost";
    assert!(printed.contains(told), "{printed}");
    assert!(
        printed.contains("; dialect is from option --dialect; exiting; correct or remove it"),
        "{printed}"
    );
}

fn server() -> Service {
    Service::start_plain([Behaviour::Ga(ParrotConfig::default(), GaQuirks::default())])
}

/// Returns the program at this address, with a second of sound and two of silence for the microphone.
fn talking(folder: &Path, url: &str, flags: &[&str]) -> Command {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut speech = hound::WavWriter::create(folder.join("speech.wav"), spec).unwrap();
    for at in 0..72_000 {
        let sample = if at < 24_000 { [9000, -9000][at / 60 % 2] } else { 0 };
        speech.write_sample::<i16>(sample).unwrap();
    }
    speech.finalize().unwrap();
    let mut command = mynah(folder);
    command.args(["--endpoint", url, "--speech", "speech.wav", "--speaker-file", "out.wav", "--print-words"]);
    command.args(flags).env("AZURE_VOICELIVE_API_KEY", KEY);
    command
}
