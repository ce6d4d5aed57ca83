//! Runs other programs for their output.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a program that must succeed and returns its standard output.
pub fn run(program: &str, args: &[&str]) -> String {
    run_in(Path::new("/"), program, args)
}

/// A program of the Python packages that `tests/run` installs.
pub fn python(name: &str) -> PathBuf {
    let given = std::env::var_os("SHIPWAY_TEST_PEERS").map(PathBuf::from);
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin");
    given.unwrap_or_else(here).join(name)
}

/// Like [`run`], in a folder.
pub fn run_in(folder: &Path, program: &str, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env("TZ", "America/New_York").env("LC_ALL", "C");
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
