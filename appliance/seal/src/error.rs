//! Why a record cannot be opened, or a key not be had.

use model::{DataKeyId, TenantId};

/// What went wrong, by what the caller can do about it. No variant shows a key or plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No slot opens with this passphrase or kit: ask again.
    #[error("no slot opens with this key")]
    WrongKey,
    /// The bytes are not what was sealed here: take the other copy.
    #[error("the bytes are not what was sealed")]
    Damaged,
    /// Opened, but written by a newer Holdfast.
    #[error("codec {number} is not known to this Holdfast")]
    UnknownCodec { number: u8 },
    /// Longer than the format allows.
    #[error("{bytes} bytes are more than the {max} allowed")]
    TooLong { bytes: usize, max: usize },
    /// A passphrase that is too short to be stretched into a key.
    #[error("a passphrase has at least {min} bytes")]
    WeakPassphrase { min: usize },
    /// Argon2 parameters outside the bounds: too weak, or so large that they block the appliance.
    #[error("{memory_kib} KiB, {passes} passes, {lanes} lanes are outside the bounds")]
    Strength { memory_kib: u32, passes: u32, lanes: u32 },
    /// Memory for stretching or compressing is not to be had: try again later.
    #[error("not enough memory")]
    NoMemory,
    /// A recovery kit was typed with a mistake, in this group or (if it is the last) in several.
    /// Groups count from 1.
    #[error("group {group} of the recovery kit is mistyped")]
    KitGroup { group: usize },
    /// A recovery kit was typed with too many or too few characters.
    #[error("a recovery kit has {expected} characters, {found} were typed")]
    KitLength { expected: usize, found: usize },
    /// A slot's label that is longer than its field or contains zero bytes.
    #[error("this label does not fit")]
    Label,
    /// The key block has no room for another slot, tenant or data key.
    #[error("no room for another of {max}")]
    Full { max: usize },
    #[error("no slot {slot}")]
    NoSuchSlot { slot: u32 },
    /// Removing it would leave no way to the root key.
    #[error("slot {slot} is the last one")]
    LastSlot { slot: u32 },
    #[error("no tenant {tenant}")]
    NoSuchTenant { tenant: TenantId },
    #[error("tenant {tenant} exists")]
    TenantExists { tenant: TenantId },
    #[error("no data key {id} of tenant {tenant}")]
    NoSuchDataKey { tenant: TenantId, id: DataKeyId },
    /// New segments use it: rotate first.
    #[error("data key {id} is in use")]
    DataKeyInUse { id: DataKeyId },
}
