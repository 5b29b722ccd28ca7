//! Whole-box scenarios.
