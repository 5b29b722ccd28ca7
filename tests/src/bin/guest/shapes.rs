//! Which device is what: the host attaches the disks in an order that both sides know.

/// The name of the device with this number.
pub(crate) fn device(number: usize) -> String {
    let letter = char::from(b'a' + number as u8);
    format!("/dev/vd{letter}")
}

/// The names of `count` devices from number `first` on.
pub(crate) fn devices(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(device).collect()
}
