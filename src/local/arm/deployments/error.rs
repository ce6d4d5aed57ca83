//! What is wrong with a template, and what its functions need before they have a value.

use crate::local::arm::response::ArmError;
use http::StatusCode;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TemplateError {
    pub code: &'static str,
    pub message: String,
    /// A request whose answer an expression is made of.
    pub needs: Option<RuntimeRequest>,
}

/// A request that `reference` or a function such as `listCredentials` makes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RuntimeRequest {
    /// The resource id.
    pub resource: String,
    /// Such as `listCredentials`; `None` to read the resource.
    pub action: Option<String>,
    pub version: String,
}

impl TemplateError {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: "InvalidTemplate", message: message.into(), needs: None }
    }

    /// For what Azure can do, and the local cloud cannot.
    pub fn not_simulated(what: &str) -> Self {
        let message = format!("The local cloud does not simulate {what} of templates.");
        Self { code: "NotSimulated", message, needs: None }
    }

    pub fn needs(request: RuntimeRequest) -> Self {
        Self { code: "", message: String::new(), needs: Some(request) }
    }

    /// What is said of the place in the template.
    pub fn while_doing(self, what: &str) -> Self {
        if self.code != "InvalidTemplate" || self.needs.is_some() {
            return self;
        }
        Self { message: format!("{what}: '{}'", self.message), ..self }
    }
}

impl From<TemplateError> for ArmError {
    fn from(error: TemplateError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.code, error.message)
    }
}
