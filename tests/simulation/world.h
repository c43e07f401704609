#pragma once
// One simulated installation: the production code of app/ over a database, a host and clocks that are not real, driven
// by one seed. A crash throws the code away and keeps what a crash keeps.

#include "simulation/life.h"
#include "simulation/oracle.h"

namespace mayfly::simulation {

/// What one run is made of; printed, it is seen again. Bits say which faults and which clients there may be.
struct Plan {
  std::uint64_t seed = 1;
  std::uint64_t faults = ~std::uint64_t{0};
  std::uint64_t clients = ~std::uint64_t{0};
  int steps = 400;
};

struct Tally {
  std::size_t seeds = 0, events = 0, crashes = 0, promises = 0, races = 0, archives = 0, erased = 0;
  Duration lived{};
  void add(const Tally& other);
};

class World {
 public:
  explicit World(const Plan& plan);
  ~World();

  /// The whole story: faults, then peace, then everything must have come to rest.
  void run();

  const std::vector<std::string>& violations() const { return violations_; }
  const Trace& trace() const { return trace_; }
  Tally tally() const;
  int steps_taken() const { return steps_taken_; }
  /// The audit log as it stands, and what is still to be done: what a failing seed is read by.
  std::string story() const;

 private:
  using Act = void (World::*)();
  struct Client {
    std::string_view name;
    int weight;
    Act act;
  };
  struct Known {
    ResourceId id, workspace;
  };
  struct Repeatable {
    Once once;
    NewSandbox wish;
    Caller caller;
    ResourceId first;
  };

  // world.cc: what happens next
  void watch();
  void step();
  void go_on();
  void troubles();
  void trouble_inside();
  void step_wall_clock(Duration by);
  void time_passes();
  void crash();
  void reboot();
  void boot();
  Status start_server();
  void settle_down();
  void violated(const std::string& text);
  void note_changes(std::span<const memory::Change> changes);

  // loops.cc: the threads of main/engine.cc
  void spawn_loops();
  void work(Lane lane);
  void keep_time();
  void keep_house();
  void keep_pool();
  void watch_sleepers();
  void reconcile();
  Duration period(Duration usual, Duration in_peace) const { return peace_ ? in_peace : usual; }

  // clients.cc and others_clients.cc: what people do
  static const std::vector<Client>& all_clients();
  void spawn_client();
  void create();
  void create_again();
  void keep_alive();
  void keep_alive_at_the_last_moment();
  void set_lifetime();
  void pause();
  void resume();
  void stop();
  void start();
  void remove();
  void sweep();
  void execute();
  void delete_archive();
  void verify_archive();
  void change_archive();
  void make_volume();
  void delete_volume();
  void retry_task();
  void look();
  void import_image();
  void delete_image();
  void build_image();
  void change_workspace();

  NewSandbox wish();
  Caller caller() const;
  Caller caller_in(const ResourceId& workspace) const;
  Known any_sandbox();
  const Archive* any_archive();
  const Volume* any_volume();
  void move(Result<Sandbox> (Sandboxes::*verb)(const Caller&, const std::string&, const Once&), bool ends);
  void extend(const Known& known);
  void created(const Result<Sandbox>& made, const Caller& by);
  template <class Answer>
  bool heard(std::string_view what, const Answer& answer);
  template <class Answer>
  bool heard(std::string_view what, const Caller& by, const Known& of, const Answer& answer);

  const Plan plan_;
  Chance chance_, fault_chance_;
  VirtualClock clock_;
  Trace trace_;
  Scheduler scheduler_{chance_, clock_};
  Host host_;
  SimulatedStore store_{scheduler_, clock_, host_};
  Oracle oracle_{store_.rows(), host_, clock_};
  std::unique_ptr<Driver> driver_ = driver_of(host_);
  std::unique_ptr<BlobStore> blobs_ = blobs_of(host_);
  std::unique_ptr<ArchiveReader> reader_ = reader_of(host_);
  SimulatedAgent agent_{host_, scheduler_};
  FakeImages images_;
  Faults drawn_;
  Pool::Sizes pool_sizes_;
  Duration house_period_{};
  std::unique_ptr<Life> life_;
  std::vector<std::string> violations_;
  std::vector<Known> ids_;
  std::vector<Repeatable> repeatables_;
  std::vector<ResourceId> workspaces_;
  std::string boot_id_;                   // as this life writes it down
  Time began_{};
  std::size_t crashes_ = 0;
  int steps_taken_ = 0;
  bool peace_ = false;
  bool trust_clock_ = false;
};

/// Writes an answer into the trace. True: it was no refusal.
template <class Answer>
bool World::heard(std::string_view what, const Answer& answer) {
  trace_.note(what);
  trace_.note(answer ? "ok" : answer.error().message);
  return answer.has_value();
}

/// The same for a call about something by its id: who asks from elsewhere hears what is said of what never was.
template <class Answer>
bool World::heard(std::string_view what, const Caller& by, const Known& of, const Answer& answer) {
  heard(what, answer);
  if (by.workspace == of.workspace) return answer.has_value();
  if (answer) violated("S1: " + std::string(what) + " of " + of.id.text + " from another workspace");
  else if (answer.error().code == Code::not_found && answer.error().message != "no sandbox \"" + of.id.text +
                                                                                   "\" in this workspace")
    violated("S1: what is said of another's " + of.id.text + ": " + answer.error().message);
  else if (answer.error().code == Code::conflict || answer.error().code == Code::denied)
    violated("S1: " + std::string(what) + " of another's " + of.id.text + ": " + answer.error().message);
  return false;
}

}  // namespace mayfly::simulation
