//! What reports say, and that nothing else gets into them.

mod clients;
mod clocks;
mod examples;
mod make;
mod page;
mod readers;
mod rendering;
