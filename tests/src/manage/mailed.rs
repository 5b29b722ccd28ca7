//! Reports that go out by mail.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::lab::Lab;
use super::mail::Mail;

/// A minute of the day in UTC that comes soon, and not before the settings are in force.
fn soon() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let minute = (now + 75) / 60 % 1440;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[test]
fn a_report_goes_out_when_its_time_comes_and_is_of_its_client_alone() {
    let (lab, owner) = Lab::claimed();
    lab.protect();
    let mail = Mail::start();
    let channels = mail.channels("contact", "clients = [\"acme\"]");
    let settings = format!(
        "{channels}[[report]]\nkind = \"sizes\"\nclient = \"acme\"\nevery = \"week\"\n\
         channels = [\"office\"]\n[[report]]\nkind = \"policy-audit\"\nclient = \"acme\"\n\
         channels = [\"office\"]\nevery = \"day\"\nat = \"{}\"\n",
        soon()
    );
    let body = json!({ "channels": settings });
    let put = lab.ask("PUT", "/api/v1/channels", &owner, &body);
    assert_eq!(put.0, 200, "{}", put.1);
    let came = mail.hears("Policy audit and retention of acme");
    assert!(came.contains("policy-audit.csv") && came.contains("text/html"), "{came}");
    assert!(came.contains("mail") && !came.contains("erp") && !came.contains("globex"), "{came}");
    let mailed = lab.get("/api/v1/reports", &owner).1["mailed"].take();
    let last = |at: usize| mailed[at]["last"].as_u64();
    assert!(last(0).is_none() && last(1) < mailed[1]["next"].as_u64(), "{mailed}");
    let bound = lab.account(&owner, "ann", "client-technician", &["acme"]);
    assert_eq!(lab.get("/api/v1/reports", &bound).1["mailed"], json!([]));
}
