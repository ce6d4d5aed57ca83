//! What a token server answers that is no token.

use crate::registry::wire::one_line;

/// How much of the title of a page is shown.
const MAX_TITLE_CHARS: usize = 100;

/// What a response is that has no token. Only a page is quoted: anything else may hold a
/// token.
pub fn not_a_token(content_type: Option<&str>, body: &[u8]) -> String {
    let expected = "not the JSON of a token";
    if body.is_empty() {
        return format!("it is empty, {expected}");
    }
    let text = String::from_utf8_lossy(body);
    if text.trim_start().starts_with('<') {
        let page = "it is a page";
        return match title(&text) {
            Some(title) => format!("{page}, `{title}`, {expected}"),
            None => format!("{page}, {expected}"),
        };
    }
    let kind = content_type.and_then(|kind| kind.split(';').next()).map(str::trim);
    match kind.filter(|kind| !kind.is_empty() && *kind != "application/json") {
        Some(kind) => format!("it is `{}`, {expected}", one_line(kind, MAX_TITLE_CHARS)),
        None => format!("it is {expected}"),
    }
}

/// The title of an HTML page.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let title = one_line(&page[start..end], MAX_TITLE_CHARS);
    (!title.is_empty()).then_some(title)
}
