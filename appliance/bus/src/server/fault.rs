//! Errors of calls: those of D-Bus itself, and our refusals.

use crate::refusal::Refusal;

/// An error reply.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn unknown_object(path: &str) -> Self {
        Self::new("org.freedesktop.DBus.Error.UnknownObject", format!("there is no object {path}"))
    }

    pub(super) fn unknown_interface(interface: &str) -> Self {
        Self::new(
            "org.freedesktop.DBus.Error.UnknownInterface",
            format!("the object has no interface {interface}"),
        )
    }

    pub(super) fn unknown_method(method: &str) -> Self {
        Self::new(
            "org.freedesktop.DBus.Error.UnknownMethod",
            format!("the interface has no method {method}"),
        )
    }

    pub(super) fn unknown_property(property: &str) -> Self {
        Self::new(
            "org.freedesktop.DBus.Error.UnknownProperty",
            format!("the interface has no property {property}"),
        )
    }

    pub(super) fn read_only(property: &str) -> Self {
        let text = format!("the property {property} can only be read; call the method for it");
        Self::new("org.freedesktop.DBus.Error.PropertyReadOnly", text)
    }

    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::new("org.freedesktop.DBus.Error.InvalidArgs", text)
    }

    pub(super) fn failed(error: &zbus::Error) -> Self {
        Self::new("org.freedesktop.DBus.Error.Failed", format!("the reply cannot be made: {error}"))
    }

    fn new(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, text: text.into() }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { name: refusal.kind.name(), text: refusal.to_string() }
    }
}
