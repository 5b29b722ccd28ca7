//! Machines of a libvirt that is not there: what its command would say, a script says, and notes
//! what it was told.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::freeze::{BOUNDS, Bounds};
use super::*;
use crate::error::LiveError;

const UUID: &str = "8f572191-0b63-4e0d-bcd1-218a1d6c0f94";
const URI: &str = "qemu:///system";
const POINT: PointId = PointId([7; 16]);

/// Answers of a libvirt with one machine, as cases of a shell's.
const MAIL: &str = r#"
    list) echo "8f572191-0b63-4e0d-bcd1-218a1d6c0f94 mail" ;;
    domstats) printf '  state.state=1\n  block.0.name=vda\n  block.0.capacity=65536\n' ;;
    backup-dumpxml) echo "error: es ist keine Sicherung im Gange" >&2; exit 1 ;;
    domjobinfo) echo "Job type:         None" ;;
    checkpoint-list) ;;
    dumpxml) case "$*" in
        *guest_agent*) ;;
        *) printf ' device="disk"\n type="qcow2"\n file="/vm/a"\n dev="vda"\n' ;;
        esac ;;
"#;

/// Keeps its program and what that was told.
struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    /// These cases come before those of `MAIL`.
    fn new(cases: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "#!/bin/sh\nfolder='{}'\nall=\"$*\"\n\
             while [ \"${{1#--}}\" != \"$1\" ]; do shift; done\n\
             echo \"$all\" >> \"$folder/told\"\n\
             case \"$all\" in *--quiet*domfs*) exec >/dev/null ;; esac\n\
             case \"$1\" in\n{cases}\n{MAIL}\n\
             *) echo \"error: $1 is not known here\" >&2; exit 1 ;;\nesac\n",
            folder.path().display()
        );
        let program = folder.path().join("virsh");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { folder }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("virsh")
    }

    fn virsh(&self) -> Virsh {
        Virsh::new(self.program(), URI)
    }

    /// How often it was told something with this in it.
    fn told(&self, what: &str) -> usize {
        let told = std::fs::read_to_string(self.folder.path().join("told")).unwrap_or_default();
        told.lines().filter(|line| line.contains(what)).count()
    }

    fn hold(&self, domain: &Domain) -> Result<Box<dyn Held>> {
        domain.hold_by(self.program(), POINT, None, &|| false)
    }

    fn refusal(&self) -> LiveError {
        self.hold(&mail()).unwrap_err()
    }
}

fn mail() -> Domain {
    let (uri, name) = (URI.to_owned(), "mail".to_owned());
    Domain { uri, name, disks: Vec::new(), excluded: Vec::new() }
}

#[test]
fn what_cannot_be_had_is_told_by_what_to_do_about_it() {
    let nowhere = mail().hold_by("/nowhere/virsh".into(), POINT, None, &|| false).unwrap_err();
    assert!(matches!(nowhere, LiveError::Virsh { .. }), "{nowhere}");
    let unreachable = "list) echo 'error: failed to connect to the hypervisor' >&2\n\
                       printf 'error: Cannot recv data: \\033[2Jrefused\\n' >&2; exit 1 ;;";
    let unreachable = Fake::new(unreachable).refusal();
    assert!(matches!(unreachable, LiveError::Unreachable { .. }), "{unreachable}");
    assert!(unreachable.to_string().ends_with("Cannot recv data:  [2Jrefused"), "{unreachable}");
    let other = Fake::new(&format!("list) printf '{UUID} web 1\\n{UUID} -x\\n' ;;")).refusal();
    assert_eq!(other.to_string(), "libvirt has no virtual machine \"mail\"; it has web 1, -x");
    let off = Fake::new("domstats) echo '  state.state=5' ;;").refusal();
    assert_eq!(off.to_string(), "the virtual machine \"mail\" is switched off");
    let works = "domjobinfo) printf 'Job type:  Unbounded\\nOperation:  Backup\\n' ;;";
    let foreign = &format!("{works}\nbackup-dumpxml) echo ' exportname=\"vda\"' ;;");
    let pushes = &format!("{works}\nbackup-dumpxml) ;;");
    let migrates = "domjobinfo) printf 'Job type:  Bounded\\nOperation:  Outgoing migration\\n' ;;";
    for busy in [foreign, pushes, migrates] {
        let fake = Fake::new(busy);
        let error = fake.refusal();
        assert!(matches!(error, LiveError::Busy { .. }), "{busy}: {error}");
        assert_eq!(fake.told("domjobabort"), 0, "{busy}");
    }
    let refused = Fake::new("backup-begin) echo 'error: no, not now' >&2; exit 1 ;;").refusal();
    assert_eq!(refused.to_string(), "libvirt refuses backup-begin: no, not now");
}

