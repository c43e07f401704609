#pragma once
// What a person does about deletes that are under way (commands_cleanup_control.cc).

#include "cli/commands.h"

namespace mayfly::cli {

Result<int> cancel_cleanup(Session& session, const std::string& task);
Result<int> skip_cleanup(Session& session, const std::string& task, const std::string& reason);
Result<int> cleanup_attempts(Session& session, const std::string& task);
Result<int> cleanup_progress(Session& session, const std::string& task);
/// An empty workspace and kind are all of it.
Result<int> pause_cleanup(Session& session, const std::string& workspace, const std::string& kind,
                          const std::string& reason);
Result<int> resume_cleanup(Session& session, const std::string& workspace, const std::string& kind);
Result<int> list_pauses(Session& session);

}  // namespace mayfly::cli
