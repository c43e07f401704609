#pragma once
// TCP ports of this sandbox, as bytes for callers outside: one thread carries them all, however many there are.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "agent/fd.h"
#include "base/result.h"

namespace mayfly::agent {

/// A connection to what listens on that port of the loopback interface, by IPv4 or else IPv6. conflict, port_closed,
/// when nothing does; timed_out when its queue of callers stays full.
Result<Fd> dial_port(int port);

class Forwarder {
 public:
  static constexpr int tunnel_limit = 512;

  Forwarder();
  ~Forwarder();

  /// A place for one tunnel; exhausted when all are taken.
  Status reserve();
  void give_back() { --taken_; }
  /// Moves bytes between the two until each has said its end to the other, or either is gone. Takes a reserved place,
  /// and gives it back in the end.
  void carry(Fd caller, Fd guest);

 private:
  struct Tunnel;
  bool begin();
  static void* run(void* self);
  void loop();
  void take_added();
  void proceed(std::uint64_t number, std::size_t side, std::uint32_t events);
  bool move(Tunnel& tunnel, std::size_t from);
  bool flush(Tunnel& tunnel, std::size_t to);
  void watch(std::uint64_t number, Tunnel& tunnel);
  void drop(std::uint64_t number);

  std::atomic<int> taken_{0};
  std::mutex mutex_;             // guards the next two
  bool begun_ = false;
  std::vector<std::unique_ptr<Tunnel>> added_;
  Fd epoll_, wake_;

  // Of the thread alone.
  std::map<std::uint64_t, std::unique_ptr<Tunnel>> tunnels_;
  std::uint64_t last_number_ = 0;
  std::vector<char> room_;
};

}  // namespace mayfly::agent
