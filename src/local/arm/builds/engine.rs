//! Builds with the first engine of this machine that works, in the words of docker: that is
//! what a log of ACR Tasks has.

use super::super::handle::Arm;
use super::error::BuildError;
use super::runs::Run;
use crate::image::dockerfile::{
    BuildRequest, DockerfileError, Engine, EngineBuild, Invocation, ProbeResult, UnusableEngine,
    candidates,
};
use crate::image::{Image, Store, WorkControl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// How long an engine may take to answer whether it works.
const MAX_PROBE_TIME: Duration = Duration::from_secs(10);

/// Lines of an engine that were not written to the log yet.
const MAX_LINES: usize = 256;

pub async fn build(
    arm: &Arm,
    run: &Run,
    request: &BuildRequest,
    store: &Store,
) -> Result<Image, BuildError> {
    let engine = find(arm).await?;
    run.log.say(&format!("The local cloud builds with {engine}"));
    let scratch = store.root().with_file_name("engine");
    std::fs::create_dir_all(&scratch).map_err(|error| BuildError::of(&error))?;
    let work = EngineBuild::new(engine, request, &scratch);
    let work = work.map_err(|error| BuildError::of(&error))?;
    call(arm, run, &work, &work.build()).await?;
    if let Some(save) = work.save().map_err(|error| BuildError::of(&error))? {
        call(arm, run, &work, &save).await?;
    }
    let store = store.clone();
    let collected = tokio::task::spawn_blocking(move || {
        work.collect(&store, &WorkControl::new(&AtomicBool::new(false)))
    });
    let images = collected.await.map_err(|error| BuildError::of(&error))?;
    let mut images = images.map_err(|error| BuildError::of(&error))?;
    images.pop().ok_or_else(|| BuildError::said("the engine wrote no image"))
}

async fn find(arm: &Arm) -> Result<Engine, BuildError> {
    let mut unusable: Vec<UnusableEngine> = Vec::new();
    for program in candidates(None) {
        let mut results = Vec::new();
        for invocation in program.probes() {
            let mut command = command(arm, &invocation);
            let asked = tokio::time::timeout(MAX_PROBE_TIME, command.output()).await;
            results.push(match asked {
                Err(_) => ProbeResult::TimedOut,
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                    ProbeResult::NotFound
                }
                Ok(Err(error)) => ProbeResult::Ended {
                    success: false,
                    stdout: String::new(),
                    stderr: error.to_string(),
                },
                Ok(Ok(output)) => ProbeResult::Ended {
                    success: output.status.success(),
                    stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                    stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                },
            });
        }
        match program.evaluate(&results) {
            Ok(engine) => return Ok(engine),
            Err(why) => unusable.push(why),
        }
    }
    Err(BuildError::said(format!(
        "the local cloud has nothing to run a RUN with: {}",
        DockerfileError::NoEngine(unusable)
    )))
}

/// A command in a process group of its own.
fn command(arm: &Arm, invocation: &Invocation) -> Command {
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.args).envs(&invocation.env);
    for (name, value) in &arm.builds.environment {
        command.env(name, value.expose());
    }
    command.envs(invocation.secrets.iter().map(|(name, secret)| (name, secret.expose())));
    command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    command
}

/// Runs a command with its output in the log.
async fn call(
    arm: &Arm,
    run: &Run,
    work: &EngineBuild,
    invocation: &Invocation,
) -> Result<(), BuildError> {
    let mut command = command(arm, invocation);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group(command.spawn().map_err(|error| BuildError::of(&error))?);
    let (sender, mut lines) = mpsc::channel(MAX_LINES);
    if let Some(stdout) = group.0.stdout.take() {
        tokio::spawn(read(BufReader::new(stdout), sender.clone()));
    }
    if let Some(stderr) = group.0.stderr.take() {
        tokio::spawn(read(BufReader::new(stderr), sender.clone()));
    }
    drop(sender);
    let mut output = work.output();
    while let Some(line) = lines.recv().await {
        output.line(&line);
        run.log.write(&as_docker(&line));
    }
    let status: ExitStatus = group.0.wait().await.map_err(|error| BuildError::of(&error))?;
    let Some(code) = status.code().filter(|code| *code != 0) else {
        return if status.success() {
            Ok(())
        } else {
            Err(BuildError::said("the engine was ended"))
        };
    };
    let failure = output.failure(u8::try_from(code).unwrap_or(1));
    let lines = vec![last_words(&failure.error)];
    Err(BuildError::Failed { lines, code })
}

async fn read(mut from: BufReader<impl tokio::io::AsyncRead + Unpin>, lines: mpsc::Sender<String>) {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        line.clear();
        if lines.send(text).await.is_err() {
            return;
        }
    }
}

/// `STEP 2/5: RUN make` of buildah, as docker writes it.
fn as_docker(line: &str) -> String {
    let own = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |it| it.1);
    match own.strip_prefix("STEP ").and_then(|rest| rest.split_once(": ")) {
        Some((number, instruction)) => format!("Step {number} : {instruction}"),
        None => line.to_owned(),
    }
}

/// How docker ends the output of a build that failed.
fn last_words(error: &DockerfileError) -> String {
    if let DockerfileError::Instruction { instruction, code, .. } = error {
        let command = instruction.split_once(' ').map_or("", |(_, command)| command);
        return format!("The command '/bin/sh -c {command}' returned a non-zero code: {code}");
    }
    // What names the instruction stands above it in the log.
    let reason = std::error::Error::source(error).map(ToString::to_string);
    reason.unwrap_or_else(|| error.to_string())
}

/// The processes of an engine, ended with it.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id {
            // They may have ended already.
            killpg(Pid::from_raw(id), Signal::SIGTERM).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{as_docker, last_words};
    use crate::image::dockerfile::DockerfileError;

    #[test]
    fn output_is_that_of_docker() {
        assert_eq!(as_docker("STEP 2/5: RUN make"), "Step 2/5 : RUN make");
        assert_eq!(as_docker("[1/2] STEP 2/5: COPY a /b"), "Step 2/5 : COPY a /b");
        assert_eq!(as_docker("compiling"), "compiling");
        let failed = DockerfileError::Instruction {
            instruction: "RUN make".into(),
            place: " at `Dockerfile:2`".into(),
            code: 2,
        };
        let words = "The command '/bin/sh -c make' returned a non-zero code: 2";
        assert_eq!(last_words(&failed), words);
        let refused = DockerfileError::InstructionRefused {
            instruction: "COPY nope /".into(),
            place: String::new(),
            reason: None,
        };
        assert_eq!(last_words(&refused), "`COPY nope /` failed");
    }
}
