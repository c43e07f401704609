#pragma once
// Sandboxes that are started before anybody asks: a create that fits one claims it and waits for no container.
//
// A pooled sandbox is an ordinary row that belongs to no workspace yet, so nobody sees, counts or is charged for it,
// and everything that keeps rows and host in step holds for it too. A claim gives it away in the creating transaction.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "app/deletion.h"
#include "app/uid_locks.h"
#include "ports/driver.h"

namespace mayfly {

inline bool pooled(const Sandbox& sandbox) { return sandbox.resource.workspace.text.empty(); }

class Pool {
 public:
  /// A started one that nobody else is offered while this lives. Its limits are those of the wish already: as long as
  /// it belongs to nobody they mean nothing, so they are set before the claim and not after it.
  class Offer {
   public:
    Offer(Pool& pool, ResourceId id) : pool_(pool), id_(std::move(id)) {}
    ~Offer() { pool_.withdraw(id_); }
    Offer(const Offer&) = delete;
    Offer& operator=(const Offer&) = delete;
    const ResourceId& id() const { return id_; }

    Caveats caveats;                       // what the host could not do as wished

   private:
    Pool& pool_;
    ResourceId id_;
  };

  /// image name → how many are to stand ready
  using Sizes = std::map<std::string, int>;

  Pool(Store& store, Driver& driver, const Deletion& deletion, UidLocks& locks, Random& random,
       const Installation& installation, Sizes sizes)
      : store_(store), driver_(driver), deletion_(deletion), locks_(locks), random_(random),
        installation_(installation), sizes_(std::move(sizes)) {}

  /// Nothing, when none stands ready for such a wish.
  std::unique_ptr<Offer> offer(const SandboxSpec& wish);

  /// Inside the claiming transaction: the row, if it is still nobody's and fits; else nothing.
  static Result<std::optional<Sandbox>> take(Transaction& t, const Offer& offer, const SandboxSpec& wish);

  /// Plants what is missing, one at a time so that callers' own starts come first, and deletes what is not wanted any
  /// more or came to grief.
  Status run_once();

  /// How many stand ready, by image digest.
  std::map<std::string, int> ready() const;

  /// Asked before one is planted: a disk fuller than its watermark, say.
  std::function<Status()> may_plant = []() -> Status { return {}; };
  /// Called when one was taken, and `run_once` has something to do.
  std::function<void()> taken = [] {};

 private:
  struct Plan {
    std::map<std::string, std::vector<ResourceId>> ready;   // by image digest
    std::set<ResourceId> rows;                              // all that are nobody's and live
    std::vector<ResourceId> drop;
    std::optional<SandboxSpec> plant;
  };
  Result<Plan> plan(Transaction& t);
  Result<std::vector<SandboxSpec>> wanted(Transaction& t) const;
  std::unique_ptr<Offer> next_ready(const std::string& digest);
  Status set_limits(Offer& offer, const Resources& wished);
  void prepare(const ResourceId& id);
  Incarnation incarnation_of(const ResourceId& id) const;
  Status plant(Transaction& t, const SandboxSpec& spec);
  Status drop(Transaction& t, const ResourceId& id);
  void withdraw(const ResourceId& id);

  Store& store_;
  Driver& driver_;
  const Deletion& deletion_;
  UidLocks& locks_;
  Random& random_;
  const Installation& installation_;
  const Sizes sizes_;

  mutable std::mutex mutex_;
  std::map<std::string, std::vector<ResourceId>> ready_;   // by image digest; a hint that run_once derives from rows
  std::set<ResourceId> offered_;
  std::map<ResourceId, Caveats> as_planted_;               // their limits are known to be what they were planted with
  Time not_before_{};                                      // moved by a start that failed
};

}  // namespace mayfly
