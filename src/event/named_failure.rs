//! Serialises a step and its failure as one object, `{"step": …, "failure": …}`.

use super::failure::Failure;
use super::id::StepId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Deserialize, Serialize)]
struct NamedFailure {
    step: StepId,
    failure: Failure,
}

impl From<(StepId, Failure)> for NamedFailure {
    fn from((step, failure): (StepId, Failure)) -> Self {
        Self { step, failure }
    }
}

impl From<NamedFailure> for (StepId, Failure) {
    fn from(named: NamedFailure) -> Self {
        (named.step, named.failure)
    }
}

type Named = (StepId, Failure);

#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub fn write<S: Serializer>(failure: &Option<Named>, serializer: S) -> Result<S::Ok, S::Error> {
    failure.clone().map(NamedFailure::from).serialize(serializer)
}

pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Named>, D::Error> {
    Ok(Option::<NamedFailure>::deserialize(deserializer)?.map(Into::into))
}

pub fn write_all<S: Serializer>(failures: &[Named], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(failures.iter().cloned().map(NamedFailure::from))
}

pub fn read_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Named>, D::Error> {
    let named = Vec::<NamedFailure>::deserialize(deserializer)?;
    Ok(named.into_iter().map(Into::into).collect())
}
