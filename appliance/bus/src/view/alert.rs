//! One alert.

use super::view;
use crate::place::Place;
use crate::word::words;

words! {
    /// Whose side the cause is on.
    AlertSide {
        Source = "source",
        Network = "network",
        Box = "box",
        Vault = "vault",
    }
}

view! {
    /// One alert: something that is wrong now, with its cause and what to do. It goes by itself
    /// when that is over.
    AlertView on "org.holdfast.Alert1" at |view| Some(Place::Alert(view.number));

    /// Its number: the last part of the path.
    Constant number: u64 = "Number";
    /// The stable name of what is wrong.
    Constant code: String = "Code";
    /// How bad it is, from 1 (good to know) to 10 (data is at risk).
    State severity: u32 = "Severity";
    /// How fast somebody should come, as agreed with the client: a word of the agreement.
    State priority: String = "Priority";
    /// Whose side the cause is on.
    State side: AlertSide = "Side";
    /// What it is about, for people.
    Constant subject: String = "Subject";
    /// The client of the MSP whom it concerns; empty if it is about the appliance.
    State client: String = "Client";
    /// What is wrong and why.
    State cause: String = "Cause";
    /// What to do about it.
    State next_step: String = "NextStep";
    /// When it was raised.
    Constant since: u64 = "Since";
    /// When it was last found. What is over stays for a while, and clears if it does not come back.
    Progress last_seen: u64 = "LastSeen";
    /// How often it was seen.
    Progress count: u32 = "Count";
    /// Who has taken it on, with a comment; empty if nobody has.
    State acknowledged_by: String = "AcknowledgedBy";
}
