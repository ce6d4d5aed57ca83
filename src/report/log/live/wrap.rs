//! Lines that are wider than the terminal, parted between words.

use super::fit::width;
use crate::report::text::clean;

/// The parts of a line, each but the first behind `indent` blanks. A word that is too long, such
/// as a URL, is a part of its own and stays whole.
pub(super) fn wrapped(line: &str, columns: usize, indent: usize) -> Vec<String> {
    let indent = if indent > columns / 2 { 4 } else { indent };
    let (mut parts, mut part, mut used) = (Vec::new(), String::new(), 0);
    let mut rest = line;
    while !rest.is_empty() {
        let gap = rest.len() - rest.trim_start_matches(' ').len();
        let word = rest[gap..].split(' ').next().unwrap_or_default();
        rest = &rest[gap + word.len()..];
        let wide = width(&clean(word, false));
        if !part.trim().is_empty() && used + gap + wide > columns {
            parts.push(part.trim_end().to_owned());
            (part, used) = (" ".repeat(indent), indent);
        } else {
            part.push_str(&" ".repeat(gap));
            used += gap;
        }
        part.push_str(word);
        used += wide;
    }
    parts.push(part.trim_end().to_owned());
    parts
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn line_is_parted_between_words_with_an_indent() {
        assert_eq!(wrapped("web  ok", 80, 5), ["web  ok"]);
        assert_eq!(
            wrapped("web  ok  1.2 MB sent, 3.4 MB reused  (0.8s)", 24, 5),
            ["web  ok  1.2 MB sent,", "     3.4 MB reused", "     (0.8s)"]
        );
        assert_eq!(wrapped("", 80, 5), [""]);
    }

    #[test]
    fn url_stays_whole_on_a_line_of_its_own() {
        assert_eq!(
            wrapped("    web  succeeded  http://shop.westeurope.azurecontainer.io/  (1s)", 40, 6),
            ["    web  succeeded", "      http://shop.westeurope.azurecontainer.io/", "      (1s)",]
        );
    }

    #[test]
    fn colours_take_no_columns() {
        let line = "\u{1b}[1mweb\u{1b}[0m  \u{1b}[32mok\u{1b}[0m  done";
        assert_eq!(wrapped(line, 13, 5), [line]);
    }
}