#[test]
fn which_disks_are_taken_is_as_the_plan_says() {
    let lun = " device=\"lun\"\\n type=\"raw\"\\n dev=\"sda\"\\n";
    let fake = Fake::new(&format!(
        "backup-begin) ;;\n dumpxml) case \"$*\" in *guest_agent*) ;; \
         *disk/target/@dev) printf ' dev=\"vda\"\\n dev=\"sda\"\\n dev=\"sdc\"\\n' ;; \
         *) printf ' device=\"disk\"\\n type=\"qcow2\"\\n dev=\"vda\"\\n{lun}' ;; esac ;;"
    ));
    let hold = |disks: &[&str], excluded: &[&str]| {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        fake.hold(&Domain { disks: names(disks), excluded: names(excluded), ..mail() })
    };
    for (disks, excluded) in [(&["vda"][..], &[][..]), (&[], &["sda"])] {
        let held = hold(disks, excluded).unwrap();
        let names: Vec<&str> = held.disks().iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(names, ["vda"]);
        assert!(held.dirty(0).unwrap().is_none() && held.dirty(1).unwrap().is_none());
        assert_eq!((held.consistency(), held.warning()), (model::Consistency::Crash, None));
    }
    let all = hold(&[], &[]).unwrap_err();
    assert!(matches!(&all, LiveError::Unpullable { disk, .. } if disk == "sda"), "{all}");
    let read_only = hold(&["sdc"], &[]).unwrap_err();
    assert!(matches!(read_only, LiveError::Unpullable { .. }), "{read_only}");
    let unknown = hold(&["-d"], &[]).unwrap_err();
    assert!(matches!(unknown, LiveError::NoDisk { .. }), "{unknown}");
    let none = hold(&[], &["vda", "sda"]).unwrap_err();
    assert!(matches!(none, LiveError::NoneLeft { .. }), "{none}");
}

#[test]
fn a_command_that_does_not_end_is_ended_with_what_it_started() {
    let fake = Fake::new("list) sleep 1000 & echo $! > \"$folder/child\"; wait ;;");
    let begun = Instant::now();
    let child = fake.folder.path().join("child");
    let has_child = || std::fs::read_to_string(&child).is_ok_and(|pid| pid.ends_with('\n'));
    // Given up once it has started what would outlive it.
    let given_up = disks::find(&fake.virsh(), "mail", &has_child).unwrap_err();
    assert!(matches!(given_up, LiveError::Stopped), "{given_up}");
    let pid = std::fs::read_to_string(&child).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let is_gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    while !is_gone() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{pid} is there still");
    }
    let late = fake.virsh().run(&["list"], Duration::from_millis(50), &|| false).unwrap_err();
    assert!(late.to_string().contains("takes longer"), "{late}");
}

#[test]
fn an_answer_without_end_is_not_read_to_it() {
    let fake =
        Fake::new("list) while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done ;;");
    let error = fake.refusal();
    assert!(error.to_string().contains("more than an answer"), "{error}");
}

/// A guest that is frozen while there is a file.
const GUEST: &str = "domfsfreeze) : > \"$folder/frozen\"; echo 'Froze 2 filesystem(s)' ;;\n\
                     domfsthaw) rm -f \"$folder/frozen\"; echo 'Thawed 2 filesystem(s)' ;;\n";

/// With an agent that is there.
const AGENT: &str = "dumpxml) case \"$*\" in *guest_agent*) echo ' state=\"connected\"' ;; \
                     *) printf ' device=\"disk\"\\n type=\"raw\"\\n dev=\"vda\"\\n' ;; esac ;;\n";

#[test]
fn a_guest_stands_still_for_the_moment_and_no_longer() {
    let begin = "backup-begin) test -e \"$folder/frozen\" ;;";
    let fake = Fake::new(&format!("{GUEST}{AGENT}{begin}"));
    let held = fake.hold(&mail()).unwrap();
    assert!(!fake.folder.path().join("frozen").exists(), "it is thawed while it is read");
    assert_eq!(held.consistency(), model::Consistency::FileSystem);
    assert_eq!(held.warning(), None);
    // A raw image has no checkpoint.
    assert_eq!((fake.told("--checkpointxml"), fake.told("domfsthaw")), (0, 1));
}

#[test]
fn what_virsh_says_of_a_freeze_is_heard() {
    // Its own driver for tests, which is in every libvirt; each call has a machine of its own, so
    // the thaw finds nothing that is frozen.
    let virsh = Virsh::new(VIRSH.into(), "test:///default");
    if disks::find(&virsh, "test", &|| false).is_err() {
        return;
    }
    let outcome = freeze::begin(&virsh, "test", &|| false).end();
    let warning = outcome.warning.unwrap();
    assert_eq!(warning, "the guest thawed before it was told to");
}

#[test]
fn a_guest_is_thawed_although_nothing_begins() {
    let begin = "backup-begin) echo 'error: no' >&2; exit 1 ;;";
    let fake = Fake::new(&format!("{GUEST}{AGENT}{begin}"));
    assert!(matches!(fake.refusal(), LiveError::Libvirt { .. }));
    assert_eq!((fake.told("domfsfreeze"), fake.told("domfsthaw")), (1, 1));
}

