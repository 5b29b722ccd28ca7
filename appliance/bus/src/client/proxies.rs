//! Proxies of our interfaces: their methods. Properties come as views, all at once.

use std::collections::BTreeMap;

use zbus::{Fd, OwnedObjectPath, Variant, proxy};

/// Options, as the option structs give them.
type Options<'a> = BTreeMap<&'static str, Variant<'a>>;

#[proxy(
    interface = "org.holdfast.Appliance1",
    default_service = "org.holdfast.Engine1",
    default_path = "/org/holdfast/appliance"
)]
pub trait Appliance {
    fn unlock(&self, passphrase: Fd<'_>) -> zbus::Result<()>;
    fn lock(&self) -> zbus::Result<()>;
    fn export_plan(&self) -> zbus::Result<String>;
    fn apply_plan(&self, plan: &str, dry_run: bool) -> zbus::Result<String>;
    fn test_alert(&self) -> zbus::Result<()>;
    fn probe_times(&self) -> zbus::Result<Vec<(String, u64)>>;
}

#[proxy(
    interface = "org.holdfast.Pool1",
    default_service = "org.holdfast.Engine1",
    default_path = "/org/holdfast/pool"
)]
pub trait Pool {
    fn scrub(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn reclaim(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn expire(&self, dry_run: bool) -> zbus::Result<Vec<(OwnedObjectPath, String, String)>>;
    fn verify(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn ingest(
        &self,
        system: &str,
        source: &str,
        options: &Options<'_>,
    ) -> zbus::Result<OwnedObjectPath>;
    fn resync(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn add_disk(&self, device: &str) -> zbus::Result<OwnedObjectPath>;
}

#[proxy(interface = "org.holdfast.Disk1", default_service = "org.holdfast.Engine1")]
pub trait Disk {
    fn remove(&self) -> zbus::Result<()>;
    #[zbus(name = "Return")]
    fn take_back(&self) -> zbus::Result<OwnedObjectPath>;
    fn replace(&self, device: &str) -> zbus::Result<OwnedObjectPath>;
}

#[proxy(interface = "org.holdfast.ProtectedSystem1", default_service = "org.holdfast.Engine1")]
pub trait System {
    fn run_now(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn pause(&self, reason: &str) -> zbus::Result<()>;
    fn resume(&self) -> zbus::Result<()>;
    fn receive(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
}

#[proxy(interface = "org.holdfast.RecoveryPoint1", default_service = "org.holdfast.Engine1")]
pub trait Point {
    fn verify(&self) -> zbus::Result<OwnedObjectPath>;
    fn export(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn restore(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn restore_to(&self, target: Fd<'_>, volume: &str) -> zbus::Result<OwnedObjectPath>;
    fn hold(&self, comment: &str) -> zbus::Result<()>;
    fn release(&self, comment: &str) -> zbus::Result<()>;
    fn remove(&self, reason: &str) -> zbus::Result<()>;
    fn remove_newest(&self, reason: &str) -> zbus::Result<()>;
    #[zbus(name = "Return")]
    fn take_back(&self) -> zbus::Result<()>;
    fn clear(&self) -> zbus::Result<()>;
}

#[proxy(interface = "org.holdfast.Job1", default_service = "org.holdfast.Engine1")]
pub trait Job {
    fn cancel(&self) -> zbus::Result<()>;
    fn retry(&self) -> zbus::Result<OwnedObjectPath>;
}

#[proxy(interface = "org.holdfast.Export1", default_service = "org.holdfast.Engine1")]
pub trait Export {
    fn stop(&self, discard_overlay: bool) -> zbus::Result<()>;
}

#[proxy(interface = "org.holdfast.Intake1", default_service = "org.holdfast.Engine1")]
pub trait Intake {
    fn finish(&self, options: &Options<'_>) -> zbus::Result<OwnedObjectPath>;
    fn discard(&self) -> zbus::Result<()>;
}

#[proxy(interface = "org.holdfast.Alert1", default_service = "org.holdfast.Engine1")]
pub trait Alert {
    fn acknowledge(&self, by: &str) -> zbus::Result<()>;
}
