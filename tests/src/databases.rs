//! A real PostgreSQL, dumped by its own `pg_dump` while it is written to, and put back by its own
//! `pg_restore`.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::harness::{Pool, Postgres, number, run, text};

/// Accounts between which money goes to and fro: at no moment is there more of it or less.
const MONEY: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, owner text NOT NULL, cents bigint NOT NULL);
    INSERT INTO accounts SELECT n, md5(n::text) || md5((7 * n)::text), 1000
        FROM generate_series(1, 100000) AS n;
    CREATE TABLE scans (id int PRIMARY KEY, page bytea NOT NULL);
    INSERT INTO scans SELECT n, decode(repeat(md5(n::text), 40), 'hex')
        FROM generate_series(1, 2000) AS n;
    CREATE PROCEDURE pay(times int) LANGUAGE plpgsql AS $$
    BEGIN
        FOR n IN 1..times LOOP
            UPDATE accounts SET cents = cents - n WHERE id = 1 + n % 100000;
            UPDATE accounts SET cents = cents + n WHERE id = 1 + (n * 31) % 100000;
            COMMIT;
        END LOOP;
    END $$;";

const TOTAL: &str = "SELECT sum(cents) FROM accounts";

/// Everything of the tables that does not change beside.
const SCANS: &str = "SELECT md5(string_agg(id || md5(page), ',' ORDER BY id)) FROM scans";

/// Somebody whose dump comes to an error when most of it is written.
const BREAKS_OFF: &str = "
    CREATE ROLE clerk LOGIN;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk;
    ALTER TABLE scans ENABLE ROW LEVEL SECURITY;
    CREATE POLICY breaks_off ON scans USING (1 / (id - 1900) IS NOT NULL);";

/// What the README has for databases: uncompressed, so that what did not change is found again.
const FORMAT: [&str; 2] = ["--format=custom", "--compress=0"];

#[test]
fn a_database_that_is_written_to_is_dumped_and_comes_back_in_one_moment_of_it() {
    let Some(server) = Postgres::start() else { return };
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", MONEY);
    let pool = Pool::new(2, 256);
    let writer = Writer::start(&server);
    let first = run(&mut dump(&pool, &server)).done();
    let second = run(&mut dump(&pool, &server)).done();
    drop(writer);
    assert_eq!(second["parent"], first["point"]);
    assert_eq!(text(&run(&mut pool.command(&["points"])).done()["points"][0], "content"), "stream");

    for (point, copy) in [(&first, "one"), (&second, "two")] {
        server.sql("postgres", &format!("CREATE DATABASE {copy}"));
        put_back(&pool, &server, text(point, "point"), copy);
        assert_eq!(server.sql(copy, TOTAL), "100000000", "a dump is of one moment");
        assert_eq!(server.sql(copy, SCANS), server.sql("shop", SCANS));
        assert_eq!(server.sql(copy, "SELECT count(*) FROM accounts"), "100000");
    }
    let moved = "SELECT count(*) FROM accounts WHERE cents <> 1000";
    assert_ne!(server.sql("two", moved), "0", "the dump was made beside a writer");
}

#[test]
fn a_dump_of_what_hardly_changed_adds_what_changed() {
    let Some(server) = Postgres::start() else { return };
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", MONEY);
    let pool = Pool::new(1, 256);
    let first = run(&mut dump(&pool, &server)).done();
    server.sql("shop", "UPDATE accounts SET cents = 5 WHERE id BETWEEN 50000 AND 50010");
    server.sql("shop", "INSERT INTO scans SELECT 5000, page FROM scans WHERE id = 7");
    let second = run(&mut dump(&pool, &server)).done();
    let (whole, new) = (number(&first, "bytes_logical"), number(&second, "bytes_new"));
    assert!(whole > 10_000_000, "{whole}");
    assert!(new * 5 < whole, "{new} bytes of {whole} are new");
    println!("dump: {new} bytes of {whole} were new");
    assert_eq!(pool.verify(), 0);
}

#[test]
fn a_dump_that_fails_leaves_no_recovery_point() {
    let Some(server) = Postgres::start() else { return };
    let pool = Pool::new(1, 128);
    let fails = |dump: &mut Command, why: &str| {
        let failed = run(dump);
        assert_eq!(failed.code, Some(1), "{}", failed.stderr);
        assert!(failed.stderr.contains(why), "{}", failed.stderr);
        assert!(pool.points().is_empty());
    };
    fails(&mut dump(&pool, &server), "\"shop\" does not exist");
    server.sql("postgres", "CREATE DATABASE shop");
    server.sql("shop", MONEY);
    server.sql("shop", BREAKS_OFF);
    let mut as_clerk = dump(&pool, &server);
    as_clerk.args(["--username=clerk", "--enable-row-security"]);
    fails(&mut as_clerk, "division by zero");
    run(&mut dump(&pool, &server)).done();
}

/// Takes in what `pg_dump` makes of the shop.
fn dump(pool: &Pool, server: &Postgres) -> Command {
    let mut ingest = pool.command(&["ingest", "--system", "db", "--stream", "--"]);
    let dump = server.client("pg_dump", "shop");
    ingest.arg(dump.get_program()).args(dump.get_args()).args(FORMAT);
    ingest
}

/// Has `pg_restore` make a database of a recovery point.
fn put_back(pool: &Pool, server: &Postgres, point: &str, database: &str) {
    let dumped = run(&mut pool.command(&["restore", "--point", point, "--to", "-"]));
    assert_eq!(dumped.code, Some(0), "{}", dumped.stderr);
    let mut restore = server.client("pg_restore", database);
    restore.arg("--exit-on-error").stdin(Stdio::piped());
    let mut child = restore.spawn().expect("pg_restore is installed");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(&dumped.stdout).expect("pg_restore reads");
    drop(input);
    assert!(child.wait().expect("a child of this process").success());
}

/// Somebody who pays and pays, a commit for each time.
struct Writer(Child);

impl Writer {
    /// Gives it when the first commits are there.
    fn start(server: &Postgres) -> Self {
        let mut psql = server.client("psql", "shop");
        psql.args(["--no-psqlrc", "--quiet", "--command", "CALL pay(100000000)"]);
        let writer = Self(psql.spawn().expect("psql is installed"));
        while server.sql("shop", "SELECT count(*) FROM accounts WHERE cents <> 1000") == "0" {
            std::thread::yield_now();
        }
        writer
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("a child of this process");
    }
}
