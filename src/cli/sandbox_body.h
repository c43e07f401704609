#pragma once
// Request bodies from options. A value that cannot be right is Code::invalid and names its option.

#include "cli/commands.h"

namespace mayfly::cli {

Result<json::object> create_body(const CreateOptions& options);
/// {"volume": "data", "path": "/data", "read_only": true} of "data:/data:ro".
Result<json::object> mount_of(const std::string& text);
/// Only what was given, so that the rest stays as it is.
Result<json::object> lifetime_body(const LifetimeOptions& options);
Result<json::object> exec_body(const ExecOptions& options);

/// {"k": "v"} of "k=v"s. Where `inherit`, a bare "k" takes its value from this process's environment.
Result<json::object> map_of(const std::string& option, const std::vector<std::string>& pairs, bool inherit = false);
Result<double> seconds_of(const std::string& option, const std::string& text);

}  // namespace mayfly::cli
