//! The start time of mynah: from just before exec until the service has read the whole first message.
//!
//! The service is the tests' own, over TLS on loopback, and both ends share this machine's processors. The audio devices
//! are ALSA's null device, so ALSA's configuration is read and no card is opened.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use mynah::parrot::ParrotConfig;

use crate::child::{Child, MYNAH};
use crate::quantile;
use crate::service::{Behaviour, Service};

const STARTS: usize = 25;
/// Long, because an emulated program on a busy machine takes seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Prints the start times of a command; without one, of the mynah of this build.
pub(crate) fn print(command: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let command = if command.is_empty() { &[MYNAH] } else { command };
    // The first start also reads the program from disk.
    after_ms(dir.path(), command, &NULL_DEVICES);
    let mut times: Vec<f64> = (0..STARTS).map(|_| after_ms(dir.path(), command, &NULL_DEVICES)).collect();
    let (median, worst) = (quantile(&mut times, 0.5), quantile(&mut times, 1.0));
    println!("exec to session.update received, ms: median {median:.1} worst {worst:.1} of {STARTS}");
}

const NULL_DEVICES: [&str; 5] = ["--microphone", "null", "--speaker", "null", "--no-light"];

/// Returns the duration of one start of `command` in milliseconds.
pub(crate) fn after_ms(dir: &Path, command: &[&str], arguments: &[&str]) -> f64 {
    let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
    let began = Instant::now();
    let child = child(dir, &service, command, arguments);
    let arrived = Cell::new(began);
    service.until_within(TIMEOUT, "session.update", |all| {
        arrived.set(Instant::now());
        all.iter().any(|one| one.count("session.update") > 0)
    });
    child.kill();
    (arrived.get() - began).as_secs_f64() * 1000.0
}

/// Starts mynah as a client of the service; `dir` is for its key.
pub(crate) fn child(dir: &Path, service: &Service, command: &[&str], arguments: &[&str]) -> Child {
    child_with(dir, service, command, arguments, [])
}

/// Starts it with these environment variables as well.
pub(crate) fn child_with(
    dir: &Path,
    service: &Service,
    command: &[&str],
    arguments: &[&str],
    environment: impl IntoIterator<Item = (&'static str, String)>,
) -> Child {
    let key = dir.join("key");
    std::fs::write(&key, "a-key-for-the-parrot").unwrap();
    let url = service.url();
    let (key, ca_file) = (key.to_str().unwrap(), service.ca_file().to_str().unwrap());
    let client = ["--endpoint", &url, "--ca-file", ca_file, "--api-key-file", key];
    Child::start(&[command, &client, arguments].concat(), environment)
}
