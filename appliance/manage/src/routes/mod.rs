//! The routes, by what they are about, in the order of the description.

mod accounts;
mod alerts;
mod audit;
mod channels;
mod contracts;
mod events;
mod jobs;
mod me;
mod metrics;
mod notices;
mod objects;
mod pages;
mod plan;
mod points;
mod pool;
mod portal;
mod reports;
mod requests;
mod session;
mod status;
mod support;
mod systems;

use crate::route::Route;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    let groups: [&[Route]; 21] = [
        session::ROUTES,
        me::ROUTES,
        accounts::ROUTES,
        status::ROUTES,
        systems::ROUTES,
        points::ROUTES,
        jobs::ROUTES,
        objects::ROUTES,
        pool::ROUTES,
        alerts::ROUTES,
        channels::ROUTES,
        plan::ROUTES,
        requests::ROUTES,
        notices::ROUTES,
        contracts::ROUTES,
        reports::ROUTES,
        audit::ROUTES,
        support::ROUTES,
        events::ROUTES,
        metrics::ROUTES,
        portal::ROUTES,
    ];
    groups.into_iter().flatten()
}
