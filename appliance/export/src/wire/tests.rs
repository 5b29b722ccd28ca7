//! What comes from a client parses to what was meant, or not at all.

use proptest::prelude::*;

use super::numbers::{OPTION_MAGIC, REQUEST_MAGIC};
use super::*;
use crate::negotiate::fuzz_client;

/// The data of an `INFO` or `GO`.
fn info_data(name: &str, requests: &[u16]) -> Vec<u8> {
    let mut data = (name.len() as u32).to_be_bytes().to_vec();
    data.extend_from_slice(name.as_bytes());
    data.extend_from_slice(&(requests.len() as u16).to_be_bytes());
    data.extend(requests.iter().flat_map(|request| request.to_be_bytes()));
    data
}

/// The data of a `SET_META_CONTEXT`.
fn meta_data(name: &str, queries: &[&str]) -> Vec<u8> {
    let mut data = (name.len() as u32).to_be_bytes().to_vec();
    data.extend_from_slice(name.as_bytes());
    data.extend_from_slice(&(queries.len() as u32).to_be_bytes());
    for query in queries {
        data.extend_from_slice(&(query.len() as u32).to_be_bytes());
        data.extend_from_slice(query.as_bytes());
    }
    data
}

/// A client that gets far: legal frames with any content.
fn plausible_client() -> impl Strategy<Value = Vec<u8>> {
    let option = (0..12u32, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(code, data)| {
        let mut bytes = OPTION_MAGIC.to_be_bytes().to_vec();
        bytes.extend_from_slice(&code.to_be_bytes());
        bytes.extend_from_slice(&(data.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&data);
        bytes
    });
    let request = (any::<[u8; 24]>()).prop_map(|rest| {
        let mut bytes = REQUEST_MAGIC.to_be_bytes().to_vec();
        bytes.extend_from_slice(&rest);
        bytes
    });
    let parts = (prop::collection::vec(option, 0..6), prop::collection::vec(request, 0..6));
    parts.prop_map(|(options, requests)| {
        let flags = vec![0, 0, 0, 3];
        [flags, options.concat(), requests.concat()].concat()
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_client(&bytes);
    }

    #[test]
    fn plausible_frames_with_any_content_are_survived(bytes in plausible_client()) {
        fuzz_client(&bytes);
    }

    #[test]
    fn a_cut_or_lengthened_option_is_refused(name in "[a-z]{0,20}", cut in 1..6usize) {
        let data = info_data(&name, &[3, 0]);
        let parsed = InfoRequest::parse(&data);
        prop_assert_eq!(parsed, Some(InfoRequest { name: &name, block_size: true }));
        prop_assert!(InfoRequest::parse(&data[..data.len() - cut]).is_none());
        prop_assert!(InfoRequest::parse(&[&data[..], &[0]].concat()).is_none());

        let data = meta_data(&name, &["base:", "base:allocation"]);
        let queries = vec!["base:", "base:allocation"];
        prop_assert_eq!(MetaRequest::parse(&data), Some(MetaRequest { name: &name, queries }));
        prop_assert!(MetaRequest::parse(&data[..data.len() - cut]).is_none());
        prop_assert!(MetaRequest::parse(&[&data[..], &[0]].concat()).is_none());
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    assert_eq!(InfoRequest::parse(&u32::MAX.to_be_bytes()), None);
    let mut queries = meta_data("disk", &[]);
    let count = queries.len() - 4;
    queries[count..].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(MetaRequest::parse(&queries), None);
}

#[test]
fn names_are_text_of_bounded_length() {
    assert_eq!(InfoRequest::parse(&info_data("a\0b", &[])), None);
    assert_eq!(InfoRequest::parse(&info_data(&"x".repeat(MAX_NAME + 1), &[])), None);
    assert!(InfoRequest::parse(&info_data(&"x".repeat(MAX_NAME), &[])).is_some());
    let mut no_text = info_data("abcd", &[]);
    no_text[5] = 0xff;
    assert_eq!(InfoRequest::parse(&no_text), None);
}

#[test]
fn unknown_client_flags_are_refused() {
    assert!(ClientFlags::parse([0, 0, 0, 3]).is_some());
    assert!(ClientFlags::parse([0, 0, 0, 4]).is_none());
    assert!(ClientFlags::parse([0x80, 0, 0, 1]).is_none());
}

#[test]
fn heads_have_the_protocols_bytes() {
    assert_eq!(simple_head(7, Some(Errno::NoSpace))[..8], [0x67, 0x44, 0x66, 0x98, 0, 0, 0, 28]);
    let data = data_head(0x0102_0304_0506_0708, true, 512, 1024);
    assert_eq!(data[..8], [0x66, 0x8e, 0x33, 0xef, 0, 1, 0, 1]);
    assert_eq!(data[8..16], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(data[16..28], [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 2, 0]);
    let hole = hole_chunk(1, false, 512, 4096);
    assert_eq!(hole[..8], [0x66, 0x8e, 0x33, 0xef, 0, 0, 0, 2]);
    assert_eq!(hole[16..20], [0, 0, 0, 12]);
    let error = error_chunk(1, Errno::Invalid);
    assert_eq!(error[4..8], [0, 1, 0x80, 1]);
    assert_eq!(error[16..], [0, 0, 0, 6, 0, 0, 0, 22, 0, 0]);
    assert_eq!(status_head(1, 9, 2)[16..], [0, 0, 0, 20, 0, 0, 0, 9]);
    assert_eq!(status_entry(65536, true), [0, 1, 0, 0, 0, 0, 0, 3]);
}
