//! What others do for the console: logind, the service manager, networkd.

use serde::Serialize;
use zbus::fdo::DBusProxy;
use zbus::{Connection, DynamicType, connection};

/// One of them, by its name, object and interface on the bus.
struct Other {
    name: &'static str,
    path: &'static str,
    interface: &'static str,
}

const LOGIND: Other = Other {
    name: "org.freedesktop.login1",
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
};

const SYSTEMD: Other = Other {
    name: "org.freedesktop.systemd1",
    path: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
};

const NETWORKD: Other = Other {
    name: "org.freedesktop.network1",
    path: "/org/freedesktop/network1",
    interface: "org.freedesktop.network1.Manager",
};

/// The unit that writes the file of the claim.
const MANAGE: &str = "holdfast-manage.service";

/// The bus that they are on.
pub(super) struct System(Connection);

impl System {
    pub(super) async fn connect(address: Option<&str>) -> zbus::Result<Self> {
        let builder = match address {
            Some(address) => connection::Builder::address(address),
            None => connection::Builder::system(),
        };
        builder.build().await.map(Self)
    }

    pub(super) async fn reboot(&self) -> zbus::Result<()> {
        self.call(&LOGIND, "Reboot", &(false,)).await
    }

    pub(super) async fn power_off(&self) -> zbus::Result<()> {
        self.call(&LOGIND, "PowerOff", &(false,)).await
    }

    pub(super) async fn restart_manage(&self) -> zbus::Result<()> {
        self.call(&SYSTEMD, "RestartUnit", &(MANAGE, "replace")).await
    }

    /// Has networkd read its files. False if it does not run.
    pub(super) async fn reload_network(&self) -> zbus::Result<bool> {
        let bus = DBusProxy::new(&self.0).await?;
        if !bus.name_has_owner(NETWORKD.name.try_into()?).await? {
            return Ok(false);
        }
        self.call(&NETWORKD, "Reload", &()).await.map(|()| true)
    }

    async fn call<B>(&self, other: &Other, method: &str, body: &B) -> zbus::Result<()>
    where
        B: Serialize + DynamicType,
    {
        let Other { name, path, interface } = *other;
        self.0.call_method(Some(name), path, Some(interface), method, body).await.map(|_| ())
    }
}
