//! Facts to verdicts, findings to alerts, and the table for people.

mod book;
mod codes;
mod every_code;
mod make;
mod page;
mod unknown;
