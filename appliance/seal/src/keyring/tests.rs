use format::keyring::{MAX_DATA_KEYS, MAX_TENANTS};
use model::DataKeyId;

use super::*;

const NOW: WallTime = WallTime(1_795_288_443);
const PASSPHRASE: &str = "correct horse battery";
const TENANT: TenantId = TenantId([5; 16]);

/// Random bytes from a seed: fresh ones at each call.
fn random(seed: u8) -> impl FnMut(&mut [u8]) {
    let mut stream = blake3::Hasher::new().update(&[seed]).finalize_xof();
    move |to| stream.fill(to)
}

fn weakest() -> Strength {
    Strength::new(19 * 1024, 2, 1).unwrap()
}

struct Pool {
    keyring: Keyring,
    root: RootKey,
    kit: KitSecret,
    kit_slot: u32,
}

/// A keyring with one kit and one tenant.
fn pool(seed: u8) -> Pool {
    let mut random = random(seed);
    let (mut keyring, root) = Keyring::create(PoolId([seed; 16]), &mut random);
    let (kit_slot, kit) = keyring.add_kit(&root, "safe in the office", NOW, &mut random).unwrap();
    keyring.add_tenant(&root, TENANT, NOW, &mut random).unwrap();
    Pool { keyring, root, kit, kit_slot }
}

fn reread(keyring: &Keyring) -> Keyring {
    Keyring::decode(&keyring.encode()).unwrap()
}

#[test]
fn kit_and_passphrase_open_the_same_keys_after_a_restart() {
    let Pool { mut keyring, root, kit, kit_slot } = pool(1);
    let by_passphrase =
        keyring.add_passphrase(&root, PASSPHRASE, weakest(), "Ann", NOW, &mut random(2)).unwrap();
    let keyring = reread(&keyring);
    let kit = KitSecret::parse(&kit.text()).unwrap();
    let opened = [keyring.unlock_with_kit(&kit), keyring.unlock_with_passphrase(PASSPHRASE)]
        .map(Result::unwrap);
    assert_eq!(opened.each_ref().map(|unlocked| unlocked.slot), [kit_slot, by_passphrase]);
    let [a, b] = opened.each_ref().map(|unlocked| unlocked.tenant(TENANT).unwrap());
    assert_eq!(a.digest_key().bytes(), b.digest_key().bytes());
    assert_eq!(a.current().unwrap().1.secret().bytes(), b.current().unwrap().1.secret().bytes());
    let derived = [a.digest_key(), a.tag_seed(), a.name_key()];
    for (at, key) in derived.iter().enumerate() {
        assert!(derived[..at].iter().all(|other| other.bytes() != key.bytes()));
    }
}

#[test]
fn no_other_passphrase_or_kit_opens() {
    let Pool { mut keyring, root, .. } = pool(1);
    keyring.add_passphrase(&root, PASSPHRASE, weakest(), "Ann", NOW, &mut random(2)).unwrap();
    let wrong = keyring.unlock_with_passphrase("correct horse batterY");
    assert_eq!(wrong.unwrap_err(), SealError::WrongKey);
    assert_eq!(keyring.unlock_with_kit(&pool(2).kit).unwrap_err(), SealError::WrongKey);
}

#[test]
fn a_kit_counts_only_after_it_was_proved() {
    let Pool { mut keyring, root, kit, kit_slot } = pool(1);
    keyring.add_passphrase(&root, PASSPHRASE, weakest(), "Ann", NOW, &mut random(2)).unwrap();
    keyring.prove_with_passphrase(PASSPHRASE, NOW).unwrap();
    assert!(!keyring.has_proved_kit());
    assert_eq!(keyring.prove_with_kit(&pool(2).kit, NOW), Err(SealError::WrongKey));
    assert!(!keyring.has_proved_kit());
    assert_eq!(keyring.prove_with_kit(&kit, WallTime(0)), Ok(kit_slot));
    let keyring = reread(&keyring);
    assert!(keyring.has_proved_kit());
    assert!(keyring.unlock_with_kit(&kit).is_ok());
    let proved: Vec<_> = keyring.slots().map(|slot| slot.proved_at).collect();
    assert_eq!(proved, [Some(WallTime(1)), Some(NOW)]);
}

