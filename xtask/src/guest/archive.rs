//! The kernel's initial file system, in the form that it unpacks: cpio's "newc".
//!
//! A member is a header of hexadecimal numbers, its name, its bytes, each filled up to a multiple
//! of four. All belong to root and have no date, so equal contents make equal archives.

/// What a member is, with its permissions, as `st_mode` has it.
const FOLDER: u32 = 0o04_0755;
const PROGRAM: u32 = 0o10_0755;
const CHARACTER_DEVICE: u32 = 0o02_0600;

const MAGIC: &str = "070701";
const END: &str = "TRAILER!!!";

/// An archive that grows.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    members: u32,
}

impl Archive {
    /// Adds an empty folder. What contains it must have been added.
    pub(super) fn folder(&mut self, name: &str) {
        self.member(name, FOLDER, (0, 0), &[]);
    }

    /// Adds a file that may be executed.
    pub(super) fn file(&mut self, name: &str, contents: &[u8]) {
        self.member(name, PROGRAM, (0, 0), contents);
    }

    /// Adds a node for the character device of these numbers.
    pub(super) fn device(&mut self, name: &str, numbers: (u32, u32)) {
        self.member(name, CHARACTER_DEVICE, numbers, &[]);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.member(END, 0, (0, 0), &[]);
        self.bytes
    }

    fn member(&mut self, name: &str, mode: u32, device: (u32, u32), contents: &[u8]) {
        self.members += 1;
        // Number, mode, owner, group, links, date, length, device it is on, device it is, length
        // of the name with its end, checksum.
        let (length, name_length) = (contents.len() as u32, name.len() as u32 + 1);
        let numbers =
            [self.members, mode, 0, 0, 1, 0, length, 0, 0, device.0, device.1, name_length, 0];
        self.bytes.extend(MAGIC.bytes());
        numbers.iter().for_each(|number| self.bytes.extend(format!("{number:08x}").bytes()));
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.fill_up();
        self.bytes.extend(contents);
        self.fill_up();
    }

    fn fill_up(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_its_name_and_bytes_at_multiples_of_four() {
        let mut archive = Archive::default();
        archive.folder("bin");
        archive.file("bin/a", b"hello");
        archive.device("null", (1, 3));
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(bytes.len() % 4, 0);
        assert!(text.starts_with("07070100000001000041ed"), "a folder with mode 0755");
        // 110 bytes of header and the name "bin" with its end are 114: filled up to 116.
        assert_eq!(text[116..].find(MAGIC), Some(0));
        assert_eq!(bytes.windows(8).position(|part| part == b"hello\0\0\0"), Some(116 + 116));
        assert!(text.contains("0000000100000003000000050000000"), "numbers of the device");
        assert!(text.trim_end_matches('\0').ends_with(END));
    }
}
