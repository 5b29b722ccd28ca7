//! What campaigns say while they run: how much they went through for which goal, and what failed.
//!
//! A campaign prints `R1: 300000 states ...` when it has done that much for the goal of this name.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::process::{failed, start_error};

/// What a run is meant to go through in the end, by goal, and what is counted.
const GOALS: &[(&str, u64, &str)] = &[
    ("R1", 10_000_000, "contents of disks after a power failure"),
    ("R2", 0, "times that a planted bug was found"),
    ("R3", 1_000_000, "flips of bits"),
    ("R4", 1_000_000, "lost, misdirected and stale transfers"),
    ("R5", 0, "errors of transfers"),
    ("R6", 2_000_000, "moments at which a disk of a mirror is lost, stale or changed"),
    ("R7", 1_000, "kills of the command and the engine"),
    ("R12", 600, "seconds of each fuzz target"),
    ("R13", 10_000_000, "schedules"),
];

/// Amounts by goal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals(BTreeMap<String, u64>);

impl Totals {
    pub(super) fn add(&mut self, goal: &str, amount: u64) {
        *self.0.entry(goal.to_owned()).or_default() += amount;
    }

    pub(super) fn amounts(&self) -> &BTreeMap<String, u64> {
        &self.0
    }

    /// Takes what a line says, wherever in it.
    fn hear(&mut self, line: &str) {
        let Some((before, rest)) = line.rsplit_once(": ") else { return };
        let goal = before.rsplit(' ').next().unwrap_or_default();
        let is_goal = goal.strip_prefix('R').is_some_and(|number| number.parse::<u8>().is_ok());
        let amount = rest.split(' ').next().and_then(|amount| amount.parse().ok());
        if let (true, Some(amount)) = (is_goal, amount) {
            self.add(goal, amount);
        }
    }

    /// A line for each goal that anything was done for, or that has an amount.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let unknown = |goal: &str| GOALS.iter().all(|known| known.0 != goal);
        let others = self.0.iter().filter(move |(goal, _)| unknown(goal));
        let others = others.map(|(goal, done)| format!("{goal:<4}{done:>12}"));
        let known = GOALS.iter().map(|(goal, wanted, what)| {
            let done = self.0.get(*goal).copied().unwrap_or(0);
            format!("{goal:<4}{done:>12} of {wanted:>9} {what}")
        });
        known.chain(others)
    }
}

/// What a run of campaigns has said about its failure.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Failure {
    /// Names of tests.
    tests: Vec<String>,
    /// The seed that was named last.
    seed: Option<u64>,
    /// A command that somebody named to do it again.
    again: Option<String>,
    in_list: bool,
}

impl Failure {
    fn hear(&mut self, line: &str) {
        if let Some((_, again)) = line.split_once("again: cargo ") {
            self.again = Some(format!("cargo {again}"));
        }
        let seed = line.rsplit_once("seed ").map(|(_, rest)| rest);
        let digits = seed.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        self.seed = digits.and_then(|digits| digits.parse().ok()).or(self.seed);
        match line.strip_prefix("    ") {
            Some(name) if self.in_list && !name.contains(' ') => self.tests.push(name.to_owned()),
            _ => self.in_list = line == "failures:" || self.in_list && line.is_empty(),
        }
    }

    /// The command that does it again. `seed` is where the round began.
    pub(super) fn replay(&self, package: &str, seed: u64, percent: u32) -> String {
        if let Some(again) = &self.again {
            return again.clone();
        }
        let seed = self.seed.filter(|named| *named >= seed).unwrap_or(seed);
        let tests = self.tests.join(" ");
        format!(
            "HOLDFAST_SEED={seed} HOLDFAST_STATES_PERCENT={percent} \
             cargo test -p {package} --lib -- {tests}"
        )
    }
}

/// Runs a command to its success with its output shown as it comes, and listens.
///
/// # Errors
/// With what was heard of the failure, if it is one of the command.
pub(super) fn listened(
    command: &mut Command,
    totals: &mut Totals,
) -> std::result::Result<(), Box<(Error, Failure)>> {
    let mut failure = Failure::default();
    let status = run(command, |line| {
        totals.hear(line);
        failure.hear(line);
    });
    match status {
        Ok(()) => Ok(()),
        Err(error) => Err(Box::new((error, failure))),
    }
}

fn run(command: &mut Command, mut hear: impl FnMut(&str)) -> Result<()> {
    let (output, input) = std::io::pipe().map_err(|source| start_error(command, source))?;
    let errors = input.try_clone().map_err(|source| start_error(command, source))?;
    command.stdout(input).stderr(errors);
    let mut child = command.spawn().map_err(|source| start_error(command, source))?;
    // The command keeps its ends of the pipe, which must be closed for it to end.
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|source| start_error(command, source))?;
        println!("{line}");
        hear(&line);
    }
    let status = child.wait().map_err(|source| start_error(command, source))?;
    if status.success() { Ok(()) } else { Err(failed(command, &status.to_string(), "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_summed_by_goal_wherever_they_stand_in_a_line() {
        let mut totals = Totals::default();
        for line in [
            "R1: 300 states of 12 histories, 40 a second",
            "test tests::crash::one ... R1: 7 states",
            "R12: 20 seconds",
            "Running: 5 things",
            "R1: many states",
        ] {
            totals.hear(line);
        }
        assert_eq!(totals.0, [("R1".to_owned(), 307), ("R12".to_owned(), 20)].into());
        let lines: Vec<String> = totals.lines().collect();
        assert!(lines[0].starts_with("R1           307 of  10000000 contents"), "{lines:?}");
    }

    #[test]
    fn a_failure_names_the_test_and_the_seed_that_fail_again() {
        let mut failure = Failure::default();
        for line in [
            "thread 'tests::lies::x' panicked at lies.rs:3:",
            " right: Ok(()): seed 70000012",
            "failures:",
            "",
            "failures:",
            "    tests::lies::x",
            "",
            "test result: FAILED. 3 passed; 1 failed",
        ] {
            failure.hear(line);
        }
        let replay = failure.replay("store", 70_000_000, 5);
        let wanted = "HOLDFAST_SEED=70000012 HOLDFAST_STATES_PERCENT=5 \
                      cargo test -p store --lib -- tests::lies::x";
        assert_eq!(replay, wanted);
        failure.hear("  again: cargo xtask fuzz log --seed 3 --only 17");
        let replay = failure.replay("tests", 3, 5);
        assert_eq!(replay, "cargo xtask fuzz log --seed 3 --only 17");
    }
}
