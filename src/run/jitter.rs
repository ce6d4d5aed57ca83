//! The randomness of waits.

/// A random number from 0 to 1.
pub fn random_jitter() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}
