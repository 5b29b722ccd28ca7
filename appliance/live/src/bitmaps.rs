//! Dirty bitmaps: what was written since a recovery point.
//!
//! Each is called after the recovery point that it begins with, and after its disk: images change
//! places, and are copied with their bitmaps. One more is begun just before the
//! moment of every pull, and the others end just after it, so that together they have everything
//! that was written since the oldest. A pull that comes to nothing leaves all of them, and the next
//! one asks for all of them; they go all at once.

use model::PointId;
use serde_json::Value;

/// What stands before the point's identity.
pub(crate) const OURS: &str = "holdfast-";

/// Bitmaps that pulls may have left, at most: with more, all is read and they go.
const MAX_LEFT: usize = 8;

/// Digits of a disk's name's hash.
const DISK_DIGITS: usize = 16;

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

/// What is called so begins with a recovery point.
pub(crate) fn name(point: PointId) -> String {
    format!("{OURS}{point}")
}

/// What the bitmap of a disk is called that begins with a recovery point.
pub(crate) fn name_of(point: PointId, disk: &str) -> String {
    name(point) + &end(disk)
}

/// How names of a disk's bitmaps end. Names of bitmaps are short, those of disks need not be.
fn end(disk: &str) -> String {
    let hash = blake3::hash(disk.as_bytes());
    format!("-{}", hash.to_hex().get(..DISK_DIGITS).unwrap_or_default())
}

/// Whether these bitmaps together tell all that was written to a disk since a recovery point.
pub(crate) fn tell_since(bitmaps: &[Bitmap], point: PointId, disk: &str) -> bool {
    let (since, end) = (name_of(point, disk), end(disk));
    (1..=MAX_LEFT).contains(&bitmaps.len())
        && bitmaps.iter().all(|bitmap| bitmap.name.ends_with(&end))
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
        Bitmap { name: name_of(point, "vda"), recording, inconsistent: false }
    }

    #[test]
    fn other_peoples_bitmaps_are_left_alone() {
        assert_eq!(Bitmap::read(&json!({ "name": "libvirt-1", "recording": true })), None);
        let ours = json!({ "name": name_of(POINT, "vda"), "recording": true, "busy": false });
        assert_eq!(Bitmap::read(&ours), Some(bitmap(POINT, true)));
        assert_eq!(Bitmap::read(&json!({})), None);
    }

    #[test]
    fn bitmaps_are_believed_when_they_can_tell_all() {
        let (one, other) = (bitmap(POINT, true), bitmap(PointId([8; 16]), true));
        assert!(tell_since(std::slice::from_ref(&one), POINT, "vda"));
        assert!(!tell_since(std::slice::from_ref(&other), POINT, "vda"), "of another point");
        let ended = Bitmap { recording: false, ..one.clone() };
        assert!(tell_since(&[ended.clone(), other], POINT, "vda"), "a pull was cut off");
        assert!(!tell_since(&[ended], POINT, "vda"), "nobody noted what came after");
        assert!(!tell_since(std::slice::from_ref(&one), POINT, "vdb"), "of another disk");
        let copied = Bitmap { name: name_of(POINT, "vdb"), ..one.clone() };
        assert!(!tell_since(&[one.clone(), copied], POINT, "vda"), "one came with a copy");
        let cut_off = Bitmap { inconsistent: true, ..one.clone() };
        assert!(!tell_since(&[one.clone(), cut_off], POINT, "vda"));
        assert!(!tell_since(&vec![one; MAX_LEFT + 1], POINT, "vda"));
        assert!(!tell_since(&[], POINT, "vda"));
    }
}
