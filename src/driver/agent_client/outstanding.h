#pragma once
// Calls that may take long, served by one thread however many they are.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "driver/agent_client/connection.h"

namespace mayfly::agent_client {

struct Call {
  Address address;
  std::string request;
  std::optional<std::size_t> content_limit = 0;
  bool keeps_connection = false;            // Reply::tunnel, from the first byte behind the reply
  Deadline connect_until;
  Deadline until;
  std::function<void(Result<Reply>)> then;  // runs once, on the thread of Outstanding
};

class Outstanding {
 public:
  Outstanding();
  /// Completes what is outstanding with Code::unavailable. Not to be called from a `then`.
  ~Outstanding();

  void add(Call call);
  /// Completes what is outstanding, and from now on what is added, with Code::unavailable, stopping.
  void end_all();

 private:
  struct Active;
  struct Added {
    Call call;
    os::Fd socket;             // connected already; the thread has the patience when it could not be at once
    std::size_t sent = 0;
  };

  void loop();
  void take_added();
  void connect(std::uint64_t number);
  void proceed(std::uint64_t number, std::uint32_t events);
  void watch(std::uint64_t number);
  void receive(Active& active, std::uint64_t number);
  void at_time(std::uint64_t number, Deadline now);
  void set_time(std::uint64_t number, Active& active, Deadline time);
  int milliseconds_to_next() const;
  void complete(std::uint64_t number, Result<Reply> result);

  const os::Fd epoll_, wake_;

  std::mutex mutex_;  // guards the next three
  std::vector<Added> added_;
  bool stopping_ = false;
  bool ending_ = false;

  // Of the thread alone.
  std::map<std::uint64_t, std::unique_ptr<Active>> active_;
  std::set<std::pair<Deadline, std::uint64_t>> times_;  // when to look at a call at the latest
  std::uint64_t last_number_ = 0;

  std::thread thread_;  // the last, since it uses all of the above
};

}  // namespace mayfly::agent_client
