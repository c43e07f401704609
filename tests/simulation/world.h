#pragma once
// One simulated installation: the production code of app/, on one thread, over a store, a host and clocks that are not
// real. A crash throws the code away and keeps what a crash keeps.

#include <optional>

#include "simulation/host.h"
#include "simulation/oracle.h"
#include "store/memory/store.h"
#include "support/server.h"

namespace mayfly::simulation {

class World {
 public:
  explicit World(std::uint64_t seed);

  /// The whole story of this seed: faults, then peace, then everything must have come to rest.
  void run(int steps);

  const std::vector<std::string>& violations() const { return violations_; }
  const Trace& trace() const { return trace_; }
  int crashes() const { return crashes_; }
  /// The audit log as it stands: what a failing seed is read by.
  std::string story() const;

 private:
  void draw_faults();
  void step();
  void client_acts();
  void loops_act();
  void time_passes();
  void crash();
  void boot();
  Status start_server();
  void settle_down();
  void check(bool at_rest);
  Fate fate();
  Caller caller() const;
  std::string any_sandbox();
  template <class Act>
  void attempt(std::string_view what, Act act);

  Chance chance_;
  VirtualClock clock_;
  Trace trace_;
  Host host_;
  MemoryStore store_;
  Oracle oracle_;
  std::unique_ptr<Driver> driver_ = driver_of(host_);
  std::unique_ptr<BlobStore> blobs_ = blobs_of(host_);
  std::unique_ptr<ArchiveReader> reader_ = reader_of(host_);
  FakeImages images_;
  std::unique_ptr<Server> life_;
  std::vector<std::string> violations_;
  std::vector<std::string> ids_;
  int crashes_ = 0;
  int depth_ = 0;
  bool peace_ = false;
};

}  // namespace mayfly::simulation
