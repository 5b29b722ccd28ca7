//! Lints: each member takes those of the workspace, which forbid unsafe code. Only the crate
//! `disk` has a table of its own, and that one demands an argument for each unsafe block.
//! The LZ4 decoder is built with its checks.

use std::path::Path;

use super::arrays;
use crate::error::{Error, Result};

const UNSAFE_MEMBER: &str = "appliance/disk";

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let mut complaints = Vec::new();
    if !has_line(&manifest, "unsafe_code = \"forbid\"") {
        complaints.push("Cargo.toml: the lints of the workspace must forbid unsafe code".into());
    }
    complaints.extend(decoder(&manifest));
    for line in arrays::lines(&manifest, "members") {
        let folder = line.trim_matches(['"', ',']);
        let member = read(&root.join(folder).join("Cargo.toml"))?;
        complaints.extend(complaint(folder, &member));
    }
    Ok(complaints)
}

fn complaint(folder: &str, manifest: &str) -> Option<String> {
    if manifest.contains("[lints]\nworkspace = true\n") {
        return None;
    }
    if folder == UNSAFE_MEMBER && has_line(manifest, "undocumented_unsafe_blocks = \"deny\"") {
        return None;
    }
    Some(format!("{folder}/Cargo.toml: the lints of the workspace must apply"))
}

/// The LZ4 decoder takes what disks give: it must keep its checks, whatever the encoder does.
fn decoder(manifest: &str) -> Option<String> {
    let line = manifest.lines().find(|line| line.starts_with("lz4_flex"))?;
    let checked = ["\"safe-decode\"", "\"checked-decode\""].iter().all(|name| line.contains(name));
    (!checked).then(|| "Cargo.toml: lz4_flex needs safe-decode and checked-decode".into())
}

fn has_line(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| line.trim() == wanted)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(Error::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lz4_decoder_without_checks_is_refused() {
        let line = |features: &str| format!("lz4_flex = {{ features = [{features}] }}\n");
        assert_eq!(decoder(&line("\"std\", \"safe-decode\", \"checked-decode\"")), None);
        assert!(decoder(&line("\"std\", \"safe-decode\"")).is_some());
        assert!(decoder(&line("\"std\", \"checked-decode\"")).is_some());
    }

    #[test]
    fn only_the_disk_may_have_lints_of_its_own() {
        let own = "[lints.clippy]\nundocumented_unsafe_blocks = \"deny\"\n";
        assert_eq!(complaint(UNSAFE_MEMBER, own), None);
        assert!(complaint("appliance/store", own).is_some());
        assert!(complaint(UNSAFE_MEMBER, "[package]\n").is_some());
        assert_eq!(complaint("appliance/store", "[lints]\nworkspace = true\n"), None);
    }
}
