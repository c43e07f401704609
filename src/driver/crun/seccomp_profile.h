#pragma once

namespace mayfly::crun {

/// What a sandbox may ask of the kernel (x86_64), as the `linux.seccomp` object of a config.json. It needs no
/// capability outside the set of oci_config.h, and refuses nested user namespaces, however they are asked for.
extern const char* const seccomp_profile;

}  // namespace mayfly::crun
