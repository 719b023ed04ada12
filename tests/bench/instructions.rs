//! Instruction counts: runs this program under valgrind's callgrind with N trips and with 2 N.
//!
//! Callgrind counts only inside `measured_part`; the difference divided by N excludes the first trip. It counts user
//! space only. Without valgrind there are no counts.

use std::process::{Command, Stdio};

/// The number of trips in the shorter run.
const TRIPS: u64 = 400;

/// Returns whether valgrind is installed.
pub(crate) fn can_count() -> bool {
    let version =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Returns the instructions of one trip, or `None` if they could not be counted.
pub(crate) fn per_trip(name: &str) -> Option<u64> {
    let (once, twice) = (collected(name, TRIPS)?, collected(name, 2 * TRIPS)?);
    Some(twice.checked_sub(once)? / TRIPS)
}

fn collected(name: &str, trips: u64) -> Option<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*measured_part*", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(["trips", name, &trips.to_string()])
        // Callgrind counts `rep movsb` as one instruction per byte, so libc must not use it.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.x86_rep_movsb_threshold=1000000:glibc.cpu.x86_rep_stosb_threshold=1000000",
        )
        .output()
        .ok()?;
    let output = String::from_utf8_lossy(&run.stderr).into_owned();
    let count = output.lines().find_map(|line| line.split_once("Collected :"))?.1.trim().parse().ok();
    count.filter(|_| run.status.success())
}
