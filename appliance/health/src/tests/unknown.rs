//! What is not known is not healthy, and neither raises nor clears anything else.

use super::make::*;
use crate::facts::*;
use crate::{AlertCode, State, Subject, Thresholds, Verdict, judge};

/// Makes something unknown.
type Forget = fn(&mut Facts);

#[test]
fn an_appliance_of_which_nothing_is_known_is_not_healthy() {
    let found = judge(&Facts::default(), &Thresholds::default());
    assert!(found.iter().all(|finding| finding.code == AlertCode::StateUnknown), "{found:?}");
    assert_eq!(Verdict::of(&found).state, State::Degraded);
    let named: Vec<&str> = found.iter().map(|finding| finding.subject.name.as_str()).collect();
    for part in ["pool", "disks", "SMART", "memory", "temperature", "fans"] {
        assert!(named.contains(&part), "{part}: {named:?}");
    }
    for part in ["services", "UPS", "clock", "certificates", "jobs", "systems", "maintenance"] {
        assert!(named.contains(&part), "{part}: {named:?}");
    }
    assert!(named.contains(&"vault") && named.contains(&"alerting"), "{named:?}");
}

#[test]
fn each_gap_alone_is_named() {
    let gaps: [(&str, Forget); 14] = [
        ("disk S1", |f| disk_of(f).presence = None),
        ("SMART of disk S1", |f| disk_of(f).smart = Reading::Unknown),
        ("the integrity of the store", |f| pool_of(f).integrity = None),
        ("the copies in the pool", |f| pool_of(f).whole = None),
        ("the recovery kit", |f| pool_of(f).kit_proved = None),
        ("the room in the pool", |f| pool_of(f).space = None),
        ("sensor cpu", |f| known(&mut f.machine.sensors)[0].celsius = None),
        ("fan fan1", |f| known(&mut f.machine.fans)[0].rpm = None),
        ("the synchronisation", |f| clock_of(f).unconfirmed = Reading::Unknown),
        ("running time", |f| clock_of(f).uptimes = None),
        ("the scrub", |f| drop(f.maintenance.as_mut().unwrap().remove(0))),
        ("the newest recovery point of mail", |f| system_of(f).newest = Reading::Unknown),
        ("vault north", |f| vault_of(f).lags = None),
        ("the way of alerts by mail", |f| {
            f.alerting.as_mut().unwrap().channels[0].state = ChannelState::Untried;
        }),
    ];
    for (what, forget) in gaps {
        let mut facts = healthy();
        forget(&mut facts);
        let found = judge(&facts, &Thresholds::default());
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        assert!(found[0].cause.contains(what), "{what}: {}", found[0].cause);
        assert!(!found[0].hides.is_empty(), "{what}");
    }
}

#[test]
fn what_is_rightly_absent_is_healthy() {
    let mut facts = healthy();
    facts.ups = Reading::Absent;
    facts.vaults = Reading::Absent;
    facts.machine.fans = Reading::Absent;
    facts.machine.sensors = Reading::Absent;
    disk_of(&mut facts).smart = Reading::Absent;
    clock_of(&mut facts).unconfirmed = Reading::Absent;
    system_of(&mut facts).seen = Reading::Absent;
    let found = judge(&facts, &Thresholds::default());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn an_unknown_part_hides_every_alert_of_its_codes_and_a_disk_its_own() {
    let found = judge(&Facts::default(), &Thresholds::default());
    let about_alerts = [AlertCode::StateUnknown, AlertCode::AlertsOverflow];
    for code in AlertCode::ALL.iter().filter(|code| !about_alerts.contains(code)) {
        let hidden = found.iter().any(|finding| finding.hides(*code, &Subject::disk("S9")));
        assert!(hidden, "nothing keeps {code} from clearing when nothing is known");
    }
    let mut facts = healthy();
    disk_of(&mut facts).smart = Reading::Unknown;
    let found = judge(&facts, &Thresholds::default());
    assert!(found[0].hides(AlertCode::DiskHot, &Subject::disk("S1")));
    assert!(!found[0].hides(AlertCode::DiskHot, &Subject::disk("S2")));
    assert!(!found[0].hides(AlertCode::DiskMissing, &Subject::disk("S1")));
}
