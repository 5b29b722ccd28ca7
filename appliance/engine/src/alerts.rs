//! Alerts: what is wrong now, told once to the journal and shown on the bus until it is over.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bus::{AlertSide, AlertView, Place, Tree};
use health::{
    Alert, AlertBook, AlertCode, BookLimits, Change, Facts, Finding, Moment, Overrides, Priorities,
    SavedBook, Side, State as Health, Subject, Thresholds, Verdict, judge,
};
use model::{Span, WallTime};
use plan::Plan;
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
    /// As the plan has them.
    priorities: Priorities,
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
        let kept = state.value::<Kept>(ALERTS)?.unwrap_or_default();
        let book = AlertBook::load(kept.book, BookLimits::default(), now());
        let numbers = kept.numbers.into_iter().collect();
        Ok(Self {
            inner: Mutex::new(Inner {
                book,
                numbers,
                last: kept.last,
                priorities: Priorities::default(),
            }),
        })
    }

    /// Judges facts, tells what changed, and shows what is open.
    pub(crate) fn update(
        &self,
        facts: &Facts,
        plan: &Plan,
        state: &State,
        tree: &Tree,
    ) -> Result<()> {
        let findings = judge(facts, &Thresholds::default());
        let mut inner = lock(&self.inner);
        inner.priorities = priorities(plan);
        inner.take(&findings, state, tree)
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
    /// Takes what was found into the book, tells what changed, and shows what is open.
    fn take(&mut self, findings: &[Finding], state: &State, tree: &Tree) -> Result<()> {
        let changes = self.book.update(findings, now());
        for change in &changes {
            tell(change);
            let key = key(change.alert());
            match change {
                Change::Cleared(_) => {
                    if let Some(number) = self.numbers.remove(&key) {
                        tree.remove(&Place::Alert(number));
                    }
                }
                Change::Raised(_) | Change::Changed(_) | Change::Reminded(_) => {
                    self.number(key);
                }
            }
        }
        self.show(tree);
        if changes.is_empty() { Ok(()) } else { self.keep(state) }
    }

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
            tree.put(view(number, &alert, &self.priorities));
        }
    }

    fn keep(&self, state: &State) -> Result<()> {
        let numbers = self.numbers.iter().map(|(key, number)| (key.clone(), *number)).collect();
        let kept = Kept { book: self.book.save(), numbers, last: self.last };
        state.keep_value(ALERTS, &kept)
    }
}

fn now() -> Moment {
    let now = moment();
    Moment { running: Span(now.running), wall: WallTime(now.wall) }
}

fn key(alert: &Alert) -> Key {
    (alert.finding.code.as_str().to_owned(), alert.finding.subject.clone())
}

fn view(number: u64, alert: &Alert, priorities: &Priorities) -> AlertView {
    let finding = &alert.finding;
    let known = alert.acknowledged.as_ref();
    AlertView {
        number,
        code: finding.code.as_str().to_owned(),
        severity: u32::from(finding.severity.number()),
        priority: priorities.of(finding).as_str().to_owned(),
        side: side(finding.side),
        subject: finding.subject.name.clone(),
        client: finding.client.clone().unwrap_or_default(),
        cause: finding.cause.clone(),
        next_step: finding.next.clone(),
        since: alert.raised.0,
        last_seen: alert.seen.0,
        count: alert.returns + 1,
        acknowledged_by: known.map(|known| known.by.clone()).unwrap_or_default(),
    }
}

/// What the plan's clients want otherwise than severities have it. What it names was checked when
/// it came; an alert that only another version knows has no rule.
fn priorities(plan: &Plan) -> Priorities {
    let clients = plan.clients.iter().map(|client| {
        let codes = client.code_priority.iter();
        let codes = codes.filter_map(|(code, wanted)| Some((code.parse().ok()?, *wanted)));
        let severities = client.severity_priority.iter();
        let severities = severities
            .filter_map(|(severity, wanted)| Some(((*severity).try_into().ok()?, *wanted)));
        let own = Overrides { codes: codes.collect(), severities: severities.collect() };
        (client.name.clone(), own)
    });
    Priorities { clients: clients.collect(), ..Priorities::default() }
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
    let (word, level) = match change {
        Change::Cleared(_) => ("over: ", log::Level::Info),
        Change::Raised(_) | Change::Changed(_) if finding.severity.number() >= 7 => {
            ("", log::Level::Error)
        }
        Change::Raised(_) | Change::Changed(_) | Change::Reminded(_) => ("", log::Level::Warn),
    };
    let fields = fields(change);
    let fields: Vec<_> = fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    log::logger().log(
        &log::Record::builder()
            .level(level)
            .target(module_path!())
            .key_values(&fields.as_slice())
            .args(format_args!("{word}{} {}", finding.cause, finding.next))
            .build(),
    );
}

