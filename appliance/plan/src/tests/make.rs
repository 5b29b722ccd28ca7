//! Documents and plans for the tests.

use std::collections::BTreeMap;

use model::{Policy, Priority, Span};
use proptest::prelude::*;

use crate::{
    Client, Days, Limits, Maintenance, Plan, Retry, Schedule, Source, System, Task, Window, parse,
};

/// A plan as somebody would write it.
pub(super) const OFFICE: &str = r#"
format = 1

[[client]]
name = "acme"
zone = "Europe/Berlin"
code-priority = { job-warned = "notify" }
severity-priority = { 6 = "p2" }

[client.retry]
count = 5
never-during = ["Mon-Fri 08:00-12:00"]

[[system]]
name = "mail"
client = "acme"
source = { kind = "libvirt", domain = "mail", disks = ["vda"] }
rpo = "4h"
rto = "1h"
interval = "2h"
blackouts = ["Sun 02:00-04:00"]
verify = "7d"
excluded = ["swap"]

[system.retention]
hourly = 24
daily = 14
lock = "30d"

[[system]]
name = "files"
client = "acme"
source = { kind = "agent" }
rpo = "1d"
rto = "4h"
times = ["18:00", "06:30"]
windows = ["daily 06:00-07:00", { when = "daily 18:00-06:00", rate = "20 MB" }]
retention = { everything = true }

[maintenance]
zone = "Europe/Berlin"

[maintenance.scrub]
interval = "14d"
windows = ["Sat,Sun 00:00-24:00"]
duty = 25

[limits]
memory = "4 GiB"
"#;

pub(super) fn plan(text: &str) -> Plan {
    let parsed = parse(text);
    let told: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    parsed.plan.unwrap_or_else(|| panic!("{told:#?}"))
}

/// A system that has everything that it must, at these times.
pub(super) fn system(schedule: Schedule) -> System {
    System {
        name: "mail".into(),
        client: "acme".into(),
        source: Source::Push,
        rpo: Span(14_400),
        rto: Span(3600),
        schedule,
        windows: vec![],
        blackouts: vec![],
        retention: Policy { daily: 7, ..Policy::default() },
        verify: None,
        excluded: vec![],
    }
}

pub(super) const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
];

