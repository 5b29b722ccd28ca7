//! A bug on purpose, which the schedules must find: for a moment a chunk that was fetched is
//! neither on its way nor there. Without the feature `schedules` it is the constant `false`.

#[cfg(feature = "schedules")]
thread_local! {
    static PLANTED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether the bug is to happen.
#[cfg(feature = "schedules")]
pub(crate) fn planted() -> bool {
    PLANTED.get()
}

/// Whether the bug is to happen: never.
#[cfg(not(feature = "schedules"))]
pub(crate) const fn planted() -> bool {
    false
}

/// Makes the bug happen in all chunks that this thread works with.
#[cfg(all(test, feature = "schedules"))]
pub(crate) fn plant() {
    PLANTED.set(true);
}
