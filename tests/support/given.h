#pragma once
// The vocabulary of the tests of app/: one server's production code on one thread, over a store in memory, a simulated
// host and clocks that move when told.
//
//   World world;
//   const auto sandbox = world.a_running_sandbox({.name = "build"});
//   world->sandboxes.remove(world.admin(), "build", {});
//   world.run_workers();
//   EXPECT_EQ(world.state_of(sandbox), "gone");

#include "store/memory/store.h"
#include "support/must.h"
#include "support/scripted_driver.h"
#include "support/server.h"

namespace mayfly {

struct Wish {
  std::string name{};
  LifetimePolicy lifetime{};
  std::string restore_from{};
  Labels labels{};
  std::string files = "what the user made";   // in the layer, once it runs
};

inline LifetimePolicy age_of(Duration max_age) {
  LifetimePolicy policy;
  policy.max_age = max_age;
  return policy;
}
inline LifetimePolicy idle_of(Duration idle) {
  LifetimePolicy policy;
  policy.idle = idle;
  return policy;
}
inline LifetimePolicy with_action(LifetimePolicy policy, ExpiryAction action) {
  policy.actions.fill(action);
  return policy;
}

class World {
 public:
  World();

  simulation::Chance chance{1};
  simulation::VirtualClock clock;
  simulation::Host host;
  MemoryStore store{clock};
  ScriptedDriver driver{host};
  std::unique_ptr<BlobStore> blobs;
  std::unique_ptr<ArchiveReader> reader;
  FakeImages images;
  std::vector<std::string> destroyed;    // the content of every layer whose bytes are gone for ever
  int commits = 0;                       // so far, refused ones too

  Outside outside() { return {store, driver, *blobs, *reader, images, chance, clock}; }
  Server* operator->() { return server_.get(); }
  /// The server dies and starts again after so long; the host and the database stay. Where its wall clock cannot be
  /// believed, `after` is how far service time went on.
  void restart(Duration after = 0s, bool clock_believed = true);
  /// What such a start continues: here service time is all there is since the boot.
  ClockStart clock_start(bool jumped = false) const { return {Duration::zero(), "boot", jumped}; }

  Caller admin() const { return caller(Role::admin); }
  Caller caller(Role role) const;

  // Given.
  Sandbox a_requested_sandbox(const Wish& wish = {});
  Sandbox a_running_sandbox(const Wish& wish = {});
  Sandbox a_paused_sandbox(const Wish& wish = {});
  Sandbox a_stopped_sandbox(const Wish& wish = {});
  /// In any state, as far as it got by itself: "deleting" is one whose delete has just been accepted.
  Sandbox a_sandbox_in(State state);
  /// A verified one, of a sandbox that is gone.
  Archive an_archive(const std::string& content = "what the user made", Duration retention = archive_retention);

  // When.
  TaskId remove(const Sandbox& sandbox, const DeletePolicy& policy = {});
  void write_files(const Sandbox& sandbox, const std::string& content);
  /// All that is due now, in both lanes.
  void run_workers();
  /// The same for one thing only.
  void run_fast() { must_run(Lane::fast); }
  void run_slow() { must_run(Lane::slow); }
  /// Workers and deadlines work at every instant at which something is due.
  void let_pass(Duration span);
  void let_pass_until(Time instant) { let_pass(instant - clock.now()); }
  /// The next commits are refused, as by a full disk.
  void refuse_commits(int number, Code code = Code::no_space);

  // Then.
  Sandbox row(const Sandbox& sandbox) { return row(sandbox.resource.id); }
  Sandbox row(const ResourceId& id);
  Task row(const TaskId& id);
  Archive row(const Archive& archive);
  std::string state_of(const Sandbox& sandbox) { return std::string(name(row(sandbox).resource.state)); }
  std::string files_of(const Sandbox& sandbox) const;                    // of its layer, or "none"
  bool runs(const Sandbox& sandbox);                                     // a process of its current generation
  std::vector<Archive> archives_of(const Sandbox& sandbox) const;        // oldest first, of every state
  /// The types of the events about it, oldest first, in one line.
  std::string story_of(const ResourceId& subject) const;
  Event last_event(const ResourceId& subject, const std::string& type) const;
  /// The steps below a root in their order: "stop_sandbox completed, archive_sandbox ready, ...".
  std::string steps_of(const TaskId& root);
  Task step(const TaskId& root, Verb verb);

 private:
  void must_run(Lane lane);
  std::optional<Time> run_loops();

  std::unique_ptr<Server> server_;
  int commits_to_refuse_ = 0;
  Code refusal_ = Code::no_space;
};

}  // namespace mayfly
