use proptest::prelude::*;

use super::*;

fn key(seed: u8) -> TagKey {
    TagKey::new(&[seed; 32])
}

/// Random blocks from a seed.
fn random(seed: u64, blocks: usize) -> Vec<u8> {
    let mut bytes = vec![0; blocks * BLOCK];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A range of blocks: 0 is a zero block, any other number a block of its own content.
fn range(blocks: &[u16]) -> Vec<u8> {
    let block = |number: u16| if number == 0 { vec![0; BLOCK] } else { random(number.into(), 1) };
    blocks.iter().flat_map(|number| block(*number)).collect()
}

/// The content of each chunk.
fn chunks<'a>(range: &'a [u8], key: &TagKey) -> Vec<&'a [u8]> {
    let mut rest = range;
    let mut chunks = Vec::new();
    for piece in cut(range, key) {
        let (bytes, after) = rest.split_at(piece.bytes());
        if matches!(piece, Cut::Data { .. }) {
            chunks.push(bytes);
        }
        rest = after;
    }
    chunks
}

proptest! {
    #[test]
    fn pieces_cover_the_range_and_keep_the_rules(
        blocks in prop::collection::vec(prop_oneof![Just(0_u16), 1..40_u16], 0..300),
    ) {
        let (range, key) = (range(&blocks), key(3));
        let pieces: Vec<Cut> = cut(&range, &key).collect();
        prop_assert_eq!(pieces.iter().map(|piece| piece.bytes()).sum::<usize>(), range.len());
        let mut at = 0;
        for (number, piece) in pieces.iter().enumerate() {
            let end = at + piece.blocks() as usize;
            prop_assert!(end > at);
            match piece {
                Cut::Hole { .. } => {
                    prop_assert!(blocks[at..end].iter().all(|block| *block == 0));
                    let next = pieces.get(number + 1);
                    prop_assert!(!matches!(next, Some(Cut::Hole { .. })), "one run, one hole");
                }
                Cut::Data { blocks: count } => {
                    prop_assert!(blocks[at..end].iter().all(|block| *block != 0));
                    prop_assert!(*count <= MAX_BLOCKS);
                    let ended = end == blocks.len() || blocks[end] == 0;
                    prop_assert!(*count >= MIN_BLOCKS || ended);
                }
            }
            at = end;
        }
    }

    #[test]
    fn an_insertion_moves_few_boundaries(seed: u64, at in 0_usize..1024, count in 1_usize..4) {
        let (before, key) = (random(seed, 1024), key(3));
        let mut after = before.clone();
        after.splice(at * BLOCK..at * BLOCK, random(!seed, count));
        let (old, new) = (chunks(&before, &key), chunks(&after, &key));
        let lost = old.iter().filter(|chunk| !new.contains(chunk)).count();
        prop_assert!(lost <= 8, "{lost} of {} chunks lost", old.len());
    }
}

#[test]
fn zero_blocks_are_one_hole() {
    let key = key(1);
    assert_eq!(cut(&[], &key).next(), None);
    let pieces: Vec<Cut> = cut(&vec![0; 4096 * BLOCK], &key).collect();
    assert_eq!(pieces, [Cut::Hole { blocks: 4096 }]);
}

#[test]
fn a_block_that_ends_nothing_repeated_gives_the_longest_chunks() {
    let key = key(1);
    let block = (1_u8..).map(|byte| [byte; BLOCK]).find(|b| key.tag(b).rest >= BOUNDARY_BELOW);
    let pieces: Vec<Cut> = cut(&block.unwrap().repeat(130), &key).collect();
    assert_eq!(pieces, [64, 64, 2].map(|blocks| Cut::Data { blocks }));
}

#[test]
fn chunks_of_random_data_have_the_promised_average() {
    let key = key(9);
    let mut count = 0;
    for seed in 0..16 {
        count += cut(&random(seed, 4096), &key).count();
    }
    let average = 16.0 * 4096.0 / count as f64;
    let promised = f64::from(AVERAGE_BLOCKS);
    assert!((0.9 * promised..1.1 * promised).contains(&average), "{average} blocks");
}

#[test]
fn every_block_of_a_chunk_has_its_tag() {
    let key = key(2);
    let range = range(&[1, 2, 0, 0, 3, 1, 0, 2]);
    let mut cuts = cut(&range, &key);
    assert_eq!(cuts.by_ref().count(), 5);
    let tags = cuts.into_tags();
    let [one, two, _, _, three, again, _, two_again] = tags[..] else { panic!() };
    assert!(one == again && two == two_again && one != two && two != three && one != three);
}

#[test]
fn another_key_cuts_elsewhere() {
    let range = random(5, 4096);
    let ends = |seed: u8| -> Vec<u32> {
        let mut end = 0;
        let key = key(seed);
        cut(&range, &key).map(|piece| (end += piece.blocks(), end).1).collect()
    };
    let (a, b) = (ends(1), ends(2));
    let shared = a.iter().filter(|end| b.contains(end)).count();
    assert!(shared * 8 < a.len(), "{shared} of {} boundaries are shared", a.len());
}

#[test]
#[should_panic(expected = "whole blocks")]
fn a_range_of_part_blocks_is_refused() {
    let _ = cut(&[1; BLOCK + 1], &key(1));
}
