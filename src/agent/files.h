#pragma once
// Files as any process inside sees them: links are followed, except in the last segment of what stat, move and
// remove name. Paths are as the caller gave them; each call cleans and judges its own.

#include <optional>
#include <string>

#include "agent/answer.h"
#include "base/result.h"

namespace mayfly::agent {

Result<Answer> stat_entry(const std::string& path);
Result<Answer> list_folder(const std::string& path);
/// Everything below, nearer things first when there are more than fit. Follows no link, and enters no proc, sysfs or
/// cgroup file system, whose contents are not files that anybody made.
Result<Answer> list_tree(const std::string& path);
Status make_folder(const std::string& path, bool parents);
/// One step, as rename; a regular file also goes to another file system (see move.h).
Status move_entry(const std::string& from, const std::string& path);
Status remove_entry(const std::string& path, bool recursive);
/// Of a file or folder; not through a link.
Status set_mode(const std::string& path, unsigned mode);
/// A symbolic link in the place of whatever is no folder. Makes missing parents.
Status make_link(const std::string& path, const std::string& target);

}  // namespace mayfly::agent
