#pragma once
// What a process prints, as news for one caller, in the order that it is taken.

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/process_table.h"

namespace mayfly::agent {

class Follower {
 public:
  explicit Follower(ProcessTable& table) : table_(table) {}
  /// The process prints on, whether or not anybody looks.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // One of these two, once. They answer with the process.

  /// Starts it. What it prints waits for this caller: it stops where its caller is slow, and nothing is lost.
  Result<Answer> start(const Command& command);
  /// Looks on from these offsets. What the logs have dropped before it is taken is lost to this caller.
  struct View {
    std::array<bool, 2> streams{};
    std::array<std::int64_t, 2> from{};
  };
  Result<Answer> join(std::int64_t id, const View& view);

  /// The next news as a frame, or why there will be none: `caller` is a socket, which may hang up.
  Result<std::string> next(int caller);
  /// The news of its end has been given.
  bool over() const { return over_; }

 private:
  Result<Answer> look_at(std::shared_ptr<Record> record);
  std::optional<std::string> news();
  std::string piece(std::size_t stream, std::int64_t end);
  std::string ending();

  ProcessTable& table_;
  std::shared_ptr<Record> record_;
  Fd event_;
  Taker at_;
  std::array<bool, 2> streams_{true, true};
  std::size_t turn_ = 0;  // the stream that is asked first, so that a flood on one does not hide the other
  bool over_ = false;
};

}  // namespace mayfly::agent
