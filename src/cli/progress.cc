#include "cli/progress.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>

#include "cli/answer.h"
#include "cli/duration.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

// What a person can follow.
constexpr auto redraw_period = std::chrono::milliseconds(100);
constexpr std::size_t least_bar = 10, longest_bar = 40;

std::string text_of(std::uint64_t count) { return bytes(static_cast<double>(count)); }

}  // namespace

std::string progress_line(const std::string& what, std::uint64_t done, std::optional<std::uint64_t> total,
                          std::chrono::milliseconds took, std::size_t width) {
  std::string line = what + "  " + text_of(done);
  const double part = total && *total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(*total)) : 0;
  if (total && *total > 0) line += fmt::format(" of {}  {}%", text_of(*total), static_cast<int>(part * 100));
  if (took.count() > 0)
    line += "  " + text_of(static_cast<std::uint64_t>(static_cast<double>(done) * 1000 /
                                                      static_cast<double>(took.count()))) + "/s";
  const auto used = width_of(line) + 5;   // two blanks, two brackets, and the last column
  if (total && *total > 0 && used + least_bar <= width) {
    const auto room = std::min(width - used, longest_bar);
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(room));
    line += "  [" + std::string(filled, '=') + std::string(room - filled, ' ') + "]";
  }
  return cut(line, width > 1 ? width - 1 : 0);
}

Progress::Progress(Session& session, std::string what)
    : err_(session.err), what_(std::move(what)), width_(session.json ? 0 : session.err.paper().width) {}

Progress::~Progress() {
  if (on_screen_) err_.write("\r\x1b[K");
}

bool Progress::due() {
  if (!shown() || Clock::now() < drawn_ + redraw_period) return false;
  drawn_ = Clock::now();
  return true;
}

void Progress::draw(const std::string& line) {
  err_.write("\r" + line + "\x1b[K");
  on_screen_ = true;
}

void Progress::bytes(std::uint64_t done, std::optional<std::uint64_t> total) {
  if (!due()) return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_);
  draw(progress_line(what_, done, total, took, width_));
}

void Progress::says(const std::string& text) {
  if (!due()) return;
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::floor<std::chrono::seconds>(
      Clock::now() - began_));
  draw(cut(what_ + "  " + human(took) + "  " + printable(text), width_ - 1));
}

Elapsing::Elapsing(Session& session, std::string what) : progress_(session, std::move(what)) {
  if (!progress_.shown()) return;
  clock_ = std::jthread([this](const std::stop_token& over) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!over.stop_requested()) {
      progress_.says("");
      wake.wait_for(lock, over, redraw_period, [] { return false; });
    }
  });
}

}  // namespace mayfly::cli
