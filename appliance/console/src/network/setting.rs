//! What somebody typed into the form, judged field by field.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most servers for names: the resolver asks no more.
const MAX_SERVERS: usize = 3;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    pub dhcp: bool,
    pub address: String,
    pub gateway: String,
    pub dns: String,
}

/// What is to be set for an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Dhcp,
    Static { address: IpAddr, prefix: u8, gateway: Option<IpAddr>, dns: Vec<IpAddr> },
}

/// What is wrong with which field: 1 is the address, 2 the gateway, 3 the servers for names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub field: usize,
    pub text: String,
}

impl Problem {
    fn of(field: usize, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }
}

impl Wish {
    /// The setting that is meant, or the first field that none can be made of.
    pub fn judge(&self) -> Result<Setting, Problem> {
        if self.dhcp {
            return Ok(Setting::Dhcp);
        }
        let (address, prefix) = address(self.address.trim())?;
        let gateway = gateway(self.gateway.trim(), address, prefix)?;
        Ok(Setting::Static { address, prefix, gateway, dns: servers(&self.dns)? })
    }
}

fn address(typed: &str) -> Result<(IpAddr, u8), Problem> {
    let wrong = |text: String| Problem::of(1, text);
    let example = "write it as in 192.0.2.10/24";
    if typed.is_empty() {
        return Err(wrong(format!("an address is needed; {example}")));
    }
    let Some((address, prefix)) = typed.split_once('/') else {
        return Err(wrong(format!("the prefix is missing; {example}")));
    };
    let address: IpAddr =
        address.parse().map_err(|_| wrong(format!("{address} is no address; {example}")))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.parse().ok().filter(|prefix| (1..=most).contains(prefix));
    let prefix = prefix.ok_or_else(|| wrong(format!("a prefix is a number from 1 to {most}")))?;
    if !is_host(address) {
        return Err(wrong(format!("{address} is no address that a box can have")));
    }
    if let IpAddr::V4(host) = address
        && prefix < 31
        && (host == first(host, prefix) || host == last(host, prefix))
    {
        return Err(wrong(format!("{host} stands for the network itself; take one inside it")));
    }
    Ok((address, prefix))
}

fn gateway(typed: &str, address: IpAddr, prefix: u8) -> Result<Option<IpAddr>, Problem> {
    let wrong = |text: String| Problem::of(2, text);
    if typed.is_empty() {
        return Ok(None);
    }
    let gateway: IpAddr =
        typed.parse().map_err(|_| wrong(format!("{typed} is no address, as in 192.0.2.1")))?;
    if gateway.is_ipv4() != address.is_ipv4() {
        return Err(wrong("gateway and address must both be IPv4 or both IPv6".into()));
    }
    if gateway == address {
        return Err(wrong("the box cannot be its own gateway".into()));
    }
    if !is_host(gateway) || !is_within(gateway, address, prefix) {
        let text =
            format!("{gateway} is not in the network {address}/{prefix}: nothing reaches it");
        return Err(wrong(text));
    }
    Ok(Some(gateway))
}

fn servers(typed: &str) -> Result<Vec<IpAddr>, Problem> {
    let wrong = |text: String| Problem::of(3, text);
    let words = typed.split([',', ' ']).filter(|word| !word.is_empty());
    let servers: Vec<IpAddr> = words
        .map(|word| word.parse().map_err(|_| wrong(format!("{word} is no address"))))
        .collect::<Result<_, _>>()?;
    if servers.len() > MAX_SERVERS {
        return Err(wrong(format!("at most {MAX_SERVERS} servers are asked")));
    }
    match servers.iter().find(|server| server.is_unspecified() || server.is_multicast()) {
        Some(server) => Err(wrong(format!("{server} is no server"))),
        None => Ok(servers),
    }
}

fn is_host(address: IpAddr) -> bool {
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || broadcast)
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

fn first(host: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(host.to_bits() & mask(prefix))
}

fn last(host: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(host.to_bits() | !mask(prefix))
}

/// Whether a gateway can be reached on the link of this address.
fn is_within(gateway: IpAddr, address: IpAddr, prefix: u8) -> bool {
    let beside = |left: Ipv6Addr, right: Ipv6Addr| {
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
        left.to_bits() & mask == right.to_bits() & mask
    };
    match (gateway, address) {
        (IpAddr::V4(gateway), IpAddr::V4(address)) => {
            first(gateway, prefix) == first(address, prefix)
        }
        (IpAddr::V6(gateway), IpAddr::V6(address)) => {
            gateway.is_unicast_link_local() || beside(gateway, address)
        }
        _ => false,
    }
}

