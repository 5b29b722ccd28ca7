//! Words and widths. What stands here would tie the project to one machine or leave work undone.

use std::path::Path;

use crate::error::{Error, Result};

/// Columns of a line of Rust: what rustfmt is set to, and also holds for comments and strings.
const MAX_COLUMNS: usize = 100;

/// Pieces of text that must not appear, and why. Split here so that this file may be checked too.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or open an issue"),
    (concat!("FIX", "ME"), "fix it first"),
    (concat!("/ho", "me/"), "a folder of one machine"),
    (concat!("/ro", "ot/"), "a folder of one machine"),
    (concat!("/wo", "rk/"), "a folder of one machine"),
    (concat!("/var", "/tmp/"), "take the folder for temporary files from the environment"),
    (concat!("crates", ".io"), "registries are configured on the machine, not here"),
    (concat!("debian", ".org"), "the mirror comes from apt's sources"),
    (concat!("pypi", ".org"), "registries are configured on the machine, not here"),
];

/// Written by cargo, with the registry's name in it.
const UNCHECKED_FILE: &str = "Cargo.lock";

/// Folders that hold no text of ours.
const UNCHECKED_FOLDERS: &[&str] = &["target", ".git"];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    check_folder(root, root, &mut complaints)?;
    Ok(complaints)
}

fn check_folder(root: &Path, folder: &Path, complaints: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().map_err(Error::io(&path))?;
        if kind.is_dir() && !UNCHECKED_FOLDERS.iter().any(|unchecked| name == *unchecked) {
            check_folder(root, &path, complaints)?;
        } else if kind.is_file() && name != UNCHECKED_FILE {
            let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
            // Stores and images kept for tests are not text.
            if let Ok(text) = std::str::from_utf8(&bytes) {
                let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                complaints.extend(check_text(&shown, text));
            }
        }
    }
    Ok(())
}

fn check_text(name: &str, text: &str) -> Vec<String> {
    let is_rust = name.ends_with(".rs");
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for (word, why) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
            complaints.push(format!("{name}:{number}: {word}: {why}"));
        }
        if is_rust && line.chars().count() > MAX_COLUMNS {
            complaints.push(format!("{name}:{number}: longer than {MAX_COLUMNS} columns"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_widths_are_named_with_their_line() {
        let text = format!("fine\n// {}: later\n{}\n", concat!("TO", "DO"), "x".repeat(101));
        let complaints = check_text("a/b.rs", &text);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("a/b.rs:2: "), "{complaints:?}");
        assert_eq!(complaints[1], "a/b.rs:3: longer than 100 columns");
        assert_eq!(check_text("a/b.md", &text).len(), 1);
    }

    #[test]
    fn columns_are_characters_and_not_bytes() {
        assert!(check_text("a.rs", &"é".repeat(100)).is_empty());
    }
}
