//! `shipway clean`, and what a run cleans by itself.

use crate::support::Program;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

const PLAN: &str = "\
name: kept
vars: { text: one }
steps:
  - run: echo ${{ vars.text }} > page
  - build: { layers: [{ from: page, to: /page }] }
";

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Makes every blob older than those that a build may still use.
fn age_blobs(folder: &Path) {
    for name in names(folder) {
        let file = File::options().append(true).open(folder.join(name)).expect("a blob");
        let past = SystemTime::now() - Duration::from_hours(2);
        file.set_modified(past).expect("a time that can be set");
    }
}

#[test]
fn old_runs_go_with_the_images_that_only_they_need() {
    let program = Program::with_plan(PLAN);
    for text in ["text=one", "text=two", "text=three"] {
        program.run(&["run", "--set", text]).exits(0);
    }
    let (runs, blobs) =
        (program.path(".shipway/runs"), program.path(".shipway/images/blobs/sha256"));
    let before = names(&runs);
    assert_eq!((before.len(), names(&blobs).len()), (3, 9));
    age_blobs(&blobs);

    let listed = program.run(&["clean", "--keep", "1", "--dry-run"]).exits(0);
    let cells: Vec<Vec<&str>> =
        listed.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["KIND", "NAME", "AGE", "SIZE", "WHY"]);
    assert_eq!(&cells[1][..2], ["run", &before[0]]);
    assert_eq!(cells[2][5..], ["newer", "ones", "are", "enough"]);
    assert_eq!(&cells[3][..3], ["images", "6", "blobs"]);
    assert!(listed.stderr.starts_with("would free "), "{}", listed.stderr);
    assert_eq!(names(&runs), before);

    let cleaned = program.run(&["clean", "--keep", "1"]).exits(0);
    assert_eq!(cleaned.stdout.lines().count(), 4);
    assert!(cleaned.stderr.starts_with("freed "), "{}", cleaned.stderr);
    assert_eq!(names(&runs), before[2..]);
    assert_eq!(names(&blobs).len(), 3);

    let again = program.run(&["clean", "--keep", "1"]).exits(0);
    assert_eq!(again.stdout, "");
}

#[test]
fn a_run_cleans_what_is_older_than_a_month() {
    let program = Program::with_plan("name: tidy\nsteps: [{ run: 'true' }]\n");
    let runs = program.path(".shipway/runs");
    for number in 10..35 {
        let old = runs.join(format!("01aaaaaaaaaaaaaaaaaaaaaa{number}"));
        fs::create_dir_all(old).expect("a folder");
    }
    program.run(&["run"]).exits(0);
    assert_eq!(names(&runs).len(), 1);
}

#[test]
fn without_state_there_is_nothing_to_clean() {
    let program = Program::new();
    let cleaned = program.run(&["clean"]).exits(0);
    assert_eq!(
        (cleaned.stdout.as_str(), cleaned.stderr.as_str()),
        ("", "there is no state in `DIR/.shipway`\n")
    );
}

#[test]
fn files_of_others_are_neither_hidden_from_git_nor_removed() {
    let program = Program::with_plan(PLAN).file("runs/exp1/data.csv", "1\n");
    let program = program.file("local/data/d.txt", "2\n").committed();
    let refused = program.run(&["run", "--state-dir", "."]).exits(3);
    assert_eq!(
        refused.stderr,
        "error: cannot create the state folder `DIR`\n  because: it holds files that are not \
         Shipway's; name a new folder\n  help: name another folder with `--state-dir`\n"
    );
    let cleaned =
        program.run(&["clean", "--state-dir", ".", "--keep", "0", "--keep-clouds", "0"]).exits(0);
    assert_eq!(cleaned.stdout, "");
    assert_eq!(program.git(&["status", "--short"]), "");
}

/// A commit may have brought the link.
#[test]
fn a_state_folder_with_a_link_in_it_is_refused() {
    for part in ["", "runs", "local", "images", "images/incoming", "images/blobs/sha256"] {
        let program = Program::with_plan("name: shop\nsteps: [{ run: 'true' }]\n")
            .file("victim/id_rsa", "a key of the user");
        let link = program.path(".shipway").join(part);
        let link = if part.is_empty() { program.path(".shipway") } else { link };
        std::fs::create_dir_all(link.parent().expect("a folder")).expect("made");
        std::os::unix::fs::symlink(program.path("victim"), &link).expect("a link");

        let name = format!(".shipway/{part}");
        let name = name.trim_end_matches('/');
        for (command, verb, help) in [
            ("run", "create", "name another folder with `--state-dir`"),
            ("dry-run", "create", "name another folder with `--state-dir`"),
            ("clean", "clean", "remove the link"),
        ] {
            let refused = program.run(&[command]).exits(3);
            let wanted = format!(
                "error: cannot {verb} the state folder `.shipway`\n  because: `{name}` is a link to \
                 what is not of Shipway\n  help: {help}\n"
            );
            let shown = refused.stderr.replace(&program.folder().display().to_string(), "DIR");
            assert_eq!(shown.replace("DIR/", ""), wanted, "{command}");
        }
        assert!(program.path("victim/id_rsa").exists(), "{part}");
        assert_eq!(std::fs::read_dir(program.path("victim")).expect("a folder").count(), 1);
    }
}

#[test]
fn kept_cloud_goes_by_hand_and_never_with_a_run() {
    let program = Program::with_plan(PLAN);
    let cloud = program.path(".shipway/local/default");
    fs::create_dir_all(&cloud).expect("a folder");
    fs::write(cloud.join("vault.json"), "{}").expect("a file");
    program.run(&["run"]).exits(0);

    let none = program.run(&["clean", "--dry-run"]).exits(0);
    assert_eq!(none.stdout, "");
    let listed = program.run(&["clean", "--keep-clouds", "0", "--dry-run"]).exits(0);
    let row = listed.stdout.lines().nth(1).expect("a row");
    assert!(row.starts_with("local cloud  default "), "{row}");
    program.run(&["clean", "--keep-clouds", "0"]).exits(0);
    assert!(!cloud.exists());

    // A run keeps it, however old it is.
    fs::create_dir_all(&cloud).expect("a folder");
    let file = File::create(cloud.join("vault.json")).expect("a file");
    let past = SystemTime::now() - Duration::from_hours(24 * 90);
    file.set_modified(past).expect("a time that can be set");
    program.run(&["run"]).exits(0);
    assert!(cloud.exists());
    program.run(&["clean"]).exits(0);
    assert!(!cloud.exists());
}
