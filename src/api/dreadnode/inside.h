#pragma once

#include "api/services.h"

namespace mayfly::api::dreadnode {

/// What its processes wrote, the oldest first and each bounded, as text.
Result<std::string> logs_of(Services& services, const Caller& caller, const std::string& sandbox);

}  // namespace mayfly::api::dreadnode
