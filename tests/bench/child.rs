//! The mynah binary as a child process, and its resource usage from the kernel.
//!
//! Peak memory is `VmHWM`: `ru_maxrss` would include the parent before `exec`.
#![expect(unsafe_code, reason = "only wait4 reports the usage of a single child")]

use std::fs;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The mynah binary of this build.
pub(crate) const MYNAH: &str = env!("CARGO_BIN_EXE_mynah");

/// A running mynah.
pub(crate) struct Child {
    process: std::process::Child,
}

/// The resource usage of an ended process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) succeeded: bool,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    pub(crate) voluntary_switches: i64,
    pub(crate) involuntary_switches: i64,
}

/// The maxima of a running process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peak {
    /// `VmHWM`
    pub(crate) resident_kib: u64,
    pub(crate) threads: usize,
}

/// The memory and CPU usage of a running process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    /// `VmRSS`
    pub(crate) resident_kib: u64,
    /// `Pss`: the pages that it shares count in shares.
    pub(crate) proportional_kib: u64,
    /// Of all threads.
    pub(crate) cpu: Duration,
    /// Voluntary and involuntary, of all threads.
    pub(crate) switches: u64,
    pub(crate) threads: usize,
}

impl Child {
    /// Starts mynah, with these environment variables as well; the first item of the command line is mynah or an emulator
    /// that runs it.
    pub(crate) fn start(
        command_line: &[&str],
        environment: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let mut command = Command::new(command_line[0]);
        command.args(&command_line[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // The caller's own settings must not take effect.
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("AZURE_VOICELIVE_") || key == "SSL_CERT_FILE" {
                command.env_remove(key);
            }
        }
        command.envs(environment).current_dir(std::env::temp_dir());
        Self { process: command.spawn().expect("mynah starts") }
    }

    /// Returns its entry in /proc, for other threads.
    pub(crate) fn proc(&self) -> Proc {
        Proc(PathBuf::from(format!("/proc/{}", self.process.id())))
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it ends. Returns its resource usage and its standard output.
    pub(crate) fn wait(mut self) -> (Usage, String) {
        let mut output = String::new();
        std::io::Read::read_to_string(&mut self.process.stdout.take().unwrap(), &mut output).unwrap();
        let mut status = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        let id = self.process.id().cast_signed();
        // SAFETY: both pointers are valid for writing, and nothing else waits for this child.
        let ended = unsafe { libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()) };
        assert_eq!(ended, id, "the child is ours");
        // SAFETY: all zero is a valid rusage, and wait4 has filled it in.
        let usage = unsafe { usage.assume_init() };
        let used = Usage {
            succeeded: status == 0,
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
            voluntary_switches: usage.ru_nvcsw,
            involuntary_switches: usage.ru_nivcsw,
        };
        (used, output)
    }
}

/// The directory of a process in /proc.
#[derive(Clone)]
pub(crate) struct Proc(PathBuf);

impl Proc {
    /// Returns the current usage (proc(5): status, smaps_rollup and, of each thread, schedstat and status); `None` after
    /// the process has ended.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        let resident_kib = self.number_in("status", "VmRSS:");
        let proportional_kib = self.number_in("smaps_rollup", "Pss:");
        let mut now = Snapshot { resident_kib, proportional_kib, ..Snapshot::default() };
        for thread in fs::read_dir(self.0.join("task")).ok()?.flatten() {
            let thread = Self(thread.path());
            // The first number is the time on the CPU, in nanoseconds.
            let schedstat = fs::read_to_string(thread.0.join("schedstat")).ok()?;
            now.cpu += Duration::from_nanos(schedstat.split_whitespace().next()?.parse().ok()?);
            now.switches += thread.number_in("status", "voluntary_ctxt_switches:")
                + thread.number_in("status", "nonvoluntary_ctxt_switches:");
            now.threads += 1;
        }
        (now.threads > 0).then_some(now)
    }

    /// Raises `peak` to the current values; leaves it as it is after the process has ended.
    pub(crate) fn update_peak(&self, peak: &mut Peak) {
        let (resident_kib, threads) = (self.number_in("status", "VmHWM:"), self.threads());
        *peak =
            Peak { resident_kib: peak.resident_kib.max(resident_kib), threads: peak.threads.max(threads) };
    }

    /// Returns the number behind `name` in one of its files; 0 if there is none.
    fn number_in(&self, file: &str, name: &str) -> u64 {
        let text = fs::read_to_string(self.0.join(file)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }

    fn threads(&self) -> usize {
        fs::read_dir(self.0.join("task")).map_or(0, Iterator::count)
    }

    /// Returns an instant at which its only timerfd expires.
    pub(crate) fn timer_expires(&self) -> Option<Instant> {
        let descriptors = fs::read_dir(self.0.join("fd")).ok()?;
        let timer = descriptors.flatten().find(|entry| {
            fs::read_link(entry.path()).is_ok_and(|link| link.to_string_lossy().contains("timerfd"))
        })?;
        let path = self.0.join("fdinfo").join(timer.file_name());
        // The quickest of several reads is the most precise.
        (0..20)
            .filter_map(|_| Self::read_timer(&path))
            .min_by_key(|(took, _)| *took)
            .map(|(_, expires)| expires)
    }

    fn read_timer(path: &PathBuf) -> Option<(Duration, Instant)> {
        let before = Instant::now();
        let info = fs::read_to_string(path).ok()?;
        let took = before.elapsed();
        // it_value: (0, 4823910)
        let left = info.lines().find_map(|line| line.strip_prefix("it_value: ("))?;
        let (seconds, ns) = left.trim_end_matches(')').split_once(", ")?;
        let left = Duration::new(seconds.parse().ok()?, ns.parse().ok()?);
        Some((took, before + took / 2 + left))
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.cast_unsigned()) + Duration::from_micros(time.tv_usec.cast_unsigned())
}
