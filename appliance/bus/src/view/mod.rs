//! Views: the properties of one object as a plain struct, the same at both ends of the bus.
//!
//! Times are seconds since 1970 in UTC, 0 where it never happened; amounts are bytes; an object
//! that is not there is the path `/`. Comments of the fields are the text of BUS.md.

mod alert;
mod appliance;
mod disk;
mod export;
mod intake;
mod job;
mod point;
mod pool;
mod system;

use zbus::Variant;

use crate::place::Place;

pub use alert::{AlertSide, AlertView};
pub use appliance::{ApplianceState, ApplianceView, Verdict};
pub use disk::{DiskState, DiskView, Smart};
pub use export::ExportView;
pub use intake::IntakeView;
pub use job::{JobKind, JobState, JobView};
pub use point::PointView;
pub use pool::{PoolState, PoolView};
pub use system::{RpoState, SystemView};

/// How a property changes, which says when its change is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// Never, as long as the object is there.
    Constant,
    /// At once.
    State,
    /// Often: changes are gathered and told twice a second at most.
    Progress,
}

/// One property of a view.
#[derive(Debug)]
pub struct Property {
    /// On the bus.
    pub name: &'static str,
    /// In the view, and where that is written as JSON.
    pub field: &'static str,
    /// The D-Bus signature of its type.
    pub signature: &'static str,
    /// What it can be, if that is one of a few words.
    pub words: &'static [&'static str],
    pub changes: Changes,
    /// The text of BUS.md.
    pub about: &'static str,
}

/// What every view can do, for the server and the client.
pub(crate) trait View: Sized {
    const INTERFACE: &'static str;
    const ABOUT: &'static str;
    const PROPERTIES: &'static [Property];

    /// Where its object is. None if an id in it is none.
    fn place(&self) -> Option<Place>;

    /// The values of all properties, in their order.
    fn values(&self) -> Vec<Variant<'_>>;

    /// Which properties are not as in `other`, by their place in the order.
    fn differing(&self, other: &Self) -> Vec<usize>;

    /// From what `take` has for each property. The error is the property that is missing or of
    /// another type.
    fn from_values<'v>(
        take: impl Fn(&str) -> Option<&'v Variant<'v>>,
    ) -> Result<Self, &'static str>;

    /// Takes over one property. False if there is none such or it is of another type.
    fn set(&mut self, name: &str, value: &Variant<'_>) -> bool;
}

/// A view: its interface, where its object is, and for each property how it changes, the field,
/// its type and the name on the bus.
macro_rules! view {
    (
        $(#[doc = $about:literal])+
        $name:ident on $interface:literal at |$view:ident| $place:expr;
        $($(#[doc = $doc:literal])+ $changes:ident $field:ident: $type:ty = $member:literal;)+
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl $crate::view::View for $name {
            const INTERFACE: &'static str = $interface;
            const ABOUT: &'static str = concat!($($about, "\n"),+);
            const PROPERTIES: &'static [$crate::view::Property] = &[$(
                $crate::view::Property {
                    name: $member,
                    field: stringify!($field),
                    signature: <$type as $crate::value::Value>::SIGNATURE,
                    words: <$type as $crate::value::Value>::WORDS,
                    changes: $crate::view::Changes::$changes,
                    about: concat!($($doc, "\n"),+),
                },
            )+];

            fn place(&self) -> Option<$crate::place::Place> {
                let $view = self;
                $place
            }

            fn values(&self) -> Vec<zbus::Variant<'_>> {
                vec![$($crate::value::Value::to_variant(&self.$field)),+]
            }

            fn differing(&self, other: &Self) -> Vec<usize> {
                let same = [$(self.$field == other.$field),+];
                (0..).zip(same).filter(|(_, same)| !same).map(|(at, _)| at).collect()
            }

            fn from_values<'v>(
                take: impl Fn(&str) -> Option<&'v zbus::Variant<'v>>,
            ) -> Result<Self, &'static str> {
                Ok(Self {
                    $($field: take($member)
                        .and_then($crate::value::Value::from_variant)
                        .ok_or($member)?,)+
                })
            }

            fn set(&mut self, name: &str, value: &zbus::Variant<'_>) -> bool {
                match name {
                    $($member => match $crate::value::Value::from_variant(value) {
                        Some(value) => { self.$field = value; true }
                        None => false,
                    },)+
                    _ => false,
                }
            }
        }
    };
}

use view;
