//! A plan as a list of tables with keys and values: what is written, and what is compared.

use document::{list, quoted, time_text};
use model::{Policy, Span};

use crate::{Client, Limits, Maintenance, Plan, Schedule, Source, System, Window};
use crate::{bytes_text, span_text};

/// A table of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    /// Empty where there is only one.
    pub(crate) name: String,
    /// Keys, dotted where tables are within, and values as TOML. What is left out stands for none.
    pub(crate) entries: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ItemKind {
    Client,
    System,
    Maintenance,
    Limits,
}

/// Everything in a plan, in its order.
pub(crate) fn items(plan: &Plan) -> Vec<Item> {
    let clients = plan.clients.iter().map(client);
    let systems = plan.systems.iter().map(system);
    let rest = [maintenance(&plan.maintenance), limits(&plan.limits)];
    clients.chain(systems).chain(rest).collect()
}

/// Collects entries.
#[derive(Default)]
struct Entries(Vec<(String, String)>);

impl Entries {
    fn put(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, quoted(text));
    }

    fn span(&mut self, key: &str, span: Span) {
        self.put(key, quoted(&span_text(span)));
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.put(key, list(texts.iter().map(|text| quoted(text))));
        }
    }

    fn windows(&mut self, key: &str, windows: &[Window]) {
        if !windows.is_empty() {
            self.put(key, list(windows.iter().map(window)));
        }
    }

    fn of(self, kind: ItemKind, name: &str) -> Item {
        Item { kind, name: name.to_owned(), entries: self.0 }
    }
}

fn client(client: &Client) -> Item {
    let mut entries = Entries::default();
    entries.text("name", &client.name);
    entries.text("zone", &client.zone);
    for (code, priority) in &client.code_priority {
        entries.text(&format!("code-priority.{code}"), priority.as_str());
    }
    for (severity, priority) in &client.severity_priority {
        entries.text(&format!("severity-priority.{severity}"), priority.as_str());
    }
    let retry = &client.retry;
    entries.put("retry.count", retry.count.to_string());
    entries.span("retry.back-off", retry.back_off);
    entries.span("retry.window", retry.window);
    entries.put("retry.escalate-after", retry.escalate_after.to_string());
    entries.windows("retry.never-during", &retry.never_during);
    entries.of(ItemKind::Client, &client.name)
}

fn system(system: &System) -> Item {
    let mut entries = Entries::default();
    entries.text("name", &system.name);
    entries.text("client", &system.client);
    source(&mut entries, &system.source);
    entries.span("rpo", system.rpo);
    entries.span("rto", system.rto);
    match &system.schedule {
        Schedule::Interval(interval) => entries.span("interval", *interval),
        Schedule::Times(times) => {
            entries.put("times", list(times.iter().map(|time| quoted(&time_text(*time)))));
        }
    }
    entries.windows("windows", &system.windows);
    entries.windows("blackouts", &system.blackouts);
    retention(&mut entries, &system.retention);
    if let Some(verify) = system.verify {
        entries.span("verify", verify);
    }
    entries.texts("excluded", &system.excluded);
    entries.of(ItemKind::System, &system.name)
}

fn source(entries: &mut Entries, source: &Source) {
    entries.text("source.kind", source.kind());
    match source {
        Source::Image { path } => entries.text("source.path", path),
        Source::Nbd { uri } => entries.text("source.uri", uri),
        Source::Libvirt { uri, domain, disks } => {
            entries.text("source.uri", uri);
            entries.text("source.domain", domain);
            entries.texts("source.disks", disks);
        }
        Source::Qmp { socket, guest_agent, disks } => {
            entries.text("source.socket", socket);
            if let Some(agent) = guest_agent {
                entries.text("source.guest-agent", agent);
            }
            entries.texts("source.disks", disks);
        }
        Source::Agent { volumes } => entries.texts("source.volumes", volumes),
        Source::Push | Source::Stream => {}
    }
}

fn retention(entries: &mut Entries, policy: &Policy) {
    let counts = [
        ("last", policy.last),
        ("hourly", policy.hourly),
        ("daily", policy.daily),
        ("weekly", policy.weekly),
        ("monthly", policy.monthly),
        ("yearly", policy.yearly),
    ];
    for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        entries.put(&format!("retention.{name}"), count.to_string());
    }
    if policy.keeps_everything() {
        entries.put("retention.everything", "true".into());
    }
    entries.span("retention.lock", Span(policy.lock));
    entries.span("retention.delay", Span(policy.delay));
}

fn maintenance(maintenance: &Maintenance) -> Item {
    let mut entries = Entries::default();
    entries.text("zone", &maintenance.zone);
    for (name, task) in maintenance.tasks() {
        entries.span(&format!("{name}.interval"), task.interval);
        entries.windows(&format!("{name}.windows"), &task.windows);
        entries.put(&format!("{name}.duty"), task.duty.to_string());
    }
    entries.of(ItemKind::Maintenance, "")
}

fn limits(limits: &Limits) -> Item {
    let mut entries = Entries::default();
    entries.put("ingests", limits.ingests.to_string());
    entries.put("restores", limits.restores.to_string());
    entries.text("memory", &bytes_text(limits.memory));
    entries.of(ItemKind::Limits, "")
}

fn window(window: &Window) -> String {
    let when = quoted(&window.to_string());
    match window.rate {
        Some(rate) => format!("{{ when = {when}, rate = {} }}", quoted(&bytes_text(rate))),
        None => when,
    }
}
