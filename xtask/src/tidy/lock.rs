//! Packages of others: none that deny.toml bans, and each in one version only.
//!
//! cargo-deny checks the same and more, but a fresh machine does not have it. Bans and accepted
//! duplicates are read from deny.toml, so that there is one list. Cargo.lock itself is no measure:
//! it also names optional packages that nothing here switches on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::arrays;
use crate::error::{Error, Result};
use crate::process::{cargo, quiet};

/// Versions of each package that is built here, for the product or for its tests.
type Used = BTreeMap<String, BTreeSet<String>>;

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let path = root.join("deny.toml");
    let rules = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    let mut tree = cargo();
    tree.args(["tree", "--workspace", "--locked", "--prefix", "none", "--format", "{p}"]);
    let used = used(&quiet(&mut tree)?);
    let mut complaints = banned(&used, &arrays::lines(&rules, "deny"));
    complaints.extend(duplicates(&used, &arrays::lines(&rules, "skip")));
    Ok(complaints)
}

/// From lines of the form `name v1.2.3`, with notes behind.
fn used(tree: &str) -> Used {
    let mut used = Used::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let version = version.trim_start_matches('v').to_owned();
            used.entry(name.to_owned()).or_default().insert(version);
        }
    }
    used
}

/// `rules` are lines of the form `{ crate = "name", reason = "..." }`, where the name may be
/// followed by `@<VERSION`.
fn banned(used: &Used, rules: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for rule in rules {
        let (name, below) = spec(rule);
        let reason = arrays::quoted(rule, "reason").unwrap_or("banned by deny.toml");
        for version in used.get(name).into_iter().flatten() {
            if below.is_none_or(|below| is_older(version, below)) {
                complaints.push(format!("dependencies: {name} {version}: {reason}"));
            }
        }
    }
    complaints
}

/// `skip` are lines of the form `{ crate = "name@version", reason = "..." }`.
fn duplicates(used: &Used, skip: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, versions) in used {
        let skipped = |version: &&String| {
            skip.iter().any(|rule| {
                arrays::quoted(rule, "crate").and_then(|spec| spec.split_once('@'))
                    == Some((name, version))
            })
        };
        let (kept, counted): (Vec<_>, Vec<_>) = versions.iter().partition(skipped);
        if counted.len() > 1 {
            complaints.push(format!("dependencies: {name} in more than one version: {counted:?}"));
        }
        if !kept.is_empty() && versions.len() == 1 {
            complaints.push(format!("deny.toml: {name} is no longer duplicated: drop the skip"));
        }
    }
    complaints
}

fn spec(rule: &str) -> (&str, Option<&str>) {
    let spec = arrays::quoted(rule, "crate").unwrap_or_default();
    match spec.split_once("@<") {
        Some((name, below)) => (name, Some(below)),
        None => (spec, None),
    }
}

fn is_older(version: &str, than: &str) -> bool {
    numbers(version) < numbers(than)
}

/// Without the parts after a dash or a plus sign.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "ring v0.17.14\nsyn v1.0.9 (proc-macro)\n\nsyn v2.0.1\nring v0.17.14 (*)\n";

    #[test]
    fn a_ban_holds_for_all_versions_or_for_old_ones() {
        let all = "{ crate = \"ring\", reason = \"two back ends are enough\" },";
        assert_eq!(
            banned(&used(TREE), &[all]),
            ["dependencies: ring 0.17.14: two back ends are enough"]
        );
        assert_eq!(banned(&used(TREE), &["{ crate = \"ring@<0.17.15\" },"]).len(), 1);
        assert!(banned(&used(TREE), &["{ crate = \"ring@<0.17.9\" },"]).is_empty());
    }

    #[test]
    fn a_second_version_needs_a_reason_and_the_reason_a_second_version() {
        assert_eq!(duplicates(&used(TREE), &[]).len(), 1);
        let skip = "{ crate = \"syn@1.0.9\", reason = \"until its user moves\" },";
        assert!(duplicates(&used(TREE), &[skip]).is_empty());
        let stale = "{ crate = \"ring@0.17.14\", reason = \"gone\" },";
        assert_eq!(duplicates(&used(TREE), &[skip, stale]).len(), 1);
    }
}
