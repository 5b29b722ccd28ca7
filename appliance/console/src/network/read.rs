//! Reads what is there. What cannot be read is left out: the screen shows what is known.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use super::{Interface, MAX_INTERFACES, Network, Setting, file, parse};

/// The routes of the kernel. Its shorter name, `/proc/net/route`, is not there for a unit that sees
/// nothing but processes in `/proc`, as that of the console does.
const ROUTES: &str = "/proc/self/net/route";

/// The name servers that systemd-resolved asks, where it runs, and those that programs ask: itself
/// in that case, which is nothing to show, and nothing to be set.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
const RESOLVER: &str = "/etc/resolv.conf";

/// Longest file that is read whole, in bytes: a table of routes.
const MAX_BYTES: u64 = 256 << 10;

/// Most addresses that are shown of one interface.
const MAX_ADDRESSES: usize = 8;

/// What is known now, of interfaces in the folder where the kernel shows them, and of what was
/// wanted of them from the folder of systemd-networkd's files.
pub(crate) fn read(folder: &Path, wanted: &Path) -> Network {
    let routes = text(Path::new(ROUTES));
    let addresses = addresses();
    let mut interfaces: Vec<Interface> = names(folder)
        .into_iter()
        .map(|name| Interface {
            link: line(&folder.join(&name).join("operstate")),
            mac: line(&folder.join(&name).join("address")),
            addresses: of(&addresses, &name),
            gateway: parse::gateway(&routes, &name),
            fixed: Setting::is_static(&text(&file::path(wanted, &name))),
            name,
        })
        .collect();
    interfaces.sort_by(|left, right| left.name.cmp(&right.name));
    Network { interfaces, dns: name_servers(Path::new(RESOLVED), Path::new(RESOLVER)) }
}

fn name_servers(resolved: &Path, resolver: &Path) -> Vec<IpAddr> {
    let path = if resolved.exists() { resolved } else { resolver };
    parse::name_servers(&text(path))
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let wanted = names.filter(|name| name != "lo" && parse::is_interface(name));
    wanted.take(MAX_INTERFACES).collect()
}

/// Names of interfaces with an address each.
fn addresses() -> Vec<(String, String)> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    let found = all.filter_map(|one| {
        let address = ip(&one.address?)?;
        let shown = match one.netmask.as_ref().and_then(ip).and_then(parse::prefix) {
            Some(prefix) => format!("{address}/{prefix}"),
            None => address.to_string(),
        };
        Some((one.interface_name, shown))
    });
    found.take(MAX_INTERFACES * MAX_ADDRESSES).collect()
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

fn of(addresses: &[(String, String)], name: &str) -> Vec<String> {
    let its = addresses.iter().filter(|(interface, _)| interface == name);
    its.map(|(_, address)| address.clone()).take(MAX_ADDRESSES).collect()
}

fn line(path: &Path) -> String {
    text(path).lines().next().unwrap_or("unknown").trim().to_owned()
}

/// A file as text; nothing if it is not there.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_those_of_the_folder_without_the_loopback() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lo", "zz9", "aa1", "bad name"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("aa1/operstate"), "up\n").unwrap();
        std::fs::write(folder.path().join("aa1/address"), "02:00:00:00:00:01\n").unwrap();
        let wanted = tempfile::tempdir().unwrap();
        let file = Setting::Static {
            address: [192, 0, 2, 7].into(),
            prefix: 24,
            gateway: None,
            dns: Vec::new(),
        };
        file::save(wanted.path(), "aa1", &file.file("aa1")).unwrap();
        file::save(wanted.path(), "zz9", &Setting::Dhcp.file("zz9")).unwrap();
        let network = read(folder.path(), wanted.path());
        assert_eq!(
            network.interfaces.iter().map(|one| one.fixed).collect::<Vec<_>>(),
            [true, false]
        );
        let names: Vec<&str> = network.interfaces.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["aa1", "zz9"]);
        assert_eq!(network.interfaces[0].mac, "02:00:00:00:00:01");
        assert_eq!(network.interfaces[1].link, "unknown");
    }

    #[test]
    fn this_machine_has_its_own_addresses_and_a_table_of_routes() {
        assert!(addresses().iter().any(|(name, address)| name == "lo" && address == "127.0.0.1/8"));
        assert!(text(Path::new(ROUTES)).starts_with("Iface"));
    }

    #[test]
    fn name_servers_are_those_that_resolved_asks_and_not_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let [resolved, resolver] = ["resolved", "resolver"].map(|name| folder.path().join(name));
        std::fs::write(&resolver, "nameserver 127.0.0.53\n").unwrap();
        let servers = || name_servers(&resolved, &resolver);
        assert_eq!(servers(), ["127.0.0.53".parse::<IpAddr>().unwrap()]);
        std::fs::write(&resolved, "nameserver 192.0.2.53\n").unwrap();
        assert_eq!(servers(), ["192.0.2.53".parse::<IpAddr>().unwrap()]);
        std::fs::write(&resolved, "# none\n").unwrap();
        assert!(servers().is_empty(), "it asks nobody, least of all itself");
    }
}
