//! The policies that are installed with the interface: who may own the name and call, and what
//! polkit is to ask.

use std::collections::BTreeSet;
use std::path::Path;

use super::xml::{Tag, tags};
use crate::{Action, SERVICE};

fn installed(path: &str) -> Vec<Tag> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image/files");
    let text = std::fs::read_to_string(files.join(path)).unwrap();
    // Comments hold no tags.
    tags(&text)
}

#[test]
fn polkit_knows_every_action_and_no_other() {
    let tags = installed("usr/share/polkit-1/actions/org.holdfast.policy");
    let actions = tags.iter().filter(|tag| tag.name == "action");
    let ids: Vec<&str> = actions.map(|tag| tag.get("id")).collect();
    let known: BTreeSet<&str> = Action::ALL.iter().map(|action| action.id()).collect();
    assert_eq!(ids.len(), known.len());
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), known);
    for part in ["description", "message", "allow_any", "allow_inactive", "allow_active"] {
        let count = tags.iter().filter(|tag| tag.name == part).count();
        assert_eq!(count, known.len(), "{part}");
    }
    // Only an action's owner and root are told whether somebody else may do it.
    let is_owner =
        |tag: &&Tag| tag.name == "annotate" && tag.get("key") == "org.freedesktop.policykit.owner";
    assert_eq!(tags.iter().filter(is_owner).count(), known.len());
}

/// The rules of the policy for somebody, as `allow` or `deny` with what they are about.
fn rules(tags: &[Tag], attribute: &str, who: &str) -> Vec<String> {
    let inside = tags.iter().skip_while(|tag| tag.name != "policy" || tag.get(attribute) != who);
    let rules = inside.skip(1).take_while(|tag| tag.name != "/policy");
    let shown = rules.map(|rule| {
        assert!(rule.attributes.values().any(|value| value == SERVICE), "{rule:?}");
        let about: Vec<&str> = rule.attributes.keys().map(String::as_str).collect();
        format!("{} {}", rule.name, about.join(" "))
    });
    shown.collect()
}

#[test]
fn the_bus_lets_only_the_engines_user_and_root_be_it_and_only_the_group_see_it() {
    let tags = installed("usr/share/dbus-1/system.d/org.holdfast.Engine1.conf");
    let default = rules(&tags, "context", "default");
    assert_eq!(default, ["deny own", "deny send_destination", "deny receive_sender receive_type"]);
    let group = rules(&tags, "group", "holdfast");
    assert_eq!(group, ["allow send_destination", "allow receive_sender"]);
    let engine = rules(&tags, "user", "holdfast");
    assert_eq!(engine, ["allow own"]);
    let root = rules(&tags, "user", "root");
    assert_eq!(root, ["allow own", "allow send_destination", "allow receive_sender"]);
}
