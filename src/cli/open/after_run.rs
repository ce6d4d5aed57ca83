//! `--open`: opens the URL of a run that ended well.

use super::browser::{browser, start};
use crate::cli::exit::Exit;
use crate::cli::pipeline::audience::Audience;
use crate::cli::say;
use crate::cli::session::run::RunSession;
use serde_json::Value;
use std::fs;
use std::io::{self, IsTerminal as _};

/// Opens the first URL of the run where `--open` asks for it, or says why not. `reached` is
/// where a browser of this machine reaches a URL, if anywhere.
pub fn open_after_run(
    run: &RunSession,
    audience: Audience,
    exit: Exit,
    reached: impl FnOnce(&str) -> Option<String>,
) {
    if !audience.opens() || exit != Exit::Done {
        return;
    }
    let variable = |name: &str| run.session.host.var(name).map(str::to_owned);
    let end = RunEnd { url: first_url(run), is_terminal: io::stdout().is_terminal() };
    if let Err(why) = end.open(&variable, reached) {
        say::tell(&format!("note: {why}"));
    }
}

/// What is opened, and where.
struct RunEnd {
    url: Option<String>,
    is_terminal: bool,
}

impl RunEnd {
    fn open(
        self,
        variable: &impl Fn(&str) -> Option<String>,
        reached: impl FnOnce(&str) -> Option<String>,
    ) -> Result<(), String> {
        let Some(url) = self.url else {
            return Err("nothing was opened, because no service of this run has a URL".to_owned());
        };
        if !self.is_terminal {
            let why = "because standard output is no terminal";
            return Err(format!("{url} was not opened, {why}"));
        }
        let Some(local) = reached(&url) else {
            let why = "because no browser reaches it on this machine";
            return Err(format!("{url} was not opened, {why}"));
        };
        let Some(words) = browser(variable, &local) else {
            let why = "because there is no browser here; the variable BROWSER names one";
            return Err(format!("{local} was not opened, {why}"));
        };
        start(&words)
    }
}

/// The first URL in the result of the run.
fn first_url(run: &RunSession) -> Option<String> {
    let text = fs::read_to_string(run.folder.result()).ok()?;
    let result: Value = serde_json::from_str(&text).ok()?;
    result["urls"][0].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::RunEnd;
    use std::fs;

    const URL: &str = "http://shop.westeurope.azurecontainer.io";

    fn refused(url: Option<&str>, is_terminal: bool, reached: Option<&str>) -> String {
        let end = RunEnd { url: url.map(str::to_owned), is_terminal };
        let opened = end.open(&|_| None, |_| reached.map(str::to_owned));
        opened.expect_err("it is not opened")
    }

    #[test]
    fn reason_is_said_where_nothing_is_opened() {
        assert_eq!(
            refused(None, true, None),
            "nothing was opened, because no service of this run has a URL"
        );
        assert_eq!(
            refused(Some(URL), false, None),
            format!("{URL} was not opened, because standard output is no terminal")
        );
        assert_eq!(
            refused(Some(URL), true, None),
            format!("{URL} was not opened, because no browser reaches it on this machine")
        );
        if cfg!(target_os = "linux") {
            assert_eq!(
                refused(Some(URL), true, Some("http://127.0.0.1:4242")),
                "http://127.0.0.1:4242 was not opened, because there is no browser here; the \
                 variable BROWSER names one"
            );
        }
    }

    #[test]
    fn browser_gets_the_address_that_it_reaches() {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = folder.path().join("opened");
        let script = folder.path().join("browser");
        fs::write(&script, format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display()))
            .expect("written");
        let browser = format!("sh {}", script.display());
        let variable = |name: &str| (name == "BROWSER").then(|| browser.clone());
        let open = |url: &str| {
            let end = RunEnd { url: Some(url.to_owned()), is_terminal: true };
            end.open(&variable, |url| Some(url.replace(URL, "http://127.0.0.1:4242")))
        };
        open(&format!("{URL}/")).expect("opened");
        assert_eq!(fs::read_to_string(&opened).expect("there"), "http://127.0.0.1:4242/\n");

        fs::write(&script, "exit 3\n").expect("written");
        assert_eq!(open(URL).expect_err("it fails"), "`sh` did not open the URL: exit status: 3");
    }
}
