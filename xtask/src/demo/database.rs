//! The shop's orders in PostgreSQL, written by a real server running in the mounted system.

use crate::error::Result;
use crate::mounted::Mounted;
use crate::process::quiet;

/// Orders on the morning of day 1.
const ORDERS: u32 = 200_000;

/// Orders placed on day 2; one in fifty of the old ones also changes.
const NEW_ORDERS: u32 = 5_000;

/// What the login screen of day 2 shows, and that of day 1 does not.
pub(super) fn text_of_day_2() -> String {
    format!("Orders: {}", ORDERS + NEW_ORDERS)
}

/// Writes the count where the login screen takes its text from, before that screen appears.
const SHOW_ORDERS: &str = "[Unit]
Description=Number of orders on the login screen
Requires=postgresql@15-main.service
After=postgresql@15-main.service
Before=getty.target getty@tty1.service serial-getty@ttyS0.service

[Service]
Type=oneshot
User=postgres
ExecStart=/usr/bin/psql --dbname shop --no-align --tuples-only --output /etc/issue.d/orders.issue \
--command \"select 'Orders: ' || count(*) || ', the newest of ' || max(placed)::date || chr(10) \
from orders\"

[Install]
WantedBy=multi-user.target
";

/// Creates the database and the unit that shows its count on the login screen.
pub(super) fn create(system: &Mounted) -> Result<()> {
    let table = "create table orders (id bigint generated always as identity primary key, \
                 customer int not null, placed timestamptz not null, \
                 amount numeric(10, 2) not null, note text not null)";
    let index = "create index on orders (customer)";
    with_server(system, || {
        query(system, "postgres", "create database shop")?;
        query(system, "shop", table)?;
        query(system, "shop", &order(ORDERS, "now() - random() * interval '400 days'"))?;
        query(system, "shop", index)
    })?;
    system.write("etc/systemd/system/orders.service", SHOW_ORDERS)?;
    system.write("etc/issue.d/orders.issue", "")?;
    quiet(system.program("chown").args(["postgres", "/etc/issue.d/orders.issue"]))?;
    quiet(system.program("systemctl").args(["enable", "orders.service"])).map(drop)
}

/// A day of business.
pub(super) fn trade(system: &Mounted) -> Result<()> {
    with_server(system, || {
        query(system, "shop", &order(NEW_ORDERS, "now()"))?;
        query(system, "shop", "update orders set amount = amount * 1.1 where id % 50 = 0")
    })
}

fn order(count: u32, placed: &str) -> String {
    format!(
        "insert into orders (customer, placed, amount, note) \
         select (random() * 5000)::int, {placed}, (random() * 900)::numeric(10, 2), \
         md5(random()::text) || md5(random()::text) from generate_series(1, {count})"
    )
}

/// Stops the server also when `work` fails, because a file system in use cannot be unmounted.
fn with_server(system: &Mounted, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let control = |verb| quiet(system.program("pg_ctlcluster").args(["15", "main", verb]));
    control("start")?;
    let done = work();
    control("stop")?;
    done
}

fn query(system: &Mounted, database: &str, sql: &str) -> Result<()> {
    let mut psql = system.program_as("postgres", "psql");
    psql.args(["--quiet", "--set=ON_ERROR_STOP=1", "--dbname", database, "--command", sql]);
    quiet(&mut psql).map(drop)
}
