//! Whatever bytes a server sends, decoding gives a value or a violation.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        let _ = info(&bytes);
        let _ = Context::Allocation.number(&bytes);
        let _ = chunk_error(&bytes);
        let _ = status(&bytes, 0, u64::MAX - 1, u64::MAX, 1, |_| true);
        let _ = bytes.first_chunk().map(Greeting::decode);
        let _ = bytes.first_chunk().map(|head| OptionReply::decode(head, OptionCode::Go));
        let _ = bytes.first_chunk().map(head);
        let _ = bytes.first_chunk().map(hole);
        prop_assert!(clean_text(&bytes).chars().all(|c| !c.is_control()));
    }

    /// What a status answer leaves out of the data is zero in every entry that covers it.
    #[test]
    fn status_leaves_out_only_zeroes(
        entries in prop::collection::vec((1u64..50, 0u32..4), 1..20),
        gap in 1u64..20,
    ) {
        let (start, end) = (100, 400);
        let mut payload = 7u32.to_be_bytes().to_vec();
        let mut model = vec![false; start as usize];
        for (length, flags) in &entries {
            payload.extend((*length as u32).to_be_bytes());
            payload.extend(flags.to_be_bytes());
            model.extend(vec![flags & 2 == 0; *length as usize]);
        }
        model.truncate(end as usize);
        let counts = |flags| Context::Allocation.counts(flags);
        let (data, known) = status(&payload, 7, start, end, gap, counts).unwrap();
        prop_assert_eq!(known, model.len() as u64);
        for (at, is_data) in model.iter().enumerate() {
            let told = data.iter().any(|range| range.contains(&(at as u64)));
            prop_assert!(told || !is_data, "byte {} is data", at);
        }
        for pair in data.windows(2) {
            prop_assert!(pair[1].start - pair[0].end >= gap);
        }
    }
}

#[test]
fn a_hole_is_not_yet_zero() {
    let entry = |flags: u32| {
        let fields = [7, 4096, flags].map(u32::to_be_bytes);
        status(&fields.concat(), 7, 0, 4096, 1, |flags| Context::Allocation.counts(flags))
            .unwrap()
            .0
    };
    assert_eq!(entry(1), vec![0..4096], "a hole whose contents nobody promised");
    assert_eq!(entry(2), vec![]);
    assert_eq!(entry(3), vec![]);
}

#[test]
fn block_sizes_that_make_no_sense_are_refused() {
    let sizes = |min: u32, max: u32| {
        let fields = [min, min, max].map(u32::to_be_bytes);
        info(&[&[0, 3][..], fields.as_flattened()].concat())
    };
    assert_eq!(sizes(1, 8), Ok(Info::BlockSizes(BlockSizes { min: 1, max: 8 })));
    assert_eq!(sizes(512, 1025), Ok(Info::BlockSizes(BlockSizes { min: 512, max: 1024 })));
    for (min, max) in [(0, 8), (3, 8), (1 << 17, u32::MAX), (512, 511)] {
        assert_eq!(sizes(min, max), Err(Violation::BlockSizes), "{min} {max}");
    }
}

#[test]
fn servers_that_are_none_are_told_apart() {
    let decode = |magic: &[u8]| {
        let mut bytes = [0; GREETING];
        bytes[..magic.len()].copy_from_slice(magic);
        Greeting::decode(&bytes)
    };
    assert_eq!(decode(b"SSH-2.0-OpenSSH_9"), Err(Violation::NotNbd));
    assert_eq!(decode(b"NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53"), Err(Violation::OldStyle));
    assert_eq!(decode(b"NBDMAGICIHAVEOPT\0\x03"), Ok(Greeting { fixed: true, no_zeroes: true }));
}
