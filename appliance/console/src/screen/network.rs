//! The network of the box.

use std::net::IpAddr;

use super::{Page, Row};
use crate::key::Key;
use crate::network::Interface;
use crate::state::{Console, Dialog, Effect, Form};

pub(super) fn press(console: &mut Console, key: Key) -> Option<Effect> {
    if key != Key::Enter {
        return None;
    }
    match console.network.interfaces.get(console.at) {
        Some(interface) => {
            let form = Form::of(interface, &console.network.dns);
            console.ask(Dialog::Form(form))
        }
        None => console.say("There is no interface to set up."),
    }
}

pub(super) fn page(console: &Console) -> Page {
    let network = &console.network;
    let dns: Vec<String> = network.dns.iter().map(IpAddr::to_string).collect();
    let dns = if dns.is_empty() { "none".to_owned() } else { dns.join(" ") };
    let mut head = vec![Row::plain(format!("DNS servers  {dns}"))];
    let details = network.interfaces.get(console.at).map(details).unwrap_or_default();
    head.extend(details);
    head.extend([Row::empty(), Row::strong("Interfaces")]);
    let item = |(at, interface): (usize, &Interface)| {
        let first = interface.addresses.first().map_or("no address", String::as_str);
        let text = format!("{:<15}  {:<8} {first}", interface.name, interface.link);
        Row::item(text, at == console.at)
    };
    let list: Vec<Row> = network.interfaces.iter().enumerate().map(item).collect();
    if list.is_empty() {
        head.push(Row::plain("  none: see whether the network card is found (dmesg)"));
    }
    Page::list(head, list, console.at)
}

fn details(interface: &Interface) -> Vec<Row> {
    let gateway = interface.gateway.map_or("none".to_owned(), |gateway| gateway.to_string());
    let addresses = match interface.addresses.is_empty() {
        true => "none".to_owned(),
        false => interface.addresses.join(" "),
    };
    vec![
        Row::plain(format!("Interface    {}, link {}", interface.name, interface.link)),
        Row::plain(format!("MAC          {}", interface.mac)),
        Row::plain(format!("Addresses    {addresses}")),
        Row::plain(format!("Gateway      {gateway}")),
    ]
}
