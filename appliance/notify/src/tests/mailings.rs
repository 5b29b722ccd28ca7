//! Reports go out when they are due, once, and contacts' receipts are kept.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::make::{Clock, FRIDAY, HOUR, at, event, settings};
use super::peers::{Identity, Smtp};
use crate::error::SendError;
use crate::mailing::Mailed;
use crate::{
    Audience, Content, Delivery, EventKind, Every, Mailing, Notice, Notifier, Outbox, ReportMail,
    Settings, State,
};

const DAY: i64 = 86_400;

fn mailing(every: Every, minute: u16, zone: &str) -> Mailing {
    Mailing {
        kind: report::Kind::JobSummary,
        client: "acme".into(),
        channels: vec!["office".into()],
        every,
        at: minute,
        zone: zone.into(),
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn due(mailed: &mut Mailed, mailing: &Mailing, now: Timestamp) -> Option<(String, String)> {
    let reports = mailed.due(std::slice::from_ref(mailing), now);
    let report = reports.first()?;
    mailed.done(report, true);
    let text = |second: u64| at(second.cast_signed()).to_string();
    Some((text(report.period.from()), text(report.period.to())))
}

#[test]
fn a_report_is_about_the_span_that_is_over() {
    let cases = [
        (Every::Day, "2026-11-20T06:30:00Z", "2026-11-18T23:00:00Z", "2026-11-19T23:00:00Z"),
        // A Monday.
        (Every::Week, "2026-11-23T06:30:00Z", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"),
        (Every::Month, "2026-11-01T06:30:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        (Every::Quarter, "2027-01-01T06:30:00Z", "2026-09-30T22:00:00Z", "2026-12-31T23:00:00Z"),
    ];
    for (every, when, from, to) in cases {
        let mailing = mailing(every, 7 * 60 + 30, "Europe/Berlin");
        let (mut mailed, now) = (Mailed::default(), time(when));
        assert_eq!(due(&mut mailed, &mailing, at(now.as_second() - DAY / 2)), None, "{every:?}");
        assert_eq!(due(&mut mailed, &mailing, at(now.as_second() - 1)), None, "{every:?}");
        let next = mailed.status(&mailing, at(now.as_second() - 1)).next;
        assert_eq!(next, Some(now.as_second()), "{every:?}");
        assert_eq!(due(&mut mailed, &mailing, now), Some((from.into(), to.into())), "{every:?}");
        assert_eq!(due(&mut mailed, &mailing, now), None, "{every:?}");
        assert_eq!(mailed.status(&mailing, now).last, Some(now.as_second()));
    }
}

#[test]
fn of_reports_that_were_missed_the_last_goes_out_and_a_clock_that_went_back_begins_anew() {
    let (mailing, mut mailed) = (mailing(Every::Day, 0, "UTC"), Mailed::default());
    assert_eq!(due(&mut mailed, &mailing, time("2026-11-20T12:00:00Z")), None);
    let after_a_week = due(&mut mailed, &mailing, time("2026-11-27T12:00:00Z"));
    assert_eq!(after_a_week.unwrap().0, "2026-11-26T00:00:00Z");
    let ten_years_on = due(&mut mailed, &mailing, time("2036-11-27T12:00:00Z"));
    assert_eq!(ten_years_on.unwrap().0, "2036-11-26T00:00:00Z");
    assert_eq!(due(&mut mailed, &mailing, time("2026-11-28T12:00:00Z")), None);
    assert!(due(&mut mailed, &mailing, time("2026-11-29T12:00:00Z")).is_some());
}

proptest! {
    /// However the clock goes on, spans follow each other without a gap.
    #[test]
    fn spans_meet(every in 0..4_usize, minute in 0..1440_u16, start in 0..40_000_i64) {
        let mailing = mailing(Every::ALL[every], minute, "Europe/Berlin");
        let (mut mailed, mut now) = (Mailed::default(), FRIDAY + start * HOUR);
        let mut last: Option<String> = None;
        mailed.due(std::slice::from_ref(&mailing), at(now));
        for _ in 0..6 {
            now = mailed.status(&mailing, at(now)).next.unwrap();
            let (from, to) = due(&mut mailed, &mailing, at(now)).unwrap();
            prop_assert!(last.is_none_or(|last| last == from));
            last = Some(to);
        }
    }
}

fn report_mail() -> ReportMail {
    ReportMail {
        subject: "Job summary of acme".into(),
        appliance: "box17".into(),
        plain: "42 jobs".into(),
        html: "<h1>42 jobs</h1>".into(),
        attached: ("job-summary.csv".into(), "job,result\nbackup,ok\n".into()),
    }
}

fn mail_channel(port: u16) -> String {
    format!(
        "[[channel]]\nname = \"office\"\nkind = \"email\"\naudience = \"contact\"\n\
         server = \"localhost\"\nport = {port}\nsecurity = \"none\"\n\
         from = \"box17@msp.example\"\nto = [\"noc@msp.example\"]\n"
    )
}

fn mails_to(port: u16) -> Settings {
    settings(&format!(
        "{}[[report]]\nkind = \"job-summary\"\nchannels = [\"office\"]\nevery = \"day\"\n",
        mail_channel(port)
    ))
}

#[tokio::test]
async fn a_report_reaches_the_mail_server_with_its_table_once_over_restarts() {
    let (port, mut mails) = Smtp::GOOD.serve(&Identity::new()).await;
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    let open = || {
        let most = Duration::from_secs(20);
        Notifier::open_with(folder.path(), mails_to(port), clock.tells(), most).unwrap()
    };
    let notifier = open();
    assert!(notifier.due_reports().unwrap().is_empty(), "it begins tomorrow");
    clock.forward(DAY);
    drop(notifier);
    let notifier = open();
    let reports = notifier.due_reports().unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!(notifier.due_reports().unwrap(), reports, "it is due until it is handed over");
    notifier.mail(&reports[0], Some(&report_mail())).unwrap();
    assert!(notifier.due_reports().unwrap().is_empty());
    drop(notifier);
    let notifier = open();
    assert!(notifier.due_reports().unwrap().is_empty());
    let (_, mail) = tokio::select! {
        () = notifier.run(std::future::pending()) => unreachable!(),
        mail = mails.recv() => mail.unwrap(),
    };
    for part in ["Job summary of acme", "42 jobs", "job-summary.csv", "backup,ok", "text/csv"] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
}

#[test]
fn a_report_that_cannot_be_made_is_not_due_again_and_did_not_go_out() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    let most = Duration::from_secs(20);
    let notifier = Notifier::open_with(folder.path(), mails_to(25), clock.tells(), most).unwrap();
    assert!(notifier.due_reports().unwrap().is_empty());
    clock.forward(DAY);
    let reports = notifier.due_reports().unwrap();
    notifier.mail(&reports[0], None).unwrap();
    assert!(notifier.due_reports().unwrap().is_empty());
    assert_eq!(notifier.mailings().unwrap()[0].last, None);
    assert_eq!(notifier.status().unwrap()[0].state.waiting, 0);
}

#[test]
fn reports_that_wait_are_bounded_and_alerts_come_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(&folder.path().join("notify.sqlite")).unwrap();
    let office = ["office".to_owned()];
    let done = Mailed::default();
    let mut made = 0;
    while !outbox.is_full_of_reports("office").unwrap() {
        outbox.keep_report(&office, Some(&report_mail()), &done, at(FRIDAY)).unwrap();
        made += 1;
    }
    let state = outbox.channel("office").unwrap();
    assert_eq!((made, state.waiting, state.dropped), (20, 20, 0));
    // One is tried, and waits for the next try: that holds up no alert.
    let report = outbox.due("office", at(FRIDAY)).unwrap().unwrap();
    outbox.failed(&report, &SendError::passing("too slow", "wait"), at(FRIDAY)).unwrap();
    assert_eq!(outbox.due("office", at(FRIDAY)).unwrap(), None);
    let notice = Notice::one(event("disk-failed", "sdb", 8));
    let alert = Delivery { channel: "office".into(), notice };
    outbox.keep(&[alert], &State::default(), at(FRIDAY)).unwrap();
    let first = outbox.due("office", at(FRIDAY)).unwrap().unwrap();
    assert!(matches!(first.content, Content::Alerts(_)), "{first:?}");
}

#[test]
fn more_reports_than_there_is_room_for_stay_due() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::new());
    let clients: String = (0..30)
        .map(|number| {
            format!(
                "[[report]]\nkind = \"monthly-statement\"\nclient = \"client{number}\"\n\
                 channels = [\"office\"]\nevery = \"day\"\n"
            )
        })
        .collect();
    let document = format!("{}{clients}", mail_channel(25));
    let most = Duration::from_secs(20);
    let open = || {
        let settings = settings(&document);
        Notifier::open_with(folder.path(), settings, clock.tells(), most).unwrap()
    };
    let notifier = open();
    assert!(notifier.due_reports().unwrap().is_empty());
    clock.forward(DAY);
    let mut made = 0;
    while let Some(report) = notifier.due_reports().unwrap().first() {
        notifier.mail(report, Some(&report_mail())).unwrap();
        made += 1;
    }
    assert_eq!(made, 20);
    let done = notifier.mailings().unwrap().iter().filter(|one| one.last.is_some()).count();
    assert_eq!(done, 20, "ten are still to be made");
}

