//! Background load: two busy loops and one that allocates memory, each a process.
//!
//! The loops consist of instructions that an emulator executes quickly, so that ten minutes of guest time take less
//! than ten minutes of real time; to the scheduler they are as busy as any.
#![expect(unsafe_code, reason = "a no-op instruction needs inline assembly")]

use std::process::{Child, Command};

use crate::clock;

/// The running load; dropping it ends the processes.
pub(crate) struct Load(Vec<Child>);

impl Load {
    pub(crate) fn begin() -> Self {
        let start = |kind| {
            let child = Command::new("chrt").args(["-o", "0", "vm", "--load", kind]).spawn();
            child.expect("the load starts")
        };
        Self(["loop", "loop", "memory"].map(start).into())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs one process of the load, which never ends by itself.
pub(crate) fn run_worker(kind: &str) -> ! {
    if kind == "memory" { walk() } else { spin() }
}

fn spin() -> ! {
    loop {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `nop` has no effect.
        unsafe {
            std::arch::asm!(".rept 400", "nop", ".endr", options(nomem, nostack, preserves_flags));
        }
        #[cfg(not(target_arch = "x86_64"))]
        std::hint::spin_loop();
    }
}

/// Allocates memory, touches every page, and frees it.
fn walk() -> ! {
    const BYTES: usize = 4 << 20;
    const PAGE: usize = 4096;
    loop {
        let mut memory = vec![0u8; BYTES];
        for place in (0..BYTES).step_by(PAGE) {
            memory[place] = 1;
        }
        drop(std::hint::black_box(memory));
        clock::sleep_ms(20);
    }
}
