//! The allocator of the tests: it aborts inside `assert_no_alloc`, counts on threads that ask to be watched,
//! and knows how much each thread holds.
#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use assert_no_alloc::AllocDisabler;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

static COUNTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Counts this thread's allocations from now on. One thread at a time is watched.
pub(crate) fn watch_this_thread() {
    WATCHED.set(true);
}

/// How many allocations watched threads have made.
pub(crate) fn counted() -> u64 {
    COUNTED.load(Ordering::Relaxed)
}

/// The bytes that this thread has allocated, less those that it has freed.
pub(crate) fn live_bytes() -> isize {
    LIVE.get()
}

fn hold(bytes: isize) {
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
}

struct Watching;

// SAFETY: every call is handed to an allocator that keeps the contract; counting allocates nothing.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCHED.try_with(Cell::get).unwrap_or(false) {
            COUNTED.fetch_add(1, Ordering::Relaxed);
        }
        hold(layout.size() as isize);
        // SAFETY: the caller's contract is passed on unchanged.
        unsafe { AllocDisabler.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        hold(-(layout.size() as isize));
        // SAFETY: the block came from `alloc` above, with this layout.
        unsafe { AllocDisabler.dealloc(block, layout) }
    }
}
