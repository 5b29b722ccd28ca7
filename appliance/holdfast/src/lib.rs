//! The holdfast command.
