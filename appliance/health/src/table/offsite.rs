//! What lies between the box and the vault.

use crate::Side;
use crate::table::Row;

pub(crate) const OFFSITE_LAGGING: Row = Row {
    name: "offsite-lagging",
    title: "The vault is behind",
    severity: 6,
    side: Side::Network,
    message_id: 0x6d33e9cb_3db77862_24049d89_028bb0c3,
    cause: "Vault {vault} lacks what {system} has had for {behind}: {backlog} to send, caught up \
        {eta}.",
    next: "Widen its window or rate, or send a seed drive.",
    clears: "the vault is close behind",
    hold_minutes: 60,
};

pub(crate) const VAULT_UNREACHABLE: Row = Row {
    name: "vault-unreachable",
    title: "The vault does not answer",
    severity: 6,
    side: Side::Network,
    message_id: 0x0298934a_52173b15_5f602fd3_7129b71b,
    cause: "Vault {vault} has not answered for {since}.",
    next: "See whether the site has a connection and reaches the vault; recovery points on the \
        box go on.",
    clears: "the vault answers",
    hold_minutes: 15,
};

pub(crate) const VAULT_REFUSED: Row = Row {
    name: "vault-refused",
    title: "The vault refuses or is wrong",
    severity: 8,
    side: Side::Vault,
    message_id: 0x207c29c7_2786bc5a_67db7c0e_f2845a26,
    cause: "Vault {vault} answers, but not as it must: {error}.",
    next: "Escalate to who runs the vault; what is on the box is not concerned.",
    clears: "the vault answers as it must",
    hold_minutes: 60,
};

pub(crate) const LINE_SLOW: Row = Row {
    name: "line-slow",
    title: "The line is slow",
    severity: 4,
    side: Side::Network,
    message_id: 0xdfb61121_e05dde12_f7a5bc0b_756776ff,
    cause: "The line to {vault} gives {measured} a second where it used to give {usual}.",
    next: "Measure the line at the site; ask its provider.",
    clears: "the line is as before",
    hold_minutes: 720,
};
