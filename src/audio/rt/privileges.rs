//! The privileges of a real-time thread: locked memory and SCHED_FIFO.
//!
//! A denial is returned as a warning, never as an error: audio works without them, but may break up under load.
#![expect(unsafe_code, reason = "no safe crate wraps sched_setscheduler")]

use std::hint::black_box;
use std::{fmt, io};

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

/// A privilege that the system denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audio) enum DeniedPrivilege {
    Schedule { thread: &'static str, errno: i32 },
    Memory { errno: i32 },
}

impl fmt::Display for DeniedPrivilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, errno) = match self {
            DeniedPrivilege::Schedule { thread, errno } => {
                (format!("real-time scheduling of {thread}"), errno)
            }
            DeniedPrivilege::Memory { errno } => ("locked memory".to_owned(), errno),
        };
        write!(f, "{what} ({})", io::Error::from_raw_os_error(*errno))
    }
}

/// Returns one warning with all denied privileges and the remedy, or `None` if there are none.
pub(in crate::audio) fn warning(denied: &[DeniedPrivilege]) -> Option<String> {
    let list: Vec<String> = denied.iter().map(DeniedPrivilege::to_string).collect();
    (!list.is_empty()).then(|| {
        format!(
            "the system denied {}; mynah runs without, but audio may break up under load. Set LimitRTPRIO=80 and \
             LimitMEMLOCK=infinity in the systemd unit, or add \"@audio - rtprio 80\" and \"@audio - memlock unlimited\" \
             to /etc/security/limits.conf and join the group audio",
            list.join(", ")
        )
    })
}

/// Stack of an audio thread in bytes: small because it is locked, with room for alsa-lib to read its
/// configuration when a device is reopened.
pub(in crate::audio) const STACK_BYTES: usize = 256 * 1024;
/// The part of the stack that the loop may use, in bytes; its pages are touched before the loop starts.
const PREFAULT_BYTES: usize = 64 * 1024;

/// Locks the pages that the process touches from now on (mlockall(2) with MCL_ONFAULT).
///
/// Not requested under a limit: every later mapping counts against it, touched or not, and the first one that
/// exceeds it would end the process.
pub(in crate::audio) fn lock_memory() -> Option<DeniedPrivilege> {
    let is_allowed = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
        || getrlimit(Resource::Memlock).current.is_none();
    if !is_allowed {
        return Some(DeniedPrivilege::Memory { errno: libc::EPERM });
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(flags).err().map(|errno| DeniedPrivilege::Memory { errno: errno.raw_os_error() })
}

/// Sets SCHED_FIFO for the calling thread, not for its children, and checks that it is in effect (sched(7)).
pub(in crate::audio) fn schedule(thread: &'static str, priority: i32) -> Option<DeniedPrivilege> {
    let parameter = libc::sched_param { sched_priority: priority };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: thread 0 is the caller, and the parameter outlives the call, which only reads it.
    let failed = unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) } != 0;
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EPERM);
    // SAFETY: it takes no pointer; thread 0 is the caller.
    let scheduled = unsafe { libc::sched_getscheduler(0) };
    (failed || scheduled & !libc::SCHED_RESET_ON_FORK != libc::SCHED_FIFO)
        .then_some(DeniedPrivilege::Schedule { thread, errno })
}

/// Touches the stack that the loop will use, so that it causes no page fault later.
#[inline(never)]
pub(in crate::audio) fn prefault_stack() {
    black_box(&mut [0u8; PREFAULT_BYTES]);
}
