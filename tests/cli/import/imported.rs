//! A file that is imported, and its plan run in a local cloud.

use crate::cli::import::fixture;
use crate::support::Program;
use crate::support::layout::layout;
use crate::support::path::without_engines;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;

/// A `PATH` without container engines. It has thousands of programs, so that tests that run
/// at the same time share it.
fn common_path() -> Arc<TempDir> {
    static SHARED: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = shared.upgrade() {
        return folder;
    }
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    without_engines(folder.path());
    *shared = Arc::downgrade(&folder);
    folder
}

/// A folder with a file and the plan that was made of it.
pub struct Import {
    pub program: Program,
    /// What was told beside the plan.
    notes: String,
    /// Programs and images of its own.
    bin: TempDir,
    common: Arc<TempDir>,
    options: Vec<String>,
    is_committed: bool,
}

impl Import {
    pub fn of(name: &str) -> Self {
        let path = format!("in/{name}");
        let program = Program::new().file(&path, &fixture(name)).applets();
        let imported = program.run(&["import", &path, "--output", "shipway.yml"]).exits(0);
        let bin = tempfile::tempdir().expect("a folder");
        Self {
            program,
            notes: imported.stderr,
            bin,
            common: common_path(),
            options: Vec::new(),
            is_committed: false,
        }
    }

    /// The import told this, for which the caller then gives something.
    #[track_caller]
    pub fn told(self, note: &str) -> Self {
        assert!(self.notes.contains(note), "no `{note}` in\n{}", self.notes);
        self
    }

    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.program = self.program.file(name, text);
        fs::set_permissions(self.program.path(name), fs::Permissions::from_mode(0o755))
            .expect("a file can be made executable");
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.program = self.program.env(name, value);
        self
    }

    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// A program on the PATH.
    pub fn tool(self, name: &str, script: &str) -> Self {
        let path = self.bin.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file can be written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
        self
    }

    /// A folder whose image serves this port.
    pub fn serving(self, folder: &str, port: u16) -> Self {
        let dockerfile = format!("{folder}/Dockerfile");
        self.image(&dockerfile, folder, port)
    }

    pub fn image(self, dockerfile: &str, folder: &str, port: u16) -> Self {
        let text = format!(
            "FROM scratch AS release\nARG COMMIT\nARG VERSION\nCOPY busybox /busybox\nCOPY www /www\n\
             EXPOSE {port}\nENTRYPOINT [\"/busybox\", \"httpd\", \"-f\", \"-p\", \"{port}\", \"-h\", \"/www\"]\n"
        );
        let import = self.file(dockerfile, &text);
        let import = ["index.html", "ready", "health"]
            .iter()
            .fold(import, |import, page| import.file(&format!("{folder}/www/{page}"), "hello"));
        import.busybox(folder)
    }

    pub fn busybox(self, folder: &str) -> Self {
        if folder != "." {
            let copy = self.program.path(folder).join("busybox");
            fs::copy(self.program.path("busybox"), copy).expect("a file can be copied");
        }
        self
    }

    /// An image of a registry outside, which these words start.
    pub fn preloaded(self, reference: &str, entrypoint: &[&str]) -> Self {
        let folder = self.bin.path().join(format!("image-{}", self.options.len()));
        let busybox = fs::read(self.program.path("busybox")).expect("the applets");
        let store = b"#!/busybox sh\n/busybox httpd -f -p 8080\n".to_vec();
        let files = [("busybox", busybox), ("store", store)];
        layout(&folder, &files, &json!({ "Entrypoint": entrypoint }));
        self.option("--seed-image", &format!("{reference}=oci:{}", folder.display()))
    }

    pub fn event(self, payload: &Value) -> Self {
        let path = self.bin.path().join("event.json");
        fs::write(&path, payload.to_string()).expect("a file can be written");
        self.option("--event", &path.display().to_string())
    }

    /// Makes the folder a repository of git as it is now.
    pub fn committed(mut self) -> Self {
        self.program = self.program.committed();
        self.is_committed = true;
        self
    }

    pub fn git(self, arguments: &[&str]) -> Self {
        self.program.git(arguments);
        self
    }

    /// Checks and runs the plan, all of whose steps end well: what it pushed, and what was
    /// printed.
    #[track_caller]
    pub fn runs(self) -> String {
        let import = if self.is_committed { self } else { self.committed() };
        import.run()
    }

    #[track_caller]
    fn run(mut self) -> String {
        let checked = self.program.run(&["check"]).exits(0);
        assert_eq!(checked.stderr, "shipway.yml: no mistakes\n");
        let path = format!("{}:{}", self.bin.path().display(), self.common.path().display());
        self.program = self.program.env("PATH", &path);
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let dry_run = ["dry-run", "--runtime", "built-in"];
        let finished = self.program.run(&[&dry_run[..], &options].concat()).exits(0);
        assert!(!finished.stderr.contains("skipped"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("warning"), "{}", finished.stderr);
        let pushed = finished.stderr.lines().filter(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1) == Some(&"ok") && words[0].split('.').any(|word| word.starts_with("tag"))
        });
        let pushed = pushed.map(|line| {
            let references = line.split("ok").nth(1).unwrap_or_default();
            let end = references.rfind("  (").unwrap_or(references.len());
            let commit = self.program.git(&["rev-parse", "HEAD"]);
            let shown = references[..end].trim().replace(&commit, "COMMIT");
            format!("{}\n", shown.replace(&commit[..7], "SHORT"))
        });
        pushed.collect::<String>() + &finished.stdout
    }
}
