//! The recovery kit: 256 random bits as text for paper, typed back by somebody on a bad day.
//!
//! Fourteen groups of five characters, in Crockford's base 32: no I, L, O or U; those typed for 1
//! and 0 are understood, as is either case, and anything between groups. Thirteen groups carry the
//! secret, the last a checksum over them. The fifth character of each group checks the group and
//! its place, so the screen can say which group to look at: any one wrong character, any two
//! neighbours exchanged and any two groups exchanged are noticed for certain. More mistakes escape
//! with a chance of one in a million at most, and then the key opens no slot.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::secret::Secret;
use crate::{Random, SealError};

/// Groups of a kit's text.
pub const KIT_GROUPS: usize = 14;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 5;
const GROUP_BITS: usize = 20;
const TEXT: usize = KIT_GROUPS * GROUP;
const CHECK_CONTEXT: &str = "holdfast 2026-11 recovery kit checksum";

/// The secret of a recovery kit.
#[derive(Clone)]
pub struct KitSecret(pub(crate) Secret);

impl KitSecret {
    pub(crate) fn random(random: Random<'_>) -> Self {
        Self(Secret::random(random))
    }

    /// Takes over the bytes of a kit that was kept in another form.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The text to print: fourteen groups with a hyphen between two.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(KIT_GROUPS * (GROUP + 1)));
        for (number, group) in self.groups().iter().enumerate() {
            if number > 0 {
                text.push('-');
            }
            for digit in digits(*group, number) {
                text.push(char::from(ALPHABET.get(usize::from(digit)).copied().unwrap_or(b'0')));
            }
        }
        text
    }

    /// Reads a kit as typed. [`SealError::KitGroup`] names the first group to look at again.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let typed = Zeroizing::new(read_digits(text)?);
        let mut groups = Zeroizing::new([0; KIT_GROUPS]);
        for (number, (group, typed)) in
            groups.iter_mut().zip(typed.as_chunks::<GROUP>().0).enumerate()
        {
            let value = typed[..4].iter().fold(0, |value, digit| value << 5 | u32::from(*digit));
            if digits(value, number) != *typed {
                return Err(SealError::KitGroup { group: number + 1 });
            }
            *group = value;
        }
        let mut secret = Self::new([0; 32]);
        let bits =
            groups.iter().flat_map(|group| (0..GROUP_BITS).rev().map(move |at| group >> at & 1));
        for (at, bit) in bits.enumerate() {
            if let Some(byte) = secret.0.bytes_mut().get_mut(at / 8) {
                *byte = *byte << 1 | bit as u8;
            }
        }
        if *secret.groups() == *groups {
            Ok(secret)
        } else {
            Err(SealError::KitGroup { group: KIT_GROUPS })
        }
    }

    /// Twenty bits each: the secret, highest bit first and filled up with zeros, then the check.
    fn groups(&self) -> Zeroizing<[u32; KIT_GROUPS]> {
        let mut groups = Zeroizing::new([0; KIT_GROUPS]);
        let secret = self.0.bytes();
        for at in 0..GROUP_BITS * (KIT_GROUPS - 1) {
            let bit = secret.get(at / 8).map_or(0, |byte| u32::from(byte >> (7 - at % 8) & 1));
            if let Some(group) = groups.get_mut(at / GROUP_BITS) {
                *group = *group << 1 | bit;
            }
        }
        let check = Secret::derive(CHECK_CONTEXT, &[secret]);
        let [first, second, third, ..] = *check.bytes();
        let check = u32::from_be_bytes([0, first, second, third]) >> (24 - GROUP_BITS);
        groups[KIT_GROUPS - 1] = check;
        groups
    }
}

impl fmt::Debug for KitSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KitSecret(..)")
    }
}

/// Four digits of a group and the one that checks them: a sum in the field of 32 elements, where
/// each place has its own factor and the number of the group is added.
fn digits(group: u32, number: usize) -> [u8; GROUP] {
    let mut digits = [0; GROUP];
    let mut check = number as u8 + 1;
    let mut factor = 1;
    for (at, digit) in digits[..4].iter_mut().enumerate() {
        *digit = (group >> (5 * (3 - at)) & 31) as u8;
        factor = multiply(factor, 2);
        check ^= multiply(*digit, factor);
    }
    digits[4] = check;
    digits
}

