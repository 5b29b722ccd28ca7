//! Where an object stands in the tree, and what an object path means.

use std::fmt::Write;

use model::{DiskId, PointId};
use zbus::{ObjectPath, OwnedObjectPath};

/// The well-known name of the engine.
pub const SERVICE: &str = "org.holdfast.Engine1";

/// Where the object manager is; every object lies below.
pub const ROOT: &str = "/org/holdfast";

/// Longest id of a protected system, in bytes. Each takes at most three in a path.
pub(crate) const SYSTEM_ID_MAX: usize = 255;

/// Names one object: what its path says, parsed. The order is that of listings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Appliance,
    Pool,
    Disk(DiskId),
    /// By [`SystemView::id`](crate::SystemView::id).
    System(String),
    Point(PointId),
    Job(u64),
    Export(u64),
    Intake(u64),
    Alert(u64),
}

impl Place {
    /// The object path of it.
    pub fn path(&self) -> OwnedObjectPath {
        let path = match self {
            Self::Appliance => format!("{ROOT}/appliance"),
            Self::Pool => format!("{ROOT}/pool"),
            Self::Disk(id) => format!("{ROOT}/disks/{id}"),
            Self::System(id) => format!("{ROOT}/systems/{}", escape(id)),
            Self::Point(id) => format!("{ROOT}/points/{id}"),
            Self::Job(number) => format!("{ROOT}/jobs/{number}"),
            Self::Export(number) => format!("{ROOT}/exports/{number}"),
            Self::Intake(number) => format!("{ROOT}/intakes/{number}"),
            Self::Alert(number) => format!("{ROOT}/alerts/{number}"),
        };
        ObjectPath::from_string_unchecked(path).into()
    }

    /// What `path` names. None if no object can be there; each place has one path only.
    pub fn parse(path: &str) -> Option<Self> {
        let inside = path.strip_prefix(ROOT)?.strip_prefix('/')?;
        let place = match inside.split_once('/') {
            None if inside == "appliance" => Self::Appliance,
            None if inside == "pool" => Self::Pool,
            Some(("disks", id)) => Self::Disk(id.parse().ok()?),
            Some(("systems", id)) => Self::System(unescape(id)?),
            Some(("points", id)) => Self::Point(id.parse().ok()?),
            Some(("jobs", number)) => Self::Job(number.parse().ok()?),
            Some(("exports", number)) => Self::Export(number.parse().ok()?),
            Some(("intakes", number)) => Self::Intake(number.parse().ok()?),
            Some(("alerts", number)) => Self::Alert(number.parse().ok()?),
            _ => return None,
        };
        (place.path().as_str() == path).then_some(place)
    }
}

/// The folders of the tree, with the places that lie between the bounds in each.
pub(crate) fn folders() -> [(&'static str, Place, Place); 7] {
    let system = |last: bool| match last {
        false => Place::System(String::new()),
        true => Place::System(char::MAX.to_string().repeat(SYSTEM_ID_MAX)),
    };
    [
        ("disks", Place::Disk(DiskId([0; 16])), Place::Disk(DiskId([255; 16]))),
        ("systems", system(false), system(true)),
        ("points", Place::Point(PointId([0; 16])), Place::Point(PointId([255; 16]))),
        ("jobs", Place::Job(0), Place::Job(u64::MAX)),
        ("exports", Place::Export(0), Place::Export(u64::MAX)),
        ("intakes", Place::Intake(0), Place::Intake(u64::MAX)),
        ("alerts", Place::Alert(0), Place::Alert(u64::MAX)),
    ]
}

/// As one element of an object path, the way systemd does it: letters and digits stay, everything
/// else and a digit in front becomes `_` with two hexadecimal digits; nothing becomes `_`.
fn escape(text: &str) -> String {
    if text.is_empty() {
        return "_".into();
    }
    let mut escaped = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit()) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "_{byte:02x}");
        }
    }
    escaped
}

fn unescape(element: &str) -> Option<String> {
    if element == "_" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(element.len());
    let mut rest = element.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'_' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_means_the_place_that_it_was_made_of() {
        let places = [
            Place::Appliance,
            Place::Pool,
            Place::Disk(DiskId([7; 16])),
            Place::Point(PointId([254; 16])),
            Place::Job(0),
            Place::Job(u64::MAX),
            Place::Export(3),
            Place::Intake(4),
            Place::Alert(12),
        ];
        let names = ["", "db1", "1db", "acme/db-1", "größer", "_", "a.b c"];
        let systems = names.map(|name| Place::System(name.to_owned()));
        for place in places.into_iter().chain(systems) {
            assert!(ObjectPath::try_from(place.path().as_str()).is_ok(), "{place:?}");
            assert_eq!(Place::parse(place.path().as_str()), Some(place));
        }
    }

    #[test]
    fn the_same_place_has_no_second_path() {
        let strange = [
            "/org/holdfast",
            "/org/holdfast/jobs",
            "/org/holdfast/jobs/007",
            "/org/holdfast/jobs/+7",
            "/org/holdfast/jobs/18446744073709551616",
            "/org/holdfast/points/FEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFE",
            "/org/holdfast/systems/_61",
            "/org/holdfast/systems/a_2",
            "/org/holdfast/systems/a_+1",
            "/org/holdfast/systems/_ff",
            "/org/holdfast/appliance/x",
            "/org/holdfastpool",
        ];
        for path in strange {
            assert_eq!(Place::parse(path), None, "{path}");
        }
    }
}
