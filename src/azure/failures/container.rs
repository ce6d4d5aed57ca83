//! How containers end: by an exit code, or a text in an event or a log.

use super::row::{Class, Failure, Service};

const NO_PULL: Failure = Failure {
    service: Service::Container,
    code: "ErrImagePull",
    status: 0,
    class: Class::Fatal,
    cause: "the image cannot be pulled",
    remedy: "Azure cannot pull the image; check the `pull` login of its registry",
};

/// How the event of a failed liveness probe begins.
pub const LIVENESS_PROBE_FAILED: &str = "Liveness probe failed";

pub(super) const FAILURES: &[Failure] = &[
    Failure {
        service: Service::Container,
        code: "0",
        status: 0,
        class: Class::Fatal,
        cause: "the program ended",
        remedy: "it did its work and ended; a service must stay in the foreground, and a job needs `restart-policy: never`",
    },
    Failure {
        service: Service::Container,
        code: "126",
        status: 0,
        class: Class::Fatal,
        cause: "the program may not be run",
        remedy: "the command is there but must not be run; check its mode, such as 0755",
    },
    Failure {
        service: Service::Container,
        code: "127",
        status: 0,
        class: Class::Fatal,
        cause: "the program is not in the image",
        remedy: "the command is not in the image, or its program loader is not; check `command`, the entrypoint, and that the program is static where the image is `scratch`",
    },
    Failure {
        service: Service::Container,
        code: "137",
        status: 0,
        class: Class::Fatal,
        cause: "the program was killed",
        remedy: "it was killed, most likely for lack of memory; raise `memory`",
    },
    Failure {
        service: Service::Container,
        code: "139",
        status: 0,
        class: Class::Fatal,
        cause: "the program broke on a memory access",
        remedy: "it broke on a bad memory access, often because the image is for another kind of processor or C library",
    },
    Failure {
        service: Service::Container,
        code: "143",
        status: 0,
        class: Class::Fatal,
        cause: "the program was asked to end",
        remedy: "it was asked to end; look at the events for who asked",
    },
    Failure {
        service: Service::Container,
        code: "exec format error",
        status: 0,
        class: Class::Fatal,
        cause: "the image is for another processor",
        remedy: "the image is for another kind of processor; build it for `platform: linux/amd64`",
    },
    Failure {
        service: Service::Container,
        code: LIVENESS_PROBE_FAILED,
        status: 0,
        class: Class::Fatal,
        cause: "Azure ended a program that did not pass its liveness probe",
        remedy: "its liveness probe failed, so Azure ended it; check that it answers what `liveness` asks, and raise `initial-delay` for a slow start or `failure-threshold` for slow answers",
    },
    NO_PULL,
    Failure { code: "ImagePullBackOff", ..NO_PULL },
    Failure { code: "Failed to pull image", ..NO_PULL },
    Failure {
        service: Service::Container,
        code: "InvalidImageName",
        status: 0,
        class: Class::Fatal,
        cause: "the image's name is invalid",
        remedy: "the image's name is invalid; check `image`",
    },
];
