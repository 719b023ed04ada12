//! Work that is in mynah's way: two busy loops and one that walks through memory, as processes of their own.
//!
//! The loops are made of instructions that an emulator passes over quickly, so that ten minutes of the machine's time
//! under load take no ten minutes on the wall; to the scheduler they are as busy as any.
#![expect(unsafe_code, reason = "no safe word means an instruction that does nothing")]

use std::process::{Child, Command};

use crate::clock;

/// The load, until it is dropped.
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

/// Is one process of the load.
pub(crate) fn run_worker(kind: &str) -> ! {
    if kind == "memory" { walk() } else { spin() }
}

fn spin() -> ! {
    loop {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: it does nothing, four hundred times.
        unsafe {
            std::arch::asm!(".rept 400", "nop", ".endr", options(nomem, nostack, preserves_flags));
        }
        #[cfg(not(target_arch = "x86_64"))]
        std::hint::spin_loop();
    }
}

/// Takes memory from the system, page by page, and gives it back.
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
