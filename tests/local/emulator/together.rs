//! Several `shipway local --detach` at once.

use super::STATE;
use crate::support::Program;
use nix::fcntl::{Flock, FlockArg};
use shipway::testing::local::CloudFile;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};

const START: [&str; 4] = ["local", "--detach", "--runtime", "built-in"];

/// Starts some at once, and stops the only cloud that there is then. Returns what it wrote to
/// standard output, and what each said.
#[track_caller]
fn started_at_once(program: &Program) -> (String, Vec<String>) {
    let children: Vec<_> = (0..4).map(|_| program.start(&START)).collect();
    let finished = children.into_iter().map(|child| program.finish(child).exits(0));
    let (outputs, said): (Vec<_>, Vec<_>) =
        finished.map(|finished| (finished.stdout, finished.stderr)).unzip();
    let status = program.run(&["local", "status"]).exits(0);
    program.run(&["local", "stop"]).exits(0);
    assert_eq!(status.stderr, "", "there is another one");
    assert!(outputs[0].contains("export HTTPS_PROXY='http://shipway:"), "{}", outputs[0]);
    for output in &outputs {
        assert_eq!(*output, outputs[0]);
    }
    let again = said.iter().filter(|said| said.contains("the local cloud is up already, process"));
    assert_eq!(again.count(), 3, "{said:?}");
    (outputs.into_iter().next().expect("an output"), said)
}

#[test]
fn those_that_are_started_at_once_have_the_same_cloud() {
    started_at_once(&Program::new());
    // Each cloud of a plan has a folder of its own.
    started_at_once(&Program::with_plan("name: shop\nsteps: [{ run: 'true' }]\n"));
}

#[test]
fn start_waits_for_another_one_with_a_word() {
    let program = Program::new();
    let folder = program.path(".shipway/local");
    fs::create_dir_all(&folder).expect("a folder");
    let turn = File::open(&folder).expect("a folder");
    let turn = Flock::lock(turn, FlockArg::LockExclusiveNonblock).expect("it is free");
    let state = program.path(STATE);
    fs::create_dir_all(&state).expect("a folder");
    let starting = File::create(state.join("lock")).expect("a file");
    let starting = Flock::lock(starting, FlockArg::LockExclusiveNonblock).expect("it is free");

    let mut child = program.start(&START);
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut next = || {
        let mut line = String::new();
        said.read_line(&mut line).expect("text");
        line.replace(&program.folder().display().to_string(), "DIR")
    };
    assert_eq!(next(), "there is no plan here: the local cloud has what its clients make\n");
    assert_eq!(next(), "waiting for another local cloud, which starts in `DIR/.shipway/local`\n");
    drop(turn);
    assert_eq!(
        next(),
        format!("waiting for the local cloud that starts or ends in `DIR/{STATE}`\n")
    );
    drop(starting);
    let cloud = next();
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("text");
    assert!(child.wait().expect("it ends").success(), "{cloud}{rest}");
    let file = CloudFile::read(&state.join("cloud.json")).expect("it is up");
    program.run(&["local", "stop"]).exits(0);
    assert_eq!(cloud, format!("proxy     {}\n", file.proxy.expose()));
}
