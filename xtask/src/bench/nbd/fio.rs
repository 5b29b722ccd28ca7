//! fio as a measuring client, and what its JSON says.

use std::process::Command;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::process;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::bench) struct Figures {
    pub(in crate::bench) iops: f64,
    pub(in crate::bench) mb_per_s: f64,
    pub(in crate::bench) p50_us: f64,
    pub(in crate::bench) p99_us: f64,
}

/// One job; engine and target are the caller's to add.
pub(in crate::bench) fn command(access: &str, block: &str, depth: u32) -> Command {
    let mut fio = process::command("fio");
    fio.args(["--name=bench", "--output-format=json"]);
    fio.arg(format!("--rw={access}")).arg(format!("--bs={block}"));
    fio.arg(format!("--iodepth={depth}"));
    fio
}

/// Runs a job and takes the figures of its `direction`, `read` or `write`.
pub(in crate::bench) fn run(job: &mut Command, direction: &str) -> Result<Figures> {
    let text = process::quiet(job)?;
    parse(&text, direction).ok_or_else(|| Error::Unexpected { from: "fio".into(), what: text })
}

/// Engines may print lines before the JSON.
fn parse(text: &str, direction: &str) -> Option<Figures> {
    let json: Value = serde_json::from_str(text.get(text.find('{')?..)?).ok()?;
    let figures = json.get("jobs")?.get(0)?.get(direction)?;
    let number = |value: &Value| value.as_f64();
    let percentile = |name: &str| number(figures.get("clat_ns")?.get("percentile")?.get(name)?);
    Some(Figures {
        iops: number(figures.get("iops")?)?,
        mb_per_s: number(figures.get("bw_bytes")?)? / 1e6,
        p50_us: percentile("50.000000")? / 1e3,
        p99_us: percentile("99.000000")? / 1e3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_behind_what_the_engine_prints() {
        let text = r#"nbd: connected
            {"jobs": [{"read": {"iops": 4300.5, "bw_bytes": 17614848,
            "clat_ns": {"percentile": {"50.000000": 136000, "99.000000": 2605000}}}}]}"#;
        let expected = Figures { iops: 4300.5, mb_per_s: 17.614848, p50_us: 136.0, p99_us: 2605.0 };
        assert_eq!(parse(text, "read"), Some(expected));
        assert_eq!(parse(text, "write"), None);
        assert_eq!(parse("fio: failed", "read"), None);
    }
}
