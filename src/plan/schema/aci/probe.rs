//! How Azure finds out whether a container is well.

use crate::plan::describe::{
    Exposure, Key, PlanKeys as _, PlanMapping as _, PlanValue, Slot, Visit, choice, key, mapping,
};
use crate::plan::literal::{HeaderName, HttpPath, Period, Times};
use crate::plan::parse::{Entries, Reader};
use crate::plan::schema::text::{Field, Map, Text};
use crate::plan::tree::EntryKey;
use crate::value::{Port, ProbeScheme};
use serde_json::Value;
use std::time::Duration;

mapping! {
    by hand
    /// The probes of a container.
    pub struct HealthProbes = "`probes`" {
        /// What has to hold, or the container is started again.
        pub liveness: Option<HealthProbe> = key("liveness").absent("none"),
        /// What has to hold before requests are sent to the container.
        pub readiness: Option<HealthProbe> = key("readiness").absent("none"),
    }
}

impl PlanValue for HealthProbes {
    fn read(reader: &mut Reader<'_>, slot: Slot<'_>) -> Option<Self> {
        let entries = reader.entries(Self::WHAT, slot.node, Self::KEYS)?;
        Self::from_entries(reader, &entries)
    }

    fn absent(_: &'static Key) -> Option<Self> {
        Some(Self { liveness: None, readiness: None })
    }

    fn visit<'p>(&'p self, _: &'static Key, visit: &mut Visit<'_, 'p>) {
        self.visit_keys(visit);
    }

    fn schema(_: &'static Key) -> Value {
        Self::object().to_schema()
    }
}

mapping! {
    /// One probe: what is asked, and how often.
    pub struct HealthProbe = "a probe" {
        flattened pub kind: HealthProbeKind,
        /// Port that `http` asks.
        pub port: Option<Text> = key("port").is::<Port>().absent("the container's first"),
        /// Scheme that `http` asks by.
        pub scheme: Field<ProbeScheme> = key("scheme").default("http"),
        /// Headers that `http` sends.
        pub headers: Map<Text> = key("headers").names::<HeaderName>().absent("none"),
        /// Time after the start before the first probe, in whole seconds.
        pub initial_delay: Field<Duration> = key("initial-delay").default("0s"),
        /// Time between two probes, in whole seconds.
        pub period: Field<Period> = key("period").default("10s"),
        /// How long an answer may take, in whole seconds.
        pub timeout: Field<Period> = key("timeout").default("1s"),
        /// How many probes in a row have to fail.
        pub failure_threshold: Field<Times> = key("failure-threshold").default("3"),
        /// How many probes in a row have to pass after a failure.
        pub success_threshold: Field<Times> = key("success-threshold").default("1"),
    }
}

choice! {
    /// What a probe asks.
    pub enum HealthProbeKind {
        /// Path that has to be answered by a status from 200 to 399.
        Http(Text) = key("http").is::<HttpPath>(),
        /// Command that has to end with exit code 0, run in the container.
        Exec(Vec<Text>) = key("exec").list().exposed(Exposure::CONTAINER_COMMAND),
    }
}

impl HealthProbeKind {
    fn choose<'n>(reader: &mut Reader<'_>, entries: &Entries<'n>) -> Option<&'n EntryKey<'n>> {
        let (http, exec) = (entries.key("http"), entries.key("exec"));
        if let (Some(http), Some(exec)) = (http, exec) {
            reader.conflict(exec, http, "a probe asks one thing");
        }
        if let Some(exec) = exec {
            for name in ["port", "scheme", "headers"] {
                if let Some(key) = entries.key(name) {
                    reader.conflict(key, exec, "it belongs to `http`");
                }
            }
        }
        let chosen = http.or(exec);
        if chosen.is_none() {
            reader.missing(entries, "http", "or `exec`");
        }
        chosen
    }
}
