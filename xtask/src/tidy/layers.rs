//! Layers: a crate depends only on members listed above it in the root manifest, and some edges
//! are forbidden even downwards.
//!
//! The compiler only refuses cycles between crates. The order and the table below are what make
//! sentences such as "the store cannot decrypt" readable from a manifest; tests count too, so a
//! dev-dependency is an edge like any other.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::arrays;
use crate::error::{Error, Result};
use crate::process::{cargo, quiet};

/// Not to be reached by any path of dependencies.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("store", "seal", "what keeps sealed chunks must not be able to open them"),
    ("catalog", "seal", "what keeps names and manifests must not be able to open them"),
    ("chunk", "disk", "a stage takes values and gives values"),
    ("seal", "disk", "a stage takes values and gives values"),
    ("timekeeper", "store", "what asks others for the time reaches nothing of the box"),
    ("timekeeper", "bus", "what asks others for the time reaches nothing of the box"),
    ("bus", "store", "what talks to others must not reach what is stored"),
    ("bus", "seal", "what talks to others must not reach keys"),
    ("bus", "disk", "what talks to others must not reach disks"),
    ("report", "store", "what writes for people must not reach what is stored"),
    ("report", "seal", "what writes for people must not reach keys"),
    ("report", "record", "what writes for people must not reach what is stored"),
    ("report", "operations", "what writes for people changes nothing"),
    ("report", "engine", "what writes for people changes nothing"),
    ("pinned", "bus", "TLS knows nothing of what it carries"),
    ("daemon", "bus", "how a daemon begins and ends knows nothing of what it does"),
    ("notify", "store", "what tells of alerts knows of them what it is handed"),
    ("notify", "catalog", "what tells of alerts knows of them what it is handed"),
    ("notify", "seal", "what tells of alerts knows of them what it is handed"),
    ("notify", "disk", "what tells of alerts knows of them what it is handed"),
    ("notify", "format", "what tells of alerts knows of them what it is handed"),
    ("notify", "operations", "what tells of alerts knows of them what it is handed"),
    ("notify", "engine", "what tells of alerts knows of them what it is handed"),
    ("receiver", "store", "what ends TLS for agents reaches intakes and nothing else"),
    ("receiver", "seal", "what ends TLS for agents reaches intakes and nothing else"),
    ("receiver", "disk", "what ends TLS for agents reaches intakes and nothing else"),
    ("receiver", "operations", "what ends TLS for agents reaches intakes and nothing else"),
    ("receiver", "engine", "what ends TLS for agents reaches intakes and nothing else"),
    ("manage", "store", "what faces the network reaches the bus and nothing else"),
    ("manage", "seal", "what faces the network reaches the bus and nothing else"),
    ("manage", "disk", "what faces the network reaches the bus and nothing else"),
    ("manage", "format", "what faces the network reaches the bus and nothing else"),
    ("manage", "operations", "what faces the network reaches the bus and nothing else"),
    ("manage", "engine", "what faces the network reaches the bus and nothing else"),
    ("console", "store", "what stands in front of the box asks the engine like anybody"),
    ("console", "seal", "what stands in front of the box asks the engine like anybody"),
    ("console", "disk", "what stands in front of the box asks the engine like anybody"),
    ("console", "format", "what stands in front of the box asks the engine like anybody"),
    ("console", "operations", "what stands in front of the box asks the engine like anybody"),
    ("console", "engine", "what stands in front of the box asks the engine like anybody"),
    ("agent", "store", "what runs on a protected system knows nothing of the box"),
    ("agent", "seal", "what runs on a protected system knows nothing of the box"),
    ("agent", "disk", "what runs on a protected system knows nothing of the box"),
    ("agent", "engine", "what runs on a protected system knows nothing of the box"),
    ("agent", "bus", "what runs on a protected system knows nothing of the box"),
];

/// Names of the members that each member depends on.
type Edges = BTreeMap<String, Vec<String>>;

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let members = members(root)?;
    let edges = edges(&members)?;
    let mut complaints = out_of_order(&members, &edges);
    complaints.extend(forbidden(&edges));
    Ok(complaints)
}

