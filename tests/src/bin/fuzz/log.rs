//! Log records. Their hashes are made right again, because everything of interest lies behind them.

use disk::sim::SimRng;
use format::layout::Fixed;
use format::log::{
    Commit, LogHeader, LogPlace, MAX_LOG_PAYLOAD, SectionHeader, encode_log_record,
    log_record_bytes,
};

use crate::make::{POOL, fixed, group, list};
use crate::mutate::{field, in_place, mutate, number, random};
use crate::target::Reader;

/// Where the two hashes of a header stand; each covers what stands before it, the first the
/// payload too.
const HASH_AT: usize = LogHeader::SIZE - 48;
const CHECKSUM_AT: usize = LogHeader::SIZE - 16;

/// Input: a record from its header on.
pub(crate) struct Records;

impl Reader for Records {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let commit = commit(rng);
        let commit = (rng.below(16) > 0).then_some(&commit);
        let mut bytes = encode_log_record(&place(rng), commit).bytes;
        if rng.below(8) == 0 {
            mutate(rng, &mut bytes);
            return bytes;
        }
        let payload = forge_payload(rng, &bytes);
        bytes.truncate(LogHeader::SIZE);
        let mut header = LogHeader::load(&bytes);
        header.payload_bytes = payload.len() as u32;
        header.save(&mut bytes);
        if rng.below(4) == 0 {
            field(rng, &LogHeader::TABLE, &mut bytes);
        }
        bytes.extend(payload);
        sign_record(&mut bytes);
        bytes
    }

    fn read(&mut self, input: &[u8]) {
        let (pool_id, position) = match input.get(..LogHeader::SIZE) {
            Some(head) => (LogHeader::load(head).pool_id, LogHeader::load(head).position),
            None => (POOL, 0),
        };
        let Ok(header) = LogHeader::decode(input, pool_id, position) else { return };
        assert!(header.record_bytes() <= log_record_bytes(MAX_LOG_PAYLOAD));
        let Ok(commit) = header.commit(input) else { return };
        let again = encode_log_record(&place_of(&header), commit.as_ref());
        let decoded = LogHeader::decode(&again.bytes, pool_id, position).expect("just encoded");
        assert_eq!(decoded.commit(&again.bytes), Ok(commit.clone()));
        if let Some(commit) = commit {
            assert_eq!(commit.payload_bytes(), header.payload_bytes as usize);
        }
    }
}

/// Makes both hashes of a record right, for as much payload as its header says there is.
pub(crate) fn sign_record(bytes: &mut [u8]) {
    let Some((head, rest)) = bytes.split_at_mut_checked(LogHeader::SIZE) else { return };
    let payload_bytes = LogHeader::load(head).payload_bytes as usize;
    let payload = rest.get(..payload_bytes).unwrap_or_default();
    let hash = blake3::Hasher::new().update(&head[..HASH_AT]).update(payload).finalize();
    head[HASH_AT..CHECKSUM_AT].copy_from_slice(hash.as_bytes());
    let checksum = blake3::hash(&head[..CHECKSUM_AT]);
    head[CHECKSUM_AT..].copy_from_slice(&checksum.as_bytes()[..16]);
}

fn commit(rng: &mut SimRng) -> Commit {
    Commit {
        opened: list(rng, 3),
        groups: (0..rng.below(4)).map(|_| group(rng)).collect(),
        sealed: list(rng, 3),
        retired: list(rng, 2),
        released: list(rng, 2),
        copied: list(rng, 2),
        events: (0..rng.below(4)).map(|_| random(rng, 300)).collect(),
    }
}

fn place(rng: &mut SimRng) -> LogPlace {
    LogPlace { pool_id: POOL, ..place_of(&fixed(rng)) }
}

fn place_of(header: &LogHeader) -> LogPlace {
    let LogHeader { pool_id, epoch, sequence, position, durable_up_to, previous, .. } = *header;
    LogPlace { pool_id, epoch, sequence, position, durable_up_to, previous }
}

fn forge_payload(rng: &mut SimRng, record: &[u8]) -> Vec<u8> {
    let header = LogHeader::load(record);
    let mut payload = record[LogHeader::SIZE..][..header.payload_bytes as usize].to_vec();
    match rng.below(3) {
        0 => mutate(rng, &mut payload),
        1 => in_place(rng, &mut payload),
        _ => forge_section(rng, &mut payload),
    }
    payload
}

/// Makes the kind or the length of some section lie.
fn forge_section(rng: &mut SimRng, payload: &mut [u8]) {
    let mut at = 0;
    while let Some(bytes) = payload.get_mut(at..).filter(|rest| rest.len() >= SectionHeader::SIZE) {
        let mut header = SectionHeader::load(bytes);
        let next = at + SectionHeader::SIZE + header.bytes as usize;
        if rng.below(3) == 0 {
            match rng.below(2) {
                0 => header.kind = number(rng, header.kind.into(), 4) as u32,
                _ => header.bytes = number(rng, header.bytes.into(), bytes.len() as u64) as u32,
            }
            header.save(bytes);
        }
        at = next;
    }
}
