#pragma once
// Where a command writes to: a terminal, a file, or a pipe whose reader may have had enough.

#include <cstddef>
#include <string>
#include <string_view>

namespace mayfly::cli {

/// What a rendering has to fit on.
struct Paper {
  std::size_t width = 0;     // columns; 0: as wide as it gets
  bool colours = false;
};

class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  /// False from the first failure on; nothing is written after it.
  bool write(std::string_view bytes);
  bool line(std::string_view text) { return write(std::string(text) + "\n"); }

  int error() const { return error_; }  // errno of the first failure, 0 without one
  Paper paper() const;

 private:
  int fd_;
  int error_ = 0;
};

/// Text that came from elsewhere, made safe for a terminal: control characters and escape sequences become "?".
std::string printable(std::string_view text);

}  // namespace mayfly::cli
