//! Retention in the plan of a running engine, changed by the command that sets it on disks.

use crate::harness::{Asked, MIB, image, number, run};

const PLAN: &str = "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n[[system]]\n\
    name = \"mail\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
    retention = { daily = 7, lock = \"1d\" }\nsource = { kind = \"push\" }\n[[system]]\n\
    name = \"files\"\nclient = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
    retention = { weekly = 2 }\nsource = { kind = \"push\" }\n";

#[test]
fn a_policy_that_is_set_is_that_of_the_plan_and_of_the_pool() {
    let mut asked = Asked::start(1, 128);
    asked.engine().apply(PLAN);
    // Pools keep policies of systems, and name them by what they have of these.
    let source = asked.pool.image("mail.img", &image(911, MIB));
    run(asked.command(&["ingest", "--system", "mail"]).arg(source)).done();
    let set = asked.ask(&["policy", "set", "--system", "mail", "--daily", "30"]).done();
    assert_eq!((number(&set, "daily"), number(&set, "lock_seconds")), (30, 86_400));
    let lock = ["policy", "set", "--system", "mail", "--lock", "2d"];
    asked.ask(&lock).refused("never be made shorter", "--yes");
    let shorter = ["policy", "set", "--system", "mail", "--lock", "1h"];
    assert_eq!(asked.ask(&shorter).code, Some(1), "a lock is not made shorter");
    let shown = asked.ask(&["policy", "show"]).done();
    assert_eq!(shown["policies"][0], set, "{shown}");
    assert_eq!(number(&shown["policies"][1], "weekly"), 2, "what is another's stays");

    let other = ["policy", "set", "--system", "web", "--last", "1"];
    asked.ask(&other).refused("no system web", "plan apply");
    let all = ["policy", "set", "--all-systems", "--last", "1"];
    asked.ask(&all).refused("what its plan says", "plan apply");
    let drop = ["policy", "drop", "--system", "mail"];
    asked.ask(&drop).refused("a policy of its own", "policy set");
    asked.stop();
    let kept = run(&mut asked.pool.command(&["policy", "show"])).done();
    let kept = kept["policies"].as_array().expect("a list");
    assert!(kept.contains(&set), "{kept:?} has no {set}");
}
