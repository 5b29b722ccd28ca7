//! What every command prints with `--json`: one object with the fields that programs use.

use std::process::Command;

use serde_json::Value;

use crate::harness::{MIB, Pool, holdfast, image, run, run_with};

/// Checks that an object has these fields, each of a kind: `#` a number, `"` a text, `?` a truth
/// value, `[` a list, `0` a number, text or nothing.
fn has(object: &Value, fields: &[(&str, char)]) {
    for (field, kind) in fields {
        let value = object.get(field).unwrap_or_else(|| panic!("no {field} in {object}"));
        let fits = match kind {
            '#' => value.is_number(),
            '"' => value.is_string(),
            '?' => value.is_boolean(),
            '[' => value.as_array().is_some_and(|list| !list.is_empty()),
            _ => value.is_null() || value.is_string() || value.is_number(),
        };
        assert!(fits, "{field} of {object}");
    }
}

#[test]
fn every_command_prints_an_object_with_the_fields_that_programs_use() {
    let pool = Pool::planned(2);
    let created = run_with(pool.create(), &["--size", "64MiB"]).done();
    has(&created, &[("pool", '"'), ("disks", '['), ("capacity_bytes", '#'), ("kit_file", '"')]);
    let kit = pool.path("kit");
    let prove = |disks: &[_]| run_with(pool.locked(&["kit", "prove"]), disks).done();
    has(&prove(&["--kit-file".as_ref(), kit.as_os_str()]), &[("proved", '?'), ("slot", '#')]);

    let path = pool.image("image", &image(41, 3 * MIB));
    for _ in 0..2 {
        let fields = [
            ("point", '"'),
            ("parent", '0'),
            ("bytes_logical", '#'),
            ("bytes_read", '#'),
            ("bytes_new", '#'),
            ("chunks_new", '#'),
            ("bytes_added", '#'),
            ("seconds", '#'),
            ("peak_memory_bytes", '#'),
        ];
        has(&run(&mut pool.ingest(&path)).done(), &fields);
    }
    let listed = run(&mut pool.command(&["points"])).done();
    has(&listed, &[("points", '[')]);
    let fields = [
        ("point", '"'),
        ("system", '"'),
        ("created", '#'),
        ("volumes", '#'),
        ("bytes_logical", '#'),
        ("bytes_added", '#'),
        ("age_seconds", '#'),
        ("held", '?'),
        ("removed", '0'),
        ("cleared", '?'),
        ("error", '0'),
    ];
    has(&listed["points"][1], &fields);

    every_command_about_retention(&pool, listed["points"][0]["point"].as_str().expect("an id"));

    let restored = run(&mut pool.restore_to("latest", &pool.path("to"))).done();
    let fields = [("point", '"'), ("bytes", '#'), ("bytes_written", '#'), ("seconds", '#')];
    has(&restored, &fields);
    let nowhere = run(&mut pool.restore_to("latest", "/dev/null".as_ref())).done();
    has(&nowhere, &[("point", '"'), ("bytes", '#'), ("peak_memory_bytes", '#')]);

    let verified = run(&mut pool.command(&["verify"])).done();
    has(&verified, &[("bytes_read", '#'), ("healed", '#'), ("lost", '#')]);

    let status = run(&mut pool.locked(&["pool", "status"])).done();
    let fields = [
        ("pool", '"'),
        ("disks", '['),
        ("points", '#'),
        ("stored_bytes", '#'),
        ("free_bytes", '#'),
        ("capacity_bytes", '#'),
        ("segments", '#'),
        ("segment_bytes", '#'),
        ("records", '#'),
        ("index_bytes", '#'),
        ("kit_proved", '?'),
    ];
    has(&status, &fields);
    has(&status["disks"][1], &[("name", '"'), ("active", '?')]);

    let added = pool.path("second-kit");
    let add = run_with(pool.command(&["kit", "add"]), &["--kit-out".as_ref(), added.as_os_str()]);
    has(&add.done(), &[("slot", '#'), ("kit_file", '"')]);
    let kits = run(&mut pool.locked(&["kit", "list"])).done();
    has(&kits, &[("slots", '[')]);
    let fields = [("slot", '#'), ("kind", '"'), ("label", '"'), ("created", '#'), ("proved", '0')];
    has(&kits["slots"][2], &fields);

    let inspect = run(Command::new(holdfast()).args(["--json", "inspect"]).arg(&pool.disks[0]));
    let inspected = inspect.done();
    has(&inspected, &[("disk", '"'), ("bytes", '#'), ("superblocks", '[')]);
    let fields = [("copy", '#'), ("offset", '#'), ("format", '#'), ("pool", '"'), ("disk", '"')];
    inspected["superblocks"].as_array().into_iter().flatten().for_each(|sb| has(sb, &fields));
}

fn every_command_about_retention(pool: &Pool, id: &str) {
    let fields = [
        ("system", '"'),
        ("keeps_everything", '?'),
        ("last", '#'),
        ("hourly", '#'),
        ("daily", '#'),
        ("weekly", '#'),
        ("monthly", '#'),
        ("yearly", '#'),
        ("lock_seconds", '#'),
        ("delay_seconds", '#'),
    ];
    let set = ["policy", "set", "--system", "machine", "--last", "1"];
    has(&run(&mut pool.command(&set)).done(), &fields);
    let shown = run(&mut pool.command(&["policy", "show"])).done();
    has(&shown["policies"][0], &fields);
    for verb in ["hold", "release", "clear", "remove", "return"] {
        let done = run_with(pool.command(&["points", verb]), &[id]).done();
        has(&done, &[("changed", '#'), ("points", '[')]);
        let fields = [("point", '"'), ("held", '?'), ("removed", '?'), ("goes_in_seconds", '0')];
        has(&done["points"][0], &fields);
    }
    for more in [&["--dry-run"][..], &[]] {
        let expired = run_with(pool.command(&["expire"]), more).done();
        has(&expired, &[("dry_run", '?'), ("points", '['), ("stay", '#'), ("go", '#')]);
        has(&expired, &[("removed", '#'), ("gone", '#')]);
        let fields = [("point", '"'), ("system", '"'), ("created", '#'), ("verdict", '"')];
        has(&expired["points"][0], &fields);
        has(&expired["points"][1], &[("reasons", '['), ("goes_in_seconds", '0')]);
    }
}

#[test]
fn without_json_people_get_lines_that_say_the_same() {
    let pool = Pool::new(1, 64);
    let id = pool.take_bytes("image", &image(42, MIB));
    let printed = |words: &[&str]| {
        let mut command = Command::new(holdfast());
        command.args(words).arg("--pool").arg(&pool.disks[0]);
        if words[0] == "points" {
            command.arg("--kit-file").arg(pool.path("kit"));
        }
        let outcome = run(&mut command);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        String::from_utf8(outcome.stdout).expect("text")
    };
    let points = printed(&["points"]);
    assert!(points.starts_with(&id) && points.contains("machine"), "{points}");
    let status = printed(&["pool", "status"]);
    assert!(status.contains("in service") && status.contains("1 recovery points"), "{status}");
    assert!(printed(&["kit", "list"]).contains("passphrase"));
}
