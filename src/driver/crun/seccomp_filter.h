#pragma once
// The profile of seccomp_profile.h, compiled once for all starts: crun would do it anew for each, in 3 ms.

#include <string>

#include "base/result.h"

namespace mayfly::crun {

/// The kernel's program in base64, as crun takes it from the annotation `run.oci.seccomp_bpf_data`.
/// Errors: Code::unsupported names the rule that this libseccomp cannot compile.
Result<std::string> seccomp_filter();

}  // namespace mayfly::crun
