//! What a line of an engine's output means. Each dialect is pinned by recorded outputs
//! in the tests.

use crate::image::dockerfile::engine::{DockerBuilder, Engine};

/// The ways in which engines write.
#[derive(Clone, Copy, Debug)]
pub enum Dialect {
    /// Buildah, and podman, which builds with it.
    Buildah,
    /// Docker's old builder.
    Classic,
    /// With `--progress=plain`.
    BuildKit,
    /// Docker in ACR Tasks: either of its builders, between lines of the service.
    AcrTasks,
}

/// A line of output.
#[derive(Debug)]
pub enum Line<'a> {
    /// An instruction begins.
    Begins { step: &'a str, instruction: &'a str },
    /// A program of the step wrote it.
    Output { step: &'a str, text: &'a str },
    /// The step failed.
    Failed { step: &'a str, reason: &'a str },
    /// The engine's own progress.
    Noise,
}

impl Dialect {
    pub fn of(engine: &Engine) -> Self {
        match engine {
            Engine::Docker(DockerBuilder::Classic) => Self::Classic,
            Engine::Docker(DockerBuilder::Buildx { .. } | DockerBuilder::BuildKit) => {
                Self::BuildKit
            }
            Engine::Podman { .. } | Engine::Buildah => Self::Buildah,
        }
    }

    pub fn read(self, line: &str) -> Line<'_> {
        match self {
            Self::Buildah => buildah(line),
            Self::Classic => classic(line),
            Self::BuildKit => buildkit(line),
            Self::AcrTasks => acr_tasks(line),
        }
    }
}

/// How buildah begins the line that says why it cannot start the program of a `RUN`.
const NOT_STARTED: &str = "error running container: from ";

/// `STEP 2/5: RUN make`, in a build of several stages after `[1/2] `.
fn buildah(line: &str) -> Line<'_> {
    let own = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |it| it.1);
    if let Some((_, instruction)) = own.strip_prefix("STEP ").and_then(|rest| rest.split_once(": "))
    {
        return Line::Begins { step: "", instruction };
    }
    if let Some(reason) = line.strip_prefix("Error: ") {
        return Line::Failed { step: "", reason };
    }
    // The program of a `RUN` was not started, whatever exit code comes after it.
    if line.starts_with(NOT_STARTED) {
        return Line::Failed { step: "", reason: line };
    }
    let noise = [
        "--> ",
        "time=\"",
        ": exit status ",
        "subprocess exited with status ",
        "Trying to pull ",
        "Resolved \"",
    ];
    if noise.iter().any(|start| line.starts_with(start)) {
        return Line::Noise;
    }
    Line::Output { step: "", text: line }
}

/// `Step 2/5 : RUN make`. Errors are lines like any other.
fn classic(line: &str) -> Line<'_> {
    if let Some((_, instruction)) =
        line.strip_prefix("Step ").and_then(|rest| rest.split_once(" : "))
    {
        return Line::Begins { step: "", instruction };
    }
    if line.starts_with("The command '") && exit_code(line).is_some() {
        return Line::Failed { step: "", reason: line };
    }
    let noise = [
        " ---> ",
        "Removing intermediate container ",
        "Sending build context to ",
        "DEPRECATED: ",
        "            ",
    ];
    if line.trim().is_empty() || noise.iter().any(|start| line.starts_with(start)) {
        return Line::Noise;
    }
    Line::Output { step: "", text: line }
}

/// `#7 [build 2/4] RUN make`, `#7 0.51 output`, `#7 ERROR: reason`.
fn buildkit(line: &str) -> Line<'_> {
    let Some((step, rest)) = line.split_once(' ').filter(|(step, _)| step.starts_with('#')) else {
        // The summary below repeats what the steps said. Only errors before the first
        // step stand here alone.
        let reason = line.strip_prefix("ERROR: ").unwrap_or(line);
        return match reason.strip_prefix("failed to solve") {
            Some(reason) => Line::Failed { step: "", reason: reason.trim_start_matches(": ") },
            None => Line::Noise,
        };
    };
    if let Some((_, instruction)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        return Line::Begins { step, instruction };
    }
    if let Some(reason) = rest.strip_prefix("ERROR: ") {
        return Line::Failed { step, reason };
    }
    match rest.split_once(' ') {
        Some((time, text)) if time.parse::<f64>().is_ok() => Line::Output { step, text },
        _ => Line::Noise,
    }
}

