//! The values of `STOPSIGNAL`.

/// The names of Linux, without `SIG`.
const NAMES: [&str; 35] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "UNUSED", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// Whether docker can send it: a number, or a name such as `SIGTERM`, `term` or `RTMIN+3`.
pub fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i32>() {
        return number > 0;
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |start: &str, sign: char, last: u32| {
        let Some(rest) = name.strip_prefix(start) else { return false };
        rest.is_empty()
            || rest
                .strip_prefix(sign)
                .and_then(|rest| rest.parse().ok())
                .is_some_and(|offset: u32| (1..=last).contains(&offset))
    };
    NAMES.contains(&name) || offset("RTMIN", '+', 15) || offset("RTMAX", '-', 14)
}

#[cfg(test)]
mod tests {
    use super::is_signal;

    #[test]
    fn signals_are_names_and_numbers() {
        for text in ["SIGTERM", "term", "9", "SIGRTMIN+3", "RTMAX", "rtmax-14", "XCPU"] {
            assert!(is_signal(text), "{text}");
        }
        for text in ["", "0", "-1", "SIGTREM", "SIG", "RTMIN+16", "RTMIN-1", "RTMAX+", "TERM KILL"]
        {
            assert!(!is_signal(text), "{text}");
        }
    }
}
