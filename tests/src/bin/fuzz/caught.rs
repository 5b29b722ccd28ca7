//! Panics as values: message and place, without the noise on standard error.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work`; an error says what it panicked with and where. Panics of other threads are shown
/// as always.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| match CATCHING.get() {
            true => CAUGHT.set(text(info)),
            false => before(info),
        }));
    });
    CATCHING.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(false);
    done.map_err(|_| CAUGHT.take())
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(String::new, |place| format!(" at {place}"));
    format!("{}{place}", info.payload_as_str().unwrap_or("a panic without words"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        assert_eq!(catch(|| 5), Ok(5));
        let caught = catch(|| assert!(std::hint::black_box(false), "number {}", 7)).unwrap_err();
        assert!(caught.starts_with("number 7 at "), "{caught}");
        assert!(caught.contains("caught.rs:"), "{caught}");
    }
}
