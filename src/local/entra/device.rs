//! Sign-ins with a device code (RFC 8628): the codes, the page where a person confirms one, and
//! what the token endpoint says of each.
//!
//! There are no accounts here: who enters a code that is there, and does not decline, is signed
//! in as the one developer of the local cloud.

use crate::local::identity::{random_hex, random_uuid};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The application of the Azure CLI, which is a public client of every tenant.
pub const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// How long a code may be entered, in seconds, as in Entra.
pub const CODE_TTL_SECS: u64 = 900;
/// How often a client may ask, in seconds, as in Entra.
pub const INTERVAL_SECS: u64 = 5;
/// Where codes are entered, below any tenant; `microsoft.com/devicelogin` leads there.
pub const PAGE: &str = "/common/oauth2/deviceauth";

/// Codes have none of the letters and digits that people mistake for others.
const CODE_LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const CODE_LENGTH: usize = 9;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum CodeState {
    Pending,
    Confirmed,
    Declined,
}

#[derive(Debug)]
struct IssuedCode {
    user_code: String,
    client_id: String,
    /// What the client asked for.
    scope: String,
    end: Instant,
    /// When the client may ask again.
    next_poll: Option<Instant>,
    interval: Duration,
    state: CodeState,
}

/// What the token endpoint answers to a device code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Polled {
    Confirmed {
        /// What the client asked for with the code.
        scope: String,
    },
    Pending,
    /// The client asks too often.
    SlowDown,
    Declined,
    Expired,
    Unknown,
}

/// What the page says of a code that was entered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Entered {
    Confirmed,
    Declined,
    /// Never issued, or no longer valid.
    Unknown,
}

/// The codes that were issued, by device code. They end with the process.
#[derive(Debug, Default)]
pub struct DeviceCodes(Mutex<HashMap<String, IssuedCode>>);

/// A new code: what the client keeps, and what the person enters.
#[derive(Debug)]
pub struct NewCode {
    pub device_code: String,
    pub user_code: String,
}

impl DeviceCodes {
    pub fn issue(&self, client_id: &str, scope: &str, now: Instant) -> NewCode {
        let code = NewCode { device_code: random_hex(32), user_code: random_code() };
        let issued = IssuedCode {
            user_code: code.user_code.clone(),
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            end: now + Duration::from_secs(CODE_TTL_SECS),
            next_poll: None,
            interval: Duration::from_secs(INTERVAL_SECS),
            state: CodeState::Pending,
        };
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A client may ask for one that has ended a while ago.
        codes.retain(|_, code| code.end + Duration::from_secs(CODE_TTL_SECS) > now);
        codes.insert(code.device_code.clone(), issued);
        code
    }

    /// Confirms or declines the sign-in that a person has entered the code of.
    pub fn enter(&self, user_code: &str, agrees: bool, now: Instant) -> Entered {
        let typed = user_code.trim().to_ascii_uppercase();
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = codes.values_mut().filter(|code| code.end > now);
        let Some(code) = open.find(|code| code.user_code == typed) else {
            return Entered::Unknown;
        };
        let (state, entered) = if agrees {
            (CodeState::Confirmed, Entered::Confirmed)
        } else {
            (CodeState::Declined, Entered::Declined)
        };
        code.state = state;
        entered
    }

    /// What a client is told. A code that was confirmed can be redeemed once.
    pub fn poll(&self, device_code: &str, client_id: &str, now: Instant) -> Polled {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(code) = codes.get_mut(device_code).filter(|code| code.client_id == client_id)
        else {
            return Polled::Unknown;
        };
        let is_early = code.next_poll.is_some_and(|next| now < next);
        if is_early {
            code.interval += Duration::from_secs(INTERVAL_SECS);
        }
        // Half of it is allowed for clocks that differ, and for time on the way.
        code.next_poll = Some(now + code.interval / 2);
        match code.state {
            _ if code.end <= now => Polled::Expired,
            CodeState::Declined => Polled::Declined,
            _ if is_early => Polled::SlowDown,
            CodeState::Pending => Polled::Pending,
            CodeState::Confirmed => {
                let scope = code.scope.clone();
                codes.remove(device_code);
                Polled::Confirmed { scope }
            }
        }
    }
}

fn random_code() -> String {
    let random = random_uuid().replace('-', "") + &random_hex(4);
    let bytes = hex::decode(random).unwrap_or_default();
    let letters = bytes.iter().take(CODE_LENGTH);
    letters.map(|byte| char::from(CODE_LETTERS[usize::from(*byte) % CODE_LETTERS.len()])).collect()
}

/// The page on which a code is entered.
pub fn page(notice: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>Sign in to the local cloud</title>\n\
         <h1>Sign in to the local cloud</h1>\n<p>{notice}</p>\n\
         <form method=\"post\" action=\"{PAGE}\">\n\
         <label>Code <input name=\"otc\" autofocus autocomplete=\"off\"></label>\n\
         <button name=\"answer\" value=\"confirm\">Sign in</button>\n\
         <button name=\"answer\" value=\"decline\">Decline</button>\n</form>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{AZURE_CLI, DeviceCodes, Entered, Polled};
    use std::time::{Duration, Instant};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn code_is_confirmed_once_and_by_its_own_client() {
        let (codes, now) = (DeviceCodes::default(), Instant::now());
        let code = codes.issue(AZURE_CLI, "openid", now);
        assert_eq!(code.user_code.len(), 9);
        let poll = |at| codes.poll(&code.device_code, AZURE_CLI, at);

        assert_eq!(codes.poll(&code.device_code, "other", now), Polled::Unknown);
        assert_eq!(poll(now + SECOND * 5), Polled::Pending);
        assert_eq!(codes.enter("WRONGCODE", true, now), Entered::Unknown);
        let typed = format!(" {} ", code.user_code.to_lowercase());
        assert_eq!(codes.enter(&typed, true, now + SECOND * 6), Entered::Confirmed);
        let confirmed = Polled::Confirmed { scope: "openid".to_owned() };
        assert_eq!(poll(now + SECOND * 10), confirmed);
        assert_eq!(poll(now + SECOND * 15), Polled::Unknown);
    }

    #[test]
    fn declined_and_expired_codes_and_early_polls_are_told_apart() {
        let (codes, now) = (DeviceCodes::default(), Instant::now());
        let declined = codes.issue(AZURE_CLI, "", now);
        assert_eq!(codes.enter(&declined.user_code, false, now), Entered::Declined);
        assert_eq!(codes.poll(&declined.device_code, AZURE_CLI, now), Polled::Declined);

        let eager = codes.issue(AZURE_CLI, "", now);
        let poll = |at| codes.poll(&eager.device_code, AZURE_CLI, at);
        assert_eq!(poll(now + SECOND), Polled::Pending);
        assert_eq!(poll(now + SECOND * 2), Polled::SlowDown);
        assert_eq!(poll(now + SECOND * 12), Polled::Pending);

        assert_eq!(poll(now + SECOND * 900), Polled::Expired);
        assert_eq!(codes.enter(&eager.user_code, true, now + SECOND * 900), Entered::Unknown);
    }
}
