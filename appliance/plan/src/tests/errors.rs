//! Documents with slips: every one is told, with its line, what is allowed, and nothing else.

use super::make::OFFICE;
use crate::{Level, MAX_DOCUMENT, parse};

/// What is told of the office's document with one thing replaced.
fn told(from: &str, to: &str) -> Vec<String> {
    assert!(OFFICE.contains(from), "{from}");
    let parsed = parse(&OFFICE.replacen(from, to, 1));
    let errors = parsed.problems.iter().any(|problem| problem.level == Level::Error);
    assert_eq!(parsed.plan.is_none(), errors);
    parsed.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_nearest() {
    assert_eq!(
        told("excluded =", "exclude ="),
        ["unknown key `exclude` in [[system]] \"mail\", line 23, column 1: did you mean \
          `excluded`?"]
    );
    assert_eq!(
        told("hourly = 24", "hourley = 24"),
        ["unknown key `hourley` in `retention` of [[system]] \"mail\", line 26, column 1: did \
          you mean `hourly`?"]
    );
    let colour = told("[limits]", "[limits]\ncolour = 1");
    assert!(colour[0].ends_with("known are ingests, restores, memory"), "{colour:?}");
}

#[test]
fn objectives_are_required_of_each_system() {
    for key in ["rpo = \"4h\"\n", "rto = \"1h\"\n"] {
        let told = told(key, "");
        let name = &key[..3];
        assert_eq!(told.len(), 1, "{told:?}");
        let begin = format!("`{name}` is missing in [[system]] \"mail\", line 14,");
        assert!(told[0].starts_with(&begin), "{told:?}");
    }
}

/// Each slip alone: what is replaced, by what, and a part of what is told.
const SLIPS: &[(&str, &str, &str)] = &[
    ("format = 1", "format = 2", "`format` is of another version"),
    ("format = 1", "", "`format` is missing"),
    ("format = 1", "format = \"1\"", "`format` is no number"),
    ("name = \"acme\"", "name = \" acme\"", "`name` is no text"),
    ("\"Europe/Berlin\"", "\"Europe/Berlni\"", "names no time zone"),
    ("job-warned", "Job_Warned", "unknown alert code"),
    ("\"notify\"", "\"p6\"", "`job-warned` has no priority"),
    ("{ 6 =", "{ 11 =", "`11` is no severity"),
    ("count = 5", "count = 101", "write a whole number from 0 to 100"),
    ("Mon-Fri 08:00-12:00", "Mo-Fr 08:00-12:00", "days are Mon, Tue"),
    ("Mon-Fri 08:00-12:00", "Mon-Fri 8-12", "times are written as in 06:30"),
    ("name = \"files\"", "name = \"mail\"", "is that of another system"),
    ("client = \"acme\"", "client = \"acmee\"", "did you mean \"acme\"?"),
    ("kind = \"libvirt\"", "kind = \"libvrt\"", "did you mean \"libvirt\"?"),
    ("domain = \"mail\", ", "", "`domain` is missing in `source` of [[system]] \"mail\""),
    ("kind = \"agent\"", "kind = \"agent\", path = \"/x\"", "means nothing for a source of kind"),
    ("kind = \"agent\"", "kind = \"image\", path = \"x\"", "is no absolute path"),
    ("kind = \"agent\"", "kind = \"nbd\", uri = \"http://x\"", "is no address for this kind"),
    ("disks = [\"vda\"]", "disks = [\"vda\", \"vda\"]", "names \"vda\" twice"),
    ("disks = [\"vda\"]", "disks = [7]", "an item of `disks` is no name"),
    ("disks = [\"vda\"]", "disks = \"vda\"", "`disks` is no list"),
    ("rpo = \"4h\"", "rpo = \"4 parsec\"", "write a time as in"),
    ("rpo = \"4h\"", "rpo = 4", "from 1m to 365d"),
    ("rpo = \"4h\"", "rpo = \"1h\"", "runs are 2 hours apart, but `rpo` is 1 hour"),
    ("interval = \"2h\"", "interval = \"2h\"\ntimes = [\"06:00\"]", "stands beside `interval`"),
    ("interval = \"2h\"", "", "`interval` is missing"),
    ("times = [\"18:00\", \"06:30\"]", "times = []", "names no time"),
    ("\"18:00\", \"06:30\"", "\"18:00\", \"24:00\"", "a time of `times` cannot be read"),
    ("rpo = \"1d\"", "rpo = \"11h\"", "runs are 12 hours 30 minutes apart"),
    ("Sun 02:00-04:00", "daily 00:00-24:00", "blackouts cover every window"),
    (
        "daily 06:00-07:00\", { when = \"daily",
        "Mon 06:00-07:00\", { when = \"Mon",
        "runs may be 6 days 12 hours apart",
    ),
    ("rate = \"20 MB\"", "rate = \"20\"", "`rate` is no size in its range"),
    ("rate = \"20 MB\"", "rat = \"20 MB\"", "did you mean `rate`?"),
    ("when = ", "wen = ", "did you mean `when`?"),
    ("{ everything = true }", "{ everything = true, last = 1 }", "stands beside counts"),
    ("{ everything = true }", "{ last = 0 }", "counts nothing to keep"),
    ("{ everything = true }", "7", "`retention` is no table"),
    ("hourly = 24", "hourly = 65536", "`hourly` is no number"),
    ("everything = true", "everything = 1", "neither true nor false"),
    ("duty = 25", "duty = 0", "from 1 to 100"),
    ("memory = \"4 GiB\"", "memory = \"4 TiB\"", "from 256 MiB to 1 TiB"),
    ("[limits]\nmemory = \"4 GiB\"", "", ""),
];

#[test]
fn each_slip_is_told_in_its_place() {
    for (from, to, expected) in SLIPS {
        let told = told(from, to);
        let found = expected.is_empty() || told.iter().any(|told| told.contains(expected));
        assert!(found, "{from} -> {to}: {told:#?}");
        assert!(told.len() <= 2, "one slip is one message: {told:#?}");
    }
}

#[test]
fn all_slips_are_told_at_once_in_the_order_of_the_document() {
    let mut text = OFFICE.to_owned();
    let slips = ["count = 5", "domain = \"mail\", ", "rto = \"1h\"\n", "duty = 25", "18:00\","];
    for slip in slips {
        text = text.replacen(slip, if slip.contains('=') { "" } else { "18:0\"," }, 1);
    }
    text = text.replacen("[client.retry]", "[client.retry]\ncount = \"many\"", 1);
    text = text.replacen("interval = \"14d\"", "interval = \"14\"", 1);
    let parsed = parse(&text);
    let lines: Vec<usize> = parsed.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(parsed.problems.len(), 5, "{:#?}", parsed.problems);
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let parsed = parse("format = 1\n[[system]\nname = \"a\"\n");
    assert_eq!(parsed.plan, None);
    assert_eq!(parsed.problems[0].line, 2, "{:?}", parsed.problems);
    let parsed = parse("format = 1\na =\nb = 2\nc = [\"x\nd = 4\n");
    let lines: Vec<usize> = parsed.problems.iter().map(|problem| problem.line).collect();
    assert!(lines.contains(&2) && lines.contains(&4), "{:?}", parsed.problems);
}

#[test]
fn no_document_is_too_large_or_gives_too_many_problems() {
    let large = "#".repeat(MAX_DOCUMENT + 1);
    assert!(parse(&large).problems[0].what.contains("bytes"));
    let many = "[[system]]\nx = 1\n".repeat(MAX_DOCUMENT / 18);
    let parsed = parse(&many);
    assert_eq!(parsed.plan, None);
    assert!(parsed.problems.len() <= 200, "{}", parsed.problems.len());
    let long = format!("{} = 1", "k".repeat(100_000));
    assert!(parse(&long).problems.iter().all(|problem| problem.to_string().len() < 2000));
}
