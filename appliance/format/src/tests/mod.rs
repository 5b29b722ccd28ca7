//! The format held against FORMAT.md, against itself, and against bytes that nobody wrote.

mod anything;
mod document;
mod examples;
mod flips;
mod geometry;
mod make;
mod refusals;
mod there_and_back;
