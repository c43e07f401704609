#pragma once
// The bytes of one file, read or replaced.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "agent/fd.h"
#include "base/result.h"

namespace mayfly::agent {

/// A regular file from an offset on.
class FileReader {
 public:
  static Result<FileReader> open(const std::string& path, std::int64_t offset, std::int64_t length);

  /// Bytes to come if nobody changes the file; negative when its size says nothing, as in /proc.
  std::int64_t announced() const { return announced_; }
  /// The next bytes; empty at the end. Never more than were announced.
  Result<std::string_view> next();

 private:
  Fd file_;
  std::string path_;
  std::int64_t offset_ = 0;
  std::int64_t left_ = 0;
  std::int64_t announced_ = -1;
  std::string buffer_;
};

/// A new content for a path. Until `commit` nothing of it shows; without it nothing of it stays.
class FileWriter {
 public:
  static Result<FileWriter> open(const std::string& path, std::optional<std::uint32_t> mode);
  FileWriter(FileWriter&& other) noexcept;
  ~FileWriter();

  Status write(std::string_view bytes);
  Status commit();

 private:
  FileWriter() = default;
  Status make_draft(const std::optional<struct stat>& replaced, std::optional<std::uint32_t> mode);

  Fd folder_, draft_;
  std::string path_, leaf_, draft_name_;
  std::vector<std::string> made_folders_;
};

}  // namespace mayfly::agent
