//! Certificates. One that has expired stops nothing on the box, so it is told in time.

use std::fmt::Display;

use crate::facts::{CertificateFacts, Validity};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

const OF_CERTIFICATES: &[AlertCode] =
    &[AlertCode::CertificateExpiring, AlertCode::CertificateExpired];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    match &facts.certificates {
        Some(all) => found.extend(all.iter().filter_map(|one| of(one, limits))),
        None => {
            let subject = Subject::part("certificates");
            found.push(Finding::unknown("the certificates", subject, OF_CERTIFICATES));
        }
    }
}

fn of(certificate: &CertificateFacts, limits: &Thresholds) -> Option<Finding> {
    let name = &certificate.name;
    let (code, figure): (_, (&str, &dyn Display)) = match &certificate.validity {
        Validity::Left(left) if *left > limits.certificate => return None,
        Validity::Left(left) => (AlertCode::CertificateExpiring, ("left", left)),
        Validity::Expired(ago) => (AlertCode::CertificateExpired, ("ago", ago)),
    };
    Some(Finding::new(code, Subject::certificate(name), &[("certificate", name), figure]))
}
