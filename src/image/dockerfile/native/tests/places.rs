//! The history of an image, and where files and folders go.

use super::{Plan, archive};
use serde_json::{Value, json};
use std::fs;

#[test]
fn history_is_that_of_buildkit() {
    let plan = Plan::new(&[("a", "1"), ("b", "2")]);
    let image = plan
        .build(
            "ARG OUT=/out\nFROM scratch\nARG OUT\nARG X=1 Y\nENV A=$X B=\"two words\"\nLABEL c='d e'\nEXPOSE 80 53/udp\nVOLUME [\"/v\"]\nWORKDIR /srv/\nWORKDIR www/\nCOPY --chown=1:$X a b* ${OUT}/\nUSER $X\nSTOPSIGNAL SIGINT\nCMD echo \"$X\"\nENTRYPOINT [ \"/a\" , \"b c\" ]\nONBUILD USER 7\n",
            &[],
        )
        .expect("built");

    let history = plan.store.config(&image).expect("a configuration")["history"].clone();
    let line = |line: &Value| {
        let created_by = line["created_by"].as_str().expect("text").to_owned();
        created_by + if line["empty_layer"] == json!(true) { "" } else { " +" }
    };
    let lines: Vec<String> = history.as_array().expect("a list").iter().map(line).collect();
    let expected = [
        "ARG OUT",
        "ARG X=1 Y",
        "ENV A=1 B=two words",
        "LABEL c=d e",
        "EXPOSE map[53/udp:{} 80/tcp:{}]",
        "VOLUME [/v]",
        "WORKDIR /srv/ +",
        "WORKDIR /srv/www +",
        "COPY --chown=1:1 a b* /out/ # buildkit +",
        "USER 1",
        "STOPSIGNAL SIGINT",
        "CMD [\"/bin/sh\" \"-c\" \"echo \\\"$X\\\"\"]",
        "ENTRYPOINT [\"/a\" \"b c\"]",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn pattern_may_match_nothing() {
    let plan = Plan::new(&[("a", "1")]);
    let built = plan.build("FROM scratch\nCOPY a no*thing /in/\nCOPY [n]one /out/\n", &[]);
    let files = plan.files(&built.expect("built"));
    assert_eq!(files.keys().collect::<Vec<_>>(), ["in/", "in/a"]);
    assert_eq!(
        plan.refusal("FROM scratch\nCOPY none /out/\n"),
        "`Dockerfile:2` copies `none`, which is not in the build context"
    );
}

#[test]
fn working_directory_stays_as_it_is_written() {
    let plan = Plan::new(&[("a", "1")]);
    for (written, shown, folder) in
        [("/srv/", "/srv/", "srv/a"), ("x/../y/", "/y", "y/a"), ("/a/./../b", "/a/./../b", "b/a")]
    {
        let text = format!("FROM scratch\nWORKDIR {written}\nCOPY a .\n");
        let image = plan.build(&text, &[]).expect("built");
        assert_eq!(plan.settings(&image)["WorkingDir"], shown, "{written}");
        assert!(plan.files(&image).contains_key(folder), "{written}");
    }
}

#[test]
fn archive_keeps_its_owners_and_modes() {
    let plan = Plan::new(&[]);
    let packed = archive("bin/app", tar::EntryType::Regular, None);
    fs::write(plan.folder.path().join("context/a.tar"), packed).expect("written");
    let mode_and_owner = |step: &str| {
        let image = plan.build(&format!("FROM scratch\n{step}\n"), &[]).expect("built");
        let files = plan.files(&image);
        let shown = |path: &str| files[path].split(' ').take(2).collect::<Vec<_>>().join(" ");
        [shown("x/"), shown("x/bin/app")]
    };
    let as_packed = mode_and_owner("ADD a.tar /x/");
    let asked = mode_and_owner("ADD --chown=5:6 --chmod=700 a.tar /x/");
    assert_eq!(asked[0], "755 5");
    assert_eq!(asked[1], as_packed[1]);
}

fn files(names: &[&'static str]) -> Plan {
    Plan::new(&names.iter().map(|&name| (name, "1")).collect::<Vec<_>>())
}

#[track_caller]
fn copied(plan: &Plan, step: &str) -> Vec<String> {
    let image = plan.build(&format!("FROM scratch\n{step}\n"), &[]).expect("built");
    let paths = plan.files(&image).into_keys();
    paths.filter(|path| !path.ends_with('/')).collect()
}

#[test]
fn excluded_files_are_not_copied() {
    let plan = files(&["d/a.md", "d/b.txt", "d/e/c.md", "d/e/d.txt", "d/keep.md", "x.md"]);
    let copied = |flags: &str, from: &str| copied(&plan, &format!("COPY {flags} {from} /in/"));
    assert_eq!(copied("--exclude=*.md", "d"), ["in/b.txt", "in/e/c.md", "in/e/d.txt"]);
    assert_eq!(copied("--exclude=e --exclude=*.txt", "d"), ["in/a.md", "in/keep.md"]);
    let but_one = "--exclude=**/*.md --exclude=!keep.md";
    assert_eq!(copied(but_one, "d"), ["in/b.txt", "in/e/d.txt", "in/keep.md"]);
    assert_eq!(copied("--exclude=*.md", "x.md d/b.txt"), ["in/b.txt"]);
    let add = "ADD --exclude=*.txt d /in/";
    let left = ["in/a.md", "in/e/c.md", "in/e/d.txt", "in/keep.md"];
    assert_eq!(self::copied(&plan, add), left);
    assert_eq!(
        plan.refusal("FROM scratch\nCOPY --exclude=! d /in/\n"),
        "`Dockerfile:2` has `!`, which is not a pattern, such as `*.md`"
    );
}

#[test]
fn folders_of_a_source_are_made() {
    let plan = files(&["a/b/one", "a/b/two", "a/c/one", "a/c/d/three", "top"]);
    let copied = |what: &str| copied(&plan, &format!("COPY --parents {what}"));
    assert_eq!(copied("a/b/one top /in"), ["in/a/b/one", "in/top"]);
    assert_eq!(copied("./a/c/ /in/"), ["in/a/c/d/three", "in/a/c/one"]);
    assert_eq!(copied("a/./b/one /in/"), ["in/b/one"]);
    assert_eq!(copied("a/./*/one /in/"), ["in/b/one", "in/c/one"]);
    assert_eq!(copied("a/*/./one /in/"), ["in/one"]);
    assert_eq!(copied("--exclude=a/b **/one none* /in/"), ["in/a/c/one"]);
    assert_eq!(
        plan.refusal("FROM scratch\nCOPY --parents a/none /in/\n"),
        "`Dockerfile:2` copies `a/none`, which is not in the build context"
    );
}
