//! Wrong, mistyped and unproved secrets.

use std::fs;

use super::Bystander;
use crate::harness::{MIB, Pool, image, run, run_with};

#[test]
fn wrong_passphrases_and_mistyped_kits_open_nothing() {
    let well = Bystander::new(2);
    let kit = fs::read_to_string(well.pool.path("kit")).expect("the kit");
    let groups = kit.lines().last().expect("the groups of the kit");
    let other = if groups.starts_with('7') { "8" } else { "7" };
    let foreign = Pool::new(1, 64);
    let kit = fs::read_to_string(foreign.path("kit")).expect("the other pool's kit");
    for (text, option, what, next) in [
        ("not the words of it", "--passphrase-file", "no slot opens", "check the passphrase"),
        (&format!("{other}{}", &groups[1..]), "--kit-file", "group 1", "type the kit again"),
        (&groups[..40], "--kit-file", "characters", "type the kit again"),
        ("", "--kit-file", "characters", "type the kit again"),
        (&kit, "--kit-file", "no slot opens", "recovery kit"),
    ] {
        let secret = well.pool.path("secret");
        fs::write(&secret, text).expect("room for a small file");
        for words in [&["points"][..], &["ingest", "--system", "machine"]] {
            let image = (words.len() > 1).then(|| well.pool.path("bystander"));
            let mut command = well.pool.locked(words);
            command.arg(option).arg(&secret).args(image);
            well.refuses(|| run(&mut command), what, next);
        }
    }
    well.refuses(|| run(&mut well.pool.locked(&["points"])), "no passphrase", "--passphrase-file");
    well.is_well();
}

#[test]
fn a_kit_is_not_written_over_anything() {
    let well = Bystander::new(1);
    let kit = well.pool.path("kit");
    let before = fs::read(&kit).expect("the kit");
    let add =
        || run_with(well.pool.command(&["kit", "add"]), &["--kit-out".as_ref(), kit.as_path()]);
    well.refuses(add, "exists already", "new file for the recovery kit");
    assert_eq!(fs::read(&kit).expect("the kit"), before);
}

#[test]
fn the_passphrase_opens_what_the_kit_opens() {
    let well = Bystander::new(1);
    let to = well.pool.path("to");
    let mut restore = well.pool.locked(&["restore", "--point", "latest"]);
    restore.arg("--passphrase-file").arg(well.pool.path("passphrase")).arg("--to").arg(&to);
    run(&mut restore).done();
    assert!(fs::read(&to).expect("the restored file") == well.bytes);
}

#[test]
fn no_recovery_point_is_made_before_a_kit_is_proved() {
    let pool = Pool::unproved(2, 64);
    let path = pool.image("image", &image(71, MIB));
    let before = pool.fingerprint();
    run(&mut pool.ingest(&path)).refused("no recovery kit has been proved", "holdfast kit prove");
    let wrong = Pool::unproved(1, 64).path("kit");
    let gone = run_with(pool.locked(&["kit", "prove", "--kit-file"]), &[wrong]);
    gone.refused("No such file", "check the path");
    let wrong = Pool::unproved(1, 64);
    let proof = run_with(pool.locked(&["kit", "prove", "--kit-file"]), &[wrong.path("kit")]);
    proof.refused("no slot opens", "recovery kit");
    assert_eq!(pool.fingerprint(), before);
    run(&mut pool.ingest(&path)).refused("no recovery kit has been proved", "holdfast kit prove");
    run_with(pool.locked(&["kit", "prove", "--kit-file"]), &[pool.path("kit")]).done();
    run(&mut pool.ingest(&path)).done();
}

#[test]
fn a_short_passphrase_makes_no_pool() {
    let pool = Pool::planned(2);
    fs::write(pool.path("passphrase"), "short\n").expect("room for a small file");
    run_with(pool.create(), &["--size", "64MiB"]).refused("at least 12", "longer");
    assert!(!pool.path("kit").exists() && !pool.disks[0].exists());
}
