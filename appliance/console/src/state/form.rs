//! The form for the network of one interface.

use super::Effect;
use super::line::Line;
use crate::key::Key;
use crate::network::{Interface, Problem, Wish};
use crate::screen::{Page, Row};
use std::net::IpAddr;

/// What is typed into after the choice between DHCP and a static address.
const LABELS: [&str; 3] = ["Address/prefix", "Gateway", "DNS servers"];

/// What somebody wants for an interface, and where he is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    interface: String,
    dhcp: bool,
    fields: [Line; 3],
    /// 0 is the choice, then the fields.
    at: usize,
    problem: Option<Problem>,
}

impl Form {
    /// Begins with how it is now.
    pub(crate) fn of(interface: &Interface, dns: &[IpAddr]) -> Self {
        let dns: Vec<String> = dns.iter().take(3).map(IpAddr::to_string).collect();
        let gateway = interface.gateway.map(|gateway| gateway.to_string());
        let fields = [
            interface.addresses.first().cloned().unwrap_or_default(),
            gateway.unwrap_or_default(),
            dns.join(", "),
        ];
        let fields = fields.map(Line);
        let (interface, dhcp) = (interface.name.clone(), !interface.fixed);
        Self { interface, dhcp, fields, at: 0, problem: None }
    }

    /// What is to be done, if it was the last key.
    pub(crate) fn press(&mut self, key: Key) -> Option<Effect> {
        let last = if self.dhcp { 0 } else { LABELS.len() };
        match key {
            Key::Enter => return self.judge(),
            Key::Tab => self.at = if self.at == last { 0 } else { self.at + 1 },
            Key::Down => self.at = (self.at + 1).min(last),
            Key::Up => self.at = self.at.saturating_sub(1),
            Key::Char(' ') | Key::Left | Key::Right if self.at == 0 => self.dhcp = !self.dhcp,
            key => {
                if let Some(line) = self.at.checked_sub(1).and_then(|at| self.fields.get_mut(at)) {
                    line.press(key);
                }
            }
        }
        self.problem = None;
        None
    }

    fn judge(&mut self) -> Option<Effect> {
        let [address, gateway, dns] = self.fields.clone().map(|line| line.0);
        match (Wish { dhcp: self.dhcp, address, gateway, dns }).judge() {
            Ok(setting) => Some(Effect::Network { interface: self.interface.clone(), setting }),
            Err(problem) => {
                self.at = problem.field;
                self.problem = Some(problem);
                None
            }
        }
    }

    pub(crate) fn page(&self, columns: usize) -> Page {
        let choice = if self.dhcp { "(*) DHCP  ( ) static" } else { "( ) DHCP  (*) static" };
        let mut rows = vec![
            Row::strong(format!("Network of {}", self.interface)),
            Row::empty(),
            Row::item(format!("{:<15} {choice}", "Method"), self.at == 0),
        ];
        if !self.dhcp {
            for (number, (label, line)) in (1..).zip(LABELS.iter().zip(&self.fields)) {
                let chosen = self.at == number;
                let shown =
                    if chosen { line.shown(columns.saturating_sub(20)) } else { line.0.clone() };
                rows.push(Row::item(format!("{label:<15} {shown}"), chosen));
            }
        }
        rows.push(Row::empty());
        match &self.problem {
            Some(problem) => rows.push(Row::strong(format!("! {}", problem.text))),
            None => rows.push(Row::plain("It goes to systemd-networkd and is in force at once.")),
        }
        Page::text(rows)
    }
}
