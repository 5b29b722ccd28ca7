//! Contract monitor: a job runs for more than its deadline, 24 hours unless it has its own. What
//! stands still is told long before that, and is not the same as what is slow.

use std::fmt::Display;

use model::Span;

use crate::facts::{JobFacts, JobState};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while nothing is known of the jobs.
pub(super) const OF_JOBS: &[AlertCode] = &[
    AlertCode::JobFailed,
    AlertCode::JobRetrying,
    AlertCode::JobWarned,
    AlertCode::JobStalled,
    AlertCode::JobOverdue,
    AlertCode::JobInterrupted,
];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let Some(jobs) = &facts.jobs else {
        return found.push(Finding::unknown("the jobs", Subject::part("jobs"), OF_JOBS));
    };
    for job in jobs {
        let JobState::Running { ran, silent, deadline } = job.state else { continue };
        found.extend(overdue(job, ran, deadline.unwrap_or(limits.deadline)));
        found.extend(silent.and_then(|silent| stalled(job, silent, limits)));
    }
}

fn overdue(job: &JobFacts, ran: Span, deadline: Span) -> Option<Finding> {
    let facts: [(&str, &dyn Display); 3] =
        [("job", &job.name), ("ran", &ran), ("deadline", &deadline)];
    let finding = Finding::new(AlertCode::JobOverdue, Subject::job(&job.name), &facts);
    (ran > deadline).then(|| finding.of_client(job.client.clone()))
}

fn stalled(job: &JobFacts, silent: Span, limits: &Thresholds) -> Option<Finding> {
    let facts: [(&str, &dyn Display); 2] = [("job", &job.name), ("silent", &silent)];
    let finding = Finding::new(AlertCode::JobStalled, Subject::job(&job.name), &facts);
    (silent >= limits.stall).then(|| finding.of_client(job.client.clone()))
}
