//! A run that was killed is resumed, and no effect is repeated.

use crate::support::state::{journal, journaled, output, requests};
use crate::support::{Program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::Read as _;

/// A web server beside a file of random bytes, which takes a while to push.
const PLAN: &str = "\
name: large
azure: { resource-group: large, location: westeurope }
steps:
  - run: echo ran >> ran
  - build:
      layers:
        - { from: busybox, to: /bin/busybox, mode: '0755' }
        - { from: page.html, to: /www/index.html }
        - { from: random, to: /random }
      entrypoint: [/bin/busybox, httpd, -f, -p, '80', -h, /www]
  - tag: { image: large.azurecr.io/large, tags: [v1, v2] }
  - push:
  - deploy: { aci: { dns-label: large, ports: [80] } }
  - verify: { http: /, expect: { body: { contains: hello } } }
";

fn program(random: u64) -> Program {
    let program = Program::with_plan(PLAN).file("page.html", "<h1>hello</h1>\n").busybox();
    let mut source = fs::File::open("/dev/urandom").expect("random bytes").take(random);
    let mut file = fs::File::create(program.path("random")).expect("a file");
    std::io::copy(&mut source, &mut file).expect("written");
    program
}

/// Starts a dry run and kills it in that step, once its cloud got the request.
#[track_caller]
fn kill_at(program: &Program, step: &str, request: &str) {
    let child = program.start(&["dry-run", "--runtime", "built-in"]);
    eventually(request, || {
        let asked = requests(program).iter().any(|line| line.contains(request));
        (asked && journaled(program, "step-started", step) == 1).then_some(())
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).expect("it is there");
    program.finish(child).exits(128 + 9);
}

/// How many of these requests the cloud answered with success.
fn done(program: &Program, request: &str) -> usize {
    let well = |line: &&String| {
        let (asked, status) = line.rsplit_once(" -> ").expect("a status");
        asked.contains(request) && status.starts_with('2')
    };
    requests(program).iter().filter(well).count()
}

/// Resumes the run and checks that every effect happened once, except in the step
/// in which the run was killed.
#[track_caller]
fn resume(program: &Program, killed: &str) {
    let finished = program.run(&["resume", "--dry-run", "--runtime", "built-in"]).exits(0);
    assert_eq!(finished.stdout, "http://large.westeurope.azurecontainer.io\n");

    assert_eq!(fs::read_to_string(program.path("ran")).expect("it ran"), "ran\n");
    for step in ["run", "build", "tag", "push", "deploy", "verify"] {
        assert_eq!(journaled(program, "step-succeeded", step), 1, "{step}");
    }
    for step in ["run", "build", "tag"] {
        let times = if step == killed { 2 } else { 1 };
        assert_eq!(journaled(program, "step-started", step), times, "{step}");
    }
    let asked = requests(program).join("\n");
    for tag in ["v1", "v2"] {
        let put = format!("PUT large.azurecr.io /v2/large/manifests/{tag}");
        assert_eq!(done(program, &put), 1, "{put}\n{asked}");
    }
    let mut blobs: Vec<String> = requests(program)
        .iter()
        // In the request that closes an upload, or in a single POST.
        .filter(|line| line.contains("/v2/large/blobs/uploads/") && line.contains("digest="))
        .filter(|line| line.ends_with("-> 201"))
        .map(|line| {
            let line = line.strip_suffix(" -> 201").expect("just looked at");
            line.rsplit_once("digest=").expect("a digest").1.replace("%3A", ":")
        })
        .collect();
    blobs.sort_unstable();
    let all = blobs.len();
    blobs.dedup();
    assert_eq!(all, blobs.len(), "no blob is sent twice\n{asked}");
    // The answer to an upload may be lost with the run that was killed: the next
    // run finds that blob there.
    let found = asked.lines().filter_map(|line| {
        let (_, digest) = line.strip_suffix(" -> 200")?.split_once(" /v2/large/blobs/")?;
        Some(digest.to_owned())
    });
    blobs.extend(found);
    blobs.sort_unstable();
    blobs.dedup();
    assert_eq!(blobs.len(), 4, "three layers and the configuration\n{asked}");

    let built = journal(program)
        .iter()
        .find_map(|line| line["handover"]["built"].as_str().map(str::to_owned))
        .expect("built");
    assert_eq!(output(program, 0, "digest"), built);
}

/// A run that was killed inside a step. On a busy machine the step may end before
/// the signal, so it is tried several times.
fn killed_in(step: &str, request: &str, random: u64) -> Program {
    for _ in 0..5 {
        let program = program(random);
        kill_at(&program, step, request);
        assert_eq!(journaled(&program, "step-started", step), 1);
        if journaled(&program, "step-succeeded", step) == 0 {
            return program;
        }
    }
    panic!("`{step}` was over five times before the run could be killed");
}

/// The smaller layers are on their way while the large one is packed.
#[test]
fn run_killed_during_early_uploads_resumes() {
    let request = "POST large.azurecr.io /v2/large/blobs/uploads/";
    let program = killed_in("build", request, 128 << 20);

    resume(&program, "build");
    assert_eq!(journaled(&program, "step-started", "push"), 1);
}

#[test]
fn run_killed_during_push_resumes() {
    let request = "POST large.azurecr.io /v2/large/blobs/uploads/";
    let program = killed_in("push", request, 128 << 20);

    resume(&program, "push");
    assert_eq!(journaled(&program, "step-started", "push"), 2);
    assert_eq!(done(&program, "PUT management.azure.com"), 1);
}

#[test]
fn run_killed_during_deploy_resumes() {
    let program = killed_in("deploy", "PUT management.azure.com", 1024);

    resume(&program, "deploy");
    assert_eq!(journaled(&program, "step-started", "push"), 1);
    let puts = done(&program, "PUT management.azure.com");
    assert!(puts <= 2, "{puts}: at most one beyond the one in doubt");
}
