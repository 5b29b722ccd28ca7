//! The write path: a source becomes a recovery point.
