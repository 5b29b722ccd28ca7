//! Who asks, and what that account sees.

use bus::Object;

use crate::role::Role;
use crate::world::{Objects, client_of};

/// How somebody has proved who he is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The cookie of a browser, which sends it along by itself.
    Cookie,
    Token,
    Certificate,
}

/// An account that is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) account: String,
    pub(crate) role: Role,
    /// Names of clients; empty if the account is bound to none.
    pub(crate) clients: Vec<String>,
    pub(crate) means: Means,
    /// Names the session or token.
    pub(crate) session: String,
    /// When that ends, in seconds since 1970.
    pub(crate) until: u64,
}

impl Identity {
    /// Whether the account is for the appliance as a whole.
    pub(crate) fn is_wide(&self) -> bool {
        self.clients.is_empty() && !self.role.is_of_client()
    }

    pub(crate) fn sees_client(&self, client: &str) -> bool {
        self.is_wide() || self.clients.iter().any(|own| own == client)
    }

    /// Whether an object is there for this account. What is nobody's is the MSP's.
    pub(crate) fn sees(&self, objects: &Objects, object: &Object) -> bool {
        self.is_wide() || client_of(objects, object).is_some_and(|client| self.sees_client(&client))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bus::{AlertView, DiskView, ExportView, JobView, Place, PointView, SystemView};
    use model::PointId;

    use super::*;

    fn identity(role: Role, clients: &[&str]) -> Identity {
        Identity {
            account: "a".to_owned(),
            role,
            clients: clients.iter().map(|&client| client.to_owned()).collect(),
            means: Means::Token,
            session: String::new(),
            until: 0,
        }
    }

    /// A system, its point, a job, an export and an alert of one client.
    fn of_client(client: &str, number: u8) -> Vec<Object> {
        let (id, point) = (format!("{number:02x}"), PointId([number; 16]));
        let system = Place::System(id.clone()).path();
        let client = client.to_owned();
        let number = u64::from(number);
        vec![
            SystemView { id, client: client.clone(), ..Default::default() }.into(),
            PointView { id: point.to_string(), system: system.clone(), ..Default::default() }
                .into(),
            JobView { number, system, ..Default::default() }.into(),
            JobView {
                number: number + 100,
                point: Place::Point(point).path(),
                ..Default::default()
            }
            .into(),
            ExportView { number, point: Place::Point(point).path(), ..Default::default() }.into(),
            AlertView { number, client, ..Default::default() }.into(),
        ]
    }

    #[test]
    fn an_account_of_one_client_sees_nothing_of_another_nor_of_the_box() {
        let disk = DiskView { id: "07".repeat(16), ..Default::default() };
        let own = of_client("acme", 1);
        let others: Vec<Object> = of_client("other", 2)
            .into_iter()
            .chain(of_client("", 3))
            .chain([disk.into(), JobView { number: 9, ..Default::default() }.into()])
            .collect();
        let all = own.iter().chain(&others);
        let objects: Objects =
            all.clone().map(|object| (object.place().unwrap(), Arc::new(object.clone()))).collect();
        let bound = identity(Role::Technician, &["acme"]);
        assert!(own.iter().all(|object| bound.sees(&objects, object)));
        for other in &others {
            assert!(!bound.sees(&objects, other), "{other:?}");
        }
        let wide = identity(Role::Auditor, &[]);
        assert!(all.clone().all(|object| wide.sees(&objects, object)));
        // One whose clients were all taken away is not let loose.
        let lost = identity(Role::ClientReader, &[]);
        assert!(!all.clone().any(|object| lost.sees(&objects, object)));
    }
}