/// Package names in the order of the root manifest. A package is named like its folder.
fn members(root: &Path) -> Result<Vec<String>> {
    let manifest = root.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(Error::io(&manifest))?;
    let items = arrays::lines(&text, "members");
    let folders = items.iter().filter_map(|line| line.split('"').nth(1));
    Ok(folders.filter_map(|folder| folder.rsplit('/').next()).map(str::to_owned).collect())
}

fn edges(members: &[String]) -> Result<Edges> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Value =
        serde_json::from_str(&quiet(&mut metadata)?).map_err(|error| not_understood(&error))?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(packages.iter().map(|package| (name_of(package), uses_of(package, members))).collect())
}

fn not_understood(error: &serde_json::Error) -> Error {
    Error::Unexpected { from: "cargo metadata".into(), what: error.to_string() }
}

fn name_of(package: &Value) -> String {
    package["name"].as_str().unwrap_or_default().to_owned()
}

fn uses_of(package: &Value, members: &[String]) -> Vec<String> {
    let uses = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    uses.iter().map(name_of).filter(|name| members.contains(name)).collect()
}

fn out_of_order(members: &[String], edges: &Edges) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in edges.keys().filter(|name| !members.contains(name)) {
        complaints.push(format!("{name}: a package must be named like its folder"));
    }
    for (place, name) in members.iter().enumerate() {
        let Some(uses) = edges.get(name) else {
            complaints.push(format!("{name}: a member without a package of that name"));
            continue;
        };
        for used in uses.iter().filter(|used| !members[..place].contains(used)) {
            complaints.push(format!("{name} depends on {used}, which is not listed above it"));
        }
    }
    complaints
}

fn forbidden(edges: &Edges) -> Vec<String> {
    let mut complaints = Vec::new();
    for (from, to, why) in FORBIDDEN {
        if !edges.contains_key(*from) || !edges.contains_key(*to) {
            complaints.push(format!("the table of forbidden edges names no crate: {from}, {to}"));
        }
        if reaches(edges, from, to) {
            complaints.push(format!("{from} depends on {to}: {why}"));
        }
    }
    complaints
}

/// Terminates because cargo refuses cycles; each crate is entered once all the same.
fn reaches(edges: &Edges, from: &str, to: &str) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(name) = seen.get(next) {
        for used in edges.get(*name).into_iter().flatten() {
            if !seen.contains(&used.as_str()) {
                seen.push(used);
            }
        }
        next += 1;
    }
    seen[1..].contains(&to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(uses: &[(&str, &[&str])]) -> (Vec<String>, Edges) {
        let members = uses.iter().map(|(name, _)| (*name).to_owned()).collect();
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        (members, uses.iter().map(|(name, used)| ((*name).to_owned(), owned(used))).collect())
    }

    #[test]
    fn an_edge_upwards_is_named() {
        let (members, edges) = tree(&[("model", &[]), ("disk", &["store"]), ("store", &["model"])]);
        assert_eq!(
            out_of_order(&members, &edges),
            ["disk depends on store, which is not listed above it"]
        );
    }

    #[test]
    fn a_forbidden_edge_is_found_through_another_crate() {
        let named = FORBIDDEN.iter().flat_map(|(from, to, _)| [*from, *to]);
        let mut uses: BTreeMap<&str, &[&str]> = named.map(|name| (name, &[][..])).collect();
        uses.extend([("store", &["disk"][..]), ("catalog", &["helper"]), ("helper", &["seal"])]);
        let (_, edges) = tree(&uses.into_iter().collect::<Vec<_>>());
        let complaints = forbidden(&edges);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("catalog depends on seal"), "{complaints:?}");
    }

    #[test]
    fn the_table_cannot_name_a_crate_that_is_gone() {
        let there = ["store", "catalog", "chunk", "disk", "bus", "operations", "engine"];
        let (_, edges) = tree(&there.map(|name| (name, &[][..])));
        let seal = forbidden(&edges).into_iter().filter(|text| text.contains("seal")).count();
        assert_eq!(seal, 10, "all that name the seal");
    }
}
