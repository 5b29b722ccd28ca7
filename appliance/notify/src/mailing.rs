//! When reports are due by mail, and what they are about.

use std::collections::BTreeMap;

use document::{add_days, instant};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use report::Period;
use serde::{Deserialize, Serialize};

use crate::settings::{Every, Mailing};

/// A report that is to be made and handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueReport {
    pub mailing: Mailing,
    /// What it is about: the span that is over.
    pub period: Period,
    /// When it was due.
    pub(crate) at: Timestamp,
}

/// How it stands with one of the reports that go out by mail. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailingStatus {
    pub mailing: Mailing,
    pub next: Option<i64>,
    /// When the last one was due that went out.
    pub last: Option<i64>,
}

/// When each report was due last that is done with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Mailed(BTreeMap<String, Done>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Done {
    due: i64,
    /// Whether one went out, as the first is that which comes after the settings.
    sent: bool,
    /// The end of the span that it was about, whatever hour it was due at.
    #[serde(default)]
    to: u64,
}

/// Ends of two spans are further apart than this, those of one in two time zones are not: 18 hours,
/// in seconds.
const ANOTHER: u64 = 18 * 3600;

impl Mailed {
    /// What is due. One that was not there before is due from the next time on; of those that were
    /// missed the last is, and a clock that went back begins anew.
    pub(crate) fn due(&mut self, mailings: &[Mailing], now: Timestamp) -> Vec<DueReport> {
        self.0.retain(|key, _| mailings.iter().any(|mailing| mailing.key() == *key));
        let mut reports = Vec::new();
        for mailing in mailings {
            let Some((at, period)) = mailing.last_due(now) else { continue };
            let (due, to) = (at.as_second(), period.to());
            let done = self.0.entry(mailing.key()).or_insert(Done { due, sent: false, to });
            if done.due > now.as_second() {
                done.due = done.due.min(due);
            }
            // By seconds or hours a clock may go back, and what was sent is not sent again.
            if done.to > to + 2 * (to - period.from()) {
                done.to = to;
            }
            if due > done.due && to > done.to.saturating_add(ANOTHER) {
                reports.push(DueReport { mailing: mailing.clone(), period, at });
            }
        }
        reports
    }

    /// Notes that a report is done with.
    pub(crate) fn done(&mut self, report: &DueReport, sent: bool) {
        let (due, to) = (report.at.as_second(), report.period.to());
        self.0.insert(report.mailing.key(), Done { due, sent, to });
    }

    pub(crate) fn status(&self, mailing: &Mailing, now: Timestamp) -> MailingStatus {
        let done = self.0.get(&mailing.key()).filter(|done| done.sent);
        let (next, last) = (mailing.next_due(now), done.map(|done| done.due));
        MailingStatus { mailing: mailing.clone(), next: next.map(Timestamp::as_second), last }
    }
}

impl Mailing {
    /// Names it, whatever its time and its channels are.
    pub(crate) fn key(&self) -> String {
        format!("{} {} {}", self.kind, self.every.as_str(), self.client)
    }

    /// When it was due last, and the span that was over then.
    fn last_due(&self, now: Timestamp) -> Option<(Timestamp, Period)> {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let mut first = self.every.first(zone.to_datetime(now).date())?;
        if instant(&zone, first, self.at)? > now {
            first = self.every.before(first)?;
        }
        let second = |day| u64::try_from(instant(&zone, day, 0)?.as_second()).ok();
        let period = Period::new(second(self.every.before(first)?)?, second(first)?).ok()?;
        Some((instant(&zone, first, self.at)?, period))
    }

    fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let first = self.every.first(zone.to_datetime(now).date())?;
        let at = instant(&zone, first, self.at)?;
        if at > now { Some(at) } else { instant(&zone, self.every.after(first)?, self.at) }
    }
}

impl Every {
    /// The first day of the span that a day is in.
    fn first(self, day: Date) -> Option<Date> {
        match self {
            Self::Day => Some(day),
            Self::Week => add_days(day, -i32::from(day.weekday().to_monday_zero_offset())),
            Self::Month => Some(day.first_of_month()),
            Self::Quarter => Date::new(day.year(), (day.month() - 1) / 3 * 3 + 1, 1).ok(),
        }
    }

    /// The first day of the span before the one that begins on this day.
    fn before(self, first: Date) -> Option<Date> {
        self.first(add_days(first, -1)?)
    }

    fn after(self, first: Date) -> Option<Date> {
        // No span is shorter than this, and none so long that two would fit.
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 92,
        };
        self.first(add_days(first, days)?)
    }
}
