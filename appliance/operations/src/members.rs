//! One member of a pool, told in the same way everywhere.

use model::Bytes;
use serde_json::{Value, json};
use store::{MemberState, MemberStatus};

/// One member, for programs.
pub fn member_json(member: &MemberStatus) -> Value {
    json!({
        "number": member.number,
        "id": member.disk_id.to_string(),
        "name": member.name,
        "state": state_word(member.state),
        "active": is_in_service(member),
        "lacking_segments": member.lacking_segments,
        "lacking_bytes": member.lacking_bytes,
    })
}

/// One member, for people.
pub fn member_text(member: &MemberStatus) -> String {
    let name = member.name.as_deref().unwrap_or("(missing)");
    let state = match member.state {
        MemberState::Complete => "in service".to_owned(),
        MemberState::Syncing => {
            let bytes = Bytes(member.lacking_bytes);
            format!("in service, lacks {bytes} in {} segments", member.lacking_segments)
        }
        MemberState::Failed => "failed".to_owned(),
        MemberState::Missing => format!("was disk {}", member.disk_id),
    };
    format!("  {} {name}: {state}", member.number)
}

/// Whether it takes writes.
pub fn is_in_service(member: &MemberStatus) -> bool {
    matches!(member.state, MemberState::Complete | MemberState::Syncing)
}

fn state_word(state: MemberState) -> &'static str {
    match state {
        MemberState::Complete => "complete",
        MemberState::Syncing => "syncing",
        MemberState::Failed => "failed",
        MemberState::Missing => "missing",
    }
}
