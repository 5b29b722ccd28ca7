//! Rules about the source tree that no compiler checks: layers, banned crates, words.
//!
//! The rules run as a test and as the first step of `cargo xtask test`. Each gives a list of
//! complaints that name the place; a tidy tree gives none.

use crate::error::{Error, Result};
use crate::process::workspace;

mod arrays;
mod layers;
mod lints;
mod lock;
mod text;

/// Checks every rule. The error lists all complaints.
pub(crate) fn run() -> Result<()> {
    let root = workspace();
    let mut complaints = layers::check(&root)?;
    complaints.extend(lints::check(&root)?);
    complaints.extend(lock::check(&root)?);
    complaints.extend(text::check(&root)?);
    if complaints.is_empty() {
        return Ok(());
    }
    Err(Error::Broken { rule: "tidy".into(), facts: format!("\n{}", complaints.join("\n")) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        if let Err(error) = super::run() {
            panic!("{error}");
        }
    }
}
