//! A plan as a document.

use std::fmt::Write;

use crate::Plan;
use crate::list::{ItemKind, items};

impl Plan {
    /// The plan as a document that [`crate::parse`] reads as the same plan. Defaults are written
    /// out, so that it says what holds.
    pub fn to_toml(&self) -> String {
        let mut document = String::from("format = 1\n");
        for item in items(self) {
            let head = match item.kind {
                ItemKind::Client => "[[client]]",
                ItemKind::System => "[[system]]",
                ItemKind::Maintenance => "[maintenance]",
                ItemKind::Limits => "[limits]",
            };
            // Writing to a text does not fail.
            let _ = writeln!(document, "\n{head}");
            for (key, value) in item.entries {
                let _ = writeln!(document, "{key} = {value}");
            }
        }
        document
    }
}
