//! Codes of a second factor: RFC 6238 over HMAC-SHA-1, 30 seconds, six digits, which is what every
//! authenticator app knows.

use aws_lc_rs::hmac;

/// Bytes of a secret: as long as the digest, RFC 4226 section 4.
pub(crate) const SECRET: usize = 20;

/// Seconds of a step.
const STEP: u64 = 30;

/// Steps to each side that are accepted: clocks of telephones and boxes differ.
const SLACK: u64 = 1;

const MODULUS: u32 = 1_000_000;

/// The step in which `code` is right at `time`, if it is after `used`: a code is good once.
pub(crate) fn accepted(secret: &[u8], code: &str, time: u64, used: u64) -> Option<u64> {
    let code: u32 = code.parse().ok().filter(|_| code.len() == 6)?;
    let now = time / STEP;
    let steps = now.saturating_sub(SLACK)..=now + SLACK;
    // All are computed, so that time does not tell which one it was.
    let right: Vec<u64> = steps.filter(|step| self::code(secret, *step) == code).collect();
    right.into_iter().find(|step| *step > used)
}

fn code(secret: &[u8], step: u64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let digest = tag.as_ref();
    let at = usize::from(digest.last().copied().unwrap_or(0) & 15);
    let four = digest.get(at..at + 4).and_then(|four| four.try_into().ok()).unwrap_or([0; 4]);
    (u32::from_be_bytes(four) & 0x7fff_ffff) % MODULUS
}

/// What an authenticator app is given: the secret in base 32 and all that it has to know.
pub(crate) fn link(secret: &[u8], appliance: &str, account: &str) -> String {
    let (appliance, account) = (escaped(appliance), escaped(account));
    let secret = base32(secret);
    format!("otpauth://totp/{appliance}:{account}?secret={secret}&issuer={appliance}")
}

/// RFC 4648 base 32 without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for part in bytes.chunks(5) {
        let mut five = [0; 8];
        five[3..3 + part.len()].copy_from_slice(part);
        let bits = u64::from_be_bytes(five);
        for digit in 0..(part.len() * 8).div_ceil(5) {
            let value = (bits >> (35 - 5 * digit)) & 31;
            text.push(char::from(DIGITS[value as usize]));
        }
    }
    text
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match plain(byte) {
            true => escaped.push(char::from(byte)),
            false => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (time, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(accepted(secret, expected, time, 0), Some(time / 30), "{time}");
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute_and_a_half() {
        let secret = b"12345678901234567890";
        let step = accepted(secret, "287082", 59, 0).unwrap();
        assert_eq!(accepted(secret, "287082", 59, step), None);
        assert_eq!(accepted(secret, "287082", 59 + 30, 0), Some(step));
        assert_eq!(accepted(secret, "287082", 59 + 61, 0), None);
        for wrong in ["287083", "87082", "+87082", "0287082", "", "äöü"] {
            assert_eq!(accepted(secret, wrong, 59, 0), None, "{wrong}");
        }
    }

    /// RFC 4648 section 10.
    #[test]
    fn base32_is_that_of_the_standard() {
        for (plain, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foob", "MZXW6YQ"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(plain.as_bytes()), text);
        }
        let link = link(b"foobar", "box 7", "a@b");
        assert_eq!(link, "otpauth://totp/box%207:a%40b?secret=MZXW6YTBOI&issuer=box%207");
    }
}
