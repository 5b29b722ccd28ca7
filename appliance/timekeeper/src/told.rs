//! What chrony's answers come to: by how much the clock is wrong, and who says so.

use crate::error::{Result, TimeError};

/// By how much the true time may differ from what is told, in seconds. A network can hold packets
/// back, but not change them.
const PRECISE: f64 = 10.0;

/// What authenticated servers tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// Seconds to add to the clock on the wall.
    pub(crate) correction: f64,
    /// The servers.
    pub(crate) by: Vec<String>,
}

/// Reads the answers to `tracking`, `sources` and `authdata`.
///
/// # Errors
/// When chrony has no time, or has it from anybody who does not prove who he is.
pub(crate) fn told(tracking: &str, sources: &str, authdata: &str) -> Result<Told> {
    let correction = correction(tracking)?;
    let by = servers(sources)?;
    if by.is_empty() {
        return Err(TimeError::Unconfirmed);
    }
    let proven: Vec<&str> = authdata.lines().filter_map(proven).collect();
    match by.iter().find(|server| !proven.contains(&server.as_str())) {
        Some(server) => Err(TimeError::Unproven { server: server.clone() }),
        None => Ok(Told { correction, by }),
    }
}

/// By how much the clock is slow, if that is known.
fn correction(tracking: &str) -> Result<f64> {
    let unknown = || TimeError::Unknown { of: "tracking", line: first(tracking) };
    let fields: Vec<&str> = tracking.trim().split(',').collect();
    let number = |field: usize| -> Result<f64> {
        let number = fields.get(field).and_then(|text| text.parse::<f64>().ok());
        number.filter(|number| number.is_finite()).ok_or_else(unknown)
    };
    match fields.get(13) {
        Some(&"Normal" | &"Insert second" | &"Delete second") => {}
        Some(&"Not synchronised") => return Err(TimeError::Unconfirmed),
        _ => return Err(unknown()),
    }
    let distance = number(10)? / 2.0 + number(11)?;
    if !(0.0..PRECISE).contains(&distance) {
        return Err(TimeError::Vague { seconds: distance as u64 });
    }
    number(4)
}

/// Those that the time is taken from: the one that was chosen, and others that have a part in it.
fn servers(sources: &str) -> Result<Vec<String>> {
    let mut servers = Vec::new();
    for line in sources.lines() {
        let mut fields = line.split(',');
        let (Some(_), Some(state), Some(name)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(TimeError::Unknown { of: "sources", line: first(line) });
        };
        if matches!(state, "*" | "+") {
            servers.push(name.to_owned());
        }
    }
    Ok(servers)
}

/// The name of a server with which keys were agreed upon.
fn proven(line: &str) -> Option<&str> {
    let mut fields = line.split(',');
    let (name, mode) = (fields.next()?, fields.next()?);
    (mode == "NTS").then_some(name)
}

/// The beginning of what was not understood.
fn first(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // As chrony 4.3 prints them.
    const TRACKING: &str = "7F000001,127.0.0.1,6,1795455496.717070649,99.999992371,0.000000058,\
        0.000002359,0.016,0.000,0.218,0.000008486,0.000002223,1.0,Normal\n";
    const SOURCES: &str = "^,*,127.0.0.1,5,0,377,1,0.000001483,0.000001541,0.000005568\n\
        ^,-,192.0.2.1,5,0,377,1,0.000001483,0.000001541,0.000005568\n";
    const AUTHDATA: &str = "127.0.0.1,NTS,1,15,256,14,0,0,8,100\n192.0.2.1,-,0,0,0,-,0,0,0,0\n";

    #[test]
    fn time_that_authenticated_servers_tell_is_taken() {
        let told = told(TRACKING, SOURCES, AUTHDATA).unwrap();
        assert_eq!((told.correction, told.by), (99.999992371, vec!["127.0.0.1".to_owned()]));
    }

    #[test]
    fn time_in_which_anybody_else_has_a_part_is_not() {
        let mixed = SOURCES.replace("^,-,", "^,+,");
        let refused = told(TRACKING, &mixed, AUTHDATA);
        assert!(matches!(refused, Err(TimeError::Unproven { server }) if server == "192.0.2.1"));
        for authdata in ["", &AUTHDATA.replace("NTS", "SK")] {
            let refused = told(TRACKING, SOURCES, authdata);
            assert!(matches!(refused, Err(TimeError::Unproven { .. })), "{authdata}");
        }
        let none = SOURCES.replace("^,*,", "^,?,");
        assert!(matches!(told(TRACKING, &none, AUTHDATA), Err(TimeError::Unconfirmed)));
        let clock = SOURCES.replace("^,*,127.0.0.1", "#,*,PPS0");
        assert!(matches!(told(TRACKING, &clock, AUTHDATA), Err(TimeError::Unproven { .. })));
    }

    #[test]
    fn time_that_is_not_known_is_not_taken() {
        let with = |from: &str, to: &str| told(&TRACKING.replace(from, to), SOURCES, AUTHDATA);
        let unknown = with("Normal", "Not synchronised");
        assert!(matches!(unknown, Err(TimeError::Unconfirmed)));
        let vague = with("0.000002223", "86400.0");
        assert!(matches!(vague, Err(TimeError::Vague { seconds: 86400 })));
        for (from, to) in [
            ("Normal", "Well"),
            ("99.999992371", "NaN"),
            ("99.999992371", "slow"),
            ("0.000002223", "inf"),
            (TRACKING, ""),
            (TRACKING, "506 Cannot talk to daemon"),
        ] {
            assert!(matches!(with(from, to), Err(TimeError::Unknown { .. })), "{to}");
        }
        assert!(matches!(told(TRACKING, "^", AUTHDATA), Err(TimeError::Unknown { .. })));
    }
}
