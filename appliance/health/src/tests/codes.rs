//! The table of codes by itself.

use std::collections::BTreeSet;

use crate::AlertCode;

#[test]
fn names_and_message_ids_are_unique_and_read_back() {
    let names: BTreeSet<&str> = AlertCode::ALL.iter().map(|code| code.as_str()).collect();
    let ids: BTreeSet<u128> = AlertCode::ALL.iter().map(|code| code.message_id()).collect();
    assert_eq!(names.len(), AlertCode::ALL.len());
    assert_eq!(ids.len(), AlertCode::ALL.len());
    for code in AlertCode::ALL {
        assert_eq!(code.as_str().parse(), Ok(*code));
        // Sixteen random bytes: one that begins or ends with half a line of zeros is a slip.
        assert!(code.message_id().leading_zeros() < 32, "{code}");
        assert!(code.message_id().trailing_zeros() < 32, "{code}");
    }
    assert!("disk-mising".parse::<AlertCode>().is_err());
}

#[test]
fn names_are_kebab_case_of_their_variants() {
    for code in AlertCode::ALL {
        let mut kebab = String::new();
        for character in format!("{code:?}").chars() {
            if character.is_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.extend(character.to_lowercase());
        }
        assert_eq!(code.as_str(), kebab);
    }
}

#[test]
fn severities_stand_as_they_are_and_sentences_are_sentences() {
    for code in AlertCode::ALL {
        let row = code.row();
        assert_eq!(code.severity().number(), row.severity, "{code}");
        for sentence in [row.cause, row.next] {
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{code}: {sentence}");
            assert!(sentence.starts_with(|c: char| c.is_uppercase() || c == '{'), "{sentence}");
        }
        assert!(!row.clears.is_empty() && !row.clears.ends_with('.'), "{code}");
        assert!(!row.title.ends_with('.'), "{code}");
    }
}

#[test]
fn what_the_contract_names_is_priority_two() {
    use AlertCode::*;
    let contract =
        [StoreDamaged, LogDamaged, JobOverdue, ScheduleMissed, JobFailed, JobWarned, SpaceLow];
    for code in contract.into_iter().chain([MaintenanceFailed, MaintenanceOverdue]) {
        assert_eq!(code.severity().number(), 7, "{code}");
    }
    assert_eq!(PointsLost.severity().number(), 9);
    assert_eq!(PoolFilling.severity().number(), 5);
}
