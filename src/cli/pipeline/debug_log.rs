//! The log of the libraries: to the run's `debug.log`, and with `-v` to standard
//! error. It is redacted, and URLs lose their queries, which carry signatures.

use crate::cli::say;
use crate::secret::Redactor;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The filter unless `SHIPWAY_LOG` sets another.
const FILTER: &str = "info,shipway=debug,azure_core=debug,azure_identity=debug,reqwest=debug";

/// Begins the log. If the file cannot be written, the run goes on without it.
pub fn begin(folder: &Path, verbose: bool, redactor: &Redactor) {
    let path = folder.join("debug.log");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.inspect_err(|error| say::tell(&lost(&path, error))).ok();
    let filter = EnvFilter::try_from_env("SHIPWAY_LOG").unwrap_or_else(|_| FILTER.into());
    let file = Arc::new(Mutex::new(file));
    let log = Log { path: path.into(), file, verbose, redactor: redactor.clone() };
    // Fails if this process has begun a log before; then that one is kept.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(log)
        .try_init()
        .ok();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "the log begins");
}

/// The warning where the log cannot be written.
fn lost(path: &Path, error: &io::Error) -> String {
    format!(
        "warning: cannot write to `{}`, where the log of the libraries ends: {error}",
        path.display()
    )
}

#[derive(Clone)]
struct Log {
    path: Arc<Path>,
    file: Arc<Mutex<Option<File>>>,
    verbose: bool,
    redactor: Redactor,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Log {
    // tracing-subscriber writes each line in one call, so no secret is split. It would
    // tell of each error on standard error, in lines of its own.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = shown(&String::from_utf8_lossy(bytes), &self.redactor);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = file.as_mut().map(|file| file.write_all(line.as_bytes())) {
            *file = None;
            say::tell(&lost(&self.path, &error));
        }
        if self.verbose {
            io::stderr().lock().write_all(line.as_bytes()).ok();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shown(line: &str, redactor: &Redactor) -> String {
    redactor.redact(&without_queries(line))
}

/// The line without the queries of its URLs. A regular expression takes longer to compile than
/// all lines of a short run take here.
fn without_queries(line: &str) -> String {
    let ends_url = |sign: char| sign.is_whitespace() || sign == '"';
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let address = at + "://".len();
        let end = rest[address..].find(|sign| ends_url(sign) || sign == '?');
        let end = end.map_or(rest.len(), |end| address + end);
        kept.push_str(&rest[..end]);
        rest = &rest[end..];
        if rest.starts_with('?') {
            rest = &rest[rest.find(ends_url).unwrap_or(rest.len())..];
        }
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::{shown, without_queries};
    use crate::secret::Redactor;

    #[test]
    fn neither_secrets_nor_queries_are_logged() {
        let redactor = Redactor::default();
        redactor.register("secrets.key", "hunter22".into()).expect("long enough");
        let line = "GET https://example.com/a?sig=abc&x=1 \"http://b/?y\" key=hunter22\n";
        assert_eq!(shown(line, &redactor), "GET https://example.com/a \"http://b/\" key=***\n");
    }
    #[test]
    fn urls_lose_their_queries_and_other_text_stays() {
        for (line, kept) in [
            ("no URL? none", "no URL? none"),
            ("GET https://a.io/b?c=d", "GET https://a.io/b"),
            ("\"http://a.io/?b\", http://c.io", "\"http://a.io/\", http://c.io"),
            ("https://a.io?b=http://c.io/?d e?", "https://a.io e?"),
            ("://", "://"),
            ("é://ü?ö à", "é://ü à"),
        ] {
            assert_eq!(without_queries(line), kept, "{line}");
        }
    }
}
