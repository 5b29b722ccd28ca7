//! Names of records: keyed BLAKE3-256 of the plaintext, the key per tenant and per kind.
//!
//! Without the tenant's key a digest says nothing about the plaintext, and nobody can test whether
//! a tenant holds a file that he knows. A kind has its own key, so a record of one kind can never
//! pass for one of another.

use std::fmt;

use model::Digest;

/// The record kind of a chunk of data, whose name covers the plaintext alone.
pub const DATA_KIND: u8 = 1;

const CONTEXT: &str = "holdfast 2026-11 digest key of a record kind";

/// Names the records of one tenant.
#[derive(Clone)]
pub struct Namer {
    digest_key: [u8; 32],
    data_key: [u8; 32],
}

impl Namer {
    /// From the tenant's secret digest key, which stays the same when data keys are rotated.
    pub fn new(digest_key: &[u8; 32]) -> Self {
        Self { digest_key: *digest_key, data_key: key_of_kind(digest_key, DATA_KIND) }
    }

    /// The name of a chunk of data.
    pub fn name_data(&self, plaintext: &[u8]) -> Digest {
        Digest(*blake3::keyed_hash(&self.data_key, plaintext).as_bytes())
    }

    /// The name of a record: of a chunk as [`Self::name_data`] gives it, of any other kind over
    /// the count of what it refers to (u32, little-endian), the digests, and the plaintext.
    ///
    /// # Panics
    /// If a chunk of data has references or a record more than 2^32: the caller's mistake.
    pub fn name(&self, kind: u8, refs: &[Digest], plaintext: &[u8]) -> Digest {
        if kind == DATA_KIND {
            assert!(refs.is_empty(), "a chunk of data refers to nothing");
            return self.name_data(plaintext);
        }
        assert!(u32::try_from(refs.len()).is_ok(), "a record refers to fewer than 2^32 others");
        let mut hasher = blake3::Hasher::new_keyed(&key_of_kind(&self.digest_key, kind));
        hasher.update(&(refs.len() as u32).to_le_bytes());
        for digest in refs {
            hasher.update(&digest.0);
        }
        hasher.update(plaintext);
        Digest(*hasher.finalize().as_bytes())
    }
}

fn key_of_kind(digest_key: &[u8; 32], kind: u8) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    *hasher.update(digest_key).update(&[kind]).finalize().as_bytes()
}

impl fmt::Debug for Namer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Namer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_tenant_kind_references_and_plaintext() {
        let (a, b) = (Namer::new(&[1; 32]), Namer::new(&[2; 32]));
        let digest = a.name_data(b"x");
        let names = [
            digest,
            b.name_data(b"x"),
            a.name_data(b"y"),
            a.name(2, &[], b"x"),
            a.name(3, &[], b"x"),
            a.name(2, &[digest], b"x"),
            a.name(2, &[], &[&1_u32.to_le_bytes()[..], &digest.0, b"x"].concat()),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "name {at} stands twice");
        }
        assert_eq!(a.name(DATA_KIND, &[], b"x"), digest);
    }

    #[test]
    fn names_of_shipped_stores_stay_the_same() {
        let namer = Namer::new(&[7; 32]);
        let digest = namer.name_data(b"holdfast");
        assert_eq!(digest.to_string(), DATA_VECTOR);
        assert_eq!(namer.name(2, &[digest], b"node").to_string(), NODE_VECTOR);
    }

    const DATA_VECTOR: &str = "f95c86c11f81fd4ffa833b3828793367eaa5feeba48dd92f6dd2840f808cc610";
    const NODE_VECTOR: &str = "3b02dbdb7240f823a8dd484793bd51e5e7e6eb6373349070bfe25baafa26b05f";
}