#[test]
fn the_last_slot_stays_and_numbers_are_not_used_again() {
    let Pool { mut keyring, root, kit, kit_slot } = pool(1);
    let last = SealError::LastSlot { slot: kit_slot };
    assert_eq!(keyring.remove_slot(&root, kit_slot), Err(last));
    let (second, _) = keyring.add_kit(&root, "bank", NOW, &mut random(2)).unwrap();
    assert_eq!(keyring.remove_slot(&root, 99), Err(SealError::NoSuchSlot { slot: 99 }));
    keyring.remove_slot(&root, second).unwrap();
    let (third, _) = keyring.add_kit(&root, "bank", NOW, &mut random(3)).unwrap();
    assert!(third > second);
    keyring.remove_slot(&root, kit_slot).unwrap();
    assert_eq!(keyring.unlock_with_kit(&kit).unwrap_err(), SealError::WrongKey);
    assert_eq!(keyring.slots().next().unwrap().label, "bank");
}

#[test]
fn rotation_keeps_old_keys_and_names() {
    let Pool { mut keyring, root, kit, .. } = pool(1);
    let before = keyring.unlock_with_kit(&kit).unwrap();
    let second = keyring.rotate_data_key(&root, TENANT, NOW, &mut random(2)).unwrap();
    let after = reread(&keyring).unlock_with_kit(&kit).unwrap();
    let (old, new) = (before.tenant(TENANT).unwrap(), after.tenant(TENANT).unwrap());
    assert_eq!(old.digest_key().bytes(), new.digest_key().bytes());
    let (first, old_key) = old.current().unwrap();
    let (current, new_key) = new.current().unwrap();
    assert_eq!((first, current), (DataKeyId(1), second));
    assert_eq!(new.data_key(first).unwrap().secret().bytes(), old_key.secret().bytes());
    assert_ne!(new_key.secret().bytes(), old_key.secret().bytes());
    let refreshed = keyring.refresh(&before).unwrap();
    assert_eq!(refreshed.tenant(TENANT).unwrap().current().unwrap().0, second);

    assert_eq!(
        keyring.forget_data_key(&root, TENANT, second),
        Err(SealError::DataKeyInUse { id: second })
    );
    keyring.forget_data_key(&root, TENANT, first).unwrap();
    let gone = keyring.unlock_with_kit(&kit).unwrap();
    let missing = SealError::NoSuchDataKey { tenant: TENANT, id: first };
    assert_eq!(gone.tenant(TENANT).unwrap().data_key(first).unwrap_err(), missing);
}

#[test]
fn a_forgotten_tenant_leaves_no_wrapped_key() {
    let Pool { mut keyring, root, kit, .. } = pool(1);
    let other = TenantId([6; 16]);
    keyring.add_tenant(&root, other, NOW, &mut random(2)).unwrap();
    let exists = SealError::TenantExists { tenant: other };
    assert_eq!(keyring.add_tenant(&root, other, NOW, &mut random(3)), Err(exists));
    let sealed = keyring.block.tenants[0].key.sealed;
    keyring.forget_tenant(&root, TENANT).unwrap();
    let bytes = keyring.encode();
    assert!(bytes.windows(32).all(|window| window != sealed));
    let unlocked = reread(&keyring).unlock_with_kit(&kit).unwrap();
    let missing = SealError::NoSuchTenant { tenant: TENANT };
    assert_eq!(unlocked.tenant(TENANT).unwrap_err(), missing);
    assert_eq!(unlocked.tenants().len(), 1);
}

