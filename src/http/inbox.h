#pragma once
// How what is done on other threads comes back to the I/O thread.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "http/message.h"

namespace mayfly::http {

/// Letters from any thread to the I/O thread. It outlives the server in the hands of handlers that answer late; what
/// is posted after close() is dropped.
class Inbox {
 public:
  /// `wake` makes the I/O thread call read() soon. It is called under the lock, so never after close().
  explicit Inbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void post(std::function<void()> letter);
  void close();

  // For the I/O thread.
  void open_here() { reader_ = std::this_thread::get_id(); }
  bool is_here() const { return reader_.load() == std::this_thread::get_id(); }
  void read();

 private:
  std::mutex mutex_;
  std::function<void()> wake_;
  std::vector<std::function<void()>> letters_;
  std::atomic<std::thread::id> reader_{};
};

/// What a handler made of a request.
struct Answer {
  Response response;
  std::string trouble;   // what it threw
};

/// Somebody on the I/O thread who waits.
class Waiter {
 public:
  virtual ~Waiter() = default;
  virtual void ring() = 0;
};

/// Where the work done for one request is brought to. The handlers share it and may keep it longer than the connection.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  Mailbox(std::shared_ptr<Inbox> inbox, Waiter& waiter) : inbox_(std::move(inbox)), waiter_(&waiter) {}

  // From any thread. Only the first answer counts.
  void send(Answer answer);
  void send_ring();
  void send_piece();

  // The rest is for the I/O thread.
  void leave() { waiter_ = nullptr; }
  std::optional<Answer> answer;
  bool piece_is_here = false;

 private:
  void deliver(Answer answer);
  void ring();

  const std::shared_ptr<Inbox> inbox_;
  Waiter* waiter_;
};

}  // namespace mayfly::http
