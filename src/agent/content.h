#pragma once
// The bytes of one file, read or replaced.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/draft.h"
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

/// A new content for a path. Until `commit` nothing of it shows; without it nothing of it stays. The file is a new one
/// that keeps the owner, the mode and the extended attributes of the one it replaces (but for capabilities: a write
/// takes those from any file). Other hard links to the old one keep the old content, as with every replacing rename.
class FileWriter {
 public:
  static Result<FileWriter> open(const std::string& path, std::optional<std::uint32_t> mode);
  FileWriter(FileWriter&& other) noexcept = default;
  ~FileWriter();

  Status write(std::string_view bytes);
  Status commit();

 private:
  FileWriter() = default;

  std::optional<Draft> draft_;
  std::optional<std::uint32_t> mode_;  // that was asked for
  std::string path_;
  std::vector<std::string> made_folders_;
};

}  // namespace mayfly::agent
