//! Reports that go out by mail, and receipts of what contacts were told.

use super::Notifier;
use crate::error::Result;
use crate::mailing::{DueReport, MailingStatus};
use crate::notice::ReportMail;
use crate::outbox::Receipt;

impl Notifier {
    /// Reports that are due: to be made and handed to [`Self::mail`] one by one. Those for which a
    /// channel has no room now stay due, and are not among them.
    pub fn due_reports(&self) -> Result<Vec<DueReport>> {
        let (mut inner, now) = (self.inner(), self.now());
        let before = inner.outbox.reports()?;
        let mut done = before.clone();
        let due = done.due(&inner.router.settings().mailings, now);
        if done != before {
            inner.outbox.keep_report(&[], None, &done, now)?;
        }
        let mut with_room = Vec::new();
        for report in due {
            let channels = report.mailing.channels.iter();
            let full = channels.map(|channel| inner.outbox.is_full_of_reports(channel));
            if !full.collect::<Result<Vec<bool>>>()?.contains(&true) {
                with_room.push(report);
            }
        }
        Ok(with_room)
    }

    /// Takes a report that was due; `None` if it cannot be made, so that it is not due any more.
    /// When this returns, it is durable that it goes to all of its channels.
    pub fn mail(&self, due: &DueReport, report: Option<&ReportMail>) -> Result<()> {
        let (mut inner, now) = (self.inner(), self.now());
        let mut done = inner.outbox.reports()?;
        done.done(due, report.is_some());
        inner.outbox.keep_report(&due.mailing.channels, report, &done, now)?;
        inner.retain()?;
        drop(inner);
        self.wake.notify_one();
        Ok(())
    }

    /// How it stands with each report that goes out by mail, in the order of the settings.
    pub fn mailings(&self) -> Result<Vec<MailingStatus>> {
        let (inner, now) = (self.inner(), self.now());
        let done = inner.outbox.reports()?;
        let mailings = inner.router.settings().mailings.iter();
        Ok(mailings.map(|mailing| done.status(mailing, now)).collect())
    }

    /// What contacts were told that somebody has to prove, until it is forgotten.
    pub fn receipts(&self) -> Result<Vec<Receipt>> {
        self.inner().outbox.receipts()
    }

    /// Forgets receipts up to one.
    pub fn forget_receipts(&self, last: &Receipt) -> Result<()> {
        self.inner().outbox.forget_receipts(last.id)
    }
}
