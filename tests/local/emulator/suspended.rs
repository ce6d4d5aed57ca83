//! A cloud whose process is suspended: it takes requests and answers none.

use super::{Emulator, STATE};
use crate::support::is_alive;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// What a command says that waits for an answer.
#[track_caller]
fn refused(emulator: &Emulator, arguments: &[&str]) -> String {
    let begun = Instant::now();
    let refused = emulator.program.run(arguments).exits(3);
    assert!(begun.elapsed() < Duration::from_secs(15), "{arguments:?}: {:?}", begun.elapsed());
    refused.stderr.replace(&emulator.file().pid.to_string(), "PID")
}

#[test]
fn suspended_cloud_is_named_with_how_it_goes_on() {
    let emulator = Emulator::start();
    let pid = emulator.file().pid;
    let signal = |signal| {
        kill(Pid::from_raw(i32::try_from(pid).expect("an id")), signal).expect("it runs");
    };
    signal(Signal::SIGSTOP);
    let ends = "  because: process PID does not answer
  help: if it is suspended, `kill -CONT PID` lets it go on; `kill -9 PID` ends it\n";
    let (status, fault, stop, again) = std::thread::scope(|scope| {
        let emulator = &emulator;
        let asked =
            |arguments: &'static [&'static str]| scope.spawn(move || refused(emulator, arguments));
        let status = asked(&["local", "status"]);
        let fault = asked(&["local", "fault"]);
        let stop = asked(&["local", "stop"]);
        let again = asked(&["local", "--detach", "--runtime", "built-in"]);
        let said = |asked: std::thread::ScopedJoinHandle<'_, String>| asked.join().expect("text");
        (said(status), said(fault), said(stop), said(again))
    });
    signal(Signal::SIGCONT);

    let asked = format!("error: cannot ask the local cloud in `DIR/{STATE}`");
    assert_eq!(status, format!("{asked} what it holds\n{ends}"));
    assert_eq!(fault, format!("{asked} about its faults\n{ends}"));
    assert_eq!(stop, format!("error: cannot stop the local cloud, process PID\n{ends}"));
    assert_eq!(
        again,
        format!(
            "there is no plan here: the local cloud has what its clients make\nthe local cloud is \
             up already, process PID\n{asked} about its faults\n{ends}"
        )
    );
    // It was not told to end, and goes on.
    emulator.program.run(&["local", "status"]).exits(0);
    signal(Signal::SIGSTOP);
    signal(Signal::SIGKILL);
    crate::support::eventually("it has ended", || (!is_alive(pid)).then_some(()));
    let stopped = emulator.program.run(&["local", "stop"]).exits(0).stderr;
    assert_eq!(stopped, format!("the local cloud in `DIR/{STATE}` had ended already\n"));
}
