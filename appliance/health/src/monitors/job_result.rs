//! Contract monitor: a job failed or ended with warnings. The job says why and on whose side; a
//! failure that is tried again without a person is told quietly.

use std::fmt::Display;

use crate::facts::{Ended, JobFacts, JobState};
use crate::{AlertCode, Facts, Finding, Side, Subject, Thresholds};

pub(super) fn judge(facts: &Facts, _: &Thresholds, found: &mut Vec<Finding>) {
    // That nothing is known of them says the monitor of run time.
    for job in facts.jobs.iter().flatten() {
        if let JobState::Ended(ended) = &job.state {
            found.extend(of(job, ended));
        }
    }
}

fn of(job: &JobFacts, ended: &Ended) -> Option<Finding> {
    let subject = Subject::job(&job.name);
    let report = |code, facts: &[(&'static str, &dyn Display)], side: Side| {
        let finding = Finding::new(code, subject, facts).on_side(side);
        Some(finding.of_client(job.client.clone()))
    };
    match ended {
        Ended::Well | Ended::Cancelled => None,
        Ended::Interrupted => report(AlertCode::JobInterrupted, &[("job", &job.name)], Side::Box),
        Ended::Warned { warnings, error, next, side } => report(
            AlertCode::JobWarned,
            &[("job", &job.name), ("warnings", warnings), ("error", error), ("next", next)],
            *side,
        ),
        Ended::Failed { error, side, failures, retry: Some(retry), .. } => report(
            AlertCode::JobRetrying,
            &[("job", &job.name), ("retry", retry), ("failures", failures), ("error", error)],
            *side,
        ),
        Ended::Failed { error, next, side, retry: None, .. } => report(
            AlertCode::JobFailed,
            &[("job", &job.name), ("error", error), ("next", next)],
            *side,
        ),
    }
}
