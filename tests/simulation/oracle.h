#pragma once
// What must be true after every step, in terms of what callers were told, what the database says and what the host
// holds. The letters are those of ARCHITECTURE.md, "Invariants".

#include <map>
#include <set>
#include <string>
#include <vector>

#include "simulation/host.h"
#include "store/memory/store.h"

namespace mayfly::simulation {

class Oracle {
 public:
  using Report = std::function<void(const std::string&)>;

  // What callers were told.
  void created(const Sandbox& sandbox);
  void extended(const ResourceId& id, Time promised);
  void lifetime_set(const Sandbox& sandbox);
  void promise_ends(const ResourceId& id);           // somebody asks for a shorter life, or for a stop
  void delete_accepted(const ResourceId& id);

  /// Bytes are about to be gone for ever.
  void erasing(const memory::Rows& rows, const Host& host, const LayerRef& layer, const std::string& bytes,
               const Report& report) const;

  /// `at_rest`: no fault is left, and everything has had its time.
  void check(const memory::Rows& rows, const Host& host, Time now, bool at_rest, const Report& report);

 private:
  void check_sandbox(const Sandbox& sandbox, const Host& host, Time now, bool at_rest, const Report& report);
  void check_tasks(const memory::Rows& rows, bool at_rest, const Report& report);
  void check_host(const memory::Rows& rows, const Host& host, const Report& report) const;

  std::map<ResourceId, Time> promised_;
  std::map<ResourceId, Time> endings_;               // seen so far: each is judged once
  std::set<ResourceId> created_;
  std::set<ResourceId> deleted_;
  std::set<TaskId> completed_;
};

}  // namespace mayfly::simulation
