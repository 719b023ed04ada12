//! The allocator of the tests: it aborts inside `assert_no_alloc`, counts on threads that ask to be watched,
//! and knows how much of what each thread holds a simulated device asked for.
#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use assert_no_alloc::AllocDisabler;

#[global_allocator]
static ALLOCATOR: TestAllocator = TestAllocator;

static COUNTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static OWNER: Cell<Owner> = const { Cell::new(Owner::World) };
    static DEVICE: Cell<isize> = const { Cell::new(0) };
}

/// Whose memory it is: on whose behalf it was asked for, whoever frees it.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Owner {
    World,
    Device,
}

/// Counts this thread's allocations from now on. One thread at a time is watched.
pub(crate) fn watch_this_thread() {
    WATCHED.set(true);
}

/// How many allocations watched threads have made.
pub(crate) fn counted() -> u64 {
    COUNTED.load(Ordering::Relaxed)
}

/// What `work` asks for is the device's.
pub(crate) fn as_device<T>(work: impl FnOnce() -> T) -> T {
    let before = OWNER.replace(Owner::Device);
    let output = work();
    OWNER.set(before);
    output
}

/// The bytes that this thread has allocated as a device, less those that it has freed.
pub(crate) fn device_bytes() -> isize {
    DEVICE.get()
}

fn account(owner: usize, bytes: isize) {
    if owner == Owner::Device as usize {
        let _ = DEVICE.try_with(|bytes_held| bytes_held.set(bytes_held.get() + bytes));
    }
}

struct TestAllocator;

/// The block as it is asked of the system: before what the caller gets stands whose it is.
fn with_owner(layout: Layout) -> Option<(Layout, usize)> {
    Layout::new::<usize>().extend(layout).ok()
}

// SAFETY: every call is handed to an allocator that keeps the contract, with a layout that has room for the
// caller's block at its alignment behind a number; counting allocates nothing.
unsafe impl GlobalAlloc for TestAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCHED.try_with(Cell::get).unwrap_or(false) {
            COUNTED.fetch_add(1, Ordering::Relaxed);
        }
        let Some((whole, offset)) = with_owner(layout) else { return ptr::null_mut() };
        let owner = OWNER.try_with(Cell::get).unwrap_or(Owner::World) as usize;
        // SAFETY: `whole` is not empty: it has a number in it.
        let block = unsafe { AllocDisabler.alloc(whole) };
        if block.is_null() {
            return block;
        }
        account(owner, layout.size() as isize);
        // SAFETY: the block is aligned for a number, begins with room for one, and is `offset` bytes or longer.
        unsafe {
            block.cast::<usize>().write(owner);
            block.add(offset)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((whole, offset)) = with_owner(layout) else { return };
        // SAFETY: the block came from `alloc` above, with this layout, so what it handed out begins `offset` bytes before.
        unsafe {
            let block = block.sub(offset);
            account(block.cast::<usize>().read(), -(layout.size() as isize));
            AllocDisabler.dealloc(block, whole);
        }
    }
}
