//! Any view: what the tree keeps and listings give.

use serde::{Deserialize, Serialize};
use zbus::Variant;

use crate::method::{self, Method};
use crate::place::Place;
use crate::signal::{SIGNALS, Signal};
use crate::view::{
    AlertView, ApplianceView, DiskView, ExportView, IntakeView, JobView, PointView, PoolView,
    Property, SystemView, View,
};

macro_rules! objects {
    ($($name:ident($view:ident, $methods:expr, $signals:expr),)+) => {
        /// The view of one object, whatever it is.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "object", rename_all = "lowercase")]
        pub enum Object {
            $($name($view),)+
        }

        $(impl From<$view> for Object {
            fn from(view: $view) -> Self {
                Self::$name(view)
            }
        })+

        impl Object {
            /// Where it is. None if an id in the view is none.
            pub fn place(&self) -> Option<Place> {
                match self { $(Self::$name(view) => view.place(),)+ }
            }

            pub(crate) fn interface(&self) -> &'static Interface {
                match self { $(Self::$name(_) => interface_of(&Kind::$name),)+ }
            }

            /// In the order of the properties.
            pub(crate) fn values(&self) -> Vec<Variant<'_>> {
                match self { $(Self::$name(view) => view.values(),)+ }
            }

            /// Which properties are not as in `other`. All, if that is of another kind.
            pub(crate) fn differing(&self, other: &Self) -> Vec<usize> {
                match (self, other) {
                    $((Self::$name(view), Self::$name(other)) => view.differing(other),)+
                    _ => (0..self.interface().properties.len()).collect(),
                }
            }

            /// From the properties of `interface`. None if that is not ours; the error is the
            /// property that is missing or of another type.
            pub(crate) fn from_values<'v>(
                interface: &str,
                take: impl Fn(&str) -> Option<&'v Variant<'v>>,
            ) -> Option<Result<Self, &'static str>> {
                match interface {
                    $($view::INTERFACE => Some($view::from_values(take).map(Self::from)),)+
                    _ => None,
                }
            }

            pub(crate) fn set(&mut self, name: &str, value: &Variant<'_>) -> bool {
                match self { $(Self::$name(view) => view.set(name, value),)+ }
            }
        }

        /// Of each kind of object, in the order of BUS.md.
        #[cfg_attr(not(test), allow(dead_code, reason = "read where BUS.md is made"))]
        pub(crate) const INTERFACES: &[&Interface] = &[$(interface_of(&Kind::$name)),+];

        /// What all views have, by the tag of each in JSON, in the order of BUS.md: what speaks of
        /// views elsewhere is held against it.
        pub fn views() -> Vec<(String, &'static str, &'static [Property])> {
            vec![$((stringify!($name).to_lowercase(), $view::ABOUT, $view::PROPERTIES)),+]
        }

        /// The kinds of objects, and of places.
        enum Kind { $($name),+ }

        const fn interface_of(kind: &Kind) -> &'static Interface {
            match kind {
                $(Kind::$name => &const {
                    Interface {
                        name: $view::INTERFACE,
                        about: $view::ABOUT,
                        properties: $view::PROPERTIES,
                        methods: $methods,
                        signals: $signals,
                    }
                },)+
            }
        }

        /// The interface of what is at `place`.
        pub(crate) fn interface_at(place: &Place) -> &'static Interface {
            match place {
                $(Place::$name { .. } => interface_of(&Kind::$name),)+
            }
        }
    };
}

objects! {
    Appliance(ApplianceView, method::APPLIANCE, SIGNALS),
    Pool(PoolView, method::POOL, &[]),
    Disk(DiskView, method::DISK, &[]),
    System(SystemView, method::SYSTEM, &[]),
    Point(PointView, method::POINT, &[]),
    Job(JobView, method::JOB, &[]),
    Export(ExportView, method::EXPORT, &[]),
    Intake(IntakeView, method::INTAKE, &[]),
    Alert(AlertView, method::ALERT, &[]),
}

/// What is the same for all objects of a kind.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "read where BUS.md is made"))]
pub(crate) struct Interface {
    pub(crate) name: &'static str,
    /// The text of BUS.md.
    pub(crate) about: &'static str,
    pub(crate) properties: &'static [Property],
    pub(crate) methods: &'static [Method],
    pub(crate) signals: &'static [Signal],
}
