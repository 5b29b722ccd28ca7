//! Tags of blocks in a manifest that are not those of the blocks: no restore meets them, and the
//! next ingest would compare with them. `verify --deep` tells.

use std::sync::Arc;

use catalog::{Catalog, Point};
use disk::Access;
use format::manifest::{LeafRows, encode_leaf};
use format::segment::RecordKind;
use futures_executor::block_on;
use model::PointId;
use record::{Leaf, RecordReader, RecordWriter, TenantAccess, Volume, write_tree};
use seal::Codec;

use crate::harness::{BLOCK, MIB, Pool, Random, number, run, text};

/// Blocks of the first leaf whose tags are changed.
const WRONG: [usize; 3] = [5, 6, 90];

/// Makes a recovery point like the newest one, with wrong tags in the first leaf.
fn plant(pool: &Pool, id: PointId) {
    let (store, catalog) = pool.inside(Access::ReadWrite);
    let access = pool.unlock(&store);
    let point = *catalog.points().last().expect("a recovery point");
    let planting = planted(&access, point, id);
    block_on(async {
        let event = Catalog::event(&planting.await?);
        store.commit(vec![event]).await?;
        store.close().await?;
        Ok::<_, record::RecordError>(())
    })
    .expect("nothing is wrong with the pool");
}

async fn planted(access: &Arc<TenantAccess>, point: Point, id: PointId) -> record::Result<Point> {
    let mut reader = RecordReader::new(access)?;
    let mut writer = RecordWriter::new(access)?;
    let own = reader.read(&point.record, RecordKind::Point).await?;
    let mut volume = Volume::new(own.refs[0], point.logical_bytes);
    let mut leaves = Vec::new();
    for number in 0..volume.leaves() {
        leaves.push(volume.leaf(&mut reader, number).await?);
    }
    let first = leaves[0].expect("a leaf with data");
    let (leaf, mut tags) = Leaf::read_tagged(&mut reader, &first).await?;
    WRONG.iter().for_each(|block| tags[*block].0[3] ^= 4);
    let rows = encode_leaf(&LeafRows { extents: leaf.extents, tags });
    let put = writer.put(RecordKind::Leaf, &leaf.refs, &rows, Codec::Lz4).await?;
    leaves[0] = Some(put.digest);
    let (root, _) = write_tree(&mut writer, leaves).await?;
    let put = writer.put(RecordKind::Point, &[root], &own.plain, Codec::Zstd).await?;
    Ok(Point { id, record: put.digest, ..point })
}

#[test]
fn wrong_tags_are_told_by_a_deep_verify_and_not_taken_over() {
    let pool = Pool::new(2, 128);
    let mut bytes = vec![0; 20 * MIB];
    // Every block has data, so that tags and blocks are numbered alike.
    Random(121).fill(&mut bytes);
    let one = pool.take_bytes("image", &bytes);
    run(&mut pool.command(&["verify", "--deep"])).done();
    let id = PointId([0xab; 16]);
    plant(&pool, id);
    assert_eq!(pool.points(), [one.as_str(), &id.to_string()]);

    // No restore and no other verify sees it.
    assert!(pool.restore(&id.to_string()) == bytes);
    assert_eq!(pool.verify(), 0);
    let deep = run(&mut pool.command(&["verify", "--deep"]));
    let deep = deep.refused("1 recovery points have blocks with wrong tags", "ingest");
    assert_eq!(number(&deep, "lost"), 0, "{deep}");
    let broken = deep["broken"].as_array().expect("a list of points");
    assert_eq!((broken.len(), text(&broken[0], "point")), (1, &*id.to_string()));
    assert_eq!(broken[0]["missing"].as_array().map(Vec::len), Some(0));
    let ranges = broken[0]["mistagged"].as_array().expect("a list of ranges");
    let ranges: Vec<_> = ranges
        .iter()
        .map(|range| (number(range, "volume"), number(range, "start"), number(range, "bytes")))
        .collect();
    let block = BLOCK as u64;
    assert_eq!(ranges, [(0, 5 * block, 2 * block), (0, 90 * block, block)]);

    // The next ingest is compared with it, and makes a manifest that is right.
    let next = pool.take(&pool.path("image"));
    assert!(pool.restore(&next) == bytes);
    let deep = run(&mut pool.command(&["verify", "--deep"])).refused("1 recovery points", "ingest");
    assert_eq!(deep["broken"].as_array().map(Vec::len), Some(1), "{deep}");
}
