//! Dirty bitmaps: what was written since a recovery point.
//!
//! Each is called after the recovery point that it begins with. One more is begun just before the
//! moment of every pull, and the others end just after it, so that together they have everything
//! that was written since the oldest. A pull that comes to nothing leaves all of them, and the next
//! one asks for all of them; they go all at once.

use model::PointId;
use serde_json::Value;

/// What stands before the point's identity.
pub(crate) const OURS: &str = "holdfast-";

/// Bitmaps that pulls may have left, at most: with more, all is read and they go.
const MAX_LEFT: usize = 8;

/// A bitmap as QEMU lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    pub(crate) name: String,
    /// It notes what is written now.
    pub(crate) recording: bool,
    /// QEMU was cut off while it had it: nobody knows what it lacks.
    pub(crate) inconsistent: bool,
}

impl Bitmap {
    /// One of ours.
    pub(crate) fn read(listed: &Value) -> Option<Self> {
        let name = listed["name"].as_str().filter(|name| name.starts_with(OURS))?;
        Some(Self {
            name: name.to_owned(),
            recording: listed["recording"] == true,
            inconsistent: listed["inconsistent"] == true,
        })
    }
}

/// What the bitmap is called that begins with a recovery point.
pub(crate) fn name(point: PointId) -> String {
    format!("{OURS}{point}")
}

/// Whether these bitmaps together tell all that was written since a recovery point.
pub(crate) fn tell_since(bitmaps: &[Bitmap], point: PointId) -> bool {
    let since = name(point);
    (1..=MAX_LEFT).contains(&bitmaps.len())
        && bitmaps.iter().any(|bitmap| bitmap.name == since)
        && bitmaps.iter().any(|bitmap| bitmap.recording)
        && bitmaps.iter().all(|bitmap| !bitmap.inconsistent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POINT: PointId = PointId([7; 16]);

    fn bitmap(point: PointId, recording: bool) -> Bitmap {
        Bitmap { name: name(point), recording, inconsistent: false }
    }

    #[test]
    fn other_peoples_bitmaps_are_left_alone() {
        assert_eq!(Bitmap::read(&json!({ "name": "libvirt-1", "recording": true })), None);
        let ours = json!({ "name": name(POINT), "recording": true, "busy": false });
        assert_eq!(Bitmap::read(&ours), Some(bitmap(POINT, true)));
        assert_eq!(Bitmap::read(&json!({})), None);
    }

    #[test]
    fn bitmaps_are_believed_when_they_can_tell_all() {
        let (one, other) = (bitmap(POINT, true), bitmap(PointId([8; 16]), true));
        assert!(tell_since(std::slice::from_ref(&one), POINT));
        assert!(!tell_since(std::slice::from_ref(&other), POINT), "of another point");
        let ended = Bitmap { recording: false, ..one.clone() };
        assert!(tell_since(&[ended.clone(), other], POINT), "a pull was cut off");
        assert!(!tell_since(&[ended], POINT), "nobody noted what came after");
        let cut_off = Bitmap { inconsistent: true, ..one.clone() };
        assert!(!tell_since(&[one.clone(), cut_off], POINT));
        assert!(!tell_since(&vec![one; MAX_LEFT + 1], POINT));
        assert!(!tell_since(&[], POINT));
    }
}
