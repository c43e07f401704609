#pragma once

#include <string>
#include <vector>

namespace mayfly::bench {

/// bullmq over a Redis of its own, on a free port, that syncs its log with every write. Stopped and removed at the end.
class Peer {
 public:
  /// `modules`: where bullmq was installed; `script`: bench/cleanup/bullmq.mjs.
  Peer(const std::string& modules, const std::string& script);
  ~Peer();
  bool there() const { return pid_ > 0; }

  /// Jobs a second, of so many that were added before.
  double burn(int jobs) const;
  /// How long jobs waited that were added at that rate for so long, in milliseconds.
  std::vector<double> latency(int per_second, int seconds) const;

 private:
  std::string run(const std::string& arguments) const;
  std::string modules_, script_, folder_;
  int port_ = 0, pid_ = -1;
};

}  // namespace mayfly::bench
