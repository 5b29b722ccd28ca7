//! Documents in and out, and schedules against a clock that is stepped minute by minute.

mod calendar;
mod diffs;
mod errors;
mod export;
mod make;
mod page;
mod reading;
mod schedules;
