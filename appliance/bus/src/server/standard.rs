//! The interfaces that every D-Bus service has, and to whom a call goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::SemaphorePermit;
use zbus::message::{Body, Header};
use zbus::wire::DynamicDeserialize;
use zbus::{Message, ObjectPath, Variant};

use super::fault::Fault;
use super::introspect;
use super::service::Service;
use crate::method::BODY_MAX;
use crate::object::Object;
use crate::place::{Place, ROOT};

pub(super) const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(super) const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
pub(super) const PEER: &str = "org.freedesktop.DBus.Peer";

/// The reply to a call, with what is to be held until it is sent.
type Outcome<'a> = (Result<Message, Fault>, Option<SemaphorePermit<'a>>);

impl Service {
    pub(super) async fn reply(&self, message: &Message, header: &Header<'_>) -> Outcome<'_> {
        let path = header.path().map(ObjectPath::as_str).unwrap_or_default();
        let interface = header.interface().map(|name| name.as_str()).unwrap_or_default();
        let member = header.member().map(|name| name.as_str()).unwrap_or_default();
        let body = message.body();
        let reply = match (interface, member) {
            (OBJECT_MANAGER, "GetManagedObjects") if path == ROOT => {
                return self.managed_objects(header).await;
            }
            (OBJECT_MANAGER, _) if path != ROOT => Err(Fault::unknown_interface(interface)),
            (INTROSPECTABLE, "Introspect") => self.introspect(header, path),
            (PROPERTIES, "Get") => self.get(header, path, &body),
            (PROPERTIES, "GetAll") => self.get_all(header, path, &body),
            (PROPERTIES, "Set") => self.set(path, &body),
            (PEER, "Ping") => built(header, &()),
            (PEER, "GetMachineId") => machine_id(header),
            (OBJECT_MANAGER | INTROSPECTABLE | PROPERTIES | PEER, _) => {
                Err(Fault::unknown_method(member))
            }
            _ => self.own(message, header, path, interface, member).await,
        };
        (reply, None)
    }

    async fn own(
        &self,
        message: &Message,
        header: &Header<'_>,
        path: &str,
        interface: &str,
        member: &str,
    ) -> Result<Message, Fault> {
        let (place, object) = self.object(path)?;
        let own = object.interface();
        if interface != own.name {
            return Err(Fault::unknown_interface(interface));
        }
        match own.methods.iter().find(|method| method.name == member) {
            Some(method) => self.call(message, header, &place, method).await,
            None => Err(Fault::unknown_method(member)),
        }
    }

    fn object(&self, path: &str) -> Result<(Place, Arc<Object>), Fault> {
        let place = Place::parse(path).ok_or_else(|| Fault::unknown_object(path))?;
        let object = self.tree.get(&place).ok_or_else(|| Fault::unknown_object(path))?;
        Ok((place, object))
    }

    async fn managed_objects(&self, header: &Header<'_>) -> Outcome<'_> {
        // The semaphore is never closed.
        let permit = self.listings.acquire().await.ok();
        let objects: Vec<(Place, Arc<Object>)> = {
            let state = self.tree.state();
            state.objects().map(|(place, object)| (place.clone(), object.clone())).collect()
        };
        let paths: Vec<_> = objects.iter().map(|(place, _)| place.path()).collect();
        let listed = paths.iter().zip(&objects).map(|(path, (_, object))| {
            let interfaces = BTreeMap::from([(object.interface().name, properties_of(object))]);
            (ObjectPath::from(path), interfaces)
        });
        (built(header, &listed.collect::<BTreeMap<_, _>>()), permit)
    }

    fn introspect(&self, header: &Header<'_>, path: &str) -> Result<Message, Fault> {
        let described = introspect::describe(&self.tree.state(), path);
        built(header, &described.ok_or_else(|| Fault::unknown_object(path))?)
    }

    fn get(&self, header: &Header<'_>, path: &str, body: &Body) -> Result<Message, Fault> {
        let (interface, name): (&str, &str) = arguments(body)?;
        let object = self.with_interface(path, interface)?;
        match properties_of(&object).remove(name) {
            Some(value) => built(header, &value),
            None => Err(Fault::unknown_property(name)),
        }
    }

    fn get_all(&self, header: &Header<'_>, path: &str, body: &Body) -> Result<Message, Fault> {
        let (interface,): (&str,) = arguments(body)?;
        if path == ROOT && interface == OBJECT_MANAGER {
            return built(header, &BTreeMap::<&str, Variant<'_>>::new());
        }
        let object = self.with_interface(path, interface)?;
        built(header, &properties_of(&object))
    }

    fn set(&self, path: &str, body: &Body) -> Result<Message, Fault> {
        let (interface, name, _): (&str, &str, Variant<'_>) = arguments(body)?;
        let object = self.with_interface(path, interface)?;
        let known = object.interface().properties.iter().any(|property| property.name == name);
        Err(if known { Fault::read_only(name) } else { Fault::unknown_property(name) })
    }

    /// The object at `path`, if it has that interface. It has one, so none named is that one.
    fn with_interface(&self, path: &str, interface: &str) -> Result<Arc<Object>, Fault> {
        let (_, object) = self.object(path)?;
        match interface {
            "" => Ok(object),
            named if named == object.interface().name => Ok(object),
            _ => Err(Fault::unknown_interface(interface)),
        }
    }
}

/// By name.
pub(super) fn properties_of(object: &Object) -> BTreeMap<&'static str, Variant<'_>> {
    let names = object.interface().properties.iter().map(|property| property.name);
    names.zip(object.values()).collect()
}

fn arguments<'b, T: DynamicDeserialize<'b>>(body: &'b Body) -> Result<T, Fault> {
    if body.len() > BODY_MAX {
        return Err(Fault::invalid(format!("at most {BODY_MAX} bytes of arguments are taken")));
    }
    body.deserialize().map_err(|error| Fault::invalid(format!("the arguments are wrong: {error}")))
}

fn built<B>(header: &Header<'_>, body: &B) -> Result<Message, Fault>
where
    B: serde::Serialize + zbus::DynamicType,
{
    Message::method_return(header).build(body).map_err(|error| Fault::failed(&error))
}

fn machine_id(header: &Header<'_>) -> Result<Message, Fault> {
    let read = std::fs::read_to_string("/etc/machine-id");
    let id = read.map_err(|_| Fault::invalid("this machine has no /etc/machine-id"))?;
    built(header, &id.trim())
}
