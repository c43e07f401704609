#pragma once
// One line on a terminal's stderr that is written over while something takes long, and taken away at its end. Where
// stderr is no terminal, and with --json, nothing is written.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "cli/commands.h"

namespace mayfly::cli {

/// "download  12.0 MiB of 48.0 MiB  25%  3.1 MiB/s  [=====>      ]" as far as it fits; no total, no percentage.
std::string progress_line(const std::string& what, std::uint64_t done, std::optional<std::uint64_t> total,
                          std::chrono::milliseconds took, std::size_t width);

class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress(Session& session, std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool shown() const { return width_ > 0; }
  /// So many bytes of so many; 0 of them: nobody knows.
  void bytes(std::uint64_t done, std::optional<std::uint64_t> total = {});
  /// What it is doing, and since when.
  void says(const std::string& text);

 private:
  bool due();
  void draw(const std::string& line);

  Output& err_;
  const std::string what_;
  const std::size_t width_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point drawn_{};
  bool on_screen_ = false;
};

/// Says how long it takes while one call lasts of which nothing else is known.
class Elapsing {
 public:
  Elapsing(Session& session, std::string what);

 private:
  Progress progress_;
  std::jthread clock_;
};

template <typename Work>
auto with_progress(Session& session, const std::string& what, const Work& work) {
  const Elapsing elapsing(session, what);
  return work();
}

}  // namespace mayfly::cli
