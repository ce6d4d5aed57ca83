//! What answers say of the requests that are left (learn.microsoft.com, "Understand how Azure
//! Resource Manager throttles requests"). They are counted as there, and none is refused:
//! `--fault` rehearses that.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A bucket of requests: how many it holds, and how many come back in a second.
#[derive(Clone, Copy, Debug)]
struct Limit {
    header: &'static str,
    most: f64,
    per_second: f64,
}

/// Of a subscription, for one application.
const LIMITS: [Limit; 3] = [
    Limit { header: "x-ms-ratelimit-remaining-subscription-reads", most: 250.0, per_second: 25.0 },
    Limit { header: "x-ms-ratelimit-remaining-subscription-writes", most: 200.0, per_second: 10.0 },
    Limit {
        header: "x-ms-ratelimit-remaining-subscription-deletes",
        most: 200.0,
        per_second: 10.0,
    },
];

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

#[derive(Debug)]
pub struct RateLimits(Mutex<[Bucket; 3]>);

impl Default for RateLimits {
    fn default() -> Self {
        let at = Instant::now();
        Self(Mutex::new(LIMITS.map(|limit| Bucket { left: limit.most, at })))
    }
}

impl RateLimits {
    /// Counts a request of a subscription, and adds how many are left to its answer.
    pub fn count(&self, method: &Method, headers: &mut HeaderMap, now: Instant) {
        let which = match *method {
            Method::GET | Method::HEAD => 0,
            Method::DELETE => 2,
            _ => 1,
        };
        let limit = LIMITS[which];
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = &mut buckets[which];
        let back = now.duration_since(bucket.at).as_secs_f64() * limit.per_second;
        bucket.left = ((bucket.left + back).min(limit.most) - 1.0).max(0.0);
        bucket.at = now;
        let text = format!("{:.0}", bucket.left.floor());
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(HeaderName::from_static(limit.header), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RateLimits;
    use http::{HeaderMap, Method};
    use std::time::{Duration, Instant};

    #[test]
    fn requests_are_counted_by_their_kind_and_come_back() {
        let (limits, start) = (RateLimits::default(), Instant::now());
        let left = |method: Method, seconds: u64| {
            let mut headers = HeaderMap::new();
            limits.count(&method, &mut headers, start + Duration::from_secs(seconds));
            let (name, value) = headers.iter().next().expect("a header");
            format!("{name}: {}", value.to_str().expect("text"))
        };
        let start = "x-ms-ratelimit-remaining-subscription-";
        assert_eq!(left(Method::GET, 0), format!("{start}reads: 249"));
        assert_eq!(left(Method::PUT, 0), format!("{start}writes: 199"));
        assert_eq!(left(Method::POST, 0), format!("{start}writes: 198"));
        assert_eq!(left(Method::DELETE, 0), format!("{start}deletes: 199"));
        for _ in 0..300 {
            left(Method::GET, 0);
        }
        assert_eq!(left(Method::GET, 0), format!("{start}reads: 0"));
        assert_eq!(left(Method::GET, 2), format!("{start}reads: 49"));
        assert_eq!(left(Method::GET, 60), format!("{start}reads: 249"));
    }
}
