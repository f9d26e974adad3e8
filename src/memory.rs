//! The allocator: what is freed goes back to the system.

/// Fixes the size from which glibc maps blocks of their own, which go back to the system when they are freed. Called
/// before there are other threads.
///
/// By itself it raises that size with each large block it sees freed, up to 32 MB, and then keeps what a refresh used:
/// that took five times the memory at 100,000 series.
pub fn return_large_blocks_at_once() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const BYTES: libc::c_int = 128 * 1024;
        // SAFETY: takes two integers; called before any other thread exists.
        #[expect(unsafe_code, reason = "there is no other way to set it from within")]
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, BYTES);
        }
    }
}

/// Returns freed small blocks to the system. glibc does so by itself only at the end of its heap, and whatever lives
/// longest lies there: after a thousand connections it would keep the memory of a thousand.
///
/// Takes a few milliseconds.
pub(crate) fn release() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: takes an integer, and may be called from any thread.
        #[expect(unsafe_code, reason = "there is no other way to ask for it from within")]
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