pub(super) fn zone() -> impl Strategy<Value = String> {
    prop::sample::select(&ZONES[..]).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    let character =
        prop::sample::select(r#"abcXYZ019äß"\#=[]{}',.-_/ "#.chars().collect::<Vec<_>>());
    let text =
        prop::collection::vec(character, 1..20).prop_map(|text| text.iter().collect::<String>());
    text.prop_filter("blanks at the ends", |text: &String| !text.is_empty() && text.trim() == text)
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let set = prop::collection::btree_set(text(), 0..3);
    set.prop_map(|names| names.into_iter().collect())
}

fn span(most: u64) -> impl Strategy<Value = Span> {
    (60..=most).prop_map(Span)
}

/// A window of so many minutes.
pub(super) fn window(length: std::ops::Range<u16>) -> impl Strategy<Value = Window> {
    let rate = prop::option::of(1_000..1_000_000_000u64);
    (1..=0x7fu8, 0..1440u16, length, rate).prop_map(|(days, start, length, rate)| Window {
        days: Days::from_bits(days).unwrap(),
        start,
        end: (start + length - 1) % 1440 + 1,
        rate,
    })
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    prop::collection::vec(window(15..1440), 0..3)
}

fn priority() -> impl Strategy<Value = Priority> {
    prop::sample::select(&Priority::ALL[..])
}

fn client() -> impl Strategy<Value = Client> {
    let code = prop::sample::select(vec!["job-failed", "disk-hot", "made-up-9"]);
    let codes = prop::collection::btree_map(code.prop_map(str::to_owned), priority(), 0..3);
    let severities = prop::collection::btree_map(1..=10u8, priority(), 0..4);
    let retry = (0..=100u16, 1..=86_400u64, span(7 * 86_400), 1..=100u16, windows());
    let retry = retry.prop_map(|(count, back_off, window, escalate_after, never_during)| Retry {
        count,
        back_off: Span(back_off),
        window,
        escalate_after,
        never_during,
    });
    (zone(), codes, severities, retry).prop_map(|(zone, codes, severities, retry)| Client {
        name: String::new(),
        zone,
        code_priority: codes,
        severity_priority: severities,
        retry,
    })
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        text().prop_map(|text| Source::Image { path: format!("/{text}") }),
        text().prop_map(|text| Source::Nbd { uri: format!("nbd://{text}") }),
        (text(), names()).prop_map(|(domain, disks)| {
            Source::Libvirt { uri: "qemu:///system".into(), domain, disks }
        }),
        (text(), prop::option::of(text()), names()).prop_map(|(text, agent, disks)| {
            let guest_agent = agent.map(|agent| format!("/{agent}"));
            Source::Qmp { socket: format!("/{text}"), guest_agent, disks }
        }),
        Just(Source::Push),
        names().prop_map(|volumes| Source::Agent { volumes }),
        Just(Source::Stream),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let counts = prop::array::uniform6(prop_oneof![Just(0u16), any::<u16>()]);
    let spans = prop::array::uniform2(0..=100 * 365 * 86_400u64);
    (counts, spans).prop_map(|(counts, [lock, delay])| {
        let [last, hourly, daily, weekly, monthly, yearly] = counts;
        Policy { last, hourly, daily, weekly, monthly, yearly, lock, delay }
    })
}

/// Runs are as often as the RPO wants, and windows open somewhere.
fn protected() -> impl Strategy<Value = System> {
    let times = prop::collection::btree_set(0..1440u16, 1..5);
    let schedule = prop_oneof![
        span(86_400).prop_map(Schedule::Interval),
        times.prop_map(|times| Schedule::Times(times.into_iter().collect())),
    ];
    let limits = prop_oneof![
        windows().prop_map(|open| (open, vec![])),
        window(1..60).prop_map(|closed| (vec![], vec![closed])),
    ];
    let spans = (86_400..=365 * 86_400u64, span(365 * 86_400));
    let verify = prop::option::of((3600..=365 * 86_400u64).prop_map(Span));
    (source(), schedule, limits, spans, policy(), verify, names()).prop_map(
        |(source, schedule, (windows, blackouts), (rpo, rto), retention, verify, excluded)| {
            System {
                source,
                rpo: Span(rpo),
                rto,
                windows,
                blackouts,
                retention,
                verify,
                excluded,
                ..system(schedule)
            }
        },
    )
}

fn task() -> impl Strategy<Value = Task> {
    let interval = (3600..=365 * 86_400u64).prop_map(Span);
    (interval, windows(), 1..=100u8).prop_map(|(interval, windows, duty)| Task {
        interval,
        windows,
        duty,
    })
}

pub(super) fn plans() -> impl Strategy<Value = Plan> {
    let clients = prop::collection::vec((text(), client()), 1..4);
    let systems = prop::collection::vec((text(), any::<prop::sample::Index>(), protected()), 0..5);
    let maintenance = (zone(), task(), task(), task(), task());
    let maintenance = maintenance.prop_map(|(zone, scrub, reclaim, expire, verify)| Maintenance {
        zone,
        scrub,
        reclaim,
        expire,
        verify,
    });
    let limits = (1..=64u16, 1..=64u16, 256 << 20..=1u64 << 40)
        .prop_map(|(ingests, restores, memory)| Limits { ingests, restores, memory });
    (clients, systems, maintenance, limits).prop_map(|(clients, systems, maintenance, limits)| {
        // The same name a second time takes the place of the first.
        let clients: BTreeMap<String, Client> = clients.into_iter().collect();
        let named = |(name, client)| Client { name, ..client };
        let clients: Vec<Client> = clients.into_iter().map(named).collect();
        let systems: BTreeMap<String, System> = systems
            .into_iter()
            .map(|(name, client, system)| {
                let client = client.get(&clients).name.clone();
                (name.clone(), System { name, client, ..system })
            })
            .collect();
        Plan { clients, systems: systems.into_values().collect(), maintenance, limits }
    })
}