/// What the journal has of an alert beside its sentences, as ALERTS.md says.
fn fields(change: &Change) -> Vec<(String, String)> {
    let finding = &change.alert().finding;
    let change = match change {
        Change::Raised(_) => "raised",
        Change::Changed(_) => "changed",
        Change::Reminded(_) => "reminded",
        Change::Cleared(_) => "cleared",
    };
    let own = [
        ("MESSAGE_ID", format!("{:032x}", finding.code.message_id())),
        ("HOLDFAST_CODE", finding.code.to_string()),
        ("HOLDFAST_CHANGE", change.to_owned()),
        ("HOLDFAST_SUBJECT", finding.subject.name.clone()),
        ("HOLDFAST_SEVERITY", finding.severity.to_string()),
        ("HOLDFAST_SIDE", finding.side.to_string()),
        ("HOLDFAST_CLIENT", finding.client.clone().unwrap_or_default()),
    ];
    let own = own.into_iter().map(|(name, text)| (name.to_owned(), text));
    let figures = finding.facts.iter();
    let figures = figures.map(|(name, fact)| (figure_field(name), fact.clone()));
    own.chain(figures).filter(|(_, text)| !text.is_empty()).collect()
}

/// The field of a figure that ALERTS.md has in braces.
fn figure_field(name: &str) -> String {
    format!("HOLDFAST_{}", name.to_ascii_uppercase())
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

#[cfg(test)]
mod tests {
    use model::Priority;

    use super::*;

    const PLAN: &str = "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n\
        severity-priority = { 7 = \"notify\" }\ncode-priority = { job-failed = \"p1\" }\n";

    #[test]
    fn the_journal_has_the_figures_of_an_alert_each_in_a_field_of_its_own() {
        let facts: [(&str, &dyn std::fmt::Display); 1] = [("service", &"holdfast-x.service")];
        let subject = Subject::service("holdfast-x.service");
        let finding = Finding::new(AlertCode::ServiceFailed, subject, &facts);
        let mut book = AlertBook::new(BookLimits::default(), now());
        let told = fields(&book.update(&[finding], now())[0]);
        let has =
            |name: &str| told.iter().find(|(field, _)| field == name).map(|(_, text)| &**text);
        assert_eq!(has("MESSAGE_ID"), Some("2dac141189c9dba4edc18ab90be4fabb"));
        assert_eq!(has("HOLDFAST_SERVICE"), Some("holdfast-x.service"));
        assert_eq!((has("HOLDFAST_CHANGE"), has("HOLDFAST_SEVERITY")), (Some("raised"), Some("7")));
        assert_eq!(has("HOLDFAST_CLIENT"), None);
        // No figure takes the name of another field.
        for code in AlertCode::ALL {
            for part in format!("{}{}", code.cause(), code.next()).split('{').skip(1) {
                let figure = figure_field(part.split('}').next().unwrap());
                let own = ["CODE", "CHANGE", "SUBJECT", "SEVERITY", "SIDE", "CLIENT"];
                assert!(!own.iter().any(|own| figure == figure_field(own)), "{code}: {figure}");
            }
        }
    }

    #[test]
    fn a_clients_own_priorities_are_those_of_its_plan() {
        let plan = plan::parse(PLAN).plan.unwrap();
        let priorities = priorities(&plan);
        let of = |code: &str, client: Option<&str>| {
            let code: AlertCode = code.parse().unwrap();
            let mut finding = Finding::new(code, Subject::job("ingest of mail"), &[]);
            finding.client = client.map(str::to_owned);
            priorities.of(&finding)
        };
        assert_eq!(of("job-failed", Some("acme")), Priority::P1);
        assert_eq!(of("job-warned", Some("acme")), Priority::Notify);
        assert_eq!(of("job-warned", None), Priority::P2);
    }
}
