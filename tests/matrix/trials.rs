//! Which cases of a matrix are tried, and several at a time.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How much of a matrix is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    Quick,
    Whole,
}

impl Form {
    /// The one that the environment asks for.
    pub fn asked() -> Self {
        match std::env::var("SHIPWAY_MATRIX").as_deref() {
            Ok("whole") => Self::Whole,
            Ok(_) | Err(_) => Self::Quick,
        }
    }

    /// Whether all cases are tried.
    pub fn is_whole(self) -> bool {
        self == Self::Whole && std::env::var_os("SHIPWAY_MATRIX_ONLY").is_none()
    }

    /// All cases, or each of this many, less those that were not asked for.
    pub fn choose<T: Display>(self, cases: Vec<T>, every: usize) -> Vec<T> {
        if let Ok(only) = std::env::var("SHIPWAY_MATRIX_ONLY") {
            return cases.into_iter().filter(|case| case.to_string().contains(&only)).collect();
        }
        let every = if self == Self::Whole { 1 } else { every };
        cases.into_iter().step_by(every).collect()
    }
}

/// Tries all of the cases, each on a thread of its own: a trace ends with its thread.
/// They wait more than they compute, hence more at a time than there are processors.
pub fn try_all<T: Send, R: Send>(cases: Vec<T>, attempt: impl Fn(T) -> R + Sync) -> Vec<R> {
    let workers = thread::available_parallelism().map_or(1, usize::from) * 3;
    let queue = Mutex::new(VecDeque::from(cases));
    let results = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        while let Some(case) = next() {
            let result = thread::scope(|scope| scope.spawn(|| attempt(case)).join());
            let result = result.expect("a trial that does not panic");
            results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
