//! The browser of this machine.

use std::process::{Command, Stdio};

/// The program that opens a URL, with its arguments; `None` where there is no browser.
pub fn browser(variable: &impl Fn(&str) -> Option<String>, url: &str) -> Option<Vec<String>> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if is_set("CI") {
        return None;
    }
    // A list whose first entry is preferred; `%s` stands for the URL.
    let named = variable("BROWSER");
    let named = named.as_deref().and_then(|all| all.split(':').find(|one| !one.trim().is_empty()));
    if let Some(named) = named {
        let mut words: Vec<String> = named.split_whitespace().map(str::to_owned).collect();
        match words.iter().position(|word| word.contains("%s")) {
            Some(place) => words[place] = words[place].replace("%s", url),
            None => words.push(url.to_owned()),
        }
        return Some(words);
    }
    if is_set("SSH_CONNECTION") || is_set("SSH_TTY") {
        return None;
    }
    if cfg!(target_os = "macos") {
        return Some(vec!["open".to_owned(), url.to_owned()]);
    }
    let has_display = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    has_display.then(|| vec!["xdg-open".to_owned(), url.to_owned()])
}

/// Starts the browser, and waits for it: openers end at once, and a browser of the
/// terminal needs it.
pub fn start(words: &[String]) -> Result<(), String> {
    let failed = |why: String| format!("`{}` did not open the URL: {why}", words[0]);
    let status = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::inherit())
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::browser;

    const URL: &str = "http://shop.westeurope.azurecontainer.io";

    fn opened_by(variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        browser(&variable, URL).map(|words| words.join(" | ").replace(URL, "URL"))
    }

    #[test]
    fn browser_variable_comes_first_and_takes_the_url_as_one_argument() {
        let case = |value: &str, expected: &str| {
            let opened = opened_by(&[("BROWSER", value), ("DISPLAY", ":0")]);
            assert_eq!(opened.as_deref(), Some(expected), "{value}");
        };
        case("firefox", "firefox | URL");
        case("firefox:chromium", "firefox | URL");
        case("open -a Safari", "open | -a | Safari | URL");
        case("w3m --url=%s", "w3m | --url=URL");
        assert_eq!(
            opened_by(&[("BROWSER", "w3m"), ("SSH_TTY", "/dev/pts/1")]).as_deref(),
            Some("w3m | URL")
        );
    }

    #[test]
    fn nothing_is_opened_in_ci_over_ssh_or_without_a_display() {
        assert_eq!(opened_by(&[("CI", "true"), ("BROWSER", "firefox")]), None);
        assert_eq!(opened_by(&[("SSH_CONNECTION", "a b"), ("DISPLAY", ":0")]), None);
        if cfg!(target_os = "linux") {
            assert_eq!(opened_by(&[]), None);
            assert_eq!(opened_by(&[("DISPLAY", ":0")]).as_deref(), Some("xdg-open | URL"));
            assert_eq!(opened_by(&[("WAYLAND_DISPLAY", "w")]).as_deref(), Some("xdg-open | URL"));
        }
    }
}