#[test]
fn a_report_is_not_sent_again_as_its_hour_or_its_zone_changes() {
    let (early, mut mailed) = (mailing(Every::Month, 6 * 60, "UTC"), Mailed::default());
    assert_eq!(due(&mut mailed, &early, time("2026-10-15T12:00:00Z")), None);
    assert!(due(&mut mailed, &early, time("2026-11-01T06:00:00Z")).is_some());
    let late = Mailing { at: 7 * 60 + 30, ..early.clone() };
    let west = Mailing { zone: "America/Los_Angeles".into(), ..early.clone() };
    for other in [&late, &west] {
        assert_eq!(due(&mut mailed, other, time("2026-11-15T12:00:00Z")), None, "{other:?}");
    }
    // A clock that steps back over the hour and on again.
    assert_eq!(due(&mut mailed, &early, time("2026-11-01T05:59:58Z")), None);
    assert_eq!(due(&mut mailed, &early, time("2026-11-01T06:00:00Z")), None);
    assert!(due(&mut mailed, &west, time("2026-12-01T15:00:00Z")).is_some());
}

#[test]
fn it_is_kept_what_a_contact_has_read_where_that_was_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(&folder.path().join("notify.sqlite")).unwrap();
    let planned = |number, receipt, kind| {
        let event = crate::Event { number, receipt, kind, ..event("x", "one", 5) };
        Delivery { channel: "a".into(), notice: Notice::one(event) }
    };
    let sent = [
        (planned(1, true, EventKind::Raised), Audience::Contact),
        (planned(2, true, EventKind::Raised), Audience::Desk),
        (planned(3, false, EventKind::Raised), Audience::Contact),
        (planned(4, true, EventKind::Cleared), Audience::Contact),
        (planned(5, true, EventKind::Reminder), Audience::Contact),
    ];
    for (delivery, to) in sent {
        outbox.keep(&[delivery], &State::default(), at(FRIDAY)).unwrap();
        let queued = outbox.due("a", at(FRIDAY)).unwrap().unwrap();
        outbox.delivered(&queued, to, at(FRIDAY + 7)).unwrap();
    }
    let receipts = outbox.receipts().unwrap();
    let told = |receipt: &crate::Receipt| (receipt.number, receipt.client.clone(), receipt.at);
    let all: Vec<_> = receipts.iter().map(told).collect();
    assert_eq!(all, [(1, "acme".to_owned(), FRIDAY + 7), (5, "acme".to_owned(), FRIDAY + 7)]);
    outbox.forget_receipts(receipts[0].id).unwrap();
    assert_eq!(outbox.receipts().unwrap(), receipts[1..]);
}
