//! What is written reads back, and no text makes the reader fall over.

use proptest::prelude::*;

use super::make::{OFFICE, plan, plans};
use crate::{Plan, diff, parse};

#[test]
fn the_office_and_an_empty_plan_read_back() {
    for plan in [plan(OFFICE), Plan::default()] {
        assert_eq!(parse(&plan.to_toml()).plan, Some(plan));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_plan_reads_back_as_itself(plan in plans()) {
        let text = plan.to_toml();
        let parsed = parse(&text);
        prop_assert_eq!(parsed.plan.as_ref(), Some(&plan), "{}\n{:#?}", text, parsed.problems);
        prop_assert!(diff(&plan, &plan).is_empty());
    }

    #[test]
    fn arbitrary_text_gives_a_plan_or_an_error(text: String) {
        let parsed = parse(&text);
        prop_assert!(parsed.plan.is_some() || !parsed.problems.is_empty());
    }

    /// Near to a plan, where the reader gets further.
    #[test]
    fn a_mangled_plan_gives_a_plan_or_an_error(
        from: prop::sample::Index,
        length in 0usize..40,
        put in r#"[\[\]{}="'a-z0-9 :\n\u{e9}-]{0,12}"#,
    ) {
        let mut text: Vec<char> = OFFICE.chars().collect();
        let from = from.index(text.len());
        let to = (from + length).min(text.len());
        text.splice(from..to, put.chars());
        let text: String = text.into_iter().collect();
        let parsed = parse(&text);
        prop_assert!(parsed.plan.is_some() || !parsed.problems.is_empty());
        if let Some(plan) = parsed.plan {
            prop_assert_eq!(parse(&plan.to_toml()).plan, Some(plan));
        }
    }
}
