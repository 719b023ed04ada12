//! Instruction counts: this program again, under valgrind's callgrind, with N trips and with 2 N.
//!
//! Callgrind counts only inside `the_part_that_counts`; the difference over N leaves first times out. User
//! space only: what the kernel does is in the times. Where there is no valgrind, there are no counts.

use std::process::{Command, Stdio};

/// Trips of the shorter run.
const TRIPS: u64 = 400;

/// Tells whether counting is possible here.
pub(crate) fn can_count() -> bool {
    let version =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Returns the instructions of one trip.
pub(crate) fn per_trip(name: &str) -> Option<u64> {
    let (once, twice) = (collected(name, TRIPS)?, collected(name, 2 * TRIPS)?);
    Some(twice.checked_sub(once)? / TRIPS)
}

fn collected(name: &str, trips: u64) -> Option<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*measured_part*", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(["trips", name, &trips.to_string()])
        // Callgrind takes `rep movsb` for one instruction a byte, so libc is kept from using it.
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
