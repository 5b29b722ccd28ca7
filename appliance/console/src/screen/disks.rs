//! The disks of the pool.

use bus::{DiskView, Fact};
use model::Bytes;

use super::{Page, Row};
use crate::state::Console;
use crate::text;

pub(super) fn page(console: &Console) -> Page {
    let mut head = Vec::new();
    match console.known.pool() {
        Some(pool) => {
            let (capacity, free) = (Bytes(pool.capacity_bytes), Bytes(pool.free_bytes));
            let retired = Bytes(pool.retired_bytes);
            head.push(Row::strong(format!("Pool {}, {} points", pool.state, pool.points)));
            head.push(Row::plain(format!(
                "{} stored of {capacity}, {free} free, {retired} free soon, {} can be reclaimed",
                Bytes(pool.stored_bytes),
                Bytes(pool.reclaimable_bytes)
            )));
        }
        None => head.push(Row::plain("There is no pool, or the engine has not shown it yet.")),
    }
    head.push(Row::empty());
    head.push(Row::strong("No State    SMART     Temp  Size      Behind    Errors  Name"));
    let list: Vec<Row> = console.known.disks().into_iter().map(disk).collect();
    Page::scroll(head, list, console.at)
}

fn disk(view: &DiskView) -> Row {
    let temperature = match view.smart_facts.get("temperature_celsius") {
        Some(Fact::Number(degrees)) => format!("{degrees} C"),
        _ => "-".to_owned(),
    };
    let behind = match view.bytes_behind {
        0 => "-".to_owned(),
        bytes => Bytes(bytes).to_string(),
    };
    let errors = view.read_errors.saturating_add(view.write_errors);
    let name = if view.name.is_empty() { view.serial.as_str() } else { view.name.as_str() };
    Row::plain(format!(
        "{:>2} {} {} {} {} {} {errors:>6}  {name}",
        view.number,
        text::column(view.state.as_str(), 8),
        text::column(view.smart.as_str(), 9),
        text::column(&temperature, 5),
        text::column(&Bytes(view.size_bytes).to_string(), 9),
        text::column(&behind, 9),
    ))
}