/// The product in the field of 32 elements modulo x^5 + x^2 + 1, in which 2 is a generator.
fn multiply(a: u8, b: u8) -> u8 {
    let mut product = 0;
    for bit in (0..5).rev() {
        product <<= 1;
        if product & 32 != 0 {
            product ^= 0b10_0101;
        }
        if b >> bit & 1 == 1 {
            product ^= a;
        }
    }
    product
}

/// The characters that count, as digits. What is no letter or numeral stands between groups.
fn read_digits(text: &str) -> Result<[u8; TEXT], SealError> {
    let mut digits = [0; TEXT];
    let mut found = 0;
    for character in text.chars().filter(|character| character.is_alphanumeric()) {
        let digit = digit(character)
            .ok_or(SealError::KitGroup { group: (found / GROUP + 1).min(KIT_GROUPS) })?;
        if let Some(to) = digits.get_mut(found) {
            *to = digit;
        }
        found += 1;
    }
    if found != TEXT {
        digits.zeroize();
        return Err(SealError::KitLength { expected: TEXT, found });
    }
    Ok(digits)
}

fn digit(character: char) -> Option<u8> {
    let clear = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|digit| char::from(*digit) == clear).map(|at| at as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<[u8; 32], SealError> {
        KitSecret::parse(text).map(|kit| *kit.0.bytes())
    }

    proptest! {
        #[test]
        fn a_kit_reads_back_however_it_is_typed(secret: [u8; 32]) {
            let text = KitSecret::new(secret).text();
            prop_assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [5; KIT_GROUPS]);
            prop_assert_eq!(parse(&text), Ok(secret));
            prop_assert_eq!(parse(&text.to_lowercase().replace('-', " \n")), Ok(secret));
            prop_assert_eq!(parse(&text.replace('-', "")), Ok(secret));
            prop_assert_eq!(parse(&text.replace('0', "o").replace('1', "L")), Ok(secret));
            prop_assert_eq!(parse(&text.replace('1', "i")), Ok(secret));
        }

        #[test]
        fn one_wrong_character_is_noticed_and_its_group_named(
            secret: [u8; 32], at in 0..TEXT, other in 0_usize..32,
        ) {
            let mut text: Vec<u8> = KitSecret::new(secret).text().replace('-', "").into_bytes();
            prop_assume!(text[at] != ALPHABET[other]);
            text[at] = ALPHABET[other];
            let refused = SealError::KitGroup { group: at / GROUP + 1 };
            prop_assert_eq!(parse(&String::from_utf8(text).unwrap()), Err(refused));
        }

        #[test]
        fn exchanged_neighbours_and_groups_are_noticed(secret: [u8; 32], a: usize, b: usize) {
            let text: Vec<u8> = KitSecret::new(secret).text().replace('-', "").into_bytes();
            let mut neighbours = text.clone();
            neighbours.swap(a % (TEXT - 1), a % (TEXT - 1) + 1);
            let mut groups: Vec<&[u8]> = text.chunks(GROUP).collect();
            groups.swap(a % KIT_GROUPS, b % KIT_GROUPS);
            for changed in [neighbours, groups.concat()] {
                let refused = parse(&String::from_utf8(changed.clone()).unwrap()).is_err();
                prop_assert_eq!(refused, changed != text);
            }
        }

        #[test]
        fn any_text_is_answered(text: String) {
            prop_assert!(KitSecret::parse(&text).is_err());
        }
    }

    #[test]
    fn a_letter_outside_the_alphabet_and_a_missing_one_are_named() {
        let text = KitSecret::new([0x5A; 32]).text();
        let wrong = format!("{}U{}", &text[..6], &text[7..]);
        assert_eq!(parse(&wrong), Err(SealError::KitGroup { group: 2 }));
        let short = SealError::KitLength { expected: TEXT, found: TEXT - 1 };
        assert_eq!(parse(&text[1..]), Err(short));
    }

    #[test]
    fn printed_kits_stay_readable() {
        let mut secret = [0; 32];
        for (at, byte) in secret.iter_mut().enumerate() {
            *byte = at as u8;
        }
        assert_eq!(*KitSecret::new(secret).text(), PRINTED);
        assert_eq!(parse(PRINTED), Ok(secret));
    }

    const PRINTED: &str = concat!(
        "000GC-40R4Y-0M301-E209M-185G2-R38EE-1W810-",
        "24GKG-2GAH0-C5RR1-34D1A-P70XT-3RFGY-6PDTB"
    );
}
