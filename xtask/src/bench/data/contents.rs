//! What users and programs leave on a disk beside packages: a database, a log, media.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::data::random::Random;
use crate::error::{Error, Result};
use crate::process::{command, quiet, start_error};

const WORDS: [&str; 24] = [
    "invoice", "order", "customer", "paid", "street", "road", "total", "tax", "delivery",
    "pending", "shipped", "returned", "contract", "monthly", "service", "office", "laptop",
    "printer", "license", "ticket", "closed", "urgent", "phone", "mail",
];

/// Where times in logs and rows start, in seconds since 1970.
const START_TIME: u64 = 1_760_000_000;

/// Of 10 changed rows this many are among the newest third: businesses work on what is new.
const HOT_OF_TEN: u64 = 8;

/// Statements in one transaction while rows change.
const TRANSACTION_ROWS: u64 = 200;

const FIRST_COLUMN: &str = "create table records(id integer primary key, key integer, mail text, \
                            note text, amount real, at integer)";

/// A database with about `bytes` of rows, and two indexes on them.
pub(super) fn database(path: &Path, seed: &str, bytes: u64) -> Result<()> {
    let mut load = command("sqlite3");
    load.arg(path).args(["pragma page_size=8192", "pragma journal_mode=off", FIRST_COLUMN]);
    load.arg(".import --csv /dev/stdin records");
    let mut random = Random::new(&format!("database-{seed}"));
    feed(&mut load, |input| {
        let (mut row, mut written, mut id) = (String::new(), 0, 0);
        while written < bytes {
            id += 1;
            row.clear();
            let _ = writeln!(row, "{id},{}", columns(&mut random, id));
            input.write_all(row.as_bytes())?;
            written += row.len() as u64;
        }
        Ok(())
    })?;
    let mut index = command("sqlite3");
    index.arg(path).arg("create index by_key on records(key)");
    quiet(index.arg("create index by_time on records(at)"))?;
    Ok(())
}

/// Changes `percent` of the rows and adds as many, through a write-ahead log as servers do.
pub(super) fn churn(path: &Path, seed: &str, percent: u64) -> Result<()> {
    let count = quiet(command("sqlite3").arg(path).arg("select max(id) from records"))?;
    let rows: u64 = count.trim().parse().map_err(|_| Error::Unexpected {
        from: path.display().to_string(),
        what: format!("{count:?} rows"),
    })?;
    let mut random = Random::new(&format!("churn-{seed}"));
    let mut work = command("sqlite3");
    feed(work.arg(path), |input| {
        writeln!(input, "pragma journal_mode=wal; pragma synchronous=normal; begin;")?;
        for number in 0..rows * percent / 100 {
            if number % TRANSACTION_ROWS == 0 {
                writeln!(input, "commit; begin;")?;
            }
            let hot = random.below(10) < HOT_OF_TEN;
            let id = if hot { rows - random.below(rows / 3) } else { 1 + random.below(rows) };
            let (note, amount) = (sentence(&mut random, 9), random.below(1_000_000));
            writeln!(input, "update records set note='{note}', amount={amount} where id={id};")?;
            let (id, columns) = (rows + 1 + number, columns(&mut random, rows + 1 + number));
            let (key, texts) = columns.split_once(',').unwrap_or_default();
            let texts = texts.replace(',', "','");
            writeln!(input, "insert into records values({id},{key},'{texts}');")?;
        }
        writeln!(input, "commit; pragma wal_checkpoint(truncate);")
    })
}

/// Appends `bytes` of log lines.
pub(super) fn log(path: &Path, seed: &str, bytes: u64) -> Result<()> {
    let mut random = Random::new(&format!("log-{seed}"));
    let (mut line, mut time) = (String::new(), START_TIME);
    append(path, bytes, |bytes| {
        time += random.below(3);
        line.clear();
        let level = random.pick(&["INFO", "INFO", "INFO", "WARN", "ERROR"]);
        let (process, request) = (400 + random.below(8000), random.next() >> 16);
        let (duration, words) = (random.below(4000), sentence(&mut random, 6));
        let _ = writeln!(
            line,
            "{time} server app[{process}]: {level} request={request:012x} ms={duration} {words}"
        );
        bytes.extend_from_slice(line.as_bytes());
    })
}

/// A file that no compressor makes smaller.
pub(super) fn noise(path: &Path, seed: &str, bytes: u64) -> Result<()> {
    let mut random = Random::new(&format!("noise-{seed}"));
    append(path, bytes, |bytes| {
        bytes.resize(1 << 20, 0);
        random.fill(bytes);
    })
}

/// Appends pieces that `make` puts into an empty buffer, until `bytes` are there.
fn append(path: &Path, bytes: u64, mut make: impl FnMut(&mut Vec<u8>)) -> Result<()> {
    let file = File::options().create(true).append(true).open(path).map_err(Error::io(path))?;
    let (mut file, mut piece, mut written) = (BufWriter::new(file), Vec::new(), 0);
    while written < bytes {
        piece.clear();
        make(&mut piece);
        file.write_all(&piece).map_err(Error::io(path))?;
        written += piece.len() as u64;
    }
    file.flush().map_err(Error::io(path))
}

/// `key,mail,note,amount,at` of a new row.
fn columns(random: &mut Random, id: u64) -> String {
    let (key, name, number) = (random.next() >> 2, random.pick(&WORDS), random.below(90_000));
    let (host, words) = (random.pick(&WORDS), 4 + random.below(20));
    let (note, amount) = (sentence(random, words), random.below(500_000));
    let at = START_TIME + id * 7 + random.below(7);
    let (whole, cents) = (amount / 100, amount % 100);
    format!("{key},{name}.{number}@{host}.example,{note},{whole}.{cents:02},{at}")
}

fn sentence(random: &mut Random, words: u64) -> String {
    (0..words).map(|_| random.pick(&WORDS)).collect::<Vec<_>>().join(" ")
}

/// Runs a command with what `write` gives it as standard input.
fn feed(
    command: &mut Command,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(|source| start_error(command, source))?;
    if let Some(input) = child.stdin.take() {
        let mut input = BufWriter::new(input);
        let written = write(&mut input).and_then(|()| input.flush());
        written.map_err(Error::io(Path::new("standard input of sqlite3")))?;
    }
    let status = child.wait().map_err(|source| start_error(command, source))?;
    if status.success() {
        return Ok(());
    }
    let (command, status) = (format!("{command:?}"), status.to_string());
    Err(Error::Failed { command, status, output: String::new() })
}
