//! The manual pages.

use crate::support::Program;
use std::fs;

#[test]
fn page_of_a_command_says_what_its_help_says() {
    let page = Program::new().run(&["man", "check"]).exits(0).stdout;
    for part in [
        concat!(".TH shipway-check 1  \"shipway ", env!("CARGO_PKG_VERSION"), "\" \n"),
        ".SH NAME\nshipway\\-check \\- Find every mistake in the plan\n.SH SYNOPSIS\n",
        ".SH OPTIONS\n",
        "\\fB\\-\\-format\\fR",
        ".SH NOTES\n.nf\nExamples:\n  shipway check\n",
        "  shipway check \\-\\-explain vars.cpu              where a value comes from\n",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[test]
fn page_of_the_program_names_the_commands() {
    let page = Program::new().run(&["man"]).exits(0).stdout;
    assert!(page.contains(".SH SUBCOMMANDS\n"), "{page}");
    assert!(
        page.contains("shipway\\-dry\\-run(1)\nRun the plan against a cloud on this machine\n"),
        "{page}"
    );
    assert!(
        !page.contains("shipway\\-complete(1)") && !page.contains("shipway\\-help(1)"),
        "{page}"
    );
}

#[test]
fn page_of_a_command_below_a_command_is_found() {
    let page = Program::new().run(&["man", "secrets", "set"]).exits(0).stdout;
    assert!(page.contains("shipway\\-secrets\\-set \\- Store a value"), "{page}");
}

#[test]
fn all_pages_are_written() {
    let program = Program::new();
    let said = program.run(&["man", "--dir", "share/man1"]).exits(0).stderr;
    let mut names: Vec<String> = fs::read_dir(program.path("share/man1"))
        .expect("a folder")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    assert_eq!(said, format!("{} pages are in `share/man1`\n", names.len()));
    for name in ["shipway.1", "shipway-run.1", "shipway-local-stop.1", "shipway-man.1"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    for hidden in ["shipway-complete.1", "shipway-help.1"] {
        assert!(!names.contains(&hidden.to_owned()), "{names:?}");
    }
    for name in &names {
        let page = fs::read_to_string(program.path("share/man1").join(name)).expect("a page");
        let title = name.trim_end_matches(".1");
        assert!(page.contains(&format!(".TH {title} 1")), "{name}: {page}");
        assert!(page.contains(".SH NAME\n") && page.contains(".SH SYNOPSIS\n"), "{name}: {page}");
    }
}

#[test]
fn mistakes_are_explained() {
    let program = Program::new().file("taken", "");
    assert_eq!(
        program.run(&["man", "chek"]).exits(2).stderr,
        "error: there is no command `chek`\n  help: did you mean `check`?\n"
    );
    assert_eq!(
        program.run(&["man", "--dir", "taken"]).exits(3).stderr,
        "error: cannot write to `taken`\n  because: File exists (os error 17)\n"
    );
}

#[test]
fn help_is_a_command() {
    let program = Program::new();
    let asked = program.run(&["help", "check"]).exits(0).stdout;
    assert_eq!(asked, program.run(&["check", "--help"]).exits(0).stdout);
    assert_eq!(program.run(&["help"]).exits(0).stdout, program.run(&["--help"]).exits(0).stdout);
    assert_eq!(
        program.run(&["help", "secrets", "set"]).exits(0).stdout,
        program.run(&["secrets", "set", "--help"]).exits(0).stdout
    );
}
