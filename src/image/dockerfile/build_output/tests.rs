//! Recorded outputs of buildah 1.28, podman 4.3, docker 20.10 with and without `BuildKit`,
//! and buildx 0.12.

use super::BuildOutput;
use crate::image::dockerfile::engine::{DockerBuilder, Engine};
use std::error::Error as _;

const FILE: &str = "FROM docker.io/library/base AS build
ARG COMMIT=none
RUN echo fine
# comment
RUN echo hi; \\
    ls /nonexistent; exit 3
COPY nothere /x
";

const CLASSIC: Engine = Engine::Docker(DockerBuilder::Classic);
const BUILDKIT: Engine = Engine::Docker(DockerBuilder::BuildKit);

/// The error, its causes and the lines that a report of the output shows.
fn told(engine: &Engine, file: &str, output: &str, code: u8) -> String {
    let mut reader = BuildOutput::new(engine, "Dockerfile", file);
    output.lines().for_each(|line| reader.line(line));
    let failure = reader.failure(code);
    let lines: Vec<String> = failure.lines.iter().map(|line| format!("\n| {line}")).collect();
    let lines = lines.concat();
    let because = failure.error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{}{because}{lines}", failure.error)
}

#[test]
fn buildah_and_podman_name_the_instruction_that_failed() {
    let output = "STEP 1/5: FROM docker.io/library/base AS build
STEP 2/5: ARG COMMIT=none
STEP 3/5: RUN echo fine
--> Using cache 36eb081ff1928dde3b0237deedd4294a9a6948236769d53c76f8ec66971e0011
--> 36eb081ff19
STEP 4/5: RUN echo hi;     ls /nonexistent; exit 3
hi
ls: /nonexistent: No such file or directory
subprocess exited with status 3
subprocess exited with status 3
Error: building at STEP \"RUN echo hi;     ls /nonexistent; exit 3\": exit status 3
";
    let expected =
        "`RUN echo hi;     ls /nonexistent; exit 3` failed with exit code 3 at `Dockerfile:5`
| hi
| ls: /nonexistent: No such file or directory";
    for engine in [Engine::Buildah, Engine::Podman { program: "podman".into() }] {
        assert_eq!(told(&engine, FILE, output, 3), expected);
    }
}

#[test]
fn a_program_that_the_engine_cannot_start_has_no_exit_code() {
    let output = "STEP 1/2: FROM docker.io/library/base
STEP 2/2: RUN make
error running container: from /usr/bin/crun creating container for [/bin/sh -c make]: cgroups in \
hybrid mode not supported, drop all controllers from cgroupv2
: exit status 1
time=\"2026-11-29T22:11:00Z\" level=error msg=\"did not get container create message from subprocess: EOF\"
Error: building at STEP \"RUN make\": while running runtime: exit status 1
";
    let file = "FROM docker.io/library/base\nRUN make\n";
    assert_eq!(
        told(&Engine::Buildah, file, output, 1),
        "`RUN make` failed at `Dockerfile:2`: error running container: from /usr/bin/crun creating \
         container for [/bin/sh -c make]: cgroups in hybrid mode not supported, drop all \
         controllers from cgroupv2"
    );
}

