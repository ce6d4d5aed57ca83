//! What a container of the built-in runtime may not do, tried from inside of one.

use crate::runtime::Machine;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;

/// Tells of each attempt whether it was refused.
const TRY: &str = "\
try() { name=$1; shift; if sh -c \"$*\" > /dev/null 2>&1; then echo \"$name: done\"; else echo \"$name: refused\"; fi; }
";

#[tokio::test]
async fn a_container_has_the_capabilities_of_docker_and_no_others() {
    let machine = Machine::isolated().await;
    let script =
        "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status";
    let seen = machine.output(script, json!({})).await;
    machine.runtime.shutdown().await;

    assert_eq!(
        seen,
        "CapInh:\t0000000000000000\n\
         CapPrm:\t00000000a80425fb\n\
         CapEff:\t00000000a80425fb\n\
         CapBnd:\t00000000a80425fb\n\
         CapAmb:\t0000000000000000\n\
         NoNewPrivs:\t1\n\
         Seccomp:\t2\n"
    );
}

#[tokio::test]
async fn a_container_cannot_change_this_machine() {
    let machine = Machine::isolated().await;
    let script = format!(
        "{TRY}
        mkdir /tmp
        try core-pattern 'cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern'
        try hostname 'cat /proc/sys/kernel/hostname > /proc/sys/kernel/hostname'
        try sysrq 'echo h > /proc/sysrq-trigger'
        try irq 'cat /proc/irq/default_smp_affinity > /proc/irq/default_smp_affinity'
        try memory 'dd if=/proc/kcore bs=1 count=1 | grep -q .'
        try sys 'echo 0 > /sys/kernel/profiling'
        try firmware 'ls /sys/firmware | grep -q .'
        try mount mount -t tmpfs none /tmp
        try remount mount -o remount,rw,bind /proc/sys
        try umount umount /proc/sys
        try user-namespace unshare -U true
        try mount-namespace unshare -m true
        try enter-namespace nsenter -t 1 -n true
        try disk 'mknod /tmp/disk b 8 0 && dd if=/tmp/disk count=1'
        try reboot reboot -f
        try set-clock '! date -s 2000-01-01 2>&1 | grep -q permitted'
        try chroot chroot / true
        try own-file 'touch /tmp/file && chown 1000:1000 /tmp/file'
        "
    );
    let seen = machine.output(&script, json!({})).await;
    machine.runtime.shutdown().await;

    let refused: Vec<&str> =
        seen.lines().filter_map(|line| line.strip_suffix(": refused")).collect();
    assert_eq!(
        refused,
        [
            "core-pattern",
            "hostname",
            "sysrq",
            "irq",
            "memory",
            "sys",
            "firmware",
            "mount",
            "remount",
            "umount",
            "user-namespace",
            "mount-namespace",
            "enter-namespace",
            "disk",
            "reboot",
            "set-clock",
        ],
        "{seen}"
    );
    assert!(seen.ends_with("chroot: done\nown-file: done\n"), "{seen}");
}

/// The first id of the range that systemd leaves to containers.
const FIRST_ID: u32 = 0x6ffe_0000;

#[tokio::test]
async fn root_in_a_container_is_no_user_of_this_machine() {
    let machine = Machine::isolated().await;
    let script = "cat /proc/self/uid_map /proc/self/gid_map; touch /file; stat -c %u:%g / /file; \
                  ls -ln /proc/sys/kernel/core_pattern | awk '{ print $3 }'";
    let seen = machine.output(script, json!({})).await;
    let words: Vec<&str> = seen.split_whitespace().collect();
    machine.runtime.shutdown().await;

    let map = ["0".to_owned(), FIRST_ID.to_string(), "65536".to_owned()];
    assert_eq!(words[..3], map, "{seen}");
    assert_eq!(words[3..6], map, "{seen}");
    // Its own files are its own, and those of this machine have no known owner.
    assert_eq!(words[6..], ["0:0", "0:0", "65534"], "{seen}");
}

#[tokio::test]
async fn root_in_a_container_is_another_user_where_root_alone_may_start_shipway() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("shipway");
    fs::copy(env!("CARGO_BIN_EXE_shipway"), &program).expect("copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("closed");
    let machine = Machine::isolated_by(program.clone()).await;
    let map = machine.output("cat /proc/self/uid_map", json!({})).await;
    let seen = machine.output_of_changing_its_runtime().await;
    machine.runtime.shutdown().await;

    let words: Vec<&str> = map.split_whitespace().collect();
    assert_eq!(words, ["0", FIRST_ID.to_string().as_str(), "65536"]);
    // EPERM, of a copy.
    assert_eq!(seen, "mode:        1\n");
    assert_eq!(fs::metadata(program).expect("there").permissions().mode() & 0o7777, 0o700);
}

#[tokio::test]
async fn a_user_of_the_image_writes_its_log_by_name_and_owns_its_files() {
    let machine = Machine::isolated().await;
    let script =
        "echo by name > /dev/stdout; id -u; touch /dev/shm/file && stat -c %u:%g /dev/shm/file";
    let seen = machine.output(script, json!({ "User": "1000:1000" })).await;
    machine.runtime.shutdown().await;

    assert_eq!(seen, "by name\n1000\n1000:1000\n");
}

#[tokio::test]
async fn a_container_has_no_descriptor_of_its_caller() {
    let folder = File::open("/").expect("a folder");
    fcntl(&folder, FcntlArg::F_SETFD(FdFlag::empty())).expect("children inherit it");
    let machine = Machine::isolated().await;
    // `ls` has one for the folder that it lists.
    let seen = machine.output("ls /proc/self/fd | tr '\\n' ' '", json!({})).await;
    machine.runtime.shutdown().await;

    assert_eq!(seen.trim(), "0 1 2 3");
}

#[tokio::test]
async fn processes_and_memory_of_a_group_are_limited() {
    let machine = Machine::isolated().await;
    let script = "\
        (i=0; while [ $i -lt 1200 ]; do sleep 100 >&- 2>&- & i=$((i+1)); done) 2>&1 | grep -o \"can't fork\"
        kill -9 -1
        dd if=/dev/zero of=/dev/null bs=500M count=1 2> /dev/null
        echo \"dd: $?\"";
    let seen = machine.output(script, json!({})).await;
    machine.runtime.shutdown().await;

    assert!(seen.contains("can't fork\n"), "{seen}");
    assert!(seen.ends_with("dd: 137\n"), "{seen}");
}
