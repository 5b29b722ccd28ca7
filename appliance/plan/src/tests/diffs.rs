//! What an applied plan would change, in words.

use super::make::{OFFICE, plan, plans};
use crate::{Change, ChangeKind, diff};

use proptest::prelude::*;

fn told(from: &str, to: &str) -> Vec<String> {
    diff(&plan(from), &plan(to)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_changed_value_is_one_line() {
    let new = OFFICE.replace("rpo = \"4h\"", "rpo = \"3h\"").replace("verify = \"7d\"\n", "");
    let expected =
        ["system \"mail\": rpo \"4h\" -> \"3h\"", "system \"mail\": verify \"7d\" -> none"];
    assert_eq!(told(OFFICE, &new), expected);
    let windows = OFFICE.replace("daily 06:00-07:00", "daily 06:00-08:00");
    let lines = told(OFFICE, &windows);
    assert!(lines[0].starts_with("system \"files\": windows [\"daily 06:00-07:00\", {"));
}

#[test]
fn a_removed_system_says_that_its_points_stay() {
    let at = OFFICE.find("[[system]]\nname = \"files\"").unwrap();
    let end = OFFICE.find("[maintenance]").unwrap();
    let without = [&OFFICE[..at], &OFFICE[end..]].concat();
    let lines = told(OFFICE, &without);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("system \"files\" is removed (its recovery points stay"));
    let back = told(&without, OFFICE);
    assert_eq!(back[0], "system \"files\" is added");
    assert_eq!(back[1], "system \"files\": client none -> \"acme\"");
}

#[test]
fn a_lock_that_would_be_shorter_is_said_to_stay() {
    let lines = told(OFFICE, &OFFICE.replace("lock = \"30d\"", "lock = \"10d\""));
    assert!(lines[0].contains("a lock is never made shorter"), "{lines:?}");
    let longer = told(OFFICE, &OFFICE.replace("lock = \"30d\"", "lock = \"40d\""));
    assert_eq!(longer, ["system \"mail\": retention.lock \"30d\" -> \"40d\""]);
}

#[test]
fn changes_have_a_form_for_machines() {
    let new = OFFICE.replace("memory = \"4 GiB\"", "memory = \"5 GiB\"");
    let changes = diff(&plan(OFFICE), &plan(&new));
    let expected = concat!(
        r#"[{"kind":"changed","place":"limits","key":"memory","#,
        r#""from":"\"4 GiB\"","to":"\"5 GiB\"","note":null}]"#,
    );
    assert_eq!(serde_json::to_string(&changes).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No difference goes untold, and both ways tell of the same things.
    #[test]
    fn plans_differ_just_when_something_is_told(old in plans(), new in plans()) {
        let (there, back) = (diff(&old, &new), diff(&new, &old));
        prop_assert_eq!(there.is_empty(), old == new);
        let whole =
            |kind| move |change: &&Change| change.kind == kind && change.key.is_none();
        prop_assert_eq!(
            there.iter().filter(whole(ChangeKind::Added)).count(),
            back.iter().filter(whole(ChangeKind::Removed)).count()
        );
    }
}
