//! The console as a service, under its unit as it is, on a terminal in the place of tty1: how the
//! box is, an address by the real networkd, and, at the end of everything, a restart by the real
//! logind.

use super::manage::resident;
use super::screen::{COLUMNS, LINES, Screen};
use super::tools::{ENGINE, must, property, systemctl, until, write};
use crate::error::Result;
use crate::process::{command, quiet};

pub(super) const CONSOLE: &str = "holdfast-console.service";

/// What the console leaves the network to: Debian's presets enable both.
const NETWORK: [&str; 2] = ["systemd-networkd.service", "systemd-resolved.service"];

/// A network card, and what is at the other end of its cable.
const CARD: (&str, &str) = (
    "/run/systemd/network/20-site0.netdev",
    "[NetDev]\nName=site0\nKind=veth\n[Peer]\nName=wire0\n",
);
const CABLE: (&str, &str) = (
    "/run/systemd/network/20-wire0.network",
    "[Match]\nName=wire0\n[Network]\nLinkLocalAddressing=no\n",
);

/// What the console leaves of the 80 MiB that it may have together with engine and management.
const RESIDENT: u64 = 12;

/// What somebody does who stands in front of the box. The last of it ends the container, and this
/// program with it.
pub(super) fn check() -> Result<()> {
    for (path, text) in [CARD, CABLE] {
        write(path, text)?;
    }
    for unit in [NETWORK[0], NETWORK[1], CONSOLE] {
        systemctl(&["preset", unit])?;
        let state = property(unit, "UnitFileState")?;
        must(state == "enabled", "the presets enable the console and its network", unit)?;
    }
    let mut screen = Screen::at_tty1()?;
    systemctl(&["start", ENGINE, NETWORK[0], NETWORK[1], CONSOLE])?;
    look(&screen)?;
    let mib = resident(CONSOLE)?;
    must(mib < RESIDENT, "the console is small", mib)?;
    println!("    console: {COLUMNS} x {LINES} on tty1 under its unit as it is; {mib} MiB");
    set_up_network(&mut screen)?;
    restart(&mut screen)
}

/// How the box is.
fn look(screen: &Screen) -> Result<()> {
    let told = ["Appliance  ready, ", "Pool       complete, ", "  web ", "Left/Right screens"];
    let shown = screen.shows(&told)?;
    let lines: Vec<&str> = shown.lines().collect();
    let wide = lines.get(1).is_some_and(|line| line.chars().count() == usize::from(COLUMNS));
    let high = lines.len() == usize::from(LINES);
    must(wide && high, "the console fills the screen", &shown)
}

/// Gives the card an address, a gateway and a server for names.
fn set_up_network(screen: &mut Screen) -> Result<()> {
    screen.press("t")?;
    screen.shows(&["> site0 "])?;
    screen.press("\r")?;
    screen.shows(&["(*) DHCP  ( ) static"])?;
    screen.press(" \t192.0.2.10/24\t192.0.2.1\t192.0.2.53")?;
    // The field was empty: resolved, which programs ask here, cannot be what resolved asks.
    screen.shows(&["DNS servers     192.0.2.53_"])?;
    screen.press("\r")?;
    screen.shows(&["10-holdfast-site0.network is written and in force."])?;
    screen.shows(&[
        "DNS servers  192.0.2.53",
        "Addresses    192.0.2.10/24",
        "Gateway      192.0.2.1",
    ])?;
    let has = ["10-holdfast-site0.network", "routable", "192.0.2.10", "192.0.2.1", "192.0.2.53"];
    until("networkd to have what was typed", || {
        let card = quiet(command("networkctl").args(["--no-pager", "status", "site0"]))?;
        Ok(has.iter().all(|word| card.contains(word)).then_some(()))
    })?;
    let asked = quiet(command("resolvectl").args(["dns", "site0"]))?;
    must(asked.contains("192.0.2.53"), "resolved asks the server that was typed", asked)?;
    println!("    console: an address, a gateway and a server for names typed: networkd has them");
    Ok(())
}

/// Has the box restart. Whoever booted the container judges how it went down.
fn restart(screen: &mut Screen) -> Result<()> {
    screen.press("p")?;
    screen.shows(&["Nothing would be cut off now."])?;
    screen.press("b")?;
    screen.shows(&["Restart the box?", "y or n?"])?;
    screen.press("y")?;
    until("the box to restart, as was asked for at the console", || Ok(None))
}
