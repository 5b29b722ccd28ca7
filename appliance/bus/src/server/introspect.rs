//! Introspection: what a path holds, as XML, from the tables.

use std::fmt::Write;

use super::state::State;
use crate::method::Argument;
use crate::object::Interface;
use crate::place::{Place, ROOT, folders};
use crate::view::Changes;

const HEAD: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection \
    1.0//EN\"\n \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";

/// What is at `path`, with the names of what is right below it. None if nothing is.
pub(super) fn describe(state: &State, path: &str) -> Option<String> {
    let mut xml = HEAD.to_owned();
    let children = match Place::parse(path) {
        Some(place) => {
            xml.push_str(&interface(state.get(&place)?.interface()));
            Vec::new()
        }
        None => children(state, path)?,
    };
    if path == ROOT {
        xml.push_str(MANAGER);
    }
    xml.push_str(STANDARD);
    for child in children {
        line(&mut xml, 1, &format!("node name=\"{child}\"/"));
    }
    xml.push_str("</node>\n");
    Some(xml)
}

/// One of our interfaces.
pub(crate) fn interface(interface: &Interface) -> String {
    let mut xml = String::new();
    line(&mut xml, 1, &format!("interface name=\"{}\"", interface.name));
    for method in interface.methods {
        let takes = method.takes.iter().map(|argument| (argument, Some("in")));
        let gives = method.gives.iter().map(|argument| (argument, Some("out")));
        member(&mut xml, "method", method.name, takes.chain(gives));
    }
    for signal in interface.signals {
        member(&mut xml, "signal", signal.name, signal.gives.iter().map(|one| (one, None)));
    }
    for property in interface.properties {
        let (name, signature) = (property.name, property.signature);
        let tag = format!("property name=\"{name}\" type=\"{signature}\" access=\"read\"");
        match property.changes {
            Changes::Constant => {
                line(&mut xml, 2, &tag);
                let name = "org.freedesktop.DBus.Property.EmitsChangedSignal";
                line(&mut xml, 3, &format!("annotation name=\"{name}\" value=\"const\"/"));
                line(&mut xml, 2, "/property");
            }
            Changes::State | Changes::Progress => line(&mut xml, 2, &format!("{tag}/")),
        }
    }
    line(&mut xml, 1, "/interface");
    xml
}

/// A file of its own for an interface.
#[cfg(test)]
pub(crate) fn file(one: &Interface) -> String {
    format!("{HEAD}{}</node>\n", interface(one))
}

/// The elements below a path that is no object itself.
fn children(state: &State, path: &str) -> Option<Vec<String>> {
    if path == ROOT {
        let places = [Place::Appliance, Place::Pool];
        let single = places.iter().filter(|place| state.get(place).is_some());
        let names = single.map(|place| last(place.path().as_str()));
        return Some(names.chain(folders().map(|(name, ..)| name.to_owned())).collect());
    }
    let below = ROOT.strip_prefix(path.trim_end_matches('/'));
    if let Some(below) = below.and_then(|below| below.strip_prefix('/')) {
        return below.split('/').next().map(|next| vec![next.to_owned()]);
    }
    let folder = path.strip_prefix(ROOT)?.strip_prefix('/')?;
    let (_, first, last_place) = folders().into_iter().find(|(name, ..)| *name == folder)?;
    let between = state.between(&first, &last_place);
    Some(between.map(|place| last(place.path().as_str())).collect())
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn member<'a>(
    xml: &mut String,
    kind: &str,
    name: &str,
    arguments: impl Iterator<Item = (&'a Argument, Option<&'static str>)>,
) {
    let mut arguments = arguments.peekable();
    if arguments.peek().is_none() {
        return line(xml, 2, &format!("{kind} name=\"{name}\"/"));
    }
    line(xml, 2, &format!("{kind} name=\"{name}\""));
    for ((name, signature), direction) in arguments {
        let direction = direction.map(|way| format!(" direction=\"{way}\"")).unwrap_or_default();
        line(xml, 3, &format!("arg name=\"{name}\" type=\"{signature}\"{direction}/"));
    }
    line(xml, 2, &format!("/{kind}"));
}

fn line(xml: &mut String, level: usize, tag: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "{:width$}<{tag}>", "", width = 2 * level);
}

/// What every object has.
const STANDARD: &str = r#"  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg name="xml_data" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="GetMachineId">
      <arg name="machine_uuid" type="s" direction="out"/>
    </method>
    <method name="Ping"/>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="properties" type="a{sv}" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{sv}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
"#;

/// What the root of the tree has.
const MANAGER: &str = r#"  <interface name="org.freedesktop.DBus.ObjectManager">
    <method name="GetManagedObjects">
      <arg name="objects" type="a{oa{sa{sv}}}" direction="out"/>
    </method>
    <signal name="InterfacesAdded">
      <arg name="object" type="o"/>
      <arg name="interfaces" type="a{sa{sv}}"/>
    </signal>
    <signal name="InterfacesRemoved">
      <arg name="object" type="o"/>
      <arg name="interfaces" type="as"/>
    </signal>
  </interface>
"#;
