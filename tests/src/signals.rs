//! Ransomware signals: an encrypted system is told at its ingest, an ordinary day is not.

use serde_json::{Value, json};

use crate::harness::{BLOCK, MIB, Outcome, Pool, Random, image, number, run, run_with};

/// An image whose data compresses, but for a tenth of its files.
fn system() -> Vec<u8> {
    let mut bytes = vec![0; 96 * MIB];
    let mut random = Random(211);
    for file in bytes.chunks_mut(FILE) {
        match random.below(10) {
            0 => random.fill(file),
            _ => write_text(file, &mut random),
        }
    }
    bytes
}

fn write_text(file: &mut [u8], random: &mut Random) {
    let seed = random.next();
    for (at, line) in file.chunks_mut(32).enumerate() {
        let text = format!("{seed:016x} line {at:4} of a log\n ");
        line.copy_from_slice(&text.as_bytes()[..line.len()]);
    }
}

/// Bytes of what stands for a file.
const FILE: usize = 64 * BLOCK;

/// Rewrites `share` in a thousand of all pieces of `piece` bytes; gives the bytes.
fn rewrite(
    bytes: &mut [u8],
    seed: u64,
    (piece, share): (usize, usize),
    write: impl Fn(&mut [u8], &mut Random),
) -> u64 {
    let mut random = Random(seed);
    let mut rewritten = 0;
    for piece in bytes.chunks_mut(piece) {
        if random.below(1000) < share {
            write(piece, &mut random);
            rewritten += piece.len() as u64;
        }
    }
    rewritten
}

fn encrypt(file: &mut [u8], random: &mut Random) {
    random.fill(file);
}

fn take(pool: &Pool, bytes: &[u8]) -> Outcome {
    let path = pool.path("source");
    std::fs::write(&path, bytes).expect("room for the image");
    run(&mut pool.ingest(&path))
}

/// Takes the image in, which must be nothing unusual.
fn quiet(pool: &Pool, bytes: &[u8]) -> Value {
    let outcome = take(pool, bytes);
    let taken = outcome.done();
    assert_eq!(taken["signals"], json!([]), "{taken}");
    assert_eq!(outcome.stderr, "");
    taken
}

fn kinds(taken: &Value) -> Vec<&str> {
    let signals = taken["signals"].as_array().expect("a list");
    signals.iter().map(|signal| signal["signal"].as_str().expect("a name")).collect()
}

#[test]
fn an_encrypted_system_is_told_and_an_upgrade_is_not() {
    let pool = Pool::new(1, 512);
    let mut bytes = system();
    let first = quiet(&pool, &bytes);
    assert_eq!(number(&first, "bytes_changed"), number(&first, "bytes_read"));
    let share = number(&first, "bytes_dense") * 100 / number(&first, "bytes_changed");
    assert!(share < 20, "{first}");
    for day in 0..5 {
        let changed = rewrite(&mut bytes, 220 + day, (BLOCK, 5), write_text);
        let taken = quiet(&pool, &bytes);
        assert_eq!(number(&taken, "bytes_changed"), changed);
        assert_eq!(number(&taken, "bytes_dense"), 0);
    }
    let mut upgraded = bytes.clone();
    rewrite(&mut upgraded, 230, (FILE, 50), write_text);
    quiet(&pool, &upgraded);

    let mut encrypted = upgraded.clone();
    let changed = rewrite(&mut encrypted, 231, (FILE, 700), encrypt);
    let outcome = take(&pool, &encrypted);
    let taken = outcome.done();
    assert_eq!(kinds(&taken), ["change", "dense"], "{taken}");
    assert_eq!(number(&taken, "bytes_changed"), changed);
    // But for chunks that reach over from one file to the next.
    let dense = number(&taken, "bytes_dense");
    assert!(dense <= changed && dense > changed / 10 * 9, "{taken}");
    assert_eq!(number(&taken["signals"][0], "value"), changed);
    assert!(number(&taken["signals"][0], "factor") > 50, "{taken}");
    assert!(number(&taken["signals"][1], "value") > 90, "{taken}");
    let warned: Vec<&str> = outcome.stderr.lines().collect();
    let [line] = warned[..] else { panic!("not one line: {}", outcome.stderr) };
    assert!(line.contains("encrypted") && line.contains("times the usual"), "{line}");

    // The attack is no habit after one day: what follows is judged as before.
    rewrite(&mut encrypted, 232, (BLOCK, 5), write_text);
    quiet(&pool, &encrypted);
    rewrite(&mut encrypted, 233, (FILE, 300), encrypt);
    assert_eq!(kinds(&take(&pool, &encrypted).done()), ["change", "dense"]);
}

#[test]
fn an_attack_that_was_half_taken_in_before_is_told_all_the_same() {
    let pool = Pool::new(1, 256);
    let mut bytes = system();
    bytes.truncate(32 * MIB);
    quiet(&pool, &bytes);
    rewrite(&mut bytes, 241, (FILE, 900), encrypt);
    // Its chunks are in the store already, as after an ingest that was cut off.
    let path = pool.image("other", &bytes);
    run_with(pool.command(&["ingest", "--system", "other"]), &[path]).done();
    let taken = take(&pool, &bytes).done();
    assert!(number(&taken, "bytes_new") < 4 * MIB as u64, "{taken}");
    assert_eq!(kinds(&taken), ["change", "dense"], "{taken}");
    assert_eq!(taken["signals"][0]["usual"], Value::Null);
}

#[test]
fn holes_count_in_both_directions() {
    let pool = Pool::new(1, 256);
    let mut bytes = image(251, 40 * MIB);
    bytes[16 * MIB..32 * MIB].fill(1);
    quiet(&pool, &bytes);
    bytes[16 * MIB..32 * MIB].fill(0);
    let gone = take(&pool, &bytes).done();
    assert_eq!(number(&gone, "bytes_changed"), 16 * MIB as u64, "{gone}");
    bytes[20 * MIB..21 * MIB].fill(2);
    let back = take(&pool, &bytes).done();
    assert_eq!(number(&back, "bytes_changed"), MIB as u64, "{back}");
    assert_eq!(number(&back, "bytes_dense"), 0);
}
