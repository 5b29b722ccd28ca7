//! From a kernel that has just started to one with its disks; and the end of it.

use std::fs::File;
use std::path::Path;

use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

/// Where the host put the modules, one a line in `order`, as they need one another.
const MODULES: &str = "/modules";

/// Mounts what programs need and loads the drivers.
pub(crate) fn prepare() {
    for (kind, place) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>)
            .unwrap_or_else(|error| panic!("cannot mount {place}: {error}"));
    }
    let folder = Path::new(MODULES);
    let order = std::fs::read_to_string(folder.join("order")).expect("a list of modules");
    for name in order.lines() {
        let file = File::open(folder.join(name)).expect("a module that is listed");
        finit_module(&file, c"", ModuleInitFlags::empty())
            .unwrap_or_else(|error| panic!("cannot load {name}: {error}"));
    }
}

/// Ends the guest. Nothing of it needs to be written: it has no file systems on disks.
pub(crate) fn power_off() -> ! {
    let failed = reboot(RebootMode::RB_POWER_OFF).expect_err("does not return");
    panic!("cannot power off: {failed}");
}