/// Lines of docker, and those of the service, which begin with a time or say how the run
/// ended.
fn acr_tasks(line: &str) -> Line<'_> {
    let is_step = |line: &str| {
        line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()))
    };
    let noise =
        ["Run ID: ", "failed to run step ID: ", "Successfully built ", "The push refers to "];
    if is_dated(line) || noise.iter().any(|start| line.starts_with(start)) {
        return Line::Noise;
    }
    let reason = line.strip_prefix("ERROR: ").unwrap_or(line);
    if is_step(line) || reason.starts_with("failed to solve") {
        return buildkit(line);
    }
    classic(line)
}

/// `2026/02/17 23:41:03 Launching container with name: build`.
fn is_dated(line: &str) -> bool {
    let shape = |at: usize, byte: u8| match at {
        4 | 7 => byte == b'/',
        10 => byte == b' ',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    line.len() >= 19 && line.bytes().take(19).enumerate().all(|(at, byte)| shape(at, byte))
}

/// The image that an instruction fetches.
pub fn base_image(instruction: &str) -> Option<&str> {
    if let Some(image) = instruction.strip_prefix("load metadata for ") {
        return Some(image);
    }
    let (keyword, rest) = instruction.split_once(' ')?;
    if !keyword.eq_ignore_ascii_case("FROM") {
        return None;
    }
    rest.split_whitespace().find(|word| !word.starts_with("--"))
}

/// The exit code of the program in a `RUN`.
pub fn exit_code(reason: &str) -> Option<u8> {
    if reason.starts_with(NOT_STARTED) {
        return None;
    }
    let marks = ["exit status ", "exit code: ", "returned a non-zero code: "];
    marks.iter().find_map(|mark| reason.rsplit_once(mark)?.1.trim().parse().ok())
}

/// The reason in a line of normal width, without what the message says already and
/// without folders that exist only during the build.
pub fn shortened(reason: &str) -> String {
    let mut text = reason;
    // Each of these marks ends words about what the engine was doing.
    for mark in [
        "copier: stat: ",
        "failed to create LLB definition: ",
        "failed to do request: ",
        "Build error: ",
        "Error response from daemon: ",
    ] {
        text = text.rsplit_once(mark).map_or(text, |(_, rest)| rest);
    }
    // `building at STEP "COPY a /b": reason`, `… source docker://IMAGE: reason`
    let starts = [
        ("building at STEP \"", "\": "),
        ("creating build container: initializing source docker://", ": "),
    ];
    for (start, end) in starts {
        if let Some((_, rest)) = text.strip_prefix(start).and_then(|rest| rest.split_once(end)) {
            text = rest;
        }
    }
    if text.contains("failed to calculate checksum of ref")
        || text.contains("failed to compute cache key")
    {
        text = text.find('"').map_or(text, |at| &text[at..]);
    }
    // `Get "https://registry-1.docker.io/v2/": dial tcp: lookup …`
    for method in ["Get \"", "Head \""] {
        if let Some((_, rest)) =
            text.split_once(method).and_then(|(_, rest)| rest.split_once("\": "))
        {
            text = rest;
        }
    }
    text = text.split(" &imagebuilder.Step").next().unwrap_or(text);
    let text = text.trim_start_matches("dial tcp: ").trim_end_matches(": not found");
    without_resolver(text)
}

/// `lookup HOST on 10.0.0.1:53: no such host` without the address of the resolver.
fn without_resolver(text: &str) -> String {
    let resolver = text.split_once(" on ").and_then(|(before, rest)| {
        let (address, after) = rest.split_once(": ")?;
        address.ends_with(":53").then(|| format!("{before}: {after}"))
    });
    resolver.unwrap_or_else(|| text.to_owned())
}