impl Setting {
    /// Whether a file of systemd-networkd that was made here gives a static address.
    pub(super) fn is_static(file: &str) -> bool {
        file.lines().any(|line| line.starts_with("Address="))
    }

    /// The file of systemd-networkd that asks for it.
    pub fn file(&self, interface: &str) -> String {
        let mut text = format!(
            "# Written by the console of the box; `factory reset` there removes it.\n\
             [Match]\nName={interface}\n\n[Network]\n"
        );
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Dhcp => writeln!(text, "DHCP=yes"),
            Self::Static { address, prefix, .. } => writeln!(text, "Address={address}/{prefix}"),
        };
        if let Self::Static { gateway, dns, .. } = self {
            if let Some(gateway) = gateway {
                let _ = writeln!(text, "Gateway={gateway}");
            }
            for server in dns {
                let _ = writeln!(text, "DNS={server}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wish(address: &str, gateway: &str, dns: &str) -> Wish {
        Wish { dhcp: false, address: address.into(), gateway: gateway.into(), dns: dns.into() }
    }

    #[test]
    fn a_static_address_becomes_a_file_of_networkd() {
        let setting = wish("192.0.2.10/24", "192.0.2.1", "192.0.2.53, 2001:db8::53").judge();
        let file = setting.unwrap().file("eth0");
        let (_, sections) = file.split_once('\n').unwrap();
        assert_eq!(
            sections,
            "[Match]\nName=eth0\n\n[Network]\nAddress=192.0.2.10/24\nGateway=192.0.2.1\n\
             DNS=192.0.2.53\nDNS=2001:db8::53\n"
        );
        let dhcp = Wish { dhcp: true, ..wish("nonsense", "", "") }.judge().unwrap();
        assert!(dhcp.file("eth0").ends_with("[Network]\nDHCP=yes\n"));
    }

    #[test]
    fn each_field_says_what_is_wrong_with_it() {
        for (address, gateway, dns, field, words) in [
            ("", "", "", 1, "needed"),
            ("192.0.2.10", "", "", 1, "prefix is missing"),
            ("192.0.2.300/24", "", "", 1, "no address"),
            ("192.0.2.10/33", "", "", 1, "1 to 32"),
            ("192.0.2.10/0", "", "", 1, "1 to 32"),
            ("192.0.2.0/24", "", "", 1, "network itself"),
            ("192.0.2.255/24", "", "", 1, "network itself"),
            ("127.0.0.1/8", "", "", 1, "can have"),
            ("192.0.2.10/24", "192.0.3.1", "", 2, "not in the network"),
            ("192.0.2.10/24", "2001:db8::1", "", 2, "both"),
            ("192.0.2.10/24", "192.0.2.10", "", 2, "own gateway"),
            ("192.0.2.10/24", "router", "", 2, "no address"),
            ("192.0.2.10/24", "192.0.2.1", "dns.example", 3, "no address"),
            ("192.0.2.10/24", "192.0.2.1", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4", 3, "most 3"),
        ] {
            let problem = wish(address, gateway, dns).judge().unwrap_err();
            assert_eq!(problem.field, field, "{address} {gateway} {dns}: {problem:?}");
            assert!(problem.text.contains(words), "{problem:?}");
        }
    }

    #[test]
    fn a_gateway_of_the_link_will_do_for_ipv6_and_point_to_point_links_have_no_first_address() {
        assert!(wish("2001:db8::7/64", "fe80::1", "").judge().is_ok());
        assert!(wish("2001:db8::7/64", "2001:db8:1::1", "").judge().is_err());
        assert!(wish("192.0.2.0/31", "192.0.2.1", "").judge().is_ok());
    }

    proptest! {
        #[test]
        fn no_text_gets_a_line_of_its_own_into_the_file(
            address in any::<String>(), gateway in any::<String>(), dns in any::<String>(),
        ) {
            if let Ok(setting) = wish(&address, &gateway, &dns).judge() {
                prop_assert!(setting.file("eth0").lines().count() <= 10);
            }
        }
    }
}
