//! A bug on purpose, which the schedules must find: a slab's permit is given back before the slab.
//! Without the feature `schedules` it is the constant `false`.

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

/// Makes the bug happen in all pools that this thread works on.
#[cfg(all(test, feature = "schedules"))]
pub(crate) fn plant() {
    PLANTED.set(true);
}
