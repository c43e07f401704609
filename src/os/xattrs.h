#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace mayfly::os {

/// All extended attributes of an open file or folder. Empty where the file system has none.
Result<std::map<std::string, std::string>> read_xattrs(int fd);
/// Those of a name in an open folder, a link's own.
Result<std::map<std::string, std::string>> read_xattrs_at(int folder, const std::string& name);

Status write_xattr(int fd, const std::string& name, const std::string& value);
Status write_xattr_at(int folder, const std::string& entry, const std::string& name, const std::string& value);

}  // namespace mayfly::os
