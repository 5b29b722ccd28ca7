//! Alerts: what is wrong now, told once to the journal and shown on the bus until it is over.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bus::{AlertSide, AlertView, Place, Tree};
use health::{
    Alert, AlertBook, AlertCode, BookLimits, Change, Facts, Finding, Moment, Priorities, SavedBook,
    Side, State as Health, Subject, Thresholds, Verdict, judge,
};
use model::{Span, WallTime};
use serde::{Deserialize, Serialize};

use crate::clock::moment;
use crate::engine::lock;
use crate::error::Result;
use crate::state::State;

/// Under which name the alerts are kept.
const ALERTS: &str = "alerts";

/// What makes an alert the same over restarts.
type Key = (String, Subject);

/// The book of alerts, each with the number that it has on the bus.
#[derive(Debug)]
pub(crate) struct Alerts {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    book: AlertBook,
    numbers: BTreeMap<Key, u64>,
    last: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    book: SavedBook,
    numbers: Vec<(Key, u64)>,
    last: u64,
}

impl Alerts {
    /// The alerts that an earlier engine had: none is told anew.
    pub(crate) fn load(state: &State) -> Result<Self> {
        let kept = state.small(ALERTS)?.and_then(|text| serde_json::from_str::<Kept>(&text).ok());
        let kept = kept.unwrap_or_default();
        let book = AlertBook::load(kept.book, BookLimits::default(), now());
        let numbers = kept.numbers.into_iter().collect();
        Ok(Self { inner: Mutex::new(Inner { book, numbers, last: kept.last }) })
    }

    /// Judges facts, tells what changed, and shows what is open.
    pub(crate) fn update(&self, facts: &Facts, state: &State, tree: &Tree) -> Result<()> {
        let findings = judge(facts, &Thresholds::default());
        self.take(&findings, state, tree)
    }

    fn take(&self, findings: &[Finding], state: &State, tree: &Tree) -> Result<()> {
        let mut inner = lock(&self.inner);
        let changes = inner.book.update(findings, now());
        for change in &changes {
            tell(change);
            let key = key(change.alert());
            match change {
                Change::Cleared(_) => {
                    if let Some(number) = inner.numbers.remove(&key) {
                        tree.remove(&Place::Alert(number));
                    }
                }
                Change::Raised(_) | Change::Changed(_) | Change::Reminded(_) => {
                    inner.number(key);
                }
            }
        }
        inner.show(tree);
        if changes.is_empty() { Ok(()) } else { inner.keep(state) }
    }

    /// Notes that somebody knows of an alert. Whether there is one with this number.
    pub(crate) fn acknowledge(
        &self,
        number: u64,
        by: &str,
        state: &State,
        tree: &Tree,
    ) -> Result<bool> {
        let mut inner = lock(&self.inner);
        let found = inner.numbers.iter().find(|(_, have)| **have == number);
        let Some((code, subject)) = found.map(|(key, _)| key.clone()) else { return Ok(false) };
        let Ok(code) = code.parse::<AlertCode>() else { return Ok(false) };
        if inner.book.acknowledge(code, &subject, by, now()).is_err() {
            return Ok(false);
        }
        inner.show(tree);
        inner.keep(state)?;
        Ok(true)
    }

    /// How everything is, and how many alerts are open.
    pub(crate) fn verdict(&self) -> (Verdict, u32) {
        let inner = lock(&self.inner);
        (inner.book.verdict(), inner.book.alerts().len() as u32)
    }
}

impl Inner {
    fn number(&mut self, key: Key) -> u64 {
        let last = &mut self.last;
        *self.numbers.entry(key).or_insert_with(|| {
            *last += 1;
            *last
        })
    }

    fn show(&mut self, tree: &Tree) {
        let alerts: Vec<Alert> = self.book.alerts().into_iter().cloned().collect();
        for alert in alerts {
            let number = self.number(key(&alert));
            tree.put(view(number, &alert));
        }
    }

    fn keep(&self, state: &State) -> Result<()> {
        let numbers = self.numbers.iter().map(|(key, number)| (key.clone(), *number)).collect();
        let kept = Kept { book: self.book.save(), numbers, last: self.last };
        state.keep_small(ALERTS, &serde_json::to_string(&kept).unwrap_or_default())
    }
}

fn now() -> Moment {
    let now = moment();
    Moment { running: Span(now.running), wall: WallTime(now.wall) }
}

fn key(alert: &Alert) -> Key {
    (alert.finding.code.as_str().to_owned(), alert.finding.subject.clone())
}

fn view(number: u64, alert: &Alert) -> AlertView {
    let finding = &alert.finding;
    let known = alert.acknowledged.as_ref();
    AlertView {
        number,
        code: finding.code.as_str().to_owned(),
        severity: u32::from(finding.severity.number()),
        priority: Priorities::default().of(finding).as_str().to_owned(),
        side: side(finding.side),
        subject: finding.subject.name.clone(),
        cause: finding.cause.clone(),
        next_step: finding.next.clone(),
        since: alert.raised.0,
        last_seen: moment().wall,
        count: alert.returns + 1,
        acknowledged_by: known.map(|known| known.by.clone()).unwrap_or_default(),
    }
}

fn side(side: Side) -> AlertSide {
    match side {
        Side::Source => AlertSide::Source,
        Side::Network => AlertSide::Network,
        Side::Box => AlertSide::Box,
        Side::Vault => AlertSide::Vault,
    }
}

/// One line in the journal, with its fields.
fn tell(change: &Change) {
    let finding = &change.alert().finding;
    let (code, subject) = (finding.code, finding.subject.name.as_str());
    let (word, level) = match change {
        Change::Cleared(_) => ("over", log::Level::Info),
        Change::Raised(_) | Change::Changed(_) if finding.severity.number() >= 7 => {
            ("", log::Level::Error)
        }
        Change::Raised(_) | Change::Changed(_) | Change::Reminded(_) => ("", log::Level::Warn),
    };
    let id = format!("{:032x}", code.message_id());
    let word = if word.is_empty() { String::new() } else { format!("{word}: ") };
    log::log!(
        level,
        MESSAGE_ID = id.as_str(),
        HOLDFAST_CODE = code.as_str(),
        HOLDFAST_SUBJECT = subject,
        HOLDFAST_SEVERITY = finding.severity.number();
        "{word}{} {}",
        finding.cause,
        finding.next
    );
}

/// The verdict as the bus says it.
pub(crate) fn verdict_word(verdict: &Verdict) -> bus::Verdict {
    match verdict.state {
        Health::Healthy => bus::Verdict::Healthy,
        Health::Attention => bus::Verdict::Attention,
        Health::Degraded => bus::Verdict::Degraded,
        Health::Critical => bus::Verdict::Critical,
    }
}
