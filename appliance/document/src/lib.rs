//! TOML documents that people write by hand: a protection plan, the settings of alerts.
//!
//! [`read`] is total: any text gives all of its problems at once, each with its line and column,
//! and a value if none of them is an error. What a document may hold is a table of [`Section`]s,
//! from which unknown keys are told with the nearest known one and to which its page is held.
//!
//! Beside that stands what such documents have in common: spans and amounts, [`Window`]s of the
//! week and [`Windows`] in a time zone.
//!
//! **Invariant:** pure: nothing here waits or asks for the time. Only the rules of time zones are
//! read from the system's database, or from the one built in when there is none.

mod key;
mod name;
mod problem;
mod quantity;
mod read;
mod table;
mod window;
mod windows;
mod write;

pub use key::{Key, Section, key};
pub use name::{is_text, nearest};
pub use problem::{Level, Problem, Problems};
pub use quantity::{bytes_text, parse_bytes, parse_span, span_text};
pub use read::{MAX_DOCUMENT, read};
pub use table::Table;
pub use window::{DAY, Days, Window, WindowError, parse_time, time_text};
pub use windows::{Windows, add_days, instant, seconds_after};
pub use write::{list, quoted};
