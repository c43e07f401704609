#pragma once
// This side of a copy. What a sandbox says of its files is not believed: no name of theirs leads out of the folder that
// was asked for, and no half-written file appears under its final name.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::cli {

/// One end of a copy: "SANDBOX:/path", or a path here.
struct Place {
  std::string sandbox;       // empty: here
  std::string path;          // "-" here is stdin or stdout
  bool is_remote() const { return !sandbox.empty(); }
  bool is_stream() const { return !is_remote() && path == "-"; }
};
Place parse_place(const std::string& text);

/// The place of `name` ("a/b") below `root`. Code::denied where the name, or a link that stands in the way, leads out.
Result<std::filesystem::path> below(const std::filesystem::path& root, std::string_view name);

/// A file that appears whole or not at all. Dropped before keep(), nothing is left of it.
class NewFile {
 public:
  static Result<NewFile> beside(const std::filesystem::path& final_path);
  NewFile(NewFile&& other) noexcept;
  ~NewFile();

  bool write(std::string_view bytes);            // false: keep() will say why
  std::uint64_t size() const { return size_; }
  /// Gives it its mode (permission bits only) and its name, in place of what had that name.
  Status keep(unsigned mode);

 private:
  NewFile(int fd, std::string temporary, std::filesystem::path final_path);
  int fd_;
  std::string temporary_;
  std::filesystem::path final_path_;
  std::uint64_t size_ = 0;
  int error_ = 0;
};

/// The last segment, also of "folder/" and ".".
std::string base_name(const std::string& path);

}  // namespace mayfly::cli
