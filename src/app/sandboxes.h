#pragma once
// What people do with sandboxes. Every function is one transaction: load, decide, save; effects follow in the worker.
// Those that change something take a Once: a repeat of the same request changes nothing more and answers with the ids
// and times of the first one, and with the sandbox as it is now.

#include <functional>

#include "app/deletion.h"
#include "app/idempotency.h"
#include "app/pool.h"
#include "app/waiting.h"
#include "core/sandbox.h"

namespace mayfly {

struct NewSandbox {
  std::string name;                      // empty: one is made
  SandboxSpec spec;                      // image and restore_from as the caller wrote them
  bool image_given = false;              // with restore_from, the archive's own image is the default
  bool resources_given = false;
  Labels labels;
  LifetimePolicy lifetime;
  std::vector<VolumeMount> mounts = {};  // volumes by id or name
  ResourceId parent = {};                // the runtime whose life it is; empty: its workspace
};

struct DeletionAccepted {
  TaskId task;
  Sandbox sandbox;
};

class Sandboxes {
 public:
  Sandboxes(Store& store, const Deletion& deletion, Waiting& waiting, Random& random, const Clock& clock,
            const Installation& installation)
      : store_(store), deletion_(deletion), waiting_(waiting), random_(random), clock_(clock),
        installation_(installation) {}

  /// The record of a sandbox that a worker now starts. conflict: the name is taken. not_found: no such image (the
  /// message lists the known ones) or archive. no_space: the disk is below its watermark.
  Result<Sandbox> create(const Caller& caller, NewSandbox wish, const Once& once = {});

  /// The same in the caller's own transaction, after `may_create`: what else belongs to it commits with it.
  Result<Sandbox> create_in(Transaction& t, const Caller& caller, const NewSandbox& wish) const;
  Status may_create() const;

  /// By id, or by name: the living one, else the newest tombstone. Gone ones are found by id until they are purged.
  Result<Sandbox> get(const Caller& caller, const std::string& id_or_name);
  Result<std::vector<Sandbox>> list(const Caller& caller, SandboxFilter filter, const Page& page);

  /// Nothing blocks: this is the hottest write. `then` runs once, on any thread, after the commit.
  void extend(const Caller& caller, const std::string& id_or_name, const lifetime::Extension& wish,
              std::function<void(Result<lifetime::Extended>)> then, const Once& once = {});
  /// Of one that is found already. Every extension is this one.
  Result<lifetime::Extended> extend_in(Transaction& t, Sandbox sandbox, const lifetime::Extension& wish,
                                       const Once& once) const;
  Result<Sandbox> set_lifetime(const Caller& caller, const std::string& id_or_name,
                               const std::function<void(LifetimePolicy&)>& change, const Once& once = {});

  Result<Sandbox> pause(const Caller& caller, const std::string& id_or_name, const Once& once = {});
  Result<Sandbox> resume(const Caller& caller, const std::string& id_or_name, const Once& once = {});
  Result<Sandbox> stop(const Caller& caller, const std::string& id_or_name, const Once& once = {});
  Result<Sandbox> start(const Caller& caller, const std::string& id_or_name, const Once& once = {});

  /// In the caller's own transaction, with the event that says so.
  Status move_in(Transaction& t, const Caller& caller, Sandbox& sandbox, lifecycle::Move move,
                 const Ending& why) const;
  /// As `get`, in the caller's own transaction and with the deadline as it is written.
  Result<Sandbox> find(Transaction& t, const Caller& caller, const std::string& id_or_name) const;

  Result<DeletionAccepted> remove(const Caller& caller, const std::string& id_or_name, const DeleteRequest& request,
                                  const Once& once = {});

  /// Calls back with the sandbox as soon as no transition is under way, or as it is when `patience` has passed.
  void when_settled(const Caller& caller, const ResourceId& id, Duration patience,
                    std::function<void(Result<Sandbox>)> then);

  /// Run before each create, which it may refuse: a disk fuller than its watermark, say. `cold`: a container will be
  /// started for it.
  void before_create(std::function<Status(bool cold)> check) { before_create_ = std::move(check); }
  /// Where creates that fit find their sandbox started already.
  void claim_from(Pool& pool) { pool_ = &pool; }

 private:
  Result<Sandbox> create_from(Transaction& t, const Caller& caller, const NewSandbox& wish,
                              const Pool::Offer* offer) const;
  void show_effective_expiry(Transaction& t, Sandbox& sandbox) const;
  Status fill_in_from_archive(Transaction& t, const Caller& caller, NewSandbox& wish) const;
  Status resolve_image(Transaction& t, SandboxSpec& spec) const;
  Result<Sandbox> plain_row(Transaction& t) const;
  Status fill_in(Transaction& t, const Caller& caller, const NewSandbox& wish, Sandbox& sandbox) const;
  Status make_room_for(Transaction& t, const Caller& caller, const std::string& name) const;
  Result<Sandbox> move(const Caller& caller, const std::string& id_or_name, const Once& once, lifecycle::Move move);

  Store& store_;
  const Deletion& deletion_;
  Waiting& waiting_;
  Random& random_;
  const Clock& clock_;
  const Installation& installation_;
  std::function<Status(bool)> before_create_;
  Pool* pool_ = nullptr;
};

/// What a move that a person or a deadline asked for means for the row; `reason` is kept. Shared with the deadlines.
Status apply_move(Transaction& t, Sandbox& sandbox, lifecycle::Move move, const Ending& why,
                  const Installation& installation);

}  // namespace mayfly
