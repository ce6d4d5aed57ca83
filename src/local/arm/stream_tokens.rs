//! The tokens for logs and terminals of apps, which are no tokens of Entra.

use super::response::ArmError;
use axum::body::Body;
use http::{Request, header};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MAX_TOKEN_AGE: Duration = Duration::from_hours(1);

/// The tokens that were given out.
#[derive(Debug, Default)]
pub struct StreamTokens {
    issued: Mutex<HashMap<String, Instant>>,
}

impl StreamTokens {
    pub fn issue(&self) -> Result<String, ArmError> {
        let mut bytes = [0; 24];
        getrandom::fill(&mut bytes).map_err(|error| ArmError::broken(&error))?;
        let token = hex::encode(bytes);
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|_, at| at.elapsed() < MAX_TOKEN_AGE);
        issued.insert(token.clone(), Instant::now());
        Ok(token)
    }

    pub fn lets_in(&self, request: &Request<Body>) -> bool {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
        let token = given.and_then(|given| given.strip_prefix("Bearer "));
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        token.and_then(|token| issued.get(token)).is_some_and(|at| at.elapsed() < MAX_TOKEN_AGE)
    }
}
