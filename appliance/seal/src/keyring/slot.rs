//! One slot: what people see of it, and how a new one looks before the root key is wrapped.

use format::keyring::{KeySlot, LABEL_BYTES, SlotKind, WrappedKey};
use model::WallTime;

use crate::SealError;
use crate::wrap::Purpose;

/// What people see of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// Never used again after the slot is removed.
    pub number: u32,
    /// None for a kind that this Holdfast does not know.
    pub kind: Option<SlotKind>,
    pub label: String,
    pub created_at: WallTime,
    /// When it last opened as a test, if ever.
    pub proved_at: Option<WallTime>,
}

impl SlotInfo {
    pub(super) fn of(slot: &KeySlot) -> Self {
        let label = slot.label.split(|byte| *byte == 0).next().unwrap_or_default();
        Self {
            number: slot.number,
            kind: SlotKind::from_number(slot.kind),
            label: String::from_utf8_lossy(label).into_owned(),
            created_at: slot.created_at,
            proved_at: Some(slot.proved_at).filter(|proved_at| *proved_at > WallTime(0)),
        }
    }
}

/// A slot with nothing wrapped in it yet.
pub(super) fn empty(
    number: u32,
    kind: SlotKind,
    label: &str,
    created_at: WallTime,
) -> Result<KeySlot, SealError> {
    if label.len() > LABEL_BYTES || label.contains('\0') {
        return Err(SealError::Label);
    }
    let mut bytes = [0; LABEL_BYTES];
    bytes.iter_mut().zip(label.bytes()).for_each(|(to, from)| *to = from);
    Ok(KeySlot {
        number,
        kind: kind as u16,
        reserved: 0,
        memory_kib: 0,
        passes: 0,
        lanes: 0,
        created_at,
        proved_at: WallTime(0),
        label: bytes,
        root_key: WrappedKey { salt: [0; 32], sealed: [0; 32], tag: [0; 16] },
        reserved2: [0; 108],
    })
}

pub(super) fn of_kind(slots: &[KeySlot], kind: SlotKind) -> impl Iterator<Item = &KeySlot> {
    slots.iter().filter(move |slot| slot.kind == kind as u16)
}

pub(super) fn purpose(slot: &KeySlot) -> Purpose {
    Purpose::Root { slot: slot.number, kind: slot.kind }
}