#[test]
fn without_a_freeze_there_is_a_point_all_the_same() {
    let silent = AGENT.replace("connected", "disconnected");
    let fails = "domfsfreeze) echo 'error: Guest agent is not responding' >&2; exit 1 ;;\n";
    let refuses = |why: &str| format!("domfsfreeze) echo 'error: {why}' >&2; exit 1 ;;\n");
    let before = refuses("The command guest-fsfreeze-freeze has been disabled: it is frozen");
    let may_not = refuses("The command guest-fsfreeze-freeze has been disabled");
    let few = GUEST.replace("Thawed 2", "Thawed 0");
    for (cases, said, thaws) in [
        (silent, "none is connected", 0),
        (format!("{fails}{GUEST}{AGENT}"), "not responding", 1),
        // A pull that was cut off may have left it so.
        (format!("{before}{GUEST}{AGENT}"), "it is frozen", 1),
        (format!("{may_not}{GUEST}{AGENT}"), "may not freeze", 0),
        (format!("{few}{AGENT}"), "thawed before", 1),
    ] {
        let fake = Fake::new(&format!("{cases}backup-begin) ;;"));
        let held = fake.hold(&mail()).unwrap();
        assert_eq!(held.consistency(), model::Consistency::Crash, "{said}");
        let warning = held.warning().unwrap();
        assert!(warning.contains(said), "{warning}");
        assert_eq!(fake.told("domfsthaw"), thaws, "{said}");
    }
}

#[test]
fn a_thaw_is_owed_until_it_is_answered() {
    let thaw = "domfsthaw) if mkdir \"$folder/once\" 2>/dev/null; \
                then echo 'error: x' >&2; exit 1; fi; echo 'Thawed 2 filesystem(s)' ;;\n";
    let fake = Fake::new(&format!("{thaw}{GUEST}"));
    let bounds = Bounds { pause: Duration::from_millis(10), ..BOUNDS };
    let still = freeze::bounded(&fake.virsh(), UUID, bounds, &|| false);
    assert!(still.end().still);
    assert_eq!(fake.told("domfsthaw"), 2);
    // Nobody waits for it, or for too long.
    let fake = Fake::new(GUEST);
    let bounds = Bounds { frozen: Duration::from_millis(300), ..bounds };
    let still = freeze::bounded(&fake.virsh(), UUID, bounds, &|| false);
    let begun = Instant::now();
    while fake.told("domfsthaw") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is frozen still");
    }
    let outcome = still.end();
    assert!(!outcome.still && outcome.warning.is_some(), "{outcome:?}");
}

#[test]
fn what_checkpoints_tell_is_used_as_far_as_libvirt_takes_it() {
    let own = bitmaps::name(PointId([5; 16]));
    let [other, foreign] = [bitmaps::name(PointId([6; 16])), "virtnbdbackup.0".to_owned()];
    let listed = |image: &str| {
        format!(
            "checkpoint-list) printf '{own}\\n{foreign}\\n{other}\\n' ;;\n\
             checkpoint-dumpxml) case \"$*\" in *--no-domain*) echo ' name=\"vda\"' ;;\n\
             *) printf ' file=\"{image}\"\\n dev=\"vda\"\\n' ;; esac ;;\n"
        )
    };
    let begin = "backup-begin) for file; do case \"$file\" in --backupxml=*) \
                 cat \"${file#*=}\" >> \"$folder/xml\"; echo >> \"$folder/xml\" ;; esac; done\n";
    let refuse = "if mkdir \"$folder/once\" 2>/dev/null; then \
                  echo 'error: checkpoint inconsistent: broken bitmap' >&2; exit 1; fi\n";
    // The last has another image now than the checkpoint is of.
    let cases =
        [("/vm/a", "", &[true][..]), ("/vm/a", refuse, &[true, false]), ("/vm/b", "", &[false])];
    for (image, refuse, expected) in cases {
        let listed = listed(image);
        let fake = Fake::new(&format!("{listed}checkpoint-delete) ;;\n{begin}{refuse};;\n"));
        let since = Some(PointId([5; 16]));
        let held = mail().hold_by(fake.program(), POINT, since, &|| false).unwrap();
        let xml = std::fs::read_to_string(fake.folder.path().join("xml")).unwrap();
        let modes: Vec<bool> = xml.lines().map(|xml| xml.contains(&own)).collect();
        assert_eq!(modes, expected, "{xml}");
        let deleted = |name: &str| {
            fake.told(&format!("checkpoint-delete --domain={UUID} --checkpointname={name}"))
        };
        assert_eq!((deleted(&other), deleted(&own)), (1, 0));
        held.keep().unwrap();
        assert_eq!(deleted(&own), 1, "it is of no more use");
        assert_eq!(fake.told("virtnbdbackup"), 0);
    }
}

#[test]
fn names_are_no_options_and_no_commands() {
    let fake = Fake::new(
        "list) echo '8f572191-0b63-4e0d-bcd1-218a1d6c0f94 --all; touch x' ;;\nbackup-begin) ;;",
    );
    let domain = Domain { name: "--all; touch x".to_owned(), ..mail() };
    drop(fake.hold(&domain).unwrap());
    assert_eq!(fake.told("touch"), 0, "only its number is told");
    assert!(fake.told(&format!("--domain={UUID}")) > 3);
    assert!(!Path::new("x").exists());
}
