//! `shipway local` by itself, for programs that know nothing of Shipway.

mod azure;
mod background;
mod foreground;
mod manage;
mod pull_request;
mod resources;
mod suspended;
mod together;

use crate::support::Program;
use shipway::testing::local::CloudFile;
use std::path::PathBuf;

/// The state folder of a cloud without a plan.
const STATE: &str = ".shipway/local/default";

/// A cloud without a plan in the background. Dropping it stops it.
struct Emulator {
    program: Program,
    /// What the start printed.
    said: String,
    exports: String,
}

impl Emulator {
    fn start() -> Self {
        let program = Program::new();
        let started = program.run(&["local", "--detach", "--runtime", "built-in"]).exits(0);
        Self { program, said: started.stderr, exports: started.stdout }
    }

    fn file(&self) -> CloudFile {
        CloudFile::read(&self.path()).expect("it is up")
    }

    fn path(&self) -> PathBuf {
        self.program.path(STATE).join("cloud.json")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Some tests have stopped it.
        if self.path().exists() {
            self.program.run(&["local", "stop"]);
        }
    }
}
