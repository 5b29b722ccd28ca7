//! What must hold in each case of the matrix, from what every command said.
//!
//! A single disk that acknowledges writes and throws them away may lose what it acknowledged; then
//! somebody must say so, and no wrong byte may come out. Everything else must hold always.

use serde_json::Value;

/// What is wrong in one line of the guest; nothing in most.
pub(super) fn complaints(line: &Value) -> Vec<String> {
    let case = Case { line };
    let mut found = Vec::new();
    if line["event"] == "case" {
        found.extend(case.command());
    }
    if line["event"] == "case" || line["event"] == "undisturbed" {
        found.extend(case.afterwards());
        found.extend(case.panics());
    }
    let name = case.name();
    found.into_iter().map(|what| format!("{name}: {what}")).collect()
}

struct Case<'a> {
    line: &'a Value,
}

impl Case<'_> {
    fn name(&self) -> String {
        let text = |field: &str| self.line[field].as_str().unwrap_or("nothing").to_owned();
        let often = if self.line["once"] == true { "once" } else { "for good" };
        let (disks, moment) = (&self.line["disks"], &self.line["moment"]);
        format!("{disks} disks, {}, {} {often}, moment {moment}", text("work"), text("kind"))
    }

    fn is(&self, field: &str, text: &str) -> bool {
        self.line[field] == text
    }

    fn mirrored(&self) -> bool {
        self.line["disks"] == 2
    }

    /// The only disk lies: what it acknowledged may be gone.
    fn may_lose(&self) -> bool {
        !self.mirrored() && self.is("kind", "lost writes")
    }

    /// What the command under which it happened said.
    fn command(&self) -> Vec<String> {
        let outcome = &self.line["outcome"];
        let mut found = Vec::new();
        match outcome["code"].as_i64() {
            None if self.is("kind", "hang") && self.line["once"] == false => {}
            None => found.push("the command did not end".into()),
            Some(0) => {
                if self.is("work", "restore") && self.line["restored"] != true {
                    found.push("restored something else".into());
                }
                found.extend(self.silent_about_a_disk());
            }
            // A pool is not opened without a disk unless somebody says that this is meant.
            Some(_) if self.mirrored() && self.line["opening"] != true => {
                found.push(format!("one disk is whole, yet it failed: {}", outcome["stderr"]));
            }
            Some(_) => {
                let said = outcome["stderr"].as_str().unwrap_or_default();
                let is_clear = |line: &str| line.starts_with("holdfast: ") && line.contains("; ");
                if !said.lines().any(is_clear) {
                    found.push(format!("no clear error: {said:?}"));
                }
            }
        }
        found
    }

    /// A command that leaves a disk behind says which.
    fn silent_about_a_disk(&self) -> Option<String> {
        let back = self.line["after"]["returned"].as_array()?;
        let disk = back.first()?["disk"].as_str()?;
        let said = self.line["outcome"]["stderr"].as_str().unwrap_or_default();
        (!said.contains(disk)).then(|| format!("left {disk} behind and did not say so: {said:?}"))
    }

    /// How the pool was on disks that work again.
    fn afterwards(&self) -> Vec<String> {
        let after = &self.line["after"];
        let mut found = Vec::new();
        if after["points"]["code"] != 0 {
            found.push(format!("does not open: {}", after["points"]["stderr"]));
            return found;
        }
        // A disk that lost what it acknowledged is refused until somebody leaves it out.
        let opened = after["opened"].as_array().map_or(0, Vec::len);
        if self.line["disks"] != opened && !self.is("kind", "lost writes") {
            found.push("one of the disks is refused".into());
        }
        let acknowledged = &self.line["outcome"]["printed"]["point"];
        let restored: &[Value] = after["restored"].as_array().map_or(&[], Vec::as_slice);
        let is_there = |id: &Value| restored.iter().any(|one| one["point"] == *id);
        if !is_there(&after["kept"]) {
            found.push("the recovery point from before is lost".into());
        }
        if acknowledged.is_string() && !is_there(acknowledged) && !self.may_lose() {
            found.push("the acknowledged recovery point is lost".into());
        }
        for one in restored {
            let reported = one["code"] != 0 && self.may_lose() && one["point"] != after["kept"];
            if one["same"] != true && !reported {
                found.push(format!("point {} is not what it was: {}", one["point"], one["stderr"]));
            }
        }
        let broken = restored.iter().any(|one| one["same"] != true);
        if after["verify"]["code"] != 0 && !self.may_lose() {
            found.push(format!("verify: {}", after["verify"]["stderr"]));
        }
        if after["verify"]["code"] == 0 && broken {
            found.push("verify finds nothing wrong with what cannot be restored".into());
        }
        let back = after["returned"].as_array().map_or(&[][..], Vec::as_slice);
        for back in back.iter().filter(|back| back["outcome"]["code"] != 0) {
            found.push(format!("the disk cannot come back: {}", back["outcome"]["stderr"]));
        }
        for back in back.iter().filter(|back| back["verify"]["code"] != 0) {
            found.push(format!("verify with the disk back: {}", back["verify"]["stderr"]));
        }
        found
    }

    /// No command of the case came upon a bug.
    fn panics(&self) -> Option<String> {
        let text = self.line.to_string();
        text.contains("panicked at").then(|| "a command panicked".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(disks: u32, kind: &str, once: bool) -> Value {
        let kept = json!({ "point": "k", "same": true, "code": 0, "stderr": "" });
        let new = json!({ "point": "n", "same": true, "code": 0, "stderr": "" });
        let fine = json!({ "code": 0, "stderr": "" });
        json!({
            "event": "case", "disks": disks, "work": "take", "kind": kind, "once": once,
            "moment": 1, "outcome": { "code": 0, "printed": { "point": "n" }, "stderr": "" },
            "after": { "kept": "k", "opened": vec!["disk"; disks as usize], "points": fine,
                       "restored": [kept, new], "verify": fine, "returned": [] },
        })
    }

    /// The only complaint after a change.
    fn complaint(mut line: Value, change: impl FnOnce(&mut Value)) -> String {
        change(&mut line);
        let found = complaints(&line);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }

    #[test]
    fn a_case_where_all_is_well_has_no_complaints() {
        assert!(complaints(&case(1, "errors", true)).is_empty());
        assert!(complaints(&case(2, "hang", false)).is_empty());
        let mut refused = case(1, "errors", false);
        refused["outcome"] = json!({ "code": 1, "stderr": "holdfast: it broke; mend it" });
        assert!(complaints(&refused).is_empty());
    }

    #[test]
    fn losses_and_wrong_bytes_are_complaints() {
        let fine = || case(1, "errors", true);
        let lost = complaint(fine(), |line| line["after"]["restored"][0]["point"] = "x".into());
        assert!(lost.contains("from before is lost"), "{lost}");
        let lost = complaint(fine(), |line| line["after"]["restored"][1]["point"] = "x".into());
        assert!(lost.contains("acknowledged recovery point is lost"), "{lost}");
        let mut wrong = fine();
        wrong["after"]["restored"][1]["same"] = false.into();
        assert_eq!(complaints(&wrong).len(), 2, "wrong bytes, and verify did not see them");
        let closed = complaint(fine(), |line| line["after"]["points"]["code"] = 1.into());
        assert!(closed.contains("does not open"), "{closed}");
        let refused = complaint(case(2, "errors", true), |line| {
            line["after"]["opened"] = json!(["disk"]);
        });
        assert!(refused.contains("is refused"), "{refused}");
    }

    #[test]
    fn a_disk_that_lies_alone_may_lose_but_not_in_silence() {
        let mut lied = case(1, "lost writes", false);
        lied["after"]["restored"][1] = json!({ "point": "n", "same": false, "code": 1 });
        lied["after"]["verify"]["code"] = 1.into();
        assert!(complaints(&lied).is_empty());
        lied["after"]["verify"]["code"] = 0.into();
        assert_eq!(complaints(&lied).len(), 1, "verify is silent");
        let mut mirrored = lied.clone();
        mirrored["disks"] = 2.into();
        assert!(complaints(&mirrored).len() > 1, "the other disk has everything");
    }

    #[test]
    fn a_command_must_end_be_clear_and_go_on_with_one_disk() {
        let endless =
            complaint(case(1, "slow", true), |line| line["outcome"]["code"] = Value::Null);
        assert!(endless.contains("did not end"), "{endless}");
        let unclear = complaint(case(1, "errors", true), |line| {
            line["outcome"] = json!({ "code": 1, "stderr": "Error: 5" });
        });
        assert!(unclear.contains("no clear error"), "{unclear}");
        let stopped = complaint(case(2, "errors", true), |line| {
            line["outcome"] = json!({ "code": 1, "stderr": "holdfast: it broke; mend it" });
        });
        assert!(stopped.contains("one disk is whole"), "{stopped}");
        let mut refused = case(2, "errors", true);
        refused["outcome"] = json!({ "code": 1, "stderr": "holdfast: it broke; mend it" });
        refused["opening"] = true.into();
        assert!(complaints(&refused).is_empty(), "it was not open yet");
        let silent = complaint(case(2, "errors", false), |line| {
            let fine = json!({ "code": 0 });
            let back = json!({ "disk": "/dev/mapper/disk1", "outcome": fine, "verify": fine });
            line["after"]["returned"] = json!([back]);
        });
        assert!(silent.contains("did not say so"), "{silent}");
        let panicked = complaint(case(1, "errors", true), |line| {
            line["after"]["verify"]["stderr"] = "thread 'main' panicked at x.rs".into();
        });
        assert!(panicked.contains("panicked"), "{panicked}");
    }
}
