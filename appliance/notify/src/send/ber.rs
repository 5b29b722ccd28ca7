//! The little of BER that a trap needs: definite lengths, encoding only.

/// Tags of the types.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const TIME_TICKS: u8 = 0x43;
pub(super) const TRAP: u8 = 0xa7;

/// A value with its tag and length.
pub(super) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short @ ..0x80) => bytes.push(short),
        _ => {
            let digits = trimmed(&length.to_be_bytes());
            bytes.push(0x80 | digits.len() as u8);
            bytes.extend(digits);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// Values one behind the other, as one.
pub(super) fn list(tag: u8, values: &[Vec<u8>]) -> Vec<u8> {
    value(tag, &values.concat())
}

/// A number that is not negative, in as few bytes as show that.
pub(super) fn number(tag: u8, number: u64) -> Vec<u8> {
    let mut bytes = trimmed(&number.to_be_bytes());
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    value(tag, &bytes)
}

/// An object identifier of at least two numbers, the first of which is below 3 and the second
/// below 40.
pub(super) fn object(numbers: &[u32]) -> Vec<u8> {
    let [first, second, rest @ ..] = numbers else { return value(OBJECT, &[]) };
    let mut bytes = base128(first * 40 + second);
    for number in rest {
        bytes.extend(base128(*number));
    }
    value(OBJECT, &bytes)
}

/// Seven bits a byte, the highest bit set in all but the last.
fn base128(number: u32) -> Vec<u8> {
    let mut bytes = vec![(number & 0x7f) as u8];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, 0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes
}

fn trimmed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_x690_has_them() {
        assert_eq!(number(INTEGER, 0), [2, 1, 0]);
        assert_eq!(number(INTEGER, 127), [2, 1, 127]);
        assert_eq!(number(INTEGER, 128), [2, 2, 0, 128]);
        assert_eq!(number(TIME_TICKS, 0xffff_ffff), [0x43, 5, 0, 255, 255, 255, 255]);
        assert_eq!(object(&[1, 3, 6, 1, 3, 32473]), [6, 7, 0x2b, 6, 1, 3, 0x81, 0xfd, 0x59]);
    }

    #[test]
    fn lengths_are_short_up_to_127_and_long_beyond() {
        assert_eq!(value(OCTETS, &[0; 127])[..2], [4, 127]);
        assert_eq!(value(OCTETS, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(value(OCTETS, &[0; 256])[..4], [4, 0x82, 1, 0]);
        assert_eq!(
            list(SEQUENCE, &[number(INTEGER, 1), value(OCTETS, b"x")]),
            [0x30, 6, 2, 1, 1, 4, 1, b'x']
        );
    }
}
