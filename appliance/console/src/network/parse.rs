//! What the kernel and the resolver keep in text. All of it is total: what makes no sense is left
//! out.

use std::net::{IpAddr, Ipv4Addr};

/// Most lines of a table that are looked at: a router of the whole Internet is no backup box.
const MAX_LINES: usize = 4096;

/// Most name servers; the resolver itself asks three.
const MAX_SERVERS: usize = 8;

/// The gateway of the default route over an interface, of the kernel's table: the one
/// with the least metric.
pub(super) fn gateway(table: &str, interface: &str) -> Option<IpAddr> {
    let routes = table.lines().skip(1).take(MAX_LINES).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, destination, gateway, _, _, _, metric, mask, ..] = fields[..] else {
            return None;
        };
        let is_default = name == interface && number(destination)? == 0 && number(mask)? == 0;
        // The kernel prints the bytes of an address as a number of this machine.
        let gateway = Ipv4Addr::from(number(gateway)?.to_ne_bytes());
        let metric: u32 = metric.parse().ok()?;
        (is_default && !gateway.is_unspecified()).then_some((metric, gateway))
    });
    routes.min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway.into())
}

fn number(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits, 16).ok()
}

/// The name servers in a file like `/etc/resolv.conf`.
pub(super) fn name_servers(text: &str) -> Vec<IpAddr> {
    let servers = text.lines().take(MAX_LINES).filter_map(|line| {
        let mut words = line.split_whitespace();
        if words.next()? != "nameserver" {
            return None;
        }
        // A link stands behind a percent sign.
        words.next()?.split('%').next()?.parse().ok()
    });
    servers.take(MAX_SERVERS).collect()
}

/// How many bits of a mask are set, if they stand in front.
pub(super) fn prefix(mask: IpAddr) -> Option<u32> {
    let (bits, width) = match mask {
        IpAddr::V4(mask) => (u128::from(mask.to_bits()) << 96, 32),
        IpAddr::V6(mask) => (mask.to_bits(), 128),
    };
    let ones = bits.leading_ones();
    (ones == bits.count_ones() && ones <= width).then_some(ones)
}

/// Whether a file of systemd-networkd can name an interface as it is: its names are patterns.
pub(super) fn is_interface(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=15).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
cut\t0000";

    #[test]
    fn the_gateway_is_that_of_the_default_route_with_the_least_metric() {
        assert_eq!(gateway(ROUTES, "eth0"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(gateway(ROUTES, "eth1"), None);
        assert_eq!(gateway(ROUTES, "cut"), None);
        assert_eq!(gateway("", "eth0"), None);
    }

    #[test]
    fn name_servers_are_those_that_are_addresses() {
        let text = "# x\nsearch example.org\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n\
                    nameserver nonsense\nnameserver\n";
        let servers: Vec<String> = name_servers(text).iter().map(IpAddr::to_string).collect();
        assert_eq!(servers, ["192.0.2.53", "fe80::1"]);
    }

    #[test]
    fn a_mask_is_a_prefix_or_none() {
        for (mask, bits) in [
            ("255.255.255.0", Some(24)),
            ("0.0.0.0", Some(0)),
            ("255.255.255.255", Some(32)),
            ("255.0.255.0", None),
            ("ffff:ffff:ffff:ffff::", Some(64)),
        ] {
            assert_eq!(prefix(mask.parse().unwrap()), bits, "{mask}");
        }
    }

    #[test]
    fn names_that_are_patterns_or_paths_are_no_interfaces() {
        for name in ["eth0", "enp3s0", "br-lan", "eth0.5"] {
            assert!(is_interface(name), "{name}");
        }
        for name in ["", "..", "e*", "a/b", "a b", "a[0]", "sixteen-letters-"] {
            assert!(!is_interface(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>(), name in any::<String>()) {
            let _ = (gateway(&text, &name), name_servers(&text), is_interface(&name));
        }
    }
}
