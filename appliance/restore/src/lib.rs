//! The read path: a recovery point becomes bytes again.
