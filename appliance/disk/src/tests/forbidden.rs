//! A process that may not use io_uring.
#![allow(unsafe_code)]

use std::thread;

use model::BLOCK;

use super::fixture::{self, MIB, wait};
use crate::{Access, Backend, Buffer, DiskError, open};

#[test]
fn without_io_uring_threads_serve() {
    let (_folder, path) = fixture::file(MIB);
    // A thread of its own, because the filter stays with it and with the threads that it starts.
    let test = thread::spawn(move || {
        forbid_io_uring();
        let refused = open(&path, Access::ReadWrite, Backend::Uring);
        let Err(DiskError::NoUring { source, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(source.raw_os_error(), Some(libc::EPERM));
        let disk = open(&path, Access::ReadWrite, Backend::Threads).unwrap();
        wait(disk.read(0, Buffer::zeroed(BLOCK))).unwrap();
    });
    test.join().unwrap();
}

/// Makes `io_uring_setup` answer EPERM, as container runtimes do.
fn forbid_io_uring() {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            jf: 1,
            ..statement(
                libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
                libc::SYS_io_uring_setup as u32,
            )
        },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes numbers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: the kernel copies the program, which is alive, during the call.
    let set =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    assert_eq!(set, 0);
}
