#pragma once
// What stands on stdin here, given to a process in a sandbox as it comes.

#include <memory>
#include <string>

#include "cli/api_client.h"

namespace mayfly::cli {

class Feeder {
 public:
  Feeder() = default;
  ~Feeder();   // gives no more
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  /// `path` is that of the process's stdin. The thread is let go when the process has ended: nobody waits for a
  /// keyboard.
  void start(const Target& target, const std::string& path);

 private:
  struct Over;
  std::shared_ptr<Over> over_;
};

}  // namespace mayfly::cli
