//! To whom Entra issues tokens.

/// An identity that Entra issues tokens to.
pub struct EntraIdentity {
    pub tenant: String,
    pub client_id: String,
}