#[test]
fn every_area_is_bounded() {
    let Pool { mut keyring, root, .. } = pool(1);
    let mut random = random(2);
    while keyring.block.slots.len() < MAX_SLOTS {
        keyring.add_kit(&root, "", NOW, &mut random).unwrap();
    }
    let full = keyring.add_kit(&root, "", NOW, &mut random).unwrap_err();
    assert_eq!(full, SealError::Full { max: MAX_SLOTS });
    for number in 1..MAX_TENANTS {
        let tenant = TenantId((number as u128).to_le_bytes());
        keyring.add_tenant(&root, tenant, NOW, &mut random).unwrap();
    }
    let full = keyring.add_tenant(&root, TenantId([9; 16]), NOW, &mut random);
    assert_eq!(full, Err(SealError::Full { max: MAX_TENANTS }));
    while keyring.block.data_keys.len() < MAX_DATA_KEYS {
        keyring.rotate_data_key(&root, TENANT, NOW, &mut random).unwrap();
    }
    let full = keyring.rotate_data_key(&root, TENANT, NOW, &mut random);
    assert_eq!(full, Err(SealError::Full { max: MAX_DATA_KEYS }));
    assert_eq!(reread(&keyring).block, keyring.block);
}

#[test]
fn a_block_changed_without_the_root_key_is_noticed() {
    let Pool { keyring, kit, .. } = pool(1);
    let (honest, forger) = (keyring.block.clone(), pool(2).keyring.block);
    let changes: [fn(&mut KeyBlock, &KeyBlock); 6] = [
        |block, _| block.slots[0].proved_at = NOW,
        |block, _| block.slots[0].label[0] ^= 1,
        |block, _| block.generation += 1,
        |block, _| block.tenants[0].current = DataKeyId(7),
        |block, _| block.data_keys.clear(),
        |block, other| block.tenants[0].key = other.tenants[0].key,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut block = honest.clone();
        change(&mut block, &forger);
        let forged = Keyring::decode(&block.encode()).unwrap();
        assert_eq!(forged.unlock_with_kit(&kit).unwrap_err(), SealError::Damaged, "{number}");
    }
    let moved = KeyBlock { pool_id: PoolId([3; 16]), ..honest };
    let moved = Keyring { block: moved }.unlock_with_kit(&kit);
    assert_eq!(moved.unwrap_err(), SealError::WrongKey);
}

#[test]
fn a_change_takes_the_root_key_and_counts_the_generation_up() {
    let Pool { mut keyring, root, .. } = pool(1);
    let before = keyring.encode();
    let generation = keyring.generation();
    let other = pool(2).root;
    let (mut random, damaged) = (random(3), Some(SealError::Damaged));
    assert_eq!(keyring.add_kit(&other, "", NOW, &mut random).err(), damaged);
    assert_eq!(keyring.rotate_data_key(&other, TENANT, NOW, &mut random).err(), damaged);
    assert_eq!(keyring.forget_tenant(&other, TENANT).err(), damaged);
    assert_eq!(keyring.encode(), before);
    keyring.rotate_data_key(&root, TENANT, NOW, &mut random).unwrap();
    assert_eq!(keyring.generation(), generation + 1);
}

#[test]
fn poor_passphrases_labels_and_hostile_parameters_are_refused() {
    let Pool { mut keyring, root, .. } = pool(1);
    let mut random = random(2);
    let mut add = |passphrase: &str, label: &str| {
        keyring.add_passphrase(&root, passphrase, weakest(), label, NOW, &mut random).err()
    };
    assert_eq!(add("short", "Ann"), Some(SealError::WeakPassphrase { min: 12 }));
    assert_eq!(add(PASSPHRASE, &"é".repeat(17)), Some(SealError::Label));
    assert_eq!(add(PASSPHRASE, "a\0b"), Some(SealError::Label));
    assert_eq!(add(PASSPHRASE, &"é".repeat(16)), None);
    let hostile = SealError::Strength { memory_kib: u32::MAX, passes: 2, lanes: 1 };
    keyring.block.slots[1].memory_kib = u32::MAX;
    assert_eq!(keyring.unlock_with_passphrase(PASSPHRASE).unwrap_err(), hostile);
}
