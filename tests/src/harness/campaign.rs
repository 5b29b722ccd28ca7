//! How long campaigns are and where they begin: the same for all crates.

/// A number of what a test goes through, scaled for a shorter or a longer run by
/// `HOLDFAST_STATES_PERCENT`. At least 1.
pub(crate) fn scaled(count: usize) -> usize {
    let percent = std::env::var("HOLDFAST_STATES_PERCENT");
    let percent = percent.map_or(100, |percent| percent.parse().expect("a number of percent"));
    (count * percent / 100).max(1)
}

/// The seed that campaigns begin with: `HOLDFAST_SEED`, else 0.
pub(crate) fn first_seed() -> u64 {
    std::env::var("HOLDFAST_SEED").map_or(0, |seed| seed.parse().expect("a seed"))
}
