//! The allocator of the tests: it aborts inside `assert_no_alloc`, counts allocations of watched threads, and
//! tracks the bytes that each thread has allocated for a simulated device.
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

/// For whom memory was allocated, independent of the thread that frees it.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Owner {
    World,
    Device,
}

/// Counts this thread's allocations from now on. Only one thread may be watched at a time.
pub(crate) fn watch_this_thread() {
    WATCHED.set(true);
}

/// Returns the number of allocations of watched threads.
pub(crate) fn counted() -> u64 {
    COUNTED.load(Ordering::Relaxed)
}

/// Runs `work` and attributes its allocations to the device.
pub(crate) fn as_device<T>(work: impl FnOnce() -> T) -> T {
    owned_by(Owner::Device, work)
}

/// Runs `work` and attributes its allocations to what is around the device, of which it is a part.
pub(crate) fn as_world<T>(work: impl FnOnce() -> T) -> T {
    owned_by(Owner::World, work)
}

fn owned_by<T>(owner: Owner, work: impl FnOnce() -> T) -> T {
    let before = OWNER.replace(owner);
    let output = work();
    OWNER.set(before);
    output
}

/// Returns the bytes that this thread has allocated for the device, minus those that it has freed.
pub(crate) fn device_bytes() -> isize {
    DEVICE.get()
}

fn account(owner: usize, bytes: isize) {
    if owner == Owner::Device as usize {
        let _ = DEVICE.try_with(|bytes_held| bytes_held.set(bytes_held.get() + bytes));
    }
}

struct TestAllocator;

/// Returns the layout of a block with its owner in front, and the offset of the part handed out.
fn with_owner(layout: Layout) -> Option<(Layout, usize)> {
    Layout::new::<usize>().extend(layout).ok()
}

// SAFETY: every call goes to an allocator that keeps the contract, with a layout that has room for the owner and
// the caller's block at its alignment; counting allocates nothing.
unsafe impl GlobalAlloc for TestAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCHED.try_with(Cell::get).unwrap_or(false) {
            COUNTED.fetch_add(1, Ordering::Relaxed);
        }
        let Some((whole, offset)) = with_owner(layout) else { return ptr::null_mut() };
        let owner = OWNER.try_with(Cell::get).unwrap_or(Owner::World) as usize;
        // SAFETY: the size of `whole` is not 0, since it contains the owner.
        let block = unsafe { AllocDisabler.alloc(whole) };
        if block.is_null() {
            return block;
        }
        account(owner, layout.size() as isize);
        // SAFETY: the block is aligned for a `usize`, starts with room for one, and is at least `offset` bytes
        // long.
        unsafe {
            block.cast::<usize>().write(owner);
            block.add(offset)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((whole, offset)) = with_owner(layout) else { return };
        // SAFETY: the block came from `alloc` above with this layout, so the allocation starts `offset` bytes
        // before it.
        unsafe {
            let block = block.sub(offset);
            account(block.cast::<usize>().read(), -(layout.size() as isize));
            AllocDisabler.dealloc(block, whole);
        }
    }
}
