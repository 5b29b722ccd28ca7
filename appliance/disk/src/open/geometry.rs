//! What the kernel knows of a block device's size.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

mod ioctl {
    nix::ioctl_read!(blkgetsize64, 0x12, 114, usize);
    nix::ioctl_read_bad!(blksszget, nix::request_code_none!(0x12, 104), i32);
}

/// Bytes of the device.
pub(super) fn device_bytes(device: &File) -> io::Result<u64> {
    // BLKGETSIZE64 is declared with size_t and always stores 64 bits.
    let mut bytes = 0_usize;
    const { assert!(size_of::<usize>() == 8) };
    // SAFETY: the descriptor is open and the pointer is good for the 8 bytes that are stored.
    unsafe { ioctl::blkgetsize64(device.as_raw_fd(), &raw mut bytes) }?;
    Ok(bytes as u64)
}

/// The least number of bytes that the device transfers.
pub(super) fn sector_bytes(device: &File) -> io::Result<u64> {
    let mut bytes = 0_i32;
    // SAFETY: the descriptor is open and BLKSSZGET stores one int at the pointer.
    unsafe { ioctl::blksszget(device.as_raw_fd(), &raw mut bytes) }?;
    Ok(u64::from(bytes.unsigned_abs()))
}
