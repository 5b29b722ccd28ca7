//! Agreements in a document.

use document::Table;
use jiff::civil::Date;

use super::values::{word, zone};
use crate::keys;
use crate::settings::{Agreement, AgreementKind};

const MAX_AGREEMENTS: usize = 500;

pub(super) fn read(document: &Table<'_>) -> Vec<Agreement> {
    let mut agreements: Vec<Agreement> = Vec::new();
    for table in document.list("agreement", &keys::AGREEMENT, MAX_AGREEMENTS) {
        let agreement = agreement(&table);
        let named = !agreement.client.is_empty();
        if named && agreements.iter().any(|other| other.client == agreement.client) {
            table.wrong("client", "has another agreement", "write one for each client");
        }
        agreements.push(agreement);
    }
    agreements
}

fn agreement(table: &Table<'_>) -> Agreement {
    table.refuse_unknown();
    for key in ["client", "kind"] {
        table.require(key);
    }
    let words: Vec<&str> = AgreementKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let kind = word(table, "kind", AgreementKind::parse, &words);
    let expires = table.text("expires").and_then(|text| {
        let date: Option<Date> = text.parse().ok();
        if date.is_none() {
            table.wrong("expires", "is no date", "write it in quotes, as in \"2027-12-31\"");
        }
        date
    });
    Agreement {
        client: table.text("client").unwrap_or_default().to_owned(),
        kind: kind.unwrap_or(AgreementKind::Full),
        expires,
        zone: zone(table),
    }
}
