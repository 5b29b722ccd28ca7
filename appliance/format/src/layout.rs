//! Fixed-size little-endian structures, each declared once: the code and the tables of FORMAT.md
//! are both held to the declaration.

use model::{
    BlockTag, DataKeyId, Digest, DiskId, Epoch, PointId, PoolId, SegmentId, Sequence, SystemId,
};
use model::{TenantId, WallTime};

/// One field of a structure, as FORMAT.md lists it. Offset and size are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub offset: usize,
    pub size: usize,
}

/// A structure with its fields in order and without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The heading of its table in FORMAT.md.
    pub name: &'static str,
    pub size: usize,
    pub fields: &'static [Field],
}

/// A value with a fixed place in a structure. `load` is total: every bit pattern is some value,
/// and what may not be is checked by the structure's own `decode`.
pub trait Fixed: Sized {
    const SIZE: usize;
    /// Writes the value to the start of `to`, which has at least `SIZE` bytes.
    fn save(&self, to: &mut [u8]);
    /// Reads the value from the start of `from`, which has at least `SIZE` bytes.
    fn load(from: &[u8]) -> Self;

    /// As [`save`](Self::save), several side by side.
    fn save_all(items: &[Self], to: &mut [u8]) {
        for (item, to) in items.iter().zip(to.chunks_exact_mut(Self::SIZE)) {
            item.save(to);
        }
    }

    /// As [`load`](Self::load), several side by side.
    fn load_all<const N: usize>(from: &[u8]) -> [Self; N] {
        std::array::from_fn(|at| Self::load(&from[at * Self::SIZE..]))
    }
}

/// Most fields are bytes: keys, hashes, salts, what is reserved. One copy each; byte by byte they
/// were three quarters of an opening.
impl Fixed for u8 {
    const SIZE: usize = 1;

    fn save(&self, to: &mut [u8]) {
        to[0] = *self;
    }

    fn load(from: &[u8]) -> Self {
        from[0]
    }

    fn save_all(items: &[Self], to: &mut [u8]) {
        to[..items.len()].copy_from_slice(items);
    }

    fn load_all<const N: usize>(from: &[u8]) -> [Self; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&from[..N]);
        bytes
    }
}

macro_rules! fixed_integer {
    ($($type:ty),*) => {$(
        impl Fixed for $type {
            const SIZE: usize = size_of::<$type>();

            fn save(&self, to: &mut [u8]) {
                to[..Self::SIZE].copy_from_slice(&self.to_le_bytes());
            }

            fn load(from: &[u8]) -> Self {
                <$type>::from_le_bytes(u8::load_all(from))
            }
        }
    )*};
}

fixed_integer!(u16, u32, u64);

impl<T: Fixed, const N: usize> Fixed for [T; N] {
    const SIZE: usize = N * T::SIZE;

    fn save(&self, to: &mut [u8]) {
        T::save_all(self, to);
    }

    fn load(from: &[u8]) -> Self {
        T::load_all(from)
    }
}

macro_rules! fixed_newtype {
    ($($name:ident($inner:ty)),* $(,)?) => {$(
        impl Fixed for $name {
            const SIZE: usize = <$inner as Fixed>::SIZE;

            fn save(&self, to: &mut [u8]) {
                self.0.save(to);
            }

            fn load(from: &[u8]) -> Self {
                Self(<$inner as Fixed>::load(from))
            }
        }
    )*};
}

fixed_newtype! {
    BlockTag([u8; 12]), DataKeyId(u32), Digest([u8; 32]), DiskId([u8; 16]), Epoch(u64),
    PointId([u8; 16]), PoolId([u8; 16]), SegmentId(u64), Sequence(u64), SystemId([u8; 16]),
    TenantId([u8; 16]), WallTime(u64),
}

/// Declares a structure: fields in order of their bytes, the heading of its table in FORMAT.md,
/// its total size (checked when compiled).
macro_rules! layout {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident = $heading:literal, $size:literal bytes {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// The structure as FORMAT.md lists it.
            pub const TABLE: $crate::layout::Table = $crate::layout::Table {
                name: $heading,
                size: $size,
                fields: &$crate::layout::place::<{ [$(stringify!($field)),*].len() }>([
                    $((stringify!($field), <$type as $crate::layout::Fixed>::SIZE)),*
                ]),
            };
        }

        const _: () = assert!(0 $(+ <$type as $crate::layout::Fixed>::SIZE)* == $size);

        impl $crate::layout::Fixed for $name {
            const SIZE: usize = $size;

            fn save(&self, to: &mut [u8]) {
                let mut rest = to;
                $(
                    let (field, after) = rest.split_at_mut(<$type as $crate::layout::Fixed>::SIZE);
                    $crate::layout::Fixed::save(&self.$field, field);
                    rest = after;
                )*
                let _ = rest;
            }

            fn load(from: &[u8]) -> Self {
                let mut rest = from;
                $(
                    let (field, after) = rest.split_at(<$type as $crate::layout::Fixed>::SIZE);
                    let $field = <$type as $crate::layout::Fixed>::load(field);
                    rest = after;
                )*
                let _ = rest;
                Self { $($field),* }
            }
        }
    };
}
pub(crate) use layout;

/// Gives each field the offset that the sizes before it add up to.
pub const fn place<const N: usize>(sizes: [(&'static str, usize); N]) -> [Field; N] {
    let mut fields = [Field { name: "", offset: 0, size: 0 }; N];
    let mut offset = 0;
    let mut at = 0;
    while at < N {
        fields[at] = Field { name: sizes[at].0, offset, size: sizes[at].1 };
        offset += sizes[at].1;
        at += 1;
    }
    fields
}
