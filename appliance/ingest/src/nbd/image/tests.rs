//! Images of every format, good and malign.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::nbd::tests::support::{assert_same, disk_bytes, installed, pull, qemu_img, raw_image};
use crate::nbd::{open_source, open_source_with};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A qcow2 image that takes its contents from `base`.
fn overlay(folder: &Path, base: &Path) -> PathBuf {
    let image = folder.join("overlay.qcow2");
    let (base, image_text) = (text(base), text(&image));
    qemu_img(&["create", "-f", "qcow2", "-F", "raw", "-b", base, image_text]);
    image
}

fn assert_linked(path: &Path, names: &str) {
    match open_source(text(path)) {
        Err(SourceError::Linked { names: found, .. }) => assert_eq!(found, names),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_format_gives_the_bytes_of_the_disk() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = raw_image(folder.path());
    let wanted = disk_bytes();
    for (driver, options) in [
        ("qcow2", &["-o", "compat=1.1"][..]),
        ("qcow2", &["-c", "-o", "compression_type=zstd"]),
        ("vmdk", &["-o", "subformat=monolithicSparse"]),
        ("vmdk", &["-o", "subformat=monolithicFlat"]),
        ("vmdk", &["-o", "subformat=twoGbMaxExtentSparse"]),
        ("vmdk", &["-o", "subformat=streamOptimized"]),
        ("vhdx", &[]),
        ("vpc", &["-o", "force_size=on"]),
        ("vpc", &["-o", "force_size=on,subformat=fixed"]),
        ("vdi", &[]),
        ("raw", &[]),
    ] {
        let image = folder.path().join(format!("image.{driver}"));
        let mut arguments = vec!["convert", "-O", driver];
        arguments.extend(options);
        arguments.extend([text(&raw), text(&image)]);
        qemu_img(&arguments);
        let source = open_source(text(&image)).unwrap_or_else(|error| panic!("{error}"));
        let mut got = pull(source.as_ref());
        // Formats with larger units than sectors round the size up.
        let rest = got.split_off(wanted.len());
        assert!(rest.len() < 1 << 20 && rest.iter().all(|byte| *byte == 0), "{driver}");
        assert_same(&got, &wanted);
    }
}

#[test]
fn the_reader_and_its_folder_end_with_the_source() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("empty.qcow2");
    qemu_img(&["create", "-f", "qcow2", text(&image), "1M"]);
    let source = ImageSource::open(&image, Backing::Refuse).unwrap().unwrap();
    let process = PathBuf::from(format!("/proc/{}", source._server.process()));
    let address = source._server.address().to_string();
    let socket = PathBuf::from(address.split_once("socket=").unwrap().1);
    assert!(process.exists() && socket.exists());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &socket.parent().unwrap().metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o700);
    drop(source);
    assert!(!process.exists() && !socket.parent().unwrap().exists());
}

#[test]
fn the_reader_ends_by_itself_when_nobody_holds_it() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("empty.qcow2");
    qemu_img(&["create", "-f", "qcow2", text(&image), "1M"]);
    let server = ImageServer::start(&image, ImageFormat::Qcow2).unwrap();
    assert!(server.wait_without_lifeline().unwrap().success());
}

#[test]
fn an_image_that_names_another_file_is_refused_unless_trusted() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let base = raw_image(folder.path());
    let image = overlay(folder.path(), &base);
    assert_linked(&image, text(&base));
    let source = open_source_with(text(&image), Backing::Follow).unwrap();
    assert_same(&pull(source.as_ref()), &disk_bytes());
}

#[test]
fn an_image_that_comes_to_name_another_file_is_refused() {
    if !installed("qemu-nbd") {
        return;
    }
    // As if the image had been rewritten after its header was looked at.
    let folder = tempfile::tempdir().unwrap();
    let base = raw_image(folder.path()).canonicalize().unwrap();
    let image = overlay(folder.path(), &base).canonicalize().unwrap();
    let server = ImageServer::start(&image, ImageFormat::Qcow2).unwrap();
    let file = File::open(&image).unwrap();
    let stranger = opened::stranger(server.process(), &file, &image, ImageFormat::Qcow2);
    assert_eq!(stranger.unwrap(), Some(base));
}

