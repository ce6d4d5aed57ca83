//! The real `az` with a cloud that starts empty.

mod table;
mod walks;

use crate::peer::programs::python;
use crate::support::Program;
use std::path::Path;
use std::process::Command;

/// A folder in which `az` and `shipway` are found, and the cloud that is stopped at the end.
struct Walk {
    program: Program,
}

impl Walk {
    fn new() -> Self {
        let az = python("az");
        let own = Path::new(env!("CARGO_BIN_EXE_shipway")).parent().expect("a folder");
        let bin = az.parent().expect("a folder").display();
        let path = std::env::var("PATH").expect("a PATH");
        let program = Program::new()
            .env("PATH", &format!("{}:{bin}:{path}", own.display()))
            .env("AZURE_CORE_COLLECT_TELEMETRY", "false");
        Self { program }
    }

    /// What a shell prints to standard output.
    #[track_caller]
    fn shell(&self, script: &str) -> String {
        let (code, printed, said) = self.try_shell(script);
        assert!(code == Some(0), "{script}\n{said}");
        printed
    }

    /// The exit code of a shell, and what it prints to both outputs.
    fn try_shell(&self, script: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new("sh");
        // The environment of the program, in its folder.
        let prepared = self.program.command(&[]);
        let variables = prepared.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.args(["-euc", script]).env_clear().envs(variables);
        let output = command.current_dir(self.program.folder()).output().expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // It is up where the walk has failed.
        self.program.run(&["local", "stop"]);
    }
}
