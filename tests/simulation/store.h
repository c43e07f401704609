#pragma once
// The database as the app meets it: what was queued commits together or not at all, closures may be run again, every
// answer waits for its commit, and the process may die on either side of it.

#include <deque>
#include <memory>
#include <span>

#include "simulation/host.h"
#include "simulation/scheduler.h"
#include "store/memory/store.h"

namespace mayfly::simulation {

class SimulatedStore : public Store {
 public:
  SimulatedStore(Scheduler& scheduler, const VirtualClock& clock, Host& host);

  void submit(Closure closure, Then then) override;
  Status view(const Closure& closure) override;
  void on_commit(std::function<void(const Wakes&)> listener) override { listener_ = std::move(listener); }

  /// Something waits for the writer.
  bool waits() const { return !queue_.empty(); }
  /// What the writer does next: a group of what waits. Throws SimulatedCrash where the process dies.
  void commit_group();
  /// Another life of the server, over the same rows: what was queued is forgotten.
  void start_over();
  /// No trouble outlives the faults.
  void recover() { read_only_until_ = {}; }

  const memory::Rows& rows() const { return rows_; }
  void restore(const memory::Rows& rows) { rows_ = rows; }

  /// Told what each closure has changed while the rows are as that one left them. It may still be taken back.
  std::function<void(std::span<const memory::Change>)> ran = [](auto) {};
  /// Told of each closure that a commit made durable, in their order, each time before it is answered.
  std::function<void(std::span<const memory::Change>)> durable = [](auto) {};
  /// And of all of them, when they were answered or the process died.
  std::function<void(std::span<const memory::Change>)> committed = [](auto) {};

 private:
  struct Job {
    Closure closure;
    Then then;
    Bell answered{};
    Status status{};
    Wakes wakes{};
    std::size_t from = 0, to = 0;            // its changes among those of the group
  };
  using Jobs = std::vector<std::shared_ptr<Job>>;
  std::optional<Error> refused_as_a_whole();
  void run(Job& job, memory::Draft& draft);
  void commit(Jobs& jobs, memory::Draft& draft);
  void refuse(Jobs& jobs, const Error& error);
  void answer(Jobs& jobs);

  Scheduler& scheduler_;
  const VirtualClock& clock_;
  Host& host_;
  std::unique_ptr<Moments> moments_;
  memory::Rows rows_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::function<void(const Wakes&)> listener_;
  Time read_only_until_{};
};

}  // namespace mayfly::simulation