#[test]
fn data_in_another_file_are_refused() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (image, data) = (folder.path().join("a.qcow2"), folder.path().join("data"));
    let option = format!("data_file={}", data.display());
    qemu_img(&["create", "-f", "qcow2", "-o", &option, text(&image), "1M"]);
    assert_linked(&image, "an external data file");
}

#[test]
fn a_vmdk_stays_in_its_folder() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = raw_image(folder.path());
    let inside = folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let image = inside.join("a.vmdk");
    let flat = ["convert", "-O", "vmdk", "-o", "subformat=monolithicFlat"];
    qemu_img(&[&flat[..], &[text(&raw), text(&image)]].concat());
    assert!(open_source(text(&image)).is_ok());

    // A plain name may still be a link to anywhere.
    let (extent, elsewhere) = (inside.join("a-flat.vmdk"), folder.path().join("elsewhere"));
    fs::rename(&extent, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &extent).unwrap();
    assert_linked(&image, text(&elsewhere.canonicalize().unwrap()));

    let descriptor = fs::read_to_string(&image).unwrap().replace("a-flat.vmdk", "../elsewhere");
    fs::write(&image, descriptor).unwrap();
    assert_linked(&image, "../elsewhere");
    assert!(open_source_with(text(&image), Backing::Follow).is_ok());
}

#[test]
fn a_vhd_with_a_parent_is_refused() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.vhd");
    qemu_img(&["create", "-f", "vpc", text(&image), "4M"]);
    let mut bytes = fs::read(&image).unwrap();
    bytes[63] = 4;
    fs::write(&image, bytes).unwrap();
    let opened = open_source_with(text(&image), Backing::Follow);
    assert!(matches!(opened, Err(SourceError::Differencing { .. })), "{opened:?}");
}

#[test]
fn a_broken_image_is_refused_in_the_words_of_its_reader() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.qcow2");
    let mut bytes = vec![0; 65536];
    bytes[..8].copy_from_slice(b"QFI\xfb\0\0\0\x09");
    fs::write(&image, bytes).unwrap();
    match open_source(text(&image)) {
        Err(SourceError::Image { message, .. }) => assert!(message.contains("version 9")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_that_was_cut_off_is_refused() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = raw_image(folder.path());
    for driver in ["qcow2", "vmdk", "vhdx", "vpc", "vdi"] {
        let image = folder.path().join(format!("image.{driver}"));
        qemu_img(&["convert", "-O", driver, text(&raw), text(&image)]);
        open_source(text(&image)).unwrap_or_else(|error| panic!("{error}"));
        let bytes = image.metadata().unwrap().len();
        let file = File::options().write(true).open(&image).unwrap();
        file.set_len(bytes / 4 * 3 / 512 * 512).unwrap();
        let opened = open_source(text(&image));
        assert!(matches!(opened, Err(SourceError::Image { .. })), "{driver}: {opened:?}");
    }
}

#[test]
fn a_flat_file_that_was_cut_off_is_refused() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (raw, image) = (raw_image(folder.path()), folder.path().join("image.vmdk"));
    let flat =
        ["convert", "-O", "vmdk", "-o", "subformat=monolithicFlat", text(&raw), text(&image)];
    qemu_img(&flat);
    open_source(text(&image)).unwrap();
    let file = File::options().write(true).open(folder.path().join("image-flat.vmdk")).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    let opened = open_source(text(&image));
    assert!(matches!(opened, Err(SourceError::Image { .. })), "{opened:?}");
}

#[test]
fn what_is_named_like_an_image_and_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.vhd", "a.VHDX", "a.qcow2", "a.vdi"] {
        let path = folder.path().join(name);
        fs::write(&path, [7; 5000]).unwrap();
        let opened = open_source(text(&path));
        assert!(matches!(opened, Err(SourceError::Unlike { .. })), "{name}: {opened:?}");
    }
}

#[test]
fn what_is_no_image_is_raw() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw");
    for bytes in [&b""[..], b"QF", &[7; 1000]] {
        fs::write(&path, bytes).unwrap();
        assert!(ImageSource::open(&path, Backing::Refuse).unwrap().is_none());
        assert_same(&pull(open_source(text(&path)).unwrap().as_ref()), bytes);
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(open_source(text(&path)), Err(SourceError::File { .. })));
}
