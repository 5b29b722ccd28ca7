//! Reports that go out by mail are made when they are due.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use notify::{DueReport, NotifyError, ReportMail};
use report::Period;

use crate::problem::{Kind as Wrong, Problem};
use crate::reports::{About, Wanted};
use crate::server::Server;

/// How often it is looked at what is due.
const AGAIN: Duration = Duration::from_secs(10);

/// How many are made at a time: then it is looked again for which there is room.
const AT_ONCE: usize = 5;

/// Makes what is due, for as long as it is polled. What cannot be made as the engine is away is
/// made when it is back.
pub(crate) async fn follow(server: Arc<Server>) {
    loop {
        if let Err(error) = all_due(&server).await {
            log::error!("reports are not mailed: {}", error.what);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn all_due(server: &Arc<Server>) -> Result<(), Problem> {
    let mut due = with_notifier(server, |own| own.channels.notifier.due_reports()).await?;
    due.truncate(AT_ONCE);
    for report in due {
        let mailing = &report.mailing;
        let zone = TimeZone::get(&mailing.zone).unwrap_or(TimeZone::UTC);
        let wanted = Wanted {
            kind: mailing.kind,
            client: Some(mailing.client.clone()).filter(|client| !client.is_empty()),
            about: About::Exactly(report.period),
            zone: Some(zone.clone()),
        };
        let (own, of) = (server.clone(), report.clone());
        let render = move |made: &report::Report| mail(&own, &of, made, &zone);
        let mail = match server.report(wanted, render).await {
            Ok(mail) => Some(mail),
            Err(problem) if problem.kind == Wrong::Invalid => {
                let (kind, client) = (mailing.kind, &mailing.client);
                log::error!("no report {kind} of {client:?} is mailed: {}", problem.what);
                None
            }
            Err(_) => continue,
        };
        let mailed = move |own: &Server| own.channels.notifier.mail(&report, mail.as_ref());
        with_notifier(server, mailed).await?;
    }
    Ok(())
}

/// Does what may wait for a disk, off the threads that serve.
async fn with_notifier<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce(&Server) -> Result<T, NotifyError> + Send + 'static,
) -> Result<T, Problem> {
    let own = server.clone();
    let done = tokio::task::spawn_blocking(move || work(&own)).await;
    done.map_err(Problem::inside)?.map_err(Problem::inside)
}

fn mail(server: &Server, due: &DueReport, made: &report::Report, zone: &TimeZone) -> ReportMail {
    let kind = due.mailing.kind;
    let of = match due.mailing.client.as_str() {
        "" => String::new(),
        client => format!(" of {client}"),
    };
    let subject = format!("{}{of}, {}", kind.title(), days(due.period, zone));
    let portal = server.claim.addresses().first();
    let more = portal.map_or_else(String::new, |portal| format!("\n\n{portal}#/reports"));
    ReportMail {
        plain: format!(
            "{subject}\n\nThis mail has the report as a page. Its tables are attached for \
             spreadsheets.{more}\n"
        ),
        subject,
        appliance: server.name.clone(),
        html: made.html(),
        attached: (format!("{kind}.csv"), made.csv()),
    }
}

/// The first and the last day of a period.
fn days(period: Period, zone: &TimeZone) -> String {
    let day = |second: u64| {
        let at = Timestamp::from_second(second.cast_signed()).unwrap_or(Timestamp::UNIX_EPOCH);
        zone.to_datetime(at).date()
    };
    let (first, last) = (day(period.from()), day(period.to().saturating_sub(1)));
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_told_by_its_days() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second().cast_unsigned();
        let period = |from, to| Period::new(at(from), at(to)).unwrap();
        let day = period("2026-11-18T23:00:00Z", "2026-11-19T23:00:00Z");
        assert_eq!(days(day, &zone), "2026-11-19");
        let month = period("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z");
        assert_eq!(days(month, &zone), "2026-10-01 to 2026-10-31");
    }
}
