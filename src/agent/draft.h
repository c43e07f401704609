#pragma once
// A file that gets its name only when it is complete.

#include <cstddef>
#include <optional>
#include <string>

#include "agent/fd.h"
#include "base/result.h"

namespace mayfly::agent {

/// A new file in a folder. It has no name there until `commit` puts it, in one step, where it belongs; dropped before,
/// it is gone, also when the agent dies. Where the file system knows no files without a name, a draft does have one,
/// and what a killed agent left is removed by the next draft in that folder.
class Draft {
 public:
  /// `path` is for people: what the draft will be.
  static Result<Draft> open(const std::string& folder, const std::string& path);
  Draft(Draft&& other) noexcept;
  Draft& operator=(Draft&&) = delete;
  ~Draft();

  int file() const { return file_.get(); }
  int folder() const { return folder_.get(); }
  Status write(const char* bytes, std::size_t size);
  /// Replaces what has the name, unless it is a folder.
  Status commit(const std::string& leaf);

 private:
  Draft() = default;
  Status open_named();
  Status commit_unnamed(const std::string& leaf);

  Fd folder_, file_;
  std::string path_;
  std::optional<std::size_t> slot_;  // of a named one
};

}  // namespace mayfly::agent
