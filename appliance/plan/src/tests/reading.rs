//! A document that is as it should be.

use model::{Policy, Priority, Span};

use super::make::{OFFICE, plan};
use crate::{Level, Limits, Maintenance, Schedule, Source, parse, parse_knowing};

#[test]
fn a_document_says_what_it_says() {
    let plan = plan(OFFICE);
    let [acme] = &plan.clients[..] else { panic!() };
    assert_eq!((acme.name.as_str(), acme.zone.as_str()), ("acme", "Europe/Berlin"));
    assert_eq!(acme.code_priority["job-warned"], Priority::Notify);
    assert_eq!(acme.severity_priority[&6], Priority::P2);
    assert_eq!((acme.retry.count, acme.retry.back_off), (5, Span(300)));
    assert_eq!(acme.retry.never_during[0].to_string(), "Mon-Fri 08:00-12:00");

    let [mail, files] = &plan.systems[..] else { panic!() };
    let libvirt = Source::Libvirt {
        uri: "qemu:///system".into(),
        domain: "mail".into(),
        disks: vec!["vda".into()],
    };
    assert_eq!(mail.source, libvirt);
    assert_eq!((mail.rpo, mail.rto), (Span(14_400), Span(3600)));
    assert_eq!(mail.schedule, Schedule::Interval(Span(7200)));
    let policy = Policy { hourly: 24, daily: 14, lock: 30 * 86_400, ..Policy::default() };
    assert_eq!(mail.retention, policy);
    assert_eq!((mail.verify, &mail.excluded[..]), (Some(Span(7 * 86_400)), &["swap".into()][..]));

    assert_eq!(files.schedule, Schedule::Times(vec![390, 1080]));
    assert_eq!(files.windows[1].rate, Some(20_000_000));
    assert!(files.retention.keeps_everything());

    let scrub = &plan.maintenance.scrub;
    assert_eq!((scrub.interval, scrub.duty), (Span(14 * 86_400), 25));
    assert_eq!(plan.maintenance.reclaim, Maintenance::default().reclaim);
    assert_eq!(plan.limits, Limits { memory: 4 << 30, ..Limits::default() });
}

#[test]
fn an_office_gives_no_warning() {
    let parsed = parse(OFFICE);
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
}

#[test]
fn alert_codes_are_checked_by_who_knows_them() {
    assert!(parse_knowing(OFFICE, Some(&["job-failed", "job-warned"])).plan.is_some());
    let parsed = parse_knowing(OFFICE, Some(&["job-failed", "job-warns"]));
    assert_eq!(parsed.plan, None);
    assert_eq!(parsed.problems[0].hint, "did you mean `job-warns`?");
}

#[test]
fn a_plan_without_systems_is_a_plan() {
    let parsed = parse("format = 1");
    assert_eq!(parsed.plan, Some(crate::Plan::default()));
}

#[test]
fn a_missing_retention_is_a_warning_and_not_silence() {
    let text = OFFICE.replace("retention = { everything = true }\n", "");
    let parsed = parse(&text);
    assert!(parsed.plan.unwrap().systems[1].retention.keeps_everything());
    let [warning] = &parsed.problems[..] else { panic!("{:?}", parsed.problems) };
    assert_eq!(warning.level, Level::Warning);
    assert!(warning.what.contains("everything stays for ever"), "{warning}");
}