#[test]
fn docker_without_buildkit_names_the_instruction_that_failed() {
    let output =
        "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0
            environment-variable.

Sending build context to Docker daemon  11.26kB
Step 1/5 : FROM docker.io/library/base AS build
 ---> 33222bdf8969
Step 2/5 : ARG COMMIT=none
 ---> Running in 19683b4b4092
Removing intermediate container 19683b4b4092
 ---> 017b8243dd87
Step 3/5 : RUN echo fine
 ---> Running in df85ba84c5cd
fine
Removing intermediate container df85ba84c5cd
 ---> 4d15eec43468
Step 4/5 : RUN echo hi;     ls /nonexistent; exit 3
 ---> Running in 3a5cde6fefc9
hi
\u{1b}[91mls: /nonexistent: No such file or directory
\u{1b}[0mThe command '/bin/sh -c echo hi;     ls /nonexistent; exit 3' returned a non-zero code: 3
";
    assert_eq!(
        told(&CLASSIC, FILE, output, 3),
        "`RUN echo hi;     ls /nonexistent; exit 3` failed with exit code 3 at `Dockerfile:5`
| hi
| ls: /nonexistent: No such file or directory"
    );
}

#[test]
fn buildkit_names_the_instruction_that_failed() {
    let old = "#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 175B done
#1 DONE 0.0s

#4 [build 1/4] FROM docker.io/library/base
#4 CACHED

#6 [build 3/4] RUN echo hi;     ls /nonexistent; exit 3
#6 sha256:c47cb615de5e7346bd7156cbbfa13e32b30ce8e6194cbe3c1f415715540d75d8
#6 0.234 hi
#5 [build 2/4] RUN echo fine
#5 0.100 fine
#6 0.235 ls: /nonexistent: No such file or directory
#6 ERROR: executor failed running [/bin/sh -c echo hi;     ls /nonexistent; exit 3]: exit code: 3
------
 > [build 3/4] RUN echo hi;     ls /nonexistent; exit 3:
------
executor failed running [/bin/sh -c echo hi;     ls /nonexistent; exit 3]: exit code: 3
";
    let new = "#7 [linux/amd64 build 3/4] RUN echo hi;     ls /nonexistent; exit 3
#7 0.051 hi
#7 0.052 ls: /nonexistent: No such file or directory
#7 ERROR: process \"/bin/sh -c echo hi;     ls /nonexistent; exit 3\" did not complete successfully: exit code: 3
#8 [linux/amd64 build 4/4] COPY nothere /x
#8 CANCELED
------
 > [linux/amd64 build 3/4] RUN echo hi;     ls /nonexistent; exit 3:
0.051 hi
0.052 ls: /nonexistent: No such file or directory
------
Dockerfile:5
--------------------
   5 | >>> RUN echo hi; \\
--------------------
ERROR: failed to solve: process \"/bin/sh -c echo hi;     ls /nonexistent; exit 3\" did not complete successfully: exit code: 3
";
    for output in [old, new] {
        assert_eq!(
            told(&BUILDKIT, FILE, output, 1),
            "`RUN echo hi;     ls /nonexistent; exit 3` failed with exit code 3 at `Dockerfile:5`
| hi
| ls: /nonexistent: No such file or directory"
        );
    }
}

#[test]
fn each_engine_says_what_a_copy_does_not_find() {
    let buildah = "STEP 2/2: COPY nothere /x
Error: building at STEP \"COPY nothere /x\": checking on sources under \"/tmp/x/ctx\": copier: stat: \"/nothere\": no such file or directory
";
    let classic = "Step 2/2 : COPY nothere /x
COPY failed: file not found in build context or excluded by .dockerignore: stat nothere: file does not exist
";
    let buildkit = "#6 [2/2] COPY nothere /x
#6 ERROR: \"/nothere\" not found: not found
";
    let buildx = "#6 [2/2] COPY nothere /x
#6 ERROR: failed to calculate checksum of ref 6d1::x: \"/nothere\": not found
";
    let cases = [
        (Engine::Buildah, buildah, "\"/nothere\": no such file or directory"),
        (
            CLASSIC,
            classic,
            "COPY failed: file not found in build context or excluded by .dockerignore: stat \
             nothere: file does not exist",
        ),
        (BUILDKIT, buildkit, "\"/nothere\" not found"),
        (BUILDKIT, buildx, "\"/nothere\""),
    ];
    for (engine, output, reason) in cases {
        let expected = format!("`COPY nothere /x` failed at `Dockerfile:7`: {reason}");
        assert_eq!(told(&engine, FILE, output, 1), expected);
    }
}

#[test]
fn a_base_image_that_cannot_be_fetched_is_named() {
    let file = "FROM python:3.11-slim\nRUN echo x\n";
    let dns = "dial tcp: lookup registry-1.docker.io on 10.255.255.53:53: no such host";
    let podman = format!(
        "STEP 1/2: FROM python:3.11-slim
Resolved \"python\" as an alias (/etc/containers/registries.conf.d/shortnames.conf)
Trying to pull docker.io/library/python:3.11-slim...
Error: creating build container: initializing source docker://python:3.11-slim: pinging container registry registry-1.docker.io: Get \"https://registry-1.docker.io/v2/\": {dns}
"
    );
    let classic = format!(
        "Step 1/2 : FROM python:3.11-slim\nGet \"https://registry-1.docker.io/v2/\": {dns}\n"
    );
    let buildkit = format!(
        "#3 [internal] load metadata for docker.io/library/python:3.11-slim
#3 ERROR: failed to do request: Head \"https://registry-1.docker.io/v2/library/python/manifests/3.11-slim\": {dns}
------
 > [internal] load metadata for docker.io/library/python:3.11-slim:
------
failed to solve with frontend dockerfile.v0: failed to create LLB definition: failed to do request: Head \"https://registry-1.docker.io/v2/library/python/manifests/3.11-slim\": {dns}
"
    );
    let unknown = "STEP 1/2: FROM python:3.11-slim
Error: creating build container: initializing source docker://python:3.11-slim: reading manifest 3.11-slim in docker.io/library/python: manifest unknown
";
    assert_eq!(
        told(&Engine::Buildah, file, unknown, 125),
        "cannot fetch the base image `python:3.11-slim` at `Dockerfile:1`: reading manifest \
         3.11-slim in docker.io/library/python: manifest unknown"
    );
    let why = "lookup registry-1.docker.io: no such host";
    for (engine, output) in [(Engine::Buildah, &podman), (CLASSIC, &classic)] {
        assert_eq!(
            told(&engine, file, output, 125),
            format!("cannot fetch the base image `python:3.11-slim` at `Dockerfile:1`: {why}")
        );
    }
    assert_eq!(
        told(&BUILDKIT, file, &buildkit, 1),
        format!("cannot fetch the base image `docker.io/library/python:3.11-slim`: {why}")
    );
}

#[test]
fn what_is_no_instruction_is_told_in_the_words_of_the_engine() {
    let output = "Sending build context to Docker daemon  11.26kB
Error response from daemon: dockerfile parse error line 2: unknown instruction: RNU
";
    assert_eq!(
        told(&CLASSIC, "FROM a\nRNU foo\n", output, 1),
        "docker (without BuildKit) cannot build `Dockerfile`, exit code 1: dockerfile parse error \
         line 2: unknown instruction: RNU"
    );
    assert_eq!(
        told(&Engine::Buildah, FILE, "", 125),
        "buildah cannot build `Dockerfile`, exit code 125"
    );
}

#[test]
fn the_second_of_two_equal_instructions_has_its_own_line() {
    let file = "FROM a\nRUN make\nCOPY x /x\nRUN make\n";
    let output = "STEP 1/4: FROM a\nSTEP 2/4: RUN make\nSTEP 3/4: COPY x /x\nSTEP 4/4: RUN make
Error: building at STEP \"RUN make\": exit status 2
";
    assert_eq!(
        told(&Engine::Buildah, file, output, 2),
        "`RUN make` failed with exit code 2 at `Dockerfile:4`"
    );
}

/// What a log of ACR Tasks tells.
fn told_by_acr_tasks(file: &str, log: &str) -> String {
    let mut reader = BuildOutput::of_acr_tasks("Dockerfile", file);
    log.lines().for_each(|line| reader.line(line));
    let failure = reader.failure(1);
    let lines: Vec<String> = failure.lines.iter().map(|line| format!("\n| {line}")).collect();
    let because = failure.error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{}{because}{}", failure.error, lines.concat())
}

const BEFORE: &str = "2026/02/17 23:41:01 Downloading source code...
2026/02/17 23:41:03 Launching container with name: build
";
const AFTER: &str = "2026/02/17 23:41:09 Container failed during run: build. No retries remaining.
failed to run step ID: build: exit status 1

Run ID: ch2 failed after 9s. Error: failed during run, err: exit status 1
";

#[test]
fn acr_tasks_write_as_either_builder_of_docker() {
    let file = "FROM base\nRUN make\nCOPY nope /\n";
    let classic = format!(
        "{BEFORE}Sending build context to Docker daemon  3.584kB\r
Step 1/3 : FROM base
 ---> 1234567890ab
Step 2/3 : RUN make
 ---> Running in 1234567890ab
no rule to make target
The command '/bin/sh -c make' returned a non-zero code: 2
{AFTER}"
    );
    let expected = "`RUN make` failed with exit code 2 at `Dockerfile:2`\n| no rule to make target";
    assert_eq!(told_by_acr_tasks(file, &classic), expected);
    let buildkit = format!(
        "{BEFORE}#5 [2/3] RUN make
#5 0.123 no rule to make target
#5 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2
------
ERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2
{AFTER}"
    );
    assert_eq!(told_by_acr_tasks(file, &buildkit), expected);
}

#[test]
fn acr_tasks_tell_what_docker_refuses() {
    let file = "FROM base\nRUN make\nCOPY nope /\n";
    let log = format!(
        "{BEFORE}Step 3/3 : COPY nope /
COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist
{AFTER}"
    );
    assert_eq!(
        told_by_acr_tasks(file, &log),
        "`COPY nope /` failed at `Dockerfile:3`: COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist"
    );
    let nothing = told_by_acr_tasks(file, &format!("{BEFORE}{AFTER}"));
    assert_eq!(nothing, "ACR Tasks cannot build `Dockerfile`, exit code 1");
}
