//! How often the key stands in the memory of a connected program.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn the_key_stands_once_in_the_memory_of_a_connected_program() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.txt");
    fs::write(&key, KEY).unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let mut command = connected(folder.path(), &service);
    command.env_remove("AZURE_VOICELIVE_API_KEY").arg("--api-key-file").arg(&key).arg("--no-light");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    service.until("the configuration", |all| all.iter().any(|one| one.count("session.update") > 0));
    let found = occurrences(child.id(), KEY.as_bytes());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
}

/// Returns what surrounds each occurrence of `needle` in the writable memory of a process (proc(5): maps, mem).
fn occurrences(process: u32, needle: &[u8]) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|end| u64::from_str_radix(end, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // What the kernel keeps for itself cannot be read.
        if memory.read_exact_at(&mut bytes, from).is_err() {
            continue;
        }
        for (place, window) in bytes.windows(needle.len()).enumerate() {
            if window == needle {
                let around = &bytes[place.saturating_sub(24)..(place + needle.len() + 24).min(bytes.len())];
                found.push(format!("{line}: {}", around.escape_ascii()));
            }
        }
    }
    found
}
