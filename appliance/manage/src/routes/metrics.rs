//! Metrics, in the text format that Prometheus reads.

use std::fmt::Write;
use std::sync::Arc;

use bus::{AlertView, Object, PoolState, RpoState, Verdict};
use futures_util::FutureExt;

use super::objects::seen;
use crate::http::Answer;
use crate::problem::Problem;
use crate::role::Role;
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::world::Objects;

/// Version 0.0.4 of the text format.
const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

const WATCHERS: &[Role] = &[Role::Owner, Role::Technician, Role::Auditor, Role::Device];

pub(crate) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/metrics",
    Access::Wide(WATCHERS),
    "Metrics for Prometheus",
    Gives::Other("text/plain"),
    |server, asked| metrics(server, asked).boxed(),
)];

async fn metrics(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?;
    let mut text = Text::default();
    text.gauge("up", "Whether the engine answers.", u64::from(server.world.has_engine()));
    {
        let objects = server.world.objects();
        whole(&mut text, &objects);
    }
    text.family("system_last_point_timestamp_seconds", "When its newest recovery point was made.");
    let systems = seen(&server, who, "system");
    let systems = || {
        systems.iter().filter_map(|object| match &**object {
            Object::System(system) => Some(system),
            _ => None,
        })
    };
    for system in systems() {
        let labels = [("system", system.name.as_str()), ("client", system.client.as_str())];
        text.sample("system_last_point_timestamp_seconds", &labels, system.last_point_at);
    }
    text.family("system_rpo_breached", "Whether that is older than was agreed.");
    for system in systems() {
        let labels = [("system", system.name.as_str()), ("client", system.client.as_str())];
        let breached = u64::from(system.rpo_state == RpoState::Breached);
        text.sample("system_rpo_breached", &labels, breached);
    }
    text.family("alert_severity", "Alerts that are open, by their severity from 1 to 10.");
    for object in seen(&server, who, "alert") {
        if let Object::Alert(alert) = &*object {
            let AlertView { code, subject, client, .. } = alert;
            let labels = [("code", code.as_str()), ("subject", subject), ("client", client)];
            text.sample("alert_severity", &labels, u64::from(alert.severity));
        }
    }
    Ok(Answer::whole(MEDIA, text.0.into()))
}

/// What is of the appliance as a whole.
fn whole(text: &mut Text, objects: &Objects) {
    for object in objects.values() {
        match &**object {
            Object::Appliance(view) => {
                let healthy = u64::from(view.verdict == Verdict::Healthy);
                text.gauge("healthy", "Whether nothing is wrong.", healthy);
                text.gauge("engine_memory_bytes", "Memory of the engine.", view.memory_bytes);
                text.gauge("engine_restarts", "Unwanted, since boot.", view.engine_restarts.into());
                text.gauge("time_proven", "By authenticated servers.", view.time_proven.into());
            }
            Object::Pool(pool) => {
                let complete = u64::from(pool.state == PoolState::Complete);
                text.gauge("pool_complete", "Whether all disks have everything.", complete);
                text.gauge("pool_capacity_bytes", "Room in all.", pool.capacity_bytes);
                text.gauge("pool_free_bytes", "Room that is free.", pool.free_bytes);
                text.gauge("pool_stored_bytes", "What is stored.", pool.stored_bytes);
                text.gauge("pool_points", "Recovery points.", pool.points.into());
                text.gauge("pool_lost_records", "Lost at the last scrub.", pool.lost_records);
                text.gauge("pool_last_scrub_timestamp_seconds", "When.", pool.last_scrub_at);
                text.gauge("pool_last_verify_timestamp_seconds", "When.", pool.last_verify_at);
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, about: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP holdfast_{name} {about}\n# TYPE holdfast_{name} gauge");
    }

    fn gauge(&mut self, name: &str, about: &str, value: u64) {
        self.family(name, about);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "holdfast_{name}{labels} {value}");
    }
}

/// As the format wants labels.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_lines_of_its_own() {
        let mut text = Text::default();
        text.sample("x", &[("system", "a\"} 1\nholdfast_up 0")], 7);
        assert_eq!(text.0, "holdfast_x{system=\"a\\\"} 1\\nholdfast_up 0\"} 7\n");
    }
}
