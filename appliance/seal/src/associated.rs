//! What a sealed payload is bound to: moved to another pool, tenant, name or list of references,
//! it does not open.

use model::{Digest, PoolId, TenantId};

/// Where a record belongs and what it is. Not stored: the reader knows it before opening.
#[derive(Debug, Clone, Copy)]
pub struct RecordContext<'a> {
    pub pool: PoolId,
    pub tenant: TenantId,
    pub kind: u8,
    /// Ciphers and digests, as the segment's header names them.
    pub suite: u8,
    /// Version of the format.
    pub format: u16,
    pub digest: Digest,
    pub refs: &'a [Digest],
}

impl RecordContext<'_> {
    /// Writes the associated data into `to`, whose content is replaced and whose memory is kept:
    /// the fields in order, integers little-endian, digests of the references at the end.
    pub fn write<'b>(&self, to: &'b mut Vec<u8>) -> &'b [u8] {
        to.clear();
        to.extend_from_slice(&self.pool.0);
        to.extend_from_slice(&self.tenant.0);
        to.extend_from_slice(&[self.kind, self.suite]);
        to.extend_from_slice(&self.format.to_le_bytes());
        to.extend_from_slice(&self.digest.0);
        for digest in self.refs {
            to.extend_from_slice(&digest.0);
        }
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_place() {
        let mut buffer = vec![0xEE; 500];
        let context = RecordContext {
            pool: PoolId([1; 16]),
            tenant: TenantId([2; 16]),
            kind: 3,
            suite: 4,
            format: 0x0605,
            digest: Digest([7; 32]),
            refs: &[Digest([8; 32]), Digest([9; 32])],
        };
        let expected = [&[1; 16][..], &[2; 16], &[3, 4, 5, 6], &[7; 32], &[8; 32], &[9; 32]];
        assert_eq!(context.write(&mut buffer), expected.concat());
    }
}
